#include "proxy/execution/redirect.h"

#include <gtest/gtest.h>

namespace keyway::proxy::execution {
namespace {

using Kind = Redirect::Kind;
const net::Endpoint kAsked{"10.0.0.1", 7000};

TEST(RedirectTest, Moved) {
  const Redirect redirect = ReadRedirect("-MOVED 3999 127.0.0.1:6381\r\n", kAsked);
  EXPECT_EQ(redirect.kind, Kind::kMoved);
  EXPECT_EQ(redirect.slot, 3999);
  EXPECT_EQ(redirect.node, (net::Endpoint{"127.0.0.1", 6381}));
}

TEST(RedirectTest, Ask) {
  const Redirect redirect = ReadRedirect("-ASK 1 node.example:7\r\n", kAsked);
  EXPECT_EQ(redirect.kind, Kind::kAsk);
  EXPECT_EQ(redirect.node, (net::Endpoint{"node.example", 7}));
}

TEST(RedirectTest, Ipv6AndNoHost) {
  EXPECT_EQ(ReadRedirect("-MOVED 1 2001:db8::1:7000\r\n", kAsked).node,
            (net::Endpoint{"2001:db8::1", 7000}));
  EXPECT_EQ(ReadRedirect("-MOVED 1 [::1]:7000\r\n", kAsked).node, (net::Endpoint{"::1", 7000}));
  EXPECT_EQ(ReadRedirect("-MOVED 1 :7001\r\n", kAsked).node, (net::Endpoint{"10.0.0.1", 7001}));
  EXPECT_EQ(ReadRedirect("-MOVED 1 ?:7001\r\n", kAsked).node, (net::Endpoint{"10.0.0.1", 7001}));
}

TEST(RedirectTest, Unsettled) {
  EXPECT_EQ(ReadRedirect("-TRYAGAIN Multiple keys\r\n", kAsked).kind, Kind::kTryAgain);
  for (const char* reply : {"-CLUSTERDOWN The cluster is down\r\n",
                            "-MASTERDOWN Link\r\n", "-LOADING Redis is loading\r\n"}) {
    EXPECT_EQ(ReadRedirect(reply, kAsked).kind, Kind::kUnsettled) << reply;
  }
}

TEST(RedirectTest, AnythingElseIsTheClients) {
  for (const char* reply : {"-ERR x\r\n", "-\r\n", "-MOVED\r\n", "-MOVED \r\n", "-MOVED x 1:1\r\n",
                            "-MOVED 16384 a:1\r\n", "-MOVED 1 nowhere\r\n", "-MOVED 1 a:0\r\n",
                            "-MOVED 1 a:99999\r\n", "-MOVED 1 a:1x\r\n", "-ASK -1 a:1\r\n",
                            "-ASKING x\r\n", "-MOVED1 a:1\r\n", "-MOVED 1a:1\r\n"}) {
    EXPECT_EQ(ReadRedirect(reply, kAsked).kind, Kind::kNone) << reply;
  }
}

}  // namespace
}  // namespace keyway::proxy::execution
