// Lua with one library, and scripts for it.
#pragma once

#include <cstddef>
#include <lua5.1/lua.hpp>
#include <string>
#include <string_view>

namespace keyway::shard::scripting {

class LuaRunner {
 public:
  // `open` pushes a table, which becomes the global `library`.
  LuaRunner(lua_CFunction open, const char* library) : state_(luaL_newstate()) {
    luaL_openlibs(state_);
    lua_pushcfunction(state_, open);
    lua_call(state_, 0, 1);
    lua_setglobal(state_, library);
    lua_settop(state_, 0);
  }
  ~LuaRunner() { lua_close(state_); }
  LuaRunner(const LuaRunner&) = delete;
  LuaRunner& operator=(const LuaRunner&) = delete;

  // What `expression` gives, its values with spaces between them; or its error. It has hex(string)
  // and X(hexadecimal digits).
  std::string Values(std::string_view expression) {
    std::string script =
        "local function hex(s) return (s:gsub('[%z\\1-\\255]', function(c) "
        "return ('%02x'):format(c:byte()) end)) end "
        "local function X(s) return (s:gsub('%x%x', function(c) return string.char(tonumber(c, "
        "16)) "
        "end)) end "
        "local function text(...) local r = {} for i = 1, select('#', ...) do "
        "r[i] = tostring((select(i, ...))) end return table.concat(r, ' ') end "
        "return text(";
    script.append(expression).append(")");
    return Run(script);
  }

  // What `script` returns, a string or a number; or its error.
  std::string Run(std::string_view script) {
    if (luaL_loadbuffer(state_, script.data(), script.size(), "@script") == 0) {
      lua_pcall(state_, 0, 1, 0);
    }
    size_t length = 0;
    const char* text = lua_tolstring(state_, -1, &length);
    std::string result = text == nullptr ? "no text" : std::string(text, length);
    lua_settop(state_, 0);
    return result;
  }

 private:
  lua_State* state_;
};

}  // namespace keyway::shard::scripting
