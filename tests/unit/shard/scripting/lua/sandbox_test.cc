#include <gtest/gtest.h>

#include "tests/unit/shard/scripting/lua/vm_fixture.h"

namespace keyway::shard::scripting {
namespace {

using SandboxTest = VmFixture;

TEST_F(SandboxTest, HasOnlyWhatRedisHas) {
  EXPECT_EQ(Eval("local n = {} for k in pairs(_G) do n[#n + 1] = k end "
                 "table.sort(n) return table.concat(n, ' ')"),
            "$271\r\nARGV KEYS _G _VERSION __redis__err__handler assert bit cjson cmsgpack "
            "collectgarbage coroutine error gcinfo getmetatable ipairs load loadstring math next "
            "pairs pcall rawequal rawget rawset redis select setmetatable string struct table "
            "tonumber tostring type unpack xpcall\r\n");
}

TEST_F(SandboxTest, RefusesUnknownGlobals) {
  EXPECT_EQ(Eval("return os"),
            "-ERR user_script:1: Script attempted to access nonexistent global variable 'os' "
            "script: sha, on @user_script:1.\r\n");
  EXPECT_EQ(Eval("return _G[{}]"),
            "-ERR user_script:1: Second argument to luaProtectedTableError must be a string or "
            "number script: sha, on @user_script:1.\r\n");
}

TEST_F(SandboxTest, RefusesWrites) {
  constexpr const char* kRefused = "$34\r\nAttempt to modify a readonly table\r\n";
  constexpr const char* kRefusedAt =
      "-ERR user_script:1: Attempt to modify a readonly table script: sha, on "
      "@user_script:1.\r\n";
  for (const char* table : {"_G", "redis", "string", "cjson", "math", "getmetatable('')",
                            "getmetatable(_G)", "coroutine"}) {
    const std::string name = table;
    EXPECT_EQ(Eval(name + ".x = 1"), kRefusedAt) << name;
    EXPECT_EQ(Eval("local ok, e = pcall(rawset, " + name + ", 'x', 1) return e"), kRefused) << name;
    EXPECT_EQ(Eval("local ok, e = pcall(setmetatable, " + name + ", {}) return e"), kRefused)
        << name;
    EXPECT_EQ(Eval("local ok, e = pcall(table.insert, " + name + ", 1) return e"), kRefused)
        << name;
  }
  EXPECT_EQ(Eval("KEYS = 1"), kRefusedAt);
  EXPECT_EQ(Eval("string.len = 1"), kRefusedAt);
  EXPECT_EQ(Eval("return string.len('abc')"), ":3\r\n");
}

TEST_F(SandboxTest, ProtectedTablesLookLikeTables) {
  EXPECT_EQ(Eval("local n = 0 for k, v in pairs(bit) do n = n + 1 end return n"), ":12\r\n");
  EXPECT_EQ(Eval("local n = 0 for k, v in next, bit do n = n + 1 end return n"), ":12\r\n");
  EXPECT_EQ(Eval("return type(rawget(redis, 'call'))"), "$8\r\nfunction\r\n");
  EXPECT_EQ(Eval("return getmetatable(redis)"), "$-1\r\n");
  EXPECT_EQ(Eval("return {_G == _G._G, getmetatable('').__index == string, "
                 "rawget(_G, 'redis') == redis}"),
            "*3\r\n:1\r\n:1\r\n:1\r\n");
  EXPECT_EQ(Eval("local n = 0 for k, v in pairs(getmetatable(_G)) do n = n + 1 end return n"),
            ":1\r\n");
  EXPECT_EQ(Eval("local t = setmetatable({}, getmetatable(_G)) return pcall(function() "
                 "return t.x end)"),
            "$-1\r\n");
  EXPECT_EQ(Eval("return #redis"), ":0\r\n");
  EXPECT_EQ(Eval("return ('abc'):upper()"), "$3\r\nABC\r\n");
  EXPECT_TRUE(Eval("return {map=bit}").starts_with("*24\r\n"));
  EXPECT_TRUE(Eval("return cjson.encode(redis)").starts_with("-ERR "));
}

TEST_F(SandboxTest, RefusesBytecode) {
  constexpr const char* kRefused = "unexpected symbol near 'char(27)'\r\n";
  EXPECT_TRUE(
      Eval("local f, e = loadstring(string.dump(function() end)) return e").ends_with(kRefused));
  EXPECT_TRUE(Eval("local s, n = string.dump(function() end), 0 "
                   "local f, e = load(function() n = n + 1 return s:sub(n, n) end) return e")
                  .ends_with(kRefused));
  EXPECT_EQ(Eval("return loadstring('return 5')()"), ":5\r\n");
  EXPECT_EQ(Eval("local p, n = {'return', ' 6'}, 0 "
                 "return load(function() n = n + 1 return p[n] end)()"),
            ":6\r\n");
}

// Arguments that Debian's libraries do not survive.
TEST_F(SandboxTest, SurvivesHostileArguments) {
  EXPECT_EQ(Eval("return select(2, pcall(unpack, {}, -2147483648, 2147483647))"),
            "$26\r\ntoo many results to unpack\r\n");
  EXPECT_EQ(Eval("local s = ('a'):rep(300000) "
                 "return select(2, pcall(string.find, s, ('a?'):rep(300000)))"),
            "$19\r\npattern too complex\r\n");
  EXPECT_EQ(Eval("local s = ('a'):rep(9000) return #string.match(s, ('a?'):rep(9000))"),
            ":9000\r\n");
  EXPECT_EQ(Eval("local s = ('+'):rep(300000) return #s:gsub('x', 'y') + "
                 "s:find(s, 1, true)"),
            ":300001\r\n");
  // The parser's only hold on the name is what load keeps.
  EXPECT_EQ(Eval("local n = 0 local f, e = load(function() n = n + 1 "
                 "for i = 1, 100 do local x = ('x'):rep(i) .. i end collectgarbage() "
                 "return ({'', 'x y'})[n] end, 'name\\0more') return e"),
            "$40\r\n[string \"name\"]:1: '=' expected near 'y'\r\n");
}

TEST_F(SandboxTest, HasRetiredFunctionsOnDemand) {
  host.retired_functions = true;
  Vm with(Vm::Purpose::kScripts, host);
  const auto eval = [&](std::string_view script) {
    OutputBuffer out;
    resp::ReplyWriter reply(out, version);
    const auto function = with.Compile(script);
    EXPECT_TRUE(function.ok());
    with.Call({.function = *function, .name = "sha", .keys = {}, .arguments = {}}, reply);
    return out.ToString();
  };
  EXPECT_EQ(eval("return getfenv(1) == _G and getfenv(0) == _G"), ":1\r\n");
  EXPECT_EQ(eval("setfenv(1, {a = 5}) return a"), ":5\r\n");
  EXPECT_EQ(eval("local p = newproxy(true) getmetatable(p).__index = function() return 4 end "
                 "return p.x"),
            ":4\r\n");
  // No way to the tables behind the protected ones.
  EXPECT_EQ(eval("return getfenv(redis.call) == _G and getfenv(string.format) == _G"), ":1\r\n");
}

TEST_F(SandboxTest, RandomNumbersAreDrand48s) {
  Eval("math.randomseed(1)");
  EXPECT_EQ(Eval("return {tostring(math.random()), tostring(math.random()), math.random(10), "
                 "math.random(5, 10)}"),
            "*4\r\n$17\r\n0.041630344484761\r\n$15\r\n0.4544924448498\r\n:9\r\n:7\r\n");
  EXPECT_EQ(Eval("return select(2, pcall(math.random, 2, 1))"),
            "$42\r\nbad argument #2 to '?' (interval is empty)\r\n");
}

}  // namespace
}  // namespace keyway::shard::scripting
