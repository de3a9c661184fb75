// Any bytes for cjson's decode, and as MessagePack for its encode, under any settings. What has
// been decoded can be encoded and decoded again, and then keeps its size. How to run: driver.cc.
#include <cstddef>
#include <cstdint>
#include <lua5.1/lua.hpp>
#include <string_view>

extern "C" {
#include <lua5.1/lua-cjson.h>
}

#include "shard/scripting/lua/codecs.h"
#include "tests/fuzz/lua_library.h"

namespace {

using keyway::CallLibrary;
using keyway::Check;

lua_State* State() {
  static lua_State* const state = [] {
    lua_State* made = luaL_newstate();
    luaopen_cjson(made);
    keyway::shard::scripting::MendJson(made);
    lua_setglobal(made, "cjson");
    keyway::shard::scripting::OpenMessagePack(made);
    lua_setglobal(made, "cmsgpack");
    return made;
  }();
  lua_settop(state, 0);
  return state;
}

void Set(const char* setting, bool value) {
  lua_State* state = State();
  lua_pushboolean(state, value);
  Check(CallLibrary(state, "cjson", setting));
}

void SetDepth(const char* setting, int depth) {
  lua_State* state = State();
  lua_pushinteger(state, depth);
  Check(CallLibrary(state, "cjson", setting));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const unsigned settings = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Set("encode_keep_buffer", (settings & 1) != 0);
  Set("encode_invalid_numbers", (settings & 2) != 0);
  Set("encode_sparse_array", (settings & 4) != 0);
  SetDepth("encode_max_depth", (settings & 8) != 0 ? 5 : 1000);
  SetDepth("decode_max_depth", (settings & 16) != 0 ? 5 : 1000);

  lua_State* state = State();
  lua_pushlstring(state, bytes.data(), bytes.size());
  if (CallLibrary(state, "cmsgpack", "unpack")) {
    lua_settop(state, 1);
    CallLibrary(state, "cjson", "encode");
  }

  state = State();
  lua_pushlstring(state, bytes.data(), bytes.size());
  if (!CallLibrary(state, "cjson", "decode")) return 0;
  // Refused are numbers that JSON has not, and too many tables in each other.
  if (!CallLibrary(state, "cjson", "encode") || !CallLibrary(state, "cjson", "decode")) return 0;
  if (!CallLibrary(state, "cjson", "encode")) return 0;
  const size_t length = lua_objlen(state, 1);
  Check(CallLibrary(state, "cjson", "decode") && CallLibrary(state, "cjson", "encode"));
  Check(lua_objlen(state, 1) == length);
  return 0;
}
