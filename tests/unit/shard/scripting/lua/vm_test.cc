#include "shard/scripting/lua/vm.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/scripting/lua/vm_fixture.h"

namespace keyway::shard::scripting {
namespace {

using VmTest = VmFixture;

// Expected texts are those of redis-server 7.0.15.

TEST_F(VmTest, PassesKeysAndArguments) {
  const std::string_view keys[] = {"k"};
  const std::string_view arguments[] = {"a", std::string_view("b\0c", 3)};
  EXPECT_EQ(Eval("return {#KEYS, #ARGV, KEYS[1], ARGV[2]}", keys, arguments),
            std::string("*4\r\n:1\r\n:2\r\n$1\r\nk\r\n$3\r\nb\0c\r\n", 28));
  EXPECT_EQ(Eval("return {#KEYS, #ARGV}"), "*2\r\n:0\r\n:0\r\n");
}

TEST_F(VmTest, ReportsCompileErrors) {
  EXPECT_EQ(Eval("if x then"),
            "ERR Error compiling script (new function): user_script:1: 'end' expected near "
            "'<eof>'");
  EXPECT_EQ(Eval("\x1bLua"),
            "ERR Error compiling script (new function): user_script:1: unexpected symbol near "
            "'char(27)'");
}

TEST_F(VmTest, ReportsErrorsWithNameAndLine) {
  EXPECT_EQ(Eval("error('x')"), "-ERR user_script:1: x script: sha, on @user_script:1.\r\n");
  EXPECT_EQ(Eval("\nerror({err='X y'})"), "-X y script: sha, on @user_script:2.\r\n");
  EXPECT_EQ(Eval("error('a\\nb', 0)"), "-ERR a b script: sha, on @user_script:1.\r\n");
  EXPECT_EQ(Eval("error()"), "-ERR nil script: sha, on @user_script:1.\r\n");
  EXPECT_EQ(Eval("local x; return x.y"),
            "-ERR user_script:1: attempt to index local 'x' (a nil value) script: sha, on "
            "@user_script:1.\r\n");
  EXPECT_EQ(Eval("loadstring('error(1)', '@other')()"),
            "-ERR other:1: 1 script: sha, on @other:1.\r\n");
}

TEST_F(VmTest, SurvivesErrorObjectsWithoutText) {
  EXPECT_TRUE(Eval("error({1})").starts_with("-ERR "));
  EXPECT_TRUE(Eval("error({err={}})").starts_with("-ERR "));
  EXPECT_TRUE(
      Eval("error(setmetatable({}, {__index=function() error('y') end}))").starts_with("-ERR "));
  EXPECT_TRUE(Eval("error(redis)").starts_with("-ERR "));
  EXPECT_EQ(Eval("return __redis__err__handler()"), "-ERR nil\r\n");
  EXPECT_EQ(Eval("return 1"), ":1\r\n");
}

TEST_F(VmTest, SurvivesOverflows) {
  EXPECT_EQ(Eval("local function f() return f() + 1 end return f()"),
            "-ERR user_script:1: stack overflow script: sha, on @user_script:1.\r\n");
  EXPECT_EQ(Eval("local function f() return string.gsub('a', 'a', f) end return f()"),
            "-ERR C stack overflow script: sha, on @user_script:1.\r\n");
  EXPECT_EQ(Eval("return {unpack({}, 1, 1e8)}"),
            "-ERR user_script:1: too many results to unpack script: sha, on @user_script:1.\r\n");
  const std::string nested = Eval("local t = {} t[1] = t return t");
  EXPECT_TRUE(nested.starts_with("*1\r\n*1\r\n"));
  EXPECT_TRUE(nested.ends_with("-ERR reached lua stack limit\r\n"));
}

TEST_F(VmTest, PcallTurnsErrorObjectsToText) {
  host.answer = "-WRONGTYPE no\r\n";
  EXPECT_EQ(Eval("local ok, e = pcall(redis.call, 'x') return e"), "$12\r\nWRONGTYPE no\r\n");
  EXPECT_EQ(Eval("return redis.pcall('x')"), "-WRONGTYPE no\r\n");
  EXPECT_EQ(errors_again, 1u);
  EXPECT_EQ(errors, 0u);
  EXPECT_EQ(Eval("return redis.call('x')"), "-WRONGTYPE no script: sha, on @user_script:1.\r\n");
  EXPECT_EQ(errors_again, 1u);
  EXPECT_EQ(Eval("return {err='X y'}"), "-X y\r\n");
  EXPECT_EQ(errors, 1u);
}

TEST_F(VmTest, EndsWhatIsInterrupted) {
  constexpr const char* kEnd = "-ERR enough script: sha, on @user_script:1.\r\n";
  for (const char* script : {
           "while true do end",
           "while true do pcall(function() while true do end end) end",
           "local f f = function() while true do pcall(f) end end f()",
           "while true do pcall(coroutine.wrap(function() while true do end end)) end",
           "local c c = function() while true do coroutine.resume(coroutine.create(c)) end end c()",
           "while true do xpcall(function() while true do end end, function() while true do end "
           "end) end",
       }) {
    host.interrupts = 0;
    host.patience = 2;
    EXPECT_EQ(Eval(script), kEnd) << script;
  }
  host.patience = INT32_MAX;
  EXPECT_EQ(Eval("for i = 1, 1000 do local x = i end return 1"), ":1\r\n");
}

TEST_F(VmTest, AsksOnlyWhenItMay) {
  interruptible = false;
  host.patience = 0;
  EXPECT_EQ(Eval("for i = 1, 1000000 do end return 1"), ":1\r\n");
  EXPECT_EQ(host.interrupts, 0);
}

TEST_F(VmTest, CollectsGarbage) {
  for (int i = 0; i < 2000; ++i) {
    Eval("local t = {} for i = 1, 100 do t[i] = {i, tostring(i)} end return #t");
  }
  EXPECT_LT(scripts.MemoryBytes(), size_t{4} << 20);
}

TEST_F(VmTest, LoadsLibraries) {
  ASSERT_EQ(Load("redis.register_function('f', function(k, a) return {k[1], a[1]} end)\n"
                 "redis.register_function{function_name='g', callback=function() end, "
                 "description='d', flags={'no-writes', 'allow-oom'}}"),
            "");
  ASSERT_EQ(functions.size(), 2u);
  EXPECT_EQ(functions[0].name, "f");
  EXPECT_FALSE(functions[0].has_description);
  EXPECT_EQ(functions[1].description, "d");
  EXPECT_EQ(functions[1].flags, kScriptNoWrites | kScriptAllowOom);
  const std::string_view keys[] = {"k"};
  const std::string_view arguments[] = {"a"};
  EXPECT_EQ(CallFunction(keys, arguments), "*2\r\n$1\r\nk\r\n$1\r\na\r\n");
}

TEST_F(VmTest, RefusesBadLibraries) {
  EXPECT_EQ(Load("\nx y"), "ERR Error compiling function: user_function:2: '=' expected near 'y'");
  EXPECT_EQ(Load("x = 1"),
            "ERR Error registering functions: ERR user_function:1: Attempt to modify a readonly "
            "table");
  EXPECT_EQ(Load("redis.call('ping')"),
            "ERR Error registering functions: ERR user_function:1: Script attempted to access "
            "nonexistent global variable 'call'");
  EXPECT_EQ(Load("redis.register_function('a', function() end) "
                 "redis.register_function('a', function() end)"),
            "ERR Error registering functions: ERR Function already exists in the library");
  EXPECT_EQ(Load("while true do end", 5),
            "ERR Error registering functions: ERR FUNCTION LOAD timeout");
  EXPECT_EQ(Load("return 1"), "");
  EXPECT_TRUE(functions.empty());
}

TEST_F(VmTest, FunctionsSeeTheirOwnGlobals) {
  ASSERT_EQ(Load("local r = redis.register_function\n"
                 "r('f', function() return {type(pairs), type(redis.call), "
                 "type(redis.register_function), (pcall(r, 'g', r))} end)"),
            "");
  EXPECT_EQ(CallFunction(), "*4\r\n$8\r\nfunction\r\n$8\r\nfunction\r\n$3\r\nnil\r\n$-1\r\n");
  ASSERT_EQ(Load("redis.register_function('f', function() return KEYS end)"), "");
  EXPECT_EQ(CallFunction(),
            "-ERR user_function:1: Script attempted to access nonexistent global variable 'KEYS' "
            "script: f, on @user_function:1.\r\n");
}

}  // namespace
}  // namespace keyway::shard::scripting
