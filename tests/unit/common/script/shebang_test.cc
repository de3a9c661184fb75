#include "common/script/shebang.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "common/command/table.h"

namespace keyway::script {
namespace {

using namespace std::string_view_literals;

std::string ErrorOf(std::string_view code) {
  const auto declaration = ReadScriptDeclaration(code);
  return declaration.ok() ? "ok" : declaration.error().message;
}

TEST(ShebangTest, SplitsTheFirstLine) {
  const Shebang shebang = ReadShebang("#!lua name=lib 'a b'\nreturn 1");
  EXPECT_EQ(shebang.status, Shebang::Status::kOk);
  EXPECT_EQ(shebang.words, (std::vector<std::string>{"#!lua", "name=lib", "a b"}));
  EXPECT_EQ(shebang.body, "\nreturn 1");
}

TEST(ShebangTest, LinesThatAreNone) {
  EXPECT_EQ(ReadShebang("").status, Shebang::Status::kNone);
  EXPECT_EQ(ReadShebang("return 1\n#!lua").status, Shebang::Status::kNone);
  EXPECT_EQ(ReadShebang("return 1").body, "return 1");
  EXPECT_EQ(ReadShebang("#!lua").status, Shebang::Status::kEndless);
  EXPECT_EQ(ReadShebang("#!lua\0\n"sv).status, Shebang::Status::kEndless);
  EXPECT_EQ(ReadShebang("#!lua 'a\n").status, Shebang::Status::kMalformed);
}

TEST(ShebangTest, FlagsOfScripts) {
  EXPECT_EQ(ReadScriptDeclaration("return 1")->flags, kScriptEvalCompat);
  EXPECT_EQ(ReadScriptDeclaration("#!lua\n")->flags, 0u);
  EXPECT_EQ(ReadScriptDeclaration("#!lua flags=\n")->flags, 0u);
  EXPECT_EQ(ReadScriptDeclaration("#!lua flags=no-writes,allow-oom flags=no-cluster\n")->flags,
            kScriptNoWrites | kScriptAllowOom | kScriptNoCluster);
}

TEST(ShebangTest, WhatFlagsMeanForTheCommand) {
  constexpr uint32_t kRow = command::kNoscript | command::kStale | command::kMayReplicate;
  EXPECT_EQ(CommandFlagsOf(kRow, kScriptEvalCompat), kRow);
  EXPECT_EQ(CommandFlagsOf(kRow, 0), command::kNoscript | command::kDenyOom | command::kWrite);
  EXPECT_EQ(CommandFlagsOf(kRow, kScriptAllowOom), command::kNoscript | command::kWrite);
  EXPECT_EQ(CommandFlagsOf(kRow, kScriptNoWrites | kScriptAllowStale),
            command::kNoscript | command::kStale);
}

TEST(ShebangTest, ErrorsOfScripts) {
  EXPECT_EQ(ErrorOf("#!lua"), "ERR Invalid script shebang");
  EXPECT_EQ(ErrorOf("#!lua \"\n"), "ERR Invalid engine in script shebang");
  EXPECT_EQ(ErrorOf("#!Lua\n"), "ERR Unexpected engine in script shebang: #!Lua");
  EXPECT_EQ(ErrorOf("#! lua\n"), "ERR Unexpected engine in script shebang: #!");
  EXPECT_EQ(ErrorOf("#!lua name=x\n"), "ERR Unknown lua shebang option: name=x");
  EXPECT_EQ(ErrorOf("#!lua flags=no-writes,\n"), "ERR Unexpected flag in script shebang: ");
  EXPECT_EQ(ErrorOf("#!lua flags=,no-writes\n"), "ERR Unexpected flag in script shebang: ");
  EXPECT_EQ(ErrorOf("#!lua flags=x,no-writes\n"), "ERR Unexpected flag in script shebang: x");
}

}  // namespace
}  // namespace keyway::script
