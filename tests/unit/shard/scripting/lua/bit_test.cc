#include <gtest/gtest.h>
#include <lua5.1/lua.hpp>

#include <string>

extern "C" {
#include <lua5.1/lua-bitop.h>
}

#include "shard/scripting/lua/codecs.h"
#include "tests/unit/shard/scripting/lua/lua_runner.h"

namespace keyway::shard::scripting {
namespace {

int OpenBit(lua_State* state) {
  const int results = luaopen_bit(state);
  MendBit(state);
  return results;
}

TEST(BitTest, ToHex) {
  LuaRunner lua(OpenBit, "bit");
  EXPECT_EQ(
      lua.Values("bit.tohex(0x1234abcd), bit.tohex(0x1234abcd, 3), bit.tohex(0x1234abcd, -3)"),
      "1234abcd bcd BCD");
  for (const char* digits : {"-2^31", "2^31", "2^31 + 2^32", "'2147483648'", "2^31 - 0.4"}) {
    EXPECT_EQ(lua.Values(std::string("bit.tohex(0x1234abcd, ") + digits + ")"), "1234ABCD")
        << digits;
  }
  EXPECT_EQ(lua.Values("bit.tohex(1, nil)"),
            "script:1: bad argument #2 to 'tohex' (number expected, got nil)");
  EXPECT_EQ(lua.Values("bit.tohex()"),
            "script:1: bad argument #1 to 'tohex' (number expected, got no value)");
}

}  // namespace
}  // namespace keyway::shard::scripting
