#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <numeric>

#include "common/net/reuse_port.h"
#include "tests/unit/common/net/loop_fixture.h"

namespace keyway::net {
namespace {

using ListenerTest = LoopTest;

const auto kIgnore = [](std::unique_ptr<Stream>) {};

std::string ScratchPath(const std::string& name) {
  const char* folder = std::getenv("TEST_TMPDIR");
  // The path of a Unix socket is short, a test's folder may not be.
  std::string path = "/tmp/keyway-" + std::to_string(getpid()) + "-" + name;
  if (folder != nullptr && std::string(folder).size() < 60) path = std::string(folder) + "/" + name;
  return path;
}

TEST_F(ListenerTest, SaysWhyItCannot) {
  auto first = Listener::Listen(loop_, {"127.0.0.1", 0}, {}, kIgnore);
  ASSERT_TRUE(first.ok());
  const Endpoint taken = (*first)->local();
  EXPECT_NE(0, taken.port);
  auto second = Listener::Listen(loop_, taken, {}, kIgnore);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(ToString(taken) + ": Address already in use", second.error().message);
  auto elsewhere = Listener::Listen(loop_, {"192.0.2.1", 1}, {}, kIgnore);
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ("192.0.2.1:1: Cannot assign requested address", elsewhere.error().message);
  EXPECT_FALSE(Listener::Listen(loop_, {"no-such-name.invalid", 1}, {}, kIgnore).ok());
}

TEST_F(ListenerTest, ThePortIsFreeAgainAtOnce) {
  Endpoint endpoint{"127.0.0.1", 0};
  for (int i = 0; i < 3; ++i) {
    auto listener = Listener::Listen(loop_, endpoint, {}, kIgnore);
    ASSERT_TRUE(listener.ok()) << listener.error().message;
    endpoint = (*listener)->local();
  }
}

TEST_F(ListenerTest, FindsAPortOnWhichNobodyListens) {
  const Expected<Endpoint> free = Listener::FindFree({"127.0.0.1", 0});
  ASSERT_TRUE(free.ok()) << free.error().message;
  ASSERT_NE(0, free->port);
  EXPECT_TRUE(Listener::FindFree(*free).ok());
  // Also one that would share it.
  Listener::Options options;
  options.reuse_port = true;
  auto listener = Listener::Listen(loop_, *free, options, kIgnore);
  ASSERT_TRUE(listener.ok()) << listener.error().message;
  const Expected<Endpoint> taken = Listener::FindFree(*free);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(ToString(*free) + ": Address already in use", taken.error().message);
}

TEST_F(ListenerTest, AcceptsWhatWaitsBeforeItCloses) {
  std::vector<std::unique_ptr<Stream>> accepted;
  auto listener =
      Listener::Listen(loop_, {"127.0.0.1", 0}, {},
                       [&](std::unique_ptr<Stream> stream) { accepted.push_back(std::move(stream)); });
  ASSERT_TRUE(listener.ok());
  std::vector<std::unique_ptr<PlainSocket>> sockets;
  for (int i = 0; i < 50; ++i) {
    sockets.push_back(std::make_unique<PlainSocket>((*listener)->local()));
  }
  EXPECT_EQ(accepted.size(), 0u);
  (*listener)->AcceptWaiting();
  EXPECT_EQ(accepted.size(), 50u);
  (*listener)->AcceptWaiting();
  EXPECT_EQ(accepted.size(), 50u);
}

TEST_F(ListenerTest, SteersToPartOfAGroup) {
  for (const char* host : {"127.0.0.1", "::1"}) {
    Listener::Options options;
    options.reuse_port = true;
    std::vector<std::unique_ptr<Listener>> group;
    int counts[5] = {};
    Endpoint endpoint{host, 0};
    for (int& count : counts) {
      auto listener = Listener::Listen(loop_, endpoint, options,
                                       [&count](std::unique_ptr<Stream>) { ++count; });
      if (!listener.ok() && std::string(host) == "::1") return;  // a machine without IPv6
      ASSERT_TRUE(listener.ok()) << listener.error().message;
      endpoint = (*listener)->local();
      group.push_back(std::move(*listener));
    }
    EXPECT_EQ(*CountListeners(endpoint), 5);
    const auto connect = [&] {
      for (int& count : counts) count = 0;
      std::vector<std::unique_ptr<PlainSocket>> sockets;
      for (int i = 0; i < 200; ++i) sockets.push_back(std::make_unique<PlainSocket>(endpoint));
      return RunUntil([&] { return std::accumulate(std::begin(counts), std::end(counts), 0) == 200; });
    };
    ASSERT_TRUE(Steer(group[3]->fd(), 3, 2).ok());
    ASSERT_TRUE(connect());
    EXPECT_EQ(counts[0] + counts[1] + counts[2], 0);
    EXPECT_GT(counts[3], 0);
    EXPECT_GT(counts[4], 0);
    ASSERT_TRUE(StopSteering(group[3]->fd()).ok());
    ASSERT_TRUE(connect());
    EXPECT_GT(counts[0] + counts[1] + counts[2], 0);
    // The others move to the places of those that are closed, never away from the first place behind.
    ASSERT_TRUE(Steer(group[0]->fd(), 2, 1).ok());
    for (int closed : {0, 1}) {
      group[closed].reset();
      EXPECT_EQ(*CountListeners(endpoint), 4 - closed);
      ASSERT_TRUE(connect());
      EXPECT_EQ(counts[0] + counts[1], 0);
    }
    EXPECT_FALSE(Steer(group[2]->fd(), 0, 0).ok());
  }
}

TEST_F(ListenerTest, ResolvesAName) {
  auto listener = Listener::Listen(loop_, {"localhost", 0}, {}, kIgnore);
  ASSERT_TRUE(listener.ok()) << listener.error().message;
  EXPECT_NE(0, (*listener)->local().port);
}

TEST_F(ListenerTest, SharesAPort) {
  Listener::Options options;
  options.reuse_port = true;
  int counts[2] = {0, 0};
  auto first = Listener::Listen(loop_, {"127.0.0.1", 0}, options,
                                [&](std::unique_ptr<Stream>) { ++counts[0]; });
  ASSERT_TRUE(first.ok());
  auto second = Listener::Listen(loop_, (*first)->local(), options,
                                 [&](std::unique_ptr<Stream>) { ++counts[1]; });
  ASSERT_TRUE(second.ok());
  std::vector<std::unique_ptr<PlainSocket>> sockets;
  for (int i = 0; i < 64; ++i) {
    sockets.push_back(std::make_unique<PlainSocket>((*first)->local()));
  }
  ASSERT_TRUE(RunUntil([&] { return counts[0] + counts[1] == 64; }));
  EXPECT_GT(counts[0], 0);
  EXPECT_GT(counts[1], 0);
}

TEST_F(ListenerTest, Ipv6TakesIpv6Only) {
  auto v6 = Listener::Listen(loop_, {"::1", 0}, {}, kIgnore);
  if (!v6.ok()) GTEST_SKIP() << "no IPv6 here: " << v6.error().message;
  int accepted = 0;
  Endpoint peer;
  auto any = Listener::Listen(loop_, {"::1", 0}, {}, [&](std::unique_ptr<Stream> stream) {
    ++accepted;
    peer = stream->peer();
  });
  ASSERT_TRUE(any.ok());
  PlainSocket socket((*any)->local());
  ASSERT_TRUE(RunUntil([&] { return accepted == 1; }));
  EXPECT_EQ("::1", peer.host);
  EXPECT_EQ("[::1]:" + std::to_string((*any)->local().port), ToString((*any)->local()));
}

TEST_F(ListenerTest, ListensOnAUnixSocket) {
  const std::string path = ScratchPath("unix.sock");
  {
    // A stale file of an earlier run.
    const int stale = open(path.c_str(), O_CREAT | O_WRONLY, 0600);
    ASSERT_GE(stale, 0);
    close(stale);
  }
  Listener::Options options;
  options.unix_mode = 0700;
  std::vector<std::unique_ptr<Stream>> streams;
  Recorder server;
  server.on_bytes = [&](std::string_view bytes) {
    streams[0]->output().Append(bytes);
    streams[0]->ScheduleWrite();
    return bytes.size();
  };
  auto listener = Listener::ListenUnix(loop_, path, options, [&](std::unique_ptr<Stream> stream) {
    streams.push_back(std::move(stream));
    streams.back()->Start(&server);
  });
  ASSERT_TRUE(listener.ok()) << listener.error().message;
  struct stat file {};
  ASSERT_EQ(0, stat(path.c_str(), &file));
  EXPECT_EQ(0700u, file.st_mode & 0777);
  Recorder client;
  auto stream = Stream::Connect(loop_, Endpoint{path, 0}, {}, &client);
  stream->output().Append("hello");
  ASSERT_TRUE(RunUntil([&] { return client.received == "hello"; })) << client.detail;
  EXPECT_TRUE(streams[0]->is_unix_socket());
  EXPECT_EQ((Endpoint{path, 0}), streams[0]->peer());
  EXPECT_EQ((Endpoint{path, 0}), streams[0]->local());
  EXPECT_EQ((Endpoint{path, 0}), (*listener)->local());
  *listener = nullptr;
  EXPECT_NE(0, stat(path.c_str(), &file)) << "the file is gone";
}

TEST_F(ListenerTest, LeavesAFileThatIsNotItsOwn) {
  const std::string path = ScratchPath("taken.sock");
  auto first = Listener::ListenUnix(loop_, path, {}, kIgnore);
  auto second = Listener::ListenUnix(loop_, path, {}, kIgnore);
  ASSERT_TRUE(first.ok() && second.ok());
  *first = nullptr;
  struct stat file {};
  EXPECT_EQ(0, stat(path.c_str(), &file));
  EXPECT_FALSE(Listener::ListenUnix(loop_, std::string(200, 'x'), {}, kIgnore).ok());
  EXPECT_FALSE(Listener::ListenUnix(loop_, "/no/such/folder/x.sock", {}, kIgnore).ok());
}

TEST_F(ListenerTest, MayBeDestroyedInItsCallback) {
  std::unique_ptr<Listener> listener;
  int accepted = 0;
  auto listening = Listener::Listen(loop_, {"127.0.0.1", 0}, {}, [&](std::unique_ptr<Stream>) {
    ++accepted;
    listener.reset();
  });
  listener = std::move(*listening);
  PlainSocket first(listener->local());
  PlainSocket second(listener->local());
  ASSERT_TRUE(RunUntil([&] { return listener == nullptr; }));
  EXPECT_EQ(1, accepted);
  RunFor(10);
}

TEST_F(ListenerTest, WaitsWhenDescriptorsRunOut) {
  int accepted = 0;
  std::vector<std::unique_ptr<Stream>> streams;
  auto listening =
      Listener::Listen(loop_, {"127.0.0.1", 0}, {}, [&](std::unique_ptr<Stream> stream) {
        ++accepted;
        streams.push_back(std::move(stream));
      });
  Listener& listener = **listening;
  PlainSocket early(listener.local());
  ASSERT_TRUE(RunUntil([&] { return accepted == 1; }));
  PlainSocket late(listener.local());
  rlimit before{};
  ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
  rlimit none = before;
  none.rlim_cur = 3;
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
  const bool counted = RunUntil([&] { return listener.errors() == 1; });
  const uint64_t passes = loop_.passes();
  RunFor(50);
  const uint64_t errors = listener.errors();
  ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &before));
  EXPECT_TRUE(counted);
  EXPECT_LE(errors, 2u) << "it pauses instead of spinning";
  EXPECT_LT(loop_.passes() - passes, 60u);
  ASSERT_TRUE(RunUntil([&] { return accepted == 2; }));
}

}  // namespace
}  // namespace keyway::net
