// bit: what Debian's lua-bitop needs. Our function stands in for the library's: it mends its
// arguments and goes on in the library's code as if that had been called, so that errors have the
// same texts and positions.
#include <bit>
#include <cstdint>
#include <limits>
#include <lua5.1/lua.hpp>

#include "shard/scripting/lua/codecs.h"

namespace keyway::shard::scripting {
namespace {

// As the library makes 32 bits of a number: the low ones of its nearest integer.
int32_t ToBits(lua_Number number) {
  constexpr lua_Number kTwoTo52Plus2To51 = 6755399441055744.0;
  return static_cast<int32_t>(
      static_cast<uint32_t>(std::bit_cast<uint64_t>(number + kTwoTo52Plus2To51)));
}

// Upvalue 1: the library's tohex. Less than no digits are as many in capitals; the lowest integer
// has no such opposite, and is taken for the next one.
int ToHex(lua_State* state) {
  constexpr int32_t kLowest = std::numeric_limits<int32_t>::min();
  if (lua_isnumber(state, 2) != 0 && ToBits(lua_tonumber(state, 2)) == kLowest) {
    lua_pushinteger(state, kLowest + 1);
    lua_replace(state, 2);
  }
  return lua_tocfunction(state, lua_upvalueindex(1))(state);
}

}  // namespace

void MendBit(lua_State* state) {
  lua_getfield(state, -1, "tohex");
  lua_pushcclosure(state, ToHex, 1);
  lua_setfield(state, -2, "tohex");
}

}  // namespace keyway::shard::scripting
