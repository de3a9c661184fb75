// What depends on time: the reference's own clock cannot be set. The rest is compared with it by
// tests/compat/cases/stream.cases.
#include <string>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "tests/support/commands/command_executor.h"

namespace keyway::shard {
namespace {

class StreamCommandsTest : public testing::Test {
 protected:
  StreamCommandsTest() { clock_.SetWallMicros(5'000'000); }

  std::string Run(std::string_view line) {
    // Short: elements are separated by blanks, types are left out.
    const std::string reply = executor_.Run(line);
    std::string text;
    for (size_t at = 0; at < reply.size();) {
      const size_t end = reply.find("\r\n", at);
      const std::string_view part = std::string_view(reply).substr(at, end - at);
      if (part[0] == '$' && part != "$-1") {
        const size_t length = std::stoul(std::string(part.substr(1)));
        text.append(reply, end + 2, length).append(" ");
        at = end + 2 + length + 2;
        continue;
      }
      text.append(part[0] == ':' ? part.substr(1) : part).append(" ");
      at = end + 2;
    }
    text.pop_back();
    return text;
  }

  ManualClock clock_;
  CommandExecutor executor_{clock_};
};

TEST_F(StreamCommandsTest, IdsFollowTheClock) {
  EXPECT_EQ(Run("XADD s * a b"), "5000-0");
  EXPECT_EQ(Run("XADD s * a b"), "5000-1");
  clock_.AdvanceMillis(3);
  EXPECT_EQ(Run("XADD s * a b"), "5003-0");
  // A clock that goes back, or an id from the future.
  clock_.SetWallMicros(1'000'000);
  EXPECT_EQ(Run("XADD s * a b"), "5003-1");
  EXPECT_EQ(Run("XADD s 9000-18446744073709551615 a b"), "9000-18446744073709551615");
  EXPECT_EQ(Run("XADD s * a b"), "9001-0");
}

TEST_F(StreamCommandsTest, IdleTimes) {
  Run("XADD s 1-1 a 1");
  Run("XADD s 2-2 a 2");
  Run("XGROUP CREATE s g 0");
  Run("XREADGROUP GROUP g alice COUNT 1 STREAMS s >");
  clock_.AdvanceMillis(100);
  Run("XREADGROUP GROUP g alice COUNT 1 STREAMS s >");
  clock_.AdvanceMillis(50);
  EXPECT_EQ(Run("XPENDING s g - + 10"), "*2 *4 1-1 alice 150 1 *4 2-2 alice 50 1");
  EXPECT_EQ(Run("XPENDING s g IDLE 51 - + 10"), "*1 *4 1-1 alice 150 1");
  EXPECT_EQ(Run("XINFO CONSUMERS s g"), "*1 *6 name alice pending 2 idle 50");
  EXPECT_EQ(Run("XCLAIM s g bob 151 1-1"), "*0");
  EXPECT_EQ(Run("XAUTOCLAIM s g bob 51 0 JUSTID"), "*3 0-0 *1 1-1 *0");
  EXPECT_EQ(Run("XPENDING s g - + 10"), "*2 *4 1-1 bob 0 1 *4 2-2 alice 50 1");
  EXPECT_EQ(Run("XCLAIM s g bob 50 2-2 IDLE 1000"), "*1 *2 2-2 *2 a 2");
  EXPECT_EQ(Run("XPENDING s g - + 10"), "*2 *4 1-1 bob 0 1 *4 2-2 bob 1000 2");
  EXPECT_EQ(Run("XCLAIM s g bob 0 2-2 TIME 5010"), "*1 *2 2-2 *2 a 2");
  EXPECT_EQ(Run("XPENDING s g 2 2 10"), "*1 *4 2-2 bob 140 3");
  // The history that is read counts as delivered again.
  clock_.AdvanceMillis(7);
  EXPECT_EQ(Run("XREADGROUP GROUP g bob STREAMS s 1-1"), "*1 *2 s *1 *2 2-2 *2 a 2");
  EXPECT_EQ(Run("XPENDING s g - + 10"), "*2 *4 1-1 bob 7 1 *4 2-2 bob 0 4");
  EXPECT_EQ(Run("XINFO CONSUMERS s g"),
            "*2 *6 name alice pending 0 idle 57 *6 name bob pending 2 idle 0");
}

TEST_F(StreamCommandsTest, AutoClaimLooksAtTenTimesItsCount) {
  Run("XGROUP CREATE s g 0 MKSTREAM");
  for (int i = 1; i <= 25; ++i) Run("XADD s " + std::to_string(i) + "-0 a b");
  Run("XREADGROUP GROUP g alice STREAMS s >");
  EXPECT_EQ(Run("XAUTOCLAIM s g bob 1000 0 COUNT 2"), "*3 21-0 *0 *0");
  EXPECT_EQ(Run("XAUTOCLAIM s g bob 1000 21-0 COUNT 2"), "*3 0-0 *0 *0");
  EXPECT_EQ(Run("XAUTOCLAIM s g bob 0 24-0 COUNT 2 JUSTID"), "*3 0-0 *2 24-0 25-0 *0");
}

TEST_F(StreamCommandsTest, CountsChanges) {
  const auto changes = [&](std::string_view line) {
    const uint64_t before = executor_.keyspace().changes();
    Run(line);
    return executor_.keyspace().changes() - before;
  };
  EXPECT_EQ(changes("XADD s 1-1 a b"), 1u);
  EXPECT_EQ(changes("XADD s MAXLEN 1 2-2 a b"), 1u);
  EXPECT_EQ(changes("XADD s 3-3 a b"), 1u);
  EXPECT_EQ(changes("XGROUP CREATE s g 0"), 1u);
  EXPECT_EQ(changes("XREADGROUP GROUP g c STREAMS s >"), 2u);
  EXPECT_EQ(changes("XREADGROUP GROUP g c STREAMS s 0"), 1u);
  EXPECT_EQ(changes("XREADGROUP GROUP g c STREAMS s >"), 0u);
  EXPECT_EQ(changes("XCLAIM s g d 0 2-2"), 2u);
  EXPECT_EQ(changes("XCLAIM s g d 0 9-9"), 0u);
  EXPECT_EQ(changes("XCLAIM s g d 0 9-9 LASTID 7-7"), 1u);
  EXPECT_EQ(changes("XACK s g 2-2 3-3 4-4"), 2u);
  EXPECT_EQ(changes("XDEL s 2-2 3-3 4-4"), 2u);
  EXPECT_EQ(changes("XGROUP DELCONSUMER s g d"), 1u);
  EXPECT_EQ(changes("XGROUP DESTROY s g"), 1u);
}

}  // namespace
}  // namespace keyway::shard
