#include <gtest/gtest.h>
#include <lua5.1/lua.hpp>

#include <string>

extern "C" {
#include <lua5.1/lua-cjson.h>
}

#include "shard/scripting/lua/codecs.h"
#include "tests/unit/shard/scripting/lua/lua_runner.h"

namespace keyway::shard::scripting {
namespace {

int OpenJson(lua_State* state) {
  const int results = luaopen_cjson(state);
  MendJson(state);
  return results;
}

class JsonTest : public testing::Test {
 protected:
  LuaRunner lua_{OpenJson, "cjson"};
};

constexpr char kTooLong[] = "script:1: not enough memory";

TEST_F(JsonTest, EncodesAndDecodes) {
  EXPECT_EQ(lua_.Values("cjson.encode({1, 'a\\n', {x = cjson.null}, {}})"),
            R"([1,"a\n",{"x":null},{}])");
  EXPECT_EQ(lua_.Values("cjson.encode({[1] = 1, [3] = 3})"), "[1,null,3]");
  EXPECT_EQ(lua_.Values("cjson.decode('[1,{\"a\":2.5}]')[2].a"), "2.5");
  EXPECT_EQ(lua_.Values("cjson.new().new().encode('x')"), "\"x\"");
}

TEST_F(JsonTest, ErrorsAreTheLibrarys) {
  EXPECT_EQ(lua_.Values("cjson.encode()"),
            "script:1: bad argument #1 to 'encode' (expected 1 argument)");
  EXPECT_EQ(lua_.Values("cjson.encode(print)"),
            "script:1: Cannot serialise function: type not supported");
  EXPECT_EQ(lua_.Values("cjson.decode('{')"),
            "script:1: Expected object key string but found T_END at character 2");
  EXPECT_EQ(lua_.Values("cjson.encode({[300000000] = 1})"),
            "script:1: Cannot serialise table: excessively sparse array");
}

TEST_F(JsonTest, TooDeepIsTheLibrarysErrorAtOnce) {
  const std::string expected = "script:1: Cannot serialise, excessive nesting (1001)";
  EXPECT_EQ(lua_.Run("local t = {} for i = 1, 9 do t[i] = t end return cjson.encode(t)"), expected);
  EXPECT_EQ(lua_.Run("local t = {} for _, k in ipairs{'a', 'b', 'c'} do t[k] = t end "
                     "return cjson.encode(t)"),
            expected);
  // Limits that are set are those of the instance.
  EXPECT_EQ(lua_.Run("local j = cjson.new() j.encode_max_depth(2) return j.encode({{{}}})"),
            "script:1: Cannot serialise, excessive nesting (3)");
  EXPECT_EQ(lua_.Values("cjson.encode({{{}}})"), "[[{}]]");
}

TEST_F(JsonTest, RefusesTextsThatAnIntDoesNotCount) {
  EXPECT_EQ(lua_.Run("local s, t = ('a'):rep(1000000), {} for i = 1, 200 do t[i] = s end "
                     "return cjson.encode(t)"),
            kTooLong);
  EXPECT_EQ(lua_.Run("local s, t = ('a'):rep(1000000), {} for i = 1, 20 do t[i] = s end "
                     "return cjson.encode({[3] = {t, t}, x = {t, t, t}, [1] = {t, t, t, t}})"),
            kTooLong);
  EXPECT_EQ(lua_.Run("cjson.encode_sparse_array(false, 0) "
                     "return cjson.encode({[300000000] = 1})"),
            kTooLong);
  EXPECT_EQ(lua_.Run("local j = cjson.new() j.encode_sparse_array(true, 0) "
                     "return j.encode({[2147483647] = 1})"),
            kTooLong);
}

TEST_F(JsonTest, ArraysOutOfOrderAreWalkedWhole) {
  // pairs() meets the table that is too deep before what encode writes first.
  EXPECT_EQ(lua_.Run("local s, t, deep = ('a'):rep(1000000), {}, {} "
                     "for i = 1, 200 do t[i] = s end "
                     "for i = 1, 2000 do deep = {deep} end "
                     "local all = {} all[4] = deep all[3] = deep all[2] = deep all[1] = t "
                     "return cjson.encode(all)"),
            kTooLong);
}

}  // namespace
}  // namespace keyway::shard::scripting
