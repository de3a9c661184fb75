// Any format and any data: what struct.unpack gives, struct.pack takes, as many bytes as
// struct.size says. Input: how long the format is, the format, the data. How to run: driver.cc.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <lua5.1/lua.hpp>
#include <string>
#include <string_view>

#include "shard/scripting/lua/codecs.h"
#include "tests/fuzz/lua_library.h"

namespace {

using keyway::CallLibrary;
using keyway::Check;

// A format never makes more of the padding.
constexpr size_t kMaxPackedBytes = 1 << 20;

lua_State* State() {
  static lua_State* const state = [] {
    lua_State* made = luaL_newstate();
    keyway::shard::scripting::OpenStruct(made);
    lua_setglobal(made, "struct");
    return made;
  }();
  lua_settop(state, 0);
  return state;
}

bool Call(lua_State* state, const char* function) {
  return CallLibrary(state, "struct", function);
}

void PushBytes(lua_State* state, std::string_view bytes) {
  lua_pushlstring(state, bytes.data(), bytes.size());
}

// -1: it has none.
lua_Number SizeOf(std::string_view format) {
  lua_State* state = State();
  PushBytes(state, format);
  return Call(state, "size") ? lua_tonumber(state, 1) : -1;
}

void UnpackAndPack(std::string_view format, std::string_view data, int position) {
  const lua_Number size = SizeOf(format);
  lua_State* state = State();
  PushBytes(state, format);
  PushBytes(state, data);
  lua_pushinteger(state, position);
  if (!Call(state, "unpack")) return;
  Check(lua_tonumber(state, -1) >= position);
  lua_pop(state, 1);
  const int results = lua_gettop(state);
  if (lua_checkstack(state, 8) == 0) return;
  PushBytes(state, format);
  lua_insert(state, 1);
  // "c0" has taken the number before it.
  if (!Call(state, "pack")) return;
  if (size < 0) return;
  Check(static_cast<lua_Number>(lua_objlen(state, 1)) == size);
  PushBytes(state, format);
  lua_insert(state, 1);
  Check(Call(state, "unpack") && lua_gettop(state) == results + 1);
}

// Numbers for what the format may want, strings for the rest.
void Pack(std::string_view format, std::string_view data) {
  lua_State* state = State();
  PushBytes(state, format);
  lua_checkstack(state, static_cast<int>(format.size()) + 8);
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] == 's' || format[i] == 'c') {
      PushBytes(state, data.substr(0, 100));
    } else if (std::string_view("bBhHiIlLTfd").find(format[i]) != std::string_view::npos) {
      const double scale = i < data.size() ? static_cast<signed char>(data[i]) : 1;
      lua_pushnumber(state, scale * 1e18 * scale);
    }
  }
  if (Call(state, "pack")) Check(lua_objlen(state, 1) <= kMaxPackedBytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t length = std::min<size_t>(data[0], bytes.size());
  std::string format(bytes.substr(0, length));
  // Half of the time every byte is an option.
  if (data[1] % 2 == 0) {
    static constexpr std::string_view kOptions = "bBhHiIlLTfdsxcc0i8I3><!!4!8 1216 ";
    for (char& c : format) c = kOptions[static_cast<unsigned char>(c) % kOptions.size()];
  }
  UnpackAndPack(format, bytes.substr(length), data[1] / 2 % 8);
  Pack(format, bytes.substr(length));
  return 0;
}
