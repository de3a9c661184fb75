#include "common/net/address.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>

#include <gtest/gtest.h>

namespace keyway::net {
namespace {

Endpoint Parsed(std::string_view text) {
  Expected<Endpoint> endpoint = ParseEndpoint(text);
  EXPECT_TRUE(endpoint.ok()) << text;
  return endpoint.ok() ? *endpoint : Endpoint{};
}

TEST(ParseEndpoint, TakesTheLastColon) {
  EXPECT_EQ((Endpoint{"127.0.0.1", 7001}), Parsed("127.0.0.1:7001"));
  EXPECT_EQ((Endpoint{"::1", 7001}), Parsed("[::1]:7001"));
  EXPECT_EQ((Endpoint{"::1", 7001}), Parsed("::1:7001"));
  EXPECT_EQ((Endpoint{"shard-1.example", 65535}), Parsed("shard-1.example:65535"));
  EXPECT_EQ((Endpoint{"127.0.0.1", 0}), Parsed("127.0.0.1:0"));
}

TEST(ParseEndpoint, RefusesWhatIsNone) {
  const std::string_view bad[] = {
      "",        ":",          "7001",    ":7001",   "host:",   "host:-1", "host:65536",
      "host:7x", "ho st:7001", "[]:7001", "host: 7", "host:+7", "[::1:7"};
  for (std::string_view text : bad) EXPECT_FALSE(ParseEndpoint(text).ok()) << text;
  EXPECT_FALSE(ParseEndpoint(std::string_view("ho\0st:7", 7)).ok());
  EXPECT_EQ("'7001' is not an address: expected host:port", ParseEndpoint("7001").error().message);
}

TEST(ParseEndpoints, SplitsAtCommas) {
  Expected<std::vector<Endpoint>> list = ParseEndpoints(" 127.0.0.1:1 ,[::1]:2,\tc:3");
  ASSERT_TRUE(list.ok());
  EXPECT_EQ((std::vector<Endpoint>{{"127.0.0.1", 1}, {"::1", 2}, {"c", 3}}), *list);
  EXPECT_FALSE(ParseEndpoints("").ok());
  EXPECT_FALSE(ParseEndpoints("a:1,").ok());
  EXPECT_FALSE(ParseEndpoints(",a:1").ok());
  EXPECT_FALSE(ParseEndpoints("a:1,,b:2").ok());
}

TEST(ToString, WritesBracketsForIpv6) {
  EXPECT_EQ("127.0.0.1:7001", ToString(Endpoint{"127.0.0.1", 7001}));
  EXPECT_EQ("[::1]:7001", ToString(Endpoint{"::1", 7001}));
  EXPECT_EQ("/tmp/a:b.sock:0", ToString(Endpoint{"/tmp/a:b.sock", 0}));
}

TEST(Sockaddr, GoesThereAndBack) {
  for (const char* host : {"127.0.0.1", "::1", "10.1.2.3", "2001:db8::5"}) {
    const Endpoint endpoint{host, 4711};
    sockaddr_storage address;
    ASSERT_TRUE(ToSockaddr(endpoint, &address)) << host;
    EXPECT_EQ(endpoint, FromSockaddr(reinterpret_cast<sockaddr*>(&address)));
  }
  sockaddr_storage address;
  EXPECT_FALSE(ToSockaddr(Endpoint{"localhost", 1}, &address));
  EXPECT_FALSE(ToSockaddr(Endpoint{"", 1}, &address));
  EXPECT_FALSE(ToSockaddr(Endpoint{"127.1", 1}, &address));
  EXPECT_FALSE(ToSockaddr(Endpoint{std::string("127.0.0.1\0x", 11), 1}, &address));
}

TEST(Sockaddr, OfOtherFamilies) {
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  std::strcpy(path.sun_path, "/tmp/x.sock");
  EXPECT_EQ((Endpoint{"/tmp/x.sock", 0}), FromSockaddr(reinterpret_cast<sockaddr*>(&path)));
  sockaddr_storage other{};
  other.ss_family = AF_PACKET;
  EXPECT_EQ(Endpoint{}, FromSockaddr(reinterpret_cast<sockaddr*>(&other)));
}

}  // namespace
}  // namespace keyway::net
