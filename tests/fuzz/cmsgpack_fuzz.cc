// Any bytes for cmsgpack's unpack functions, and Lua values made by a small program in the bytes
// for pack. What has been unpacked, packed and unpacked once keeps its size from then on. How to
// run: driver.cc.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <lua5.1/lua.hpp>
#include <string>
#include <string_view>

#include "shard/scripting/lua/codecs.h"
#include "tests/fuzz/lua_library.h"

namespace {

using keyway::CallLibrary;
using keyway::Check;

constexpr int kMaxValues = 200;

lua_State* State() {
  static lua_State* const state = [] {
    lua_State* made = luaL_newstate();
    keyway::shard::scripting::OpenMessagePack(made);
    lua_setglobal(made, "cmsgpack");
    return made;
  }();
  lua_settop(state, 0);
  return state;
}

bool Call(lua_State* state, const char* function) {
  return CallLibrary(state, "cmsgpack", function);
}

void UnpackAndRepeat(std::string_view bytes) {
  lua_State* state = State();
  lua_pushlstring(state, bytes.data(), bytes.size());
  if (!Call(state, "unpack") || lua_gettop(state) == 0 || !Call(state, "pack")) return;
  // What is nested too deep has become nil, which may be no key.
  if (!Call(state, "unpack")) return;
  Check(Call(state, "pack"));
  const size_t size = lua_objlen(state, 1);
  Check(Call(state, "unpack") && Call(state, "pack"));
  Check(lua_objlen(state, 1) == size);
}

void UnpackPart(std::string_view bytes, int limit, int offset) {
  lua_State* state = State();
  lua_pushlstring(state, bytes.data(), bytes.size());
  lua_pushinteger(state, limit);
  lua_pushinteger(state, offset);
  if (!Call(state, "unpack_limit")) return;
  if (limit != 0 || offset != 0) {
    const lua_Integer next = lua_tointeger(state, 1);
    Check(next == -1 || (next >= offset && static_cast<size_t>(next) < bytes.size()));
    Check(lua_gettop(state) <= limit + 1);
  }
  state = State();
  lua_pushlstring(state, bytes.data(), bytes.size());
  lua_pushinteger(state, offset);
  if (Call(state, "unpack_one")) Check(lua_gettop(state) <= 2);
}

bool IsKey(lua_State* state, int index) {
  if (lua_type(state, index) != LUA_TNUMBER) return !lua_isnil(state, index);
  const lua_Number number = lua_tonumber(state, index);
  return number == number;
}

// Pushes values as the bytes say, which may lie in each other, and a table in itself.
void Build(lua_State* state, std::string_view program) {
  while (!program.empty() && lua_gettop(state) < kMaxValues) {
    const unsigned char step = static_cast<unsigned char>(program.front());
    program.remove_prefix(1);
    switch (step % 8) {
      case 0: {
        double number = step;
        if (program.size() >= sizeof(number)) {
          std::memcpy(&number, program.data(), sizeof(number));
          program.remove_prefix(sizeof(number));
        }
        lua_pushnumber(state, number);
        break;
      }
      case 1: {
        const size_t length = std::min<size_t>(program.size(), step);
        lua_pushlstring(state, program.data(), length);
        program.remove_prefix(length);
        break;
      }
      case 2:
        if (step < 128) {
          lua_pushboolean(state, step & 8);
        } else {
          lua_pushnil(state);
        }
        break;
      case 3:
        lua_newtable(state);
        break;
      case 4:
        if (lua_gettop(state) > 2 && lua_istable(state, -3) && IsKey(state, -2)) {
          lua_rawset(state, -3);
        }
        break;
      case 5:
        if (lua_gettop(state) > 1 && lua_istable(state, -2)) {
          lua_rawseti(state, -2, static_cast<int>(lua_objlen(state, -2)) + 1);
        }
        break;
      case 6:
        lua_pushinteger(state, step - 100);
        break;
      default:
        if (lua_gettop(state) > 0 && lua_istable(state, -1)) {
          lua_pushvalue(state, -1);
          lua_rawseti(state, -2, 1);
        }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    UnpackAndRepeat(bytes);
    UnpackPart(bytes, data[0] / 2 % 6 - 1, data[0] / 12 - 1);
    return 0;
  }
  lua_State* state = State();
  Build(state, bytes);
  if (lua_gettop(state) == 0) return 0;
  Check(Call(state, "pack"));
  UnpackAndRepeat(std::string(lua_tostring(state, 1), lua_objlen(state, 1)));
  return 0;
}
