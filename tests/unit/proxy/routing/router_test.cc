#include "proxy/routing/router.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/command/table.h"
#include "common/slot/slot.h"

namespace keyway::proxy::routing {
namespace {

using Kind = Plan::Kind;
using Words = std::vector<std::string_view>;

Words Split(std::string_view line) {
  Words words;
  while (!line.empty()) {
    const size_t blank = line.find(' ');
    words.push_back(line.substr(0, blank));
    line = blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1);
  }
  return words;
}

Plan RouteLine(std::string_view line) {
  static Router router;
  const Words words = Split(line);
  const command::Lookup lookup = command::LookupCommand(words);
  EXPECT_EQ(lookup.status, command::Lookup::Status::kFound) << line;
  Plan plan;
  router.Route(*lookup.command, words, &plan);
  return plan;
}

TEST(RouterTest, SendsKeyedCommandsToTheSlotOfTheKey) {
  for (const char* line : {"GET k",
                           "SET k v EX 10",
                           "set k v get",
                           "HSET k f v",
                           "EXPIRE k 1",
                           "OBJECT ENCODING k",
                           "MEMORY USAGE k",
                           "XGROUP CREATE k g 0",
                           "EVAL x 1 k",
                           "BITFIELD k GET u8 0",
                           "SORT k",
                           "XREAD COUNT 1 STREAMS k 0",
                           "MGET k",
                           "DEL k k",
                           "MSETNX k v k w",
                           "ZUNIONSTORE k 1 k",
                           "GEORADIUS k 1 1 1 m STORE k",
                           "LMPOP 1 k LEFT",
                           "RESTORE k 0 x",
                           "RESTORE-ASKING k 0 x",
                           "MOVE k 1"}) {
    const Plan plan = RouteLine(line);
    EXPECT_EQ(plan.kind, Kind::kOneSlot) << line << ": " << plan.error;
    EXPECT_EQ(plan.slot, KeySlot("k")) << line;
  }
}

TEST(RouterTest, TheHashTagDecides) {
  const Plan plan = RouteLine("RENAME a{tag}1 b{tag}2");
  EXPECT_EQ(plan.kind, Kind::kOneSlot);
  EXPECT_EQ(plan.slot, KeySlot("tag"));
}

TEST(RouterTest, WhatIsGatheredHasItsKeysBySlot) {
  for (const char* line : {"SINTER a b a", "SUNION a b a", "PFCOUNT a b a"}) {
    const Plan plan = RouteLine(line);
    EXPECT_EQ(plan.kind, Kind::kSpecial) << line;
    ASSERT_EQ(plan.keys.size(), 3u);
    EXPECT_EQ(plan.keys[0].index, 2);  // b is in a lower slot
    EXPECT_EQ(plan.keys[1].index, 1);
    EXPECT_EQ(plan.keys[2].index, 3);
  }
  EXPECT_EQ(RouteLine("ZUNION 2 a b WEIGHTS 1 2").kind, Kind::kSpecial);
  EXPECT_EQ(RouteLine("SINTERCARD 2 a b LIMIT x").kind, Kind::kSpecial);
  EXPECT_EQ(RouteLine("SINTER a{t} b{t}").kind, Kind::kOneSlot);
  EXPECT_FALSE(RouteLine("SINTER a{t} b{t}").divisible);
  EXPECT_EQ(RouteLine("ZUNION 3 a b").kind, Kind::kAnyShard);
}

TEST(RouterTest, SeveralKeysOfOneSlotAreDivisible) {
  EXPECT_TRUE(RouteLine("MGET a{t} b{t}").divisible);
  EXPECT_EQ(RouteLine("MGET a{t} b{t}").kind, Kind::kOneSlot);
  EXPECT_TRUE(RouteLine("MSET a{t} 1 b{t} 2").divisible);
  EXPECT_FALSE(RouteLine("MGET a").divisible);
  EXPECT_FALSE(RouteLine("MSETNX a{t} 1 b{t} 2").divisible);
}

TEST(RouterTest, RefusesKeysInSeveralSlots) {
  for (const char* line : {"RENAME a b", "SINTERSTORE a b", "MSETNX a 1 b 2", "EVAL x 2 a b",
                           "ZUNIONSTORE a 1 b", "XREAD STREAMS a b 0 0", "SORT a STORE b",
                           "BITOP AND a b", "LMOVE a b LEFT LEFT", "COPY a b"}) {
    const Plan plan = RouteLine(line);
    EXPECT_EQ(plan.kind, Kind::kRefused) << line;
    EXPECT_EQ(plan.error, kCrossSlot) << line;
  }
}

TEST(RouterTest, SplitsByKey) {
  const Plan plan = RouteLine("MSET a 1 b 2 {a}x 3 c 4");
  ASSERT_EQ(plan.kind, Kind::kSplit);
  EXPECT_EQ(plan.key_step, 2);
  ASSERT_EQ(plan.keys.size(), 4u);
  // Grouped by slot; in the order of the request within a slot.
  std::span<const Plan::Key> rest = plan.keys;
  size_t groups = 0;
  while (!rest.empty()) {
    const auto run = Plan::FirstRun(rest);
    for (size_t i = 1; i < run.size(); ++i) EXPECT_LT(run[i - 1].index, run[i].index);
    if (run[0].slot == KeySlot("a")) {
      ASSERT_EQ(run.size(), 2u);
      EXPECT_EQ(run[0].index, 1);
      EXPECT_EQ(run[1].index, 5);
    }
    rest = rest.subspan(run.size());
    ++groups;
  }
  EXPECT_EQ(groups, 3u);
}

TEST(RouterTest, AKeyWithoutItsValueIsAWrongNumberOfArguments) {
  for (const char* line : {"MSET a 1 b", "MSETNX a 1 b"}) {
    const Plan plan = RouteLine(line);
    EXPECT_EQ(plan.kind, Kind::kRefused) << line;
    EXPECT_NE(plan.error.find("wrong number of arguments for 'mset"), std::string::npos) << line;
  }
}

TEST(RouterTest, SendsCommandsWithoutKeysByTheirRequestPolicy) {
  for (const char* line : {"DBSIZE", "KEYS *", "FLUSHALL ASYNC", "FLUSHDB", "SCRIPT KILL",
                           "FUNCTION KILL"}) {
    EXPECT_EQ(RouteLine(line).kind, Kind::kAllShards) << line;
  }
  for (const char* line : {"FUNCTION LIST", "OBJECT HELP", "EVAL x 0"}) {
    EXPECT_EQ(RouteLine(line).kind, Kind::kAnyShard) << line;
  }
}

TEST(RouterTest, ScriptsAndWhatConcernsThemGoAWayOfTheirOwn) {
  for (const char* line : {"EVAL x 0", "EVALSHA x 1 a", "FCALL_RO f 1 a", "SCRIPT FLUSH", "SCRIPT LOAD x",
                           "SCRIPT EXISTS x", "FUNCTION LOAD x", "FUNCTION LIST"}) {
    EXPECT_TRUE(RouteLine(line).scripts) << line;
  }
  for (const char* line : {"GET a", "DBSIZE", "SCRIPT KILL", "FUNCTION KILL", "FUNCTION STATS"}) {
    EXPECT_FALSE(RouteLine(line).scripts) << line;
  }
}

TEST(RouterTest, LeavesSenselessKeysToAShard) {
  EXPECT_EQ(RouteLine("EVAL x abc").kind, Kind::kAnyShard);
  EXPECT_EQ(RouteLine("XREAD FOO BAR BAZ").kind, Kind::kAnyShard);
  EXPECT_EQ(RouteLine("XREAD STREAMS a b 0").kind, Kind::kAnyShard);
}

TEST(RouterTest, ADestinationAloneIsAKeyToo) {
  const Plan plan = RouteLine("PFMERGE {a}dest");
  EXPECT_EQ(plan.kind, Kind::kOneSlot);
  EXPECT_EQ(plan.slot, KeySlot("a"));
}

TEST(RouterTest, WaitsByTheBlockOptionButNotByTheWord) {
  const std::pair<const char*, int> lines[] = {
      {"XREAD BLOCK 0 STREAMS k 0", 2},
      {"XREAD COUNT 1 block 5 STREAMS k 0", 4},
      {"XREADGROUP GROUP g c BLOCK 5 STREAMS k >", 5},
      {"XREADGROUP GROUP g c COUNT 1 NOACK BLOCK 1 STREAMS k >", 8}};
  for (const auto& [line, timeout] : lines) {
    const Plan plan = RouteLine(line);
    EXPECT_EQ(plan.kind, Kind::kBlocking) << line;
    EXPECT_EQ(plan.slot, KeySlot("k")) << line;
    EXPECT_TRUE(plan.pinned) << line;
    EXPECT_TRUE(plan.timeout_in_millis) << line;
    EXPECT_EQ(plan.timeout, timeout) << line;
  }
  for (const char* line : {"XREADGROUP GROUP BLOCK c STREAMS k >",
                           "XREADGROUP GROUP g BLOCK STREAMS k >", "XREAD STREAMS BLOCK 0"}) {
    const Plan plan = RouteLine(line);
    EXPECT_EQ(plan.kind, Kind::kOneSlot) << line;
    EXPECT_FALSE(plan.pinned) << line;
  }
}

TEST(RouterTest, FindsTheTimeOutAndTheKeysOfWhatBlocks) {
  Plan plan = RouteLine("BLPOP {k}1 {k}2 5");
  EXPECT_EQ(plan.kind, Kind::kBlocking);
  EXPECT_EQ(plan.slot, KeySlot("k"));
  EXPECT_EQ(plan.timeout, 3);
  EXPECT_FALSE(plan.timeout_in_millis);

  plan = RouteLine("BLMPOP 1.5 3 a b a LEFT");
  EXPECT_EQ(plan.kind, Kind::kFirstReady);
  EXPECT_TRUE(plan.pinned);
  EXPECT_EQ(plan.timeout, 1);
  ASSERT_EQ(plan.keys.size(), 3u);
  EXPECT_EQ(plan.keys[0].index, 3);
  EXPECT_EQ(plan.keys[1].slot, KeySlot("b"));
  EXPECT_EQ(plan.keys[2].slot, KeySlot("a"));

  // What moves from one key to another does it in one slot.
  EXPECT_EQ(RouteLine("BLMOVE a b LEFT LEFT 0").kind, Kind::kRefused);
  EXPECT_EQ(RouteLine("BRPOPLPUSH a b 0").error, kCrossSlot);
  EXPECT_EQ(RouteLine("XREAD BLOCK 0 STREAMS a b 0 0").error, kCrossSlot);
  // Never on a connection that others use, whatever the arguments are.
  EXPECT_EQ(RouteLine("BLMPOP 0 x a LEFT").kind, Kind::kBlocking);
  EXPECT_EQ(RouteLine("XREAD BLOCK 1 STREAMS a b 0").kind, Kind::kBlocking);
}

TEST(RouterTest, SaysWhyACommandIsRefused) {
  EXPECT_NE(RouteLine("MONITOR").error.find("it administers a single server"), std::string::npos);
  EXPECT_EQ(RouteLine("ASKING").error, "ERR This instance has cluster support disabled");
}

TransactionPart PartOf(std::string_view line) {
  static Router router;
  const Words words = Split(line);
  return router.FindPart(*command::LookupCommand(words).command, words);
}

TEST(RouterTest, FindsThePartsOfTransactions) {
  using Part = TransactionPart::Kind;
  EXPECT_EQ(PartOf("GET a").kind, Part::kOneSlot);
  EXPECT_EQ(PartOf("GET a").slot, 15495);
  EXPECT_EQ(PartOf("MSET {a}1 x {a}2 y").kind, Part::kOneSlot);
  EXPECT_EQ(PartOf("MSET a x b y").kind, Part::kSeveralSlots);
  EXPECT_EQ(PartOf("RENAME a b").kind, Part::kSeveralSlots);
  // What is wrong with the arguments is the shard's to say.
  EXPECT_EQ(PartOf("MSET a x {a}2").kind, Part::kOneSlot);
  EXPECT_EQ(PartOf("EVAL x nokeys").kind, Part::kAnyShard);
  EXPECT_EQ(PartOf("XREAD BLOCK 0 STREAMS a $").kind, Part::kOneSlot);
  // Inside a transaction it does not wait.
  EXPECT_EQ(PartOf("WAIT 1 0").kind, Part::kAnyShard);
  EXPECT_EQ(PartOf("DBSIZE").kind, Part::kAllShards);
  EXPECT_EQ(PartOf("RANDOMKEY").kind, Part::kAllShards);
  // Its cursor is none of a shard's.
  EXPECT_EQ(PartOf("SCAN 0").kind, Part::kSeveralSlots);
  EXPECT_EQ(PartOf("PING").kind, Part::kLocal);
  EXPECT_EQ(PartOf("CLIENT ID").kind, Part::kLocal);
  EXPECT_EQ(PartOf("SHUTDOWN").kind, Part::kRefused);
}

// Every row of the table, called with as many arguments as it needs, gets the plan of its route.
TEST(RouterTest, EveryRowYieldsAPlan) {
  Router router;
  size_t rows = 0;
  for (size_t id = 0; id < command::CommandCount(); ++id) {
    const command::Command& command = command::CommandById(static_cast<command::CommandId>(id));
    const command::Spec& row = *command.spec;
    if (!row.subcommands.empty() && row.arity < -1) continue;
    std::vector<std::string_view> words;
    if (command.container != nullptr) words.push_back(command.container->spec->name);
    words.push_back(row.name);
    while (static_cast<int>(words.size()) < std::abs(row.arity)) words.push_back("1");
    Plan plan;
    plan.kind = Kind::kLocal;
    router.Route(command, words, &plan);
    ++rows;
    SCOPED_TRACE(command.full_name + ": " + plan.error);
    switch (row.route) {
      case command::Route::kLocal:
        EXPECT_EQ(plan.kind, Kind::kLocal);
        break;
      case command::Route::kRefused:
        EXPECT_EQ(plan.kind, Kind::kRefused);
        EXPECT_TRUE(plan.error.starts_with("ERR "));
        break;
      case command::Route::kSpecial:
        EXPECT_TRUE(plan.kind == Kind::kSpecial || plan.kind == Kind::kOneSlot);
        break;
      case command::Route::kGathered:
        EXPECT_EQ(plan.kind, Kind::kOneSlot);
        break;
      case command::Route::kByPolicy:
        if (row.request_policy == command::RequestPolicy::kAllShards ||
            row.request_policy == command::RequestPolicy::kAllNodes) {
          EXPECT_EQ(plan.kind, Kind::kAllShards);
        } else if (row.key_specs.empty()) {
          EXPECT_EQ(plan.kind, Kind::kAnyShard);
        } else if (row.is(command::kBlocking) && plan.pinned) {
          EXPECT_EQ(plan.kind, Kind::kBlocking);
        } else {
          // All keys are "1", or the arguments make no sense and are the shard's to refuse.
          EXPECT_TRUE(plan.kind == Kind::kOneSlot || plan.kind == Kind::kAnyShard);
          if (plan.kind == Kind::kOneSlot) {
            EXPECT_EQ(plan.slot, KeySlot("1"));
          }
        }
        break;
    }
  }
  EXPECT_GT(rows, 300u);
}

TEST(ValidateTest, AcceptsTheTable) {
  const auto yes = [](const command::Command&) { return true; };
  const Status status = Validate(yes, yes);
  EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST(ValidateTest, NamesTheRowThatLacksAHandler) {
  const auto yes = [](const command::Command&) { return true; };
  Status status = Validate(
      [](const command::Command& command) { return command.full_name != "client|id"; }, yes);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message,
            "command table: 'client|id' is answered locally, but has no handler");
  status =
      Validate(yes, [](const command::Command& command) { return command.full_name != "scan"; });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "command table: 'scan' is special, but has no executor");
}

}  // namespace
}  // namespace keyway::proxy::routing
