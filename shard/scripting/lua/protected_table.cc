#include "shard/scripting/lua/protected_table.h"

#include "shard/scripting/lua/interpreter.h"

namespace keyway::shard::scripting {
namespace {

// Its address is the key of the real table in a proxy's metatable: no script can make one.
const char kRealTable = 0;

int RefuseWrite(lua_State* state) {
  return luaL_error(state, "%s", kReadOnlyError);
}

// Of the metatable at the top: pushes the real table, or nil.
void PushRealTable(lua_State* state) {
  lua_pushlightuserdata(state, const_cast<char*>(&kRealTable));
  lua_rawget(state, -2);
}

}  // namespace

void Protect(lua_State* state) {
  const int real = lua_gettop(state);
  PushPlace(state, Place::kProxies);
  lua_pushvalue(state, real);
  lua_rawget(state, -2);
  if (lua_isnil(state, -1)) {
    lua_pop(state, 1);
    lua_newtable(state);  // the proxy
    lua_createtable(state, 0, 4);
    lua_pushvalue(state, real);
    lua_setfield(state, -2, "__index");
    lua_pushcfunction(state, RefuseWrite);
    lua_setfield(state, -2, "__newindex");
    lua_pushlightuserdata(state, const_cast<char*>(&kRealTable));
    lua_pushvalue(state, real);
    lua_rawset(state, -3);
    lua_setmetatable(state, -2);
    lua_pushvalue(state, real);
    lua_pushvalue(state, -2);
    lua_rawset(state, -4);
  }
  lua_replace(state, real);
  lua_settop(state, real);
}

bool ReplaceProxy(lua_State* state, int index) {
  if (lua_getmetatable(state, index) == 0) return false;
  PushRealTable(state);
  const bool is_proxy = lua_istable(state, -1);
  if (is_proxy) lua_replace(state, index);
  lua_pop(state, is_proxy ? 1 : 2);
  return is_proxy;
}

void HideRealTable(lua_State* state) {
  PushPlace(state, Place::kProxies);
  lua_pushvalue(state, -2);
  lua_rawget(state, -2);
  if (lua_istable(state, -1)) {
    lua_replace(state, -3);
    lua_pop(state, 1);
  } else {
    lua_pop(state, 2);
  }
}

void RaiseReadOnly(lua_State* state) {
  lua_pushstring(state, kReadOnlyError);
  lua_error(state);
  __builtin_unreachable();
}

}  // namespace keyway::shard::scripting
