// Calls functions of Lua libraries for fuzz targets.
#pragma once

#include <cstdlib>
#include <lua5.1/lua.hpp>

namespace keyway {

inline void Check(bool right) {
  if (!right) std::abort();
}

// Calls a function with all of the stack, which then is its results, or its error. Returns whether
// it has succeeded.
inline bool CallLibrary(lua_State* state, const char* library, const char* function) {
  lua_getglobal(state, library);
  lua_getfield(state, -1, function);
  lua_remove(state, -2);
  lua_insert(state, 1);
  const bool done = lua_pcall(state, lua_gettop(state) - 1, LUA_MULTRET, 0) == 0;
  Check(done || lua_isstring(state, -1) != 0);
  return done;
}

}  // namespace keyway
