// What the hash and set commands answer when replies cannot be compared with a server's: walks in
// many steps, choices by chance, bounds.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "tests/support/commands/command_executor.h"

namespace keyway::shard {
namespace {

// The bulk strings of a reply, whatever is around them.
std::vector<std::string> Bulks(const std::string& reply) {
  std::vector<std::string> bulks;
  for (size_t at = 0; at < reply.size();) {
    const size_t end = reply.find("\r\n", at);
    if (reply[at] == '$' && reply[at + 1] != '-') {
      const size_t length = std::stoul(reply.substr(at + 1));
      bulks.push_back(reply.substr(end + 2, length));
      at = end + 2 + length + 2;
    } else {
      at = end + 2;
    }
  }
  return bulks;
}

class HashSetCommandsTest : public testing::Test {
 protected:
  std::string Run(const std::string& line) { return executor_.Run(line); }
  void Fill(int elements) {
    for (int i = 0; i < elements; ++i) {
      const std::string number = std::to_string(i);
      Run("HSET h f" + number + " " + number);
      Run("SADD s m" + number);
    }
  }

  ManualClock clock_;
  CommandExecutor executor_{clock_};
};

TEST_F(HashSetCommandsTest, ScansInStepsWhileElementsComeAndGo) {
  Fill(3000);
  for (const std::string command : {"HSCAN h ", "SSCAN s "}) {
    const bool hash = command[0] == 'H';
    std::map<std::string, int> seen;
    std::string cursor = "0";
    int step = 0;
    do {
      const auto found = Bulks(Run(command + cursor + " COUNT 50"));
      cursor = found[0];
      for (size_t i = 1; i < found.size(); i += hash ? 2 : 1) ++seen[found[i]];
      const std::string number = std::to_string(step);
      Run(hash ? "HSET h new" + number + " 1" : "SADD s new" + number);
      Run(hash ? "HDEL h f" + number : "SREM s m" + number);
      ASSERT_LT(++step, 1000);
    } while (cursor != "0");
    EXPECT_GT(step, 30);
    for (int i = step; i < 3000; ++i) {
      EXPECT_EQ(seen[(hash ? "f" : "m") + std::to_string(i)], 1) << i;
    }
  }
}

TEST_F(HashSetCommandsTest, CursorsBehindTheEndEndTheWalk) {
  Fill(1000);
  for (const std::string cursor : {"18446744073709551615", "17179869184", "-1"}) {
    EXPECT_EQ(Run("HSCAN h " + cursor), "*2\r\n$1\r\n0\r\n*0\r\n");
    EXPECT_EQ(Run("SSCAN s " + cursor), "*2\r\n$1\r\n0\r\n*0\r\n");
  }
  EXPECT_EQ(Bulks(Run("SSCAN s 0 COUNT 9223372036854775807")).size(), 1001u);
}

TEST_F(HashSetCommandsTest, ChoicesByChance) {
  Fill(1000);
  for (const int count : {1, 5, 300, 700, 999}) {
    const std::string number = std::to_string(count);
    const auto members = Bulks(Run("SRANDMEMBER s " + number));
    EXPECT_EQ(std::set<std::string>(members.begin(), members.end()).size(),
              static_cast<size_t>(count));
    const auto fields = Bulks(Run("HRANDFIELD h " + number));
    EXPECT_EQ(std::set<std::string>(fields.begin(), fields.end()).size(),
              static_cast<size_t>(count));
    const auto pairs = Bulks(Run("HRANDFIELD h " + number + " WITHVALUES"));
    ASSERT_EQ(pairs.size(), static_cast<size_t>(2 * count));
    for (size_t i = 0; i < pairs.size(); i += 2) EXPECT_EQ(pairs[i], "f" + pairs[i + 1]);
  }
  EXPECT_EQ(Bulks(Run("SRANDMEMBER s -5000")).size(), 5000u);
  EXPECT_EQ(Bulks(Run("HRANDFIELD h -5000")).size(), 5000u);
  EXPECT_EQ(Bulks(Run("HRANDFIELD h -5000 WITHVALUES")).size(), 10'000u);
}

TEST_F(HashSetCommandsTest, CountsThatNoClientCanWant) {
  Fill(2);
  EXPECT_EQ(Run("SRANDMEMBER s -9223372036854775807"), "-ERR value is out of range\r\n");
  EXPECT_EQ(Run("HRANDFIELD h -9223372036854775807"), "-ERR value is out of range\r\n");
  EXPECT_EQ(Run("HRANDFIELD nothere -9223372036854775807"), "*0\r\n");
}

}  // namespace
}  // namespace keyway::shard
