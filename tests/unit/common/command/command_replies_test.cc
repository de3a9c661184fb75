// What comparison with redis-server cannot show: rows that are hidden.
#include "common/command/command_replies.h"

#include <gtest/gtest.h>

#include "common/base/output_buffer.h"

namespace keyway::command {
namespace {

std::string Reply(std::vector<std::string_view> arguments,
                  const std::function<bool(const Command&)>& available = {},
                  resp::Version version = resp::Version::kResp2) {
  OutputBuffer out;
  resp::ReplyWriter reply(out, version);
  ReplyToCommand(arguments, available, reply);
  return out.ToString();
}

bool GetAndConfigGet(const Command& command) {
  return command.full_name == "get" || command.full_name == "config" ||
         command.full_name == "config|get";
}

TEST(ReplyToCommandTest, ShowsAllRowsWithoutAFilter) {
  EXPECT_EQ(Reply({"COMMAND", "COUNT"}), ":240\r\n");
  EXPECT_TRUE(Reply({"COMMAND"}).starts_with("*240\r\n*10\r\n"));
  EXPECT_TRUE(Reply({"COMMAND", "DOCS"}, {}, resp::Version::kResp3).starts_with("%240\r\n"));
}

TEST(ReplyToCommandTest, HidesRows) {
  EXPECT_EQ(Reply({"COMMAND", "LIST"}, GetAndConfigGet),
            "*3\r\n$3\r\nget\r\n$6\r\nconfig\r\n$10\r\nconfig|get\r\n");
  EXPECT_TRUE(Reply({"COMMAND"}, GetAndConfigGet).starts_with("*2\r\n"));
  EXPECT_EQ(Reply({"COMMAND"}, GetAndConfigGet).find("config|set"), std::string::npos);
  EXPECT_NE(Reply({"COMMAND"}, GetAndConfigGet).find("config|get"), std::string::npos);
  EXPECT_EQ(Reply({"COMMAND", "DOCS"}, GetAndConfigGet).find("config|set"), std::string::npos);
  EXPECT_EQ(Reply({"COMMAND", "INFO", "set"}, GetAndConfigGet), "*1\r\n$-1\r\n");
  EXPECT_EQ(Reply({"COMMAND", "INFO", "config|set"}, GetAndConfigGet), "*1\r\n$-1\r\n");
  EXPECT_EQ(Reply({"COMMAND", "DOCS", "set"}, GetAndConfigGet), "*0\r\n");
}

TEST(ReplyToCommandTest, GetKeysOfHiddenRowsIsAnError) {
  const auto no_set = [](const Command& command) { return command.full_name != "set"; };
  EXPECT_EQ(Reply({"COMMAND", "GETKEYS", "set", "a", "b"}, no_set),
            "-ERR Invalid command specified\r\n");
  EXPECT_EQ(Reply({"COMMAND", "GETKEYS", "get", "a"}, no_set), "*1\r\n$1\r\na\r\n");
}

TEST(ReplyToCommandTest, ChecksItsOwnArity) {
  EXPECT_EQ(Reply({"COMMAND", "COUNT", "x"}),
            "-ERR wrong number of arguments for 'command|count' command\r\n");
  EXPECT_EQ(Reply({"COMMAND", "nope"}), "-ERR unknown subcommand 'nope'. Try COMMAND HELP.\r\n");
}

}  // namespace
}  // namespace keyway::command
