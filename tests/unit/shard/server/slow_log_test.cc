#include "shard/server/slow_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "shard/config/directives.h"
#include "shard/config/shard_config.h"

namespace keyway::shard {
namespace {

using Args = std::vector<std::string_view>;

class SlowLogTest : public ::testing::Test {
 protected:
  SlowLogTest() { AddDirectives(registry_, config_); }

  const command::Command& Find(const Args& args) {
    const command::Lookup lookup = command::LookupCommand(args);
    EXPECT_EQ(lookup.status, command::Lookup::Status::kFound);
    return *lookup.command;
  }
  void Add(const Args& args, int64_t micros = 20'000) {
    log_.Add(Find(args), args, micros, "127.0.0.1:1", "joe");
  }
  // The arguments of the last entry, in one line.
  std::string Logged(const Args& args) {
    Add(args);
    std::string text;
    for (const std::string& argument : log_.entries().front().arguments) text += argument + " ";
    return text;
  }

  ManualClock clock_;
  ShardConfig config_;
  config::Registry registry_;
  SlowLog log_{clock_, config_, registry_};
};

TEST_F(SlowLogTest, KeepsWhatIsSlow) {
  const command::Command& get = Find({"get", "k"});
  EXPECT_FALSE(log_.Keeps(get, 9'999));
  EXPECT_TRUE(log_.Keeps(get, 10'000));
  config_.slowlog_log_slower_than = 0;
  EXPECT_TRUE(log_.Keeps(get, 0));
  EXPECT_FALSE(log_.Keeps(Find({"exec"}), 1'000'000));  // its commands have their own entries
  config_.slowlog_log_slower_than = -1;
  EXPECT_FALSE(log_.Keeps(get, 1'000'000));
}

TEST_F(SlowLogTest, TheLatestFirstAndNoMoreThanAsked) {
  config_.slowlog_max_len = 3;
  for (int i = 0; i < 5; ++i) Add({"get", "k"}, 10'000 + i);
  ASSERT_EQ(log_.entries().size(), 3u);
  EXPECT_EQ(log_.entries().front().id, 4u);
  EXPECT_EQ(log_.entries().front().micros, 10'004);
  EXPECT_EQ(log_.entries().back().id, 2u);
  EXPECT_EQ(log_.entries().front().address, "127.0.0.1:1");
  EXPECT_EQ(log_.entries().front().name, "joe");
  EXPECT_EQ(log_.entries().front().seconds, clock_.WallMicros() / 1'000'000);
  log_.Reset();
  EXPECT_TRUE(log_.entries().empty());
  Add({"get", "k"});
  EXPECT_EQ(log_.entries().front().id, 5u);
}

TEST_F(SlowLogTest, CutsLongArguments) {
  const std::string longest(128, 'a');
  const std::string longer(131, 'b');
  EXPECT_EQ(Logged({"set", longest, longer}),
            "set " + longest + " " + std::string(128, 'b') + "... (3 more bytes) ");
}

TEST_F(SlowLogTest, CutsLongRequests) {
  Args args = {"del"};
  args.resize(32, "k");
  Add(args);
  EXPECT_EQ(log_.entries().front().arguments.size(), 32u);
  EXPECT_EQ(log_.entries().front().arguments.back(), "k");
  args.resize(40, "k");
  Add(args);
  EXPECT_EQ(log_.entries().front().arguments.size(), 32u);
  EXPECT_EQ(log_.entries().front().arguments.back(), "... (9 more arguments)");
}

TEST_F(SlowLogTest, HidesSecrets) {
  EXPECT_EQ(Logged({"auth", "x"}), "auth (redacted) ");
  EXPECT_EQ(Logged({"AUTH", "joe", "x"}), "AUTH (redacted) (redacted) ");
  EXPECT_EQ(Logged({"hello", "3", "AUTH", "joe", "x", "SETNAME", "n"}),
            "hello 3 AUTH (redacted) (redacted) SETNAME n ");
  EXPECT_EQ(Logged({"config", "set", "maxmemory", "1", "MASTERAUTH", "x", "requirepass", "y"}),
            "config set maxmemory 1 MASTERAUTH (redacted) requirepass (redacted) ");
  EXPECT_EQ(Logged({"config", "get", "requirepass"}), "config get requirepass ");
  EXPECT_EQ(Logged({"acl", "setuser", "joe", "on"}), "acl setuser (redacted) (redacted) ");
  EXPECT_EQ(Logged({"migrate", "h", "1", "k", "0", "5", "AUTH2", "joe", "x"}),
            "migrate h 1 k 0 5 AUTH2 (redacted) (redacted) ");
}

}  // namespace
}  // namespace keyway::shard
