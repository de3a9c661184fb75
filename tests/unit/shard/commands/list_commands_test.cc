// Replies as redis-server 7.0.15 gives them, and what is counted and announced. The compatibility
// cases hold every command and option.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "shard/keyspace/key_change_listener.h"
#include "shard/types/list.h"
#include "tests/support/commands/command_executor.h"

namespace keyway::shard {
namespace {

class Events : public keyspace::KeyChangeListener {
 public:
  void BeforeChange(const keyspace::Database&, Slot, const keyspace::Record&) override {}
  void AfterChange(const keyspace::Database&, const keyspace::Key& key,
                   keyspace::Event event) override {
    if (event == keyspace::Event::kNew) return;
    seen += std::string(keyspace::EventName(event)) + " " + std::string(key.text) + " ";
  }
  void BeforeFlush(const keyspace::Database&) override {}
  void AfterSwap(const keyspace::Database&, const keyspace::Database&) override {}

  std::string seen;
};

class ListCommandsTest : public testing::Test {
 protected:
  ListCommandsTest() { executor_.keyspace().AddListener(events_); }
  ~ListCommandsTest() override { executor_.keyspace().RemoveListener(events_); }

  // The reply without the last line end.
  std::string Run(std::string_view line) {
    events_.seen.clear();
    const uint64_t before = executor_.keyspace().changes();
    std::string reply = executor_.Run(line);
    changes_ = executor_.keyspace().changes() - before;
    EXPECT_TRUE(reply.ends_with("\r\n"));
    return reply.substr(0, reply.size() - 2);
  }
  // The events and the number of changes.
  std::string EffectOf(std::string_view line) {
    Run(line);
    return events_.seen + std::to_string(changes_);
  }
  size_t NodesOf(std::string_view key) {
    const keyspace::Record* record =
        executor_.database().Find(keyspace::Key(key), clock_.WallMillis(), keyspace::Access::kNone);
    return types::ListOf(*record).node_count();
  }

