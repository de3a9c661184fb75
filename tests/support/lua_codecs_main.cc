// Lua with the libraries that scripts have, and without a server, for comparison with
// redis-server's EVAL: reads scripts from stdin and writes the string that each returns, or its
// error, to stdout. Both are frames: the length in decimal digits, a newline, the bytes.
#include <cstddef>
#include <cstdio>
#include <lua5.1/lua.hpp>
#include <string>

#include "shard/scripting/lua/codecs.h"

extern "C" {
#include <lua5.1/lua-bitop.h>
#include <lua5.1/lua-cjson.h>
}

namespace {

bool ReadFrame(std::string* frame) {
  size_t length = 0;
  if (std::scanf("%zu", &length) != 1 || std::getchar() != '\n') return false;
  frame->resize(length);
  return std::fread(frame->data(), 1, length, stdin) == length;
}

int Serve(lua_State* state) {
  std::string script;
  while (ReadFrame(&script)) {
    if (luaL_loadbuffer(state, script.data(), script.size(), "@user_script") == 0) {
      lua_pcall(state, 0, 1, 0);
    }
    size_t length = 0;
    const char* text = lua_tolstring(state, -1, &length);
    if (text == nullptr) return 1;
    std::printf("%zu\n", length);
    std::fwrite(text, 1, length, stdout);
    std::fflush(stdout);
    lua_settop(state, 0);
  }
  return 0;
}

void Open(lua_State* state, lua_CFunction open, const char* name) {
  lua_pushcfunction(state, open);
  lua_call(state, 0, 1);
  lua_setglobal(state, name);
}

int OpenJson(lua_State* state) {
  const int results = luaopen_cjson(state);
  keyway::shard::scripting::MendJson(state);
  return results;
}

int OpenBit(lua_State* state) {
  const int results = luaopen_bit(state);
  keyway::shard::scripting::MendBit(state);
  return results;
}

}  // namespace

int main() {
  lua_State* state = luaL_newstate();
  luaL_openlibs(state);
  Open(state, keyway::shard::scripting::OpenMessagePack, "cmsgpack");
  Open(state, keyway::shard::scripting::OpenStruct, "struct");
  Open(state, OpenJson, "cjson");
  Open(state, OpenBit, "bit");
  lua_settop(state, 0);
  const int result = Serve(state);
  lua_close(state);
  return result;
}
