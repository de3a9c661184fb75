// The index, the lookup and the rules of the table. That the rows are Redis's is compared with
// redis-server in tests/compat/command_table_test.py.
#include "common/command/table.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

namespace keyway::command {
namespace {

using Arguments = std::vector<std::string_view>;

TEST(TableTest, IsValid) {
  const Status status = ValidateTable();
  EXPECT_TRUE(status.ok()) << status.error().message;
}

TEST(TableTest, HasAllCommandsOfRedis) {
  EXPECT_EQ(TopLevelCommands().size(), 240u);
  EXPECT_EQ(CommandCount(), 366u);
}

TEST(TableTest, NumbersRowsDensely) {
  std::set<std::string> names;
  size_t reached = 0;
  for (const Command* command : TopLevelCommands()) {
    EXPECT_EQ(command->container, nullptr);
    reached += 1 + command->subcommands.size();
    for (const Command* subcommand : command->subcommands) {
      EXPECT_EQ(subcommand->container, command);
      EXPECT_EQ(subcommand->full_name,
                command->full_name + "|" + std::string(subcommand->spec->name));
    }
  }
  EXPECT_EQ(reached, CommandCount());
  for (size_t id = 0; id < CommandCount(); ++id) {
    const Command& command = CommandById(static_cast<CommandId>(id));
    EXPECT_EQ(command.id, id);
    EXPECT_TRUE(names.insert(command.full_name).second) << command.full_name;
  }
}

TEST(TableTest, FindsEveryRowInAnyCase) {
  for (size_t id = 0; id < CommandCount(); ++id) {
    const Command& command = CommandById(static_cast<CommandId>(id));
    std::string name = command.full_name;
    EXPECT_EQ(FindByFullName(name), &command);
    for (size_t i = 0; i < name.size(); i += 2) name[i] = static_cast<char>(toupper(name[i]));
    EXPECT_EQ(FindByFullName(name), &command) << name;
    EXPECT_EQ(FindByFullName(name + "~"), nullptr) << name;
    EXPECT_EQ(FindCommand(command.full_name), command.container == nullptr ? &command : nullptr);
  }
}

TEST(TableTest, FindsNothingElse) {
  using std::string_view_literals::operator""sv;
  for (std::string_view name :
       {""sv, "ge"sv, "get "sv, "get\0"sv, "\0"sv, "g\x05t"sv, "\xc7\x45T"sv, "zremrangebyrank\r"sv,
        "config\0get"sv, "@ET"sv, "[et"sv}) {
    EXPECT_EQ(FindCommand(name), nullptr) << name;
  }
  EXPECT_EQ(FindCommand(std::string(1 << 20, 'g')), nullptr);
  for (std::string_view name : {"|", "config|", "|get", "config|get|x", "get|x", "get|", ""}) {
    EXPECT_EQ(FindByFullName(name), nullptr) << name;
  }
}

TEST(LookupCommandTest, ResolvesSubcommandsAndChecksArity) {
  Lookup lookup = LookupCommand(Arguments{"GET", "k"});
  EXPECT_EQ(lookup.status, Lookup::Status::kFound);
  EXPECT_EQ(lookup.command, FindCommand("get"));

  lookup = LookupCommand(Arguments{"config", "GET", "*"});
  EXPECT_EQ(lookup.status, Lookup::Status::kFound);
  EXPECT_EQ(lookup.command, FindByFullName("config|get"));

  lookup = LookupCommand(Arguments{"command"});
  EXPECT_EQ(lookup.status, Lookup::Status::kFound);
  EXPECT_EQ(lookup.command, FindCommand("command"));

  lookup = LookupCommand(Arguments{"config"});
  EXPECT_EQ(lookup.status, Lookup::Status::kWrongArity);
  EXPECT_EQ(LookupError(lookup, Arguments{"config"}),
            "ERR wrong number of arguments for 'config' command");

  lookup = LookupCommand(Arguments{"config", "get"});
  EXPECT_EQ(lookup.status, Lookup::Status::kWrongArity);
  EXPECT_EQ(LookupError(lookup, Arguments{"config", "get"}),
            "ERR wrong number of arguments for 'config|get' command");

  const Arguments unknown_subcommand{"coNfig", "bad\r\none"};
  lookup = LookupCommand(unknown_subcommand);
  EXPECT_EQ(lookup.status, Lookup::Status::kUnknownSubcommand);
  EXPECT_EQ(lookup.command, FindCommand("config"));
  EXPECT_EQ(LookupError(lookup, unknown_subcommand),
            "ERR unknown subcommand 'bad  one'. Try CONFIG HELP.");

  const Arguments unknown{"nope", "a", "b"};
  lookup = LookupCommand(unknown);
  EXPECT_EQ(lookup.status, Lookup::Status::kUnknownCommand);
  EXPECT_EQ(lookup.command, nullptr);
  EXPECT_EQ(LookupError(lookup, unknown),
            "ERR unknown command 'nope', with args beginning with: 'a' 'b' ");
}

TEST(LookupCommandTest, HidesWhatIsNotAvailable) {
  const std::function<bool(const Command&)> available = [](const Command& command) {
    return command.full_name != "get" && command.full_name != "config|set";
  };
  EXPECT_EQ(LookupCommand(Arguments{"get", "k"}, &available).status,
            Lookup::Status::kUnknownCommand);
  EXPECT_EQ(LookupCommand(Arguments{"config", "set", "a", "b"}, &available).status,
            Lookup::Status::kUnknownSubcommand);
  EXPECT_EQ(LookupCommand(Arguments{"config", "get", "a"}, &available).status,
            Lookup::Status::kFound);
}

TEST(NamesTest, AreInRedisOrder) {
  EXPECT_EQ(FlagNames(kFast | kWrite | kMovableKeys),
            (std::vector<std::string_view>{"write", "fast", "movablekeys"}));
  EXPECT_EQ(AclCategoryNames(kAclSlow | kAclKeyspace),
            (std::vector<std::string_view>{"@keyspace", "@slow"}));
  EXPECT_EQ(KeyFlagNames(kKeyAccess | kKeyRO), (std::vector<std::string_view>{"RO", "access"}));
  EXPECT_EQ(TipNames(*FindCommand("randomkey")->spec),
            (std::vector<std::string>{"request_policy:all_shards", "nondeterministic_output"}));
  EXPECT_EQ(TipNames(*FindCommand("info")->spec),
            (std::vector<std::string>{"nondeterministic_output", "request_policy:all_shards",
                                      "response_policy:special"}));
}

// What the proxy cannot do yet, or must do by itself, is said in the rows.
bool Repeatable(const Arguments& arguments) {
  return IsRepeatable(*LookupCommand(arguments).command, arguments);
}

TEST(RepeatTest, IsForReadsAndForWritesThatLeaveTheSameEachTime) {
  EXPECT_TRUE(Repeatable({"GET", "k"}));
  EXPECT_TRUE(Repeatable({"mget", "a", "b"}));
  EXPECT_TRUE(Repeatable({"EVAL_RO", "return 1", "0"}));
  EXPECT_TRUE(Repeatable({"SETEX", "k", "10", "v"}));
  EXPECT_TRUE(Repeatable({"MSET", "a", "1", "b", "2"}));
  for (const Arguments& once : {Arguments{"INCR", "k"}, {"LPUSH", "k", "v"}, {"EVAL", "x", "0"}, {"DEL", "k"},
                                {"GETDEL", "k"}, {"SETNX", "k", "v"}, {"GETSET", "k", "v"}, {"PUBLISH", "c", "m"},
                                {"BLPOP", "k", "0"}, {"MSETNX", "k", "v"}}) {
    EXPECT_FALSE(Repeatable(once)) << once[0];
  }
}

TEST(RepeatTest, OfSetDependsOnItsOptions) {
  EXPECT_TRUE(Repeatable({"SET", "k", "v"}));
  EXPECT_TRUE(Repeatable({"SET", "nx", "xx"}));
  EXPECT_TRUE(Repeatable({"set", "k", "v", "EX", "10"}));
  EXPECT_FALSE(Repeatable({"SET", "k", "v", "nx"}));
  EXPECT_FALSE(Repeatable({"SET", "k", "v", "EX", "10", "XX"}));
  EXPECT_FALSE(Repeatable({"SET", "k", "v", "Get"}));
}

TEST(RouteTest, FollowsWhatACommandNeeds) {
  const auto route = [](std::string_view name) { return FindByFullName(name)->spec->route; };
  for (std::string_view name : {"get", "mset", "keys", "dbsize", "flushall", "sort", "xread",
                                "memory|usage", "object|encoding", "eval", "fcall_ro"}) {
    EXPECT_EQ(route(name), Route::kByPolicy) << name;
  }
  for (std::string_view name : {"ping", "hello", "client|setname", "config|get", "cluster|slots",
                                "info", "command|docs", "select", "time", "multi", "watch",
                                "subscribe", "debug"}) {
    EXPECT_EQ(route(name), Route::kLocal) << name;
  }
  for (std::string_view name : {"sinter", "sunion", "sdiff", "sintercard", "zunion", "pfcount"}) {
    EXPECT_EQ(route(name), Route::kGathered) << name;
  }
  for (std::string_view name : {"scan", "randomkey", "script|load", "function|load", "swapdb",
                                "latency|reset", "publish", "pubsub|channels"}) {
    EXPECT_EQ(route(name), Route::kSpecial) << name;
  }
  for (std::string_view name : {"monitor", "psync", "replicaof", "cluster|addslots", "migrate"}) {
    EXPECT_EQ(route(name), Route::kRefused) << name;
  }
  // Nothing that may block a client is refused.
  for (size_t id = 0; id < CommandCount(); ++id) {
    const Command& command = CommandById(static_cast<CommandId>(id));
    if (!command.spec->is(kBlocking)) continue;
    EXPECT_NE(command.spec->route, Route::kRefused) << command.full_name;
  }
}

}  // namespace
}  // namespace keyway::command