  ManualClock clock_;
  CommandExecutor executor_{clock_};
  Events events_;
  uint64_t changes_ = 0;
};

TEST_F(ListCommandsTest, PushesAndPopsAreAnnouncedAndCounted) {
  EXPECT_EQ(EffectOf("LPUSH a 1 2 3"), "lpush a 3");
  EXPECT_EQ(EffectOf("RPUSHX a 4 5"), "rpush a 2");
  EXPECT_EQ(EffectOf("RPUSHX b 1"), "0");
  EXPECT_EQ(EffectOf("LPOP a 2"), "lpop a 2");
  EXPECT_EQ(EffectOf("RPOP a 0"), "0");
  EXPECT_EQ(EffectOf("RPOP a 10"), "rpop a del a 3");
  EXPECT_EQ(EffectOf("LPOP a"), "0");
}

TEST_F(ListCommandsTest, ChangesAreAnnouncedAndCounted) {
  Run("RPUSH a 1 2 3 2 2");
  EXPECT_EQ(EffectOf("LREM a 2 2"), "lrem a 2");
  EXPECT_EQ(EffectOf("LREM a 0 9"), "0");
  EXPECT_EQ(EffectOf("LSET a 0 9"), "lset a 1");
  EXPECT_EQ(EffectOf("LINSERT a BEFORE 3 x"), "linsert a 1");
  EXPECT_EQ(EffectOf("LINSERT a BEFORE nosuch x"), "0");
  EXPECT_EQ(EffectOf("LTRIM a 0 10"), "ltrim a 0");
  EXPECT_EQ(EffectOf("LTRIM a 0 1"), "ltrim a 2");
  EXPECT_EQ(EffectOf("LTRIM a 1 0"), "ltrim a del a 2");
}

TEST_F(ListCommandsTest, MovesAreAnnouncedAndCounted) {
  Run("RPUSH a 1 2 3");
  EXPECT_EQ(EffectOf("LMOVE a b LEFT RIGHT"), "rpush b lpop a 1");
  EXPECT_EQ(EffectOf("RPOPLPUSH a b"), "lpush b rpop a 1");
  EXPECT_EQ(EffectOf("LMOVE a a LEFT RIGHT"), "rpush a lpop a 1");
  EXPECT_EQ(EffectOf("LMOVE a b LEFT LEFT"), "lpush b lpop a del a 1");
  EXPECT_EQ(EffectOf("LMOVE a b LEFT LEFT"), "0");
  EXPECT_EQ(EffectOf("LMPOP 2 a b LEFT COUNT 2"), "lpop b 2");
  EXPECT_EQ(EffectOf("BLPOP a b 0"), "lpop b del b 1");
  Run("RPUSH a 1 2 3");
  EXPECT_EQ(EffectOf("BLMOVE a b LEFT LEFT 0"), "lpush b lpop a 1");
  EXPECT_EQ(EffectOf("BRPOPLPUSH a b 0"), "lpush b rpop a 1");
}

TEST_F(ListCommandsTest, SortIsAnnouncedAndCounted) {
  Run("RPUSH a 2 1 3");
  EXPECT_EQ(EffectOf("SORT a STORE b"), "sortstore b 3");
  EXPECT_EQ(EffectOf("SORT nosuch STORE b"), "del b 1");
  EXPECT_EQ(EffectOf("SORT nosuch STORE b"), "0");
  EXPECT_EQ(EffectOf("SORT a DESC"), "0");
}

TEST_F(ListCommandsTest, NodesAreAsLargeAsTheConfigurationSays) {
  Run("RPUSH old 1");
  executor_.config().list_max_listpack_size = 2;
  Run("RPUSH a 1 2 3 4 5");
  EXPECT_EQ(NodesOf("a"), 3u);
  // A list keeps the limit that it was made with.
  Run("RPUSH old 1 2 3 4 5");
  EXPECT_EQ(NodesOf("old"), 1u);
  Run("COPY old copy");
  Run("RPUSH copy 1 2 3");
  EXPECT_EQ(NodesOf("copy"), 1u);
  EXPECT_EQ(Run("OBJECT ENCODING a"), "$9\r\nquicklist");
}

TEST_F(ListCommandsTest, LposCountsFromTheEndToo) {
  Run("RPUSH a x y x z x");
  EXPECT_EQ(Run("LPOS a x RANK 2"), ":2");
  EXPECT_EQ(Run("LPOS a x RANK -2"), ":2");
  EXPECT_EQ(Run("LPOS a x RANK -1 COUNT 0"), "*3\r\n:4\r\n:2\r\n:0");
  EXPECT_EQ(Run("LPOS a x COUNT 0 MAXLEN 3"), "*2\r\n:0\r\n:2");
}

// redis-server says so too, but then of every fraction until something resets errno.
TEST_F(ListCommandsTest, SortRefusesWhatADoubleCannotHold) {
  for (const std::string number : {"1e999", "-1e999", "1e-999"}) {
    Run("DEL a");
    Run("RPUSH a " + number);
    EXPECT_EQ(Run("SORT a"), "-ERR One or more scores can't be converted into double");
  }
  Run("DEL a");
  Run("RPUSH a 1.5 0.5");
  EXPECT_EQ(Run("SORT a"), "*2\r\n$3\r\n0.5\r\n$3\r\n1.5");
}

TEST(SortInCluster, PatternsAreRefused) {
  ManualClock clock;
  CommandExecutor executor(clock, {.databases = 1, .cluster = true});
  executor.Run("RPUSH l 2 1");
  EXPECT_EQ(executor.Run("SORT l BY w_*"), "-ERR BY option of SORT denied in Cluster mode.\r\n");
  EXPECT_EQ(executor.Run("SORT l GET #"), "-ERR GET option of SORT denied in Cluster mode.\r\n");
  EXPECT_EQ(executor.Run("SORT l BY nosort"), "*2\r\n$1\r\n2\r\n$1\r\n1\r\n");
  EXPECT_EQ(executor.Run("SORT_RO l DESC"), "*2\r\n$1\r\n2\r\n$1\r\n1\r\n");
}

}  // namespace
}  // namespace keyway::shard
