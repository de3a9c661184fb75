#include "shard/scripting/lua/error_report.h"

#include <cstring>

#include "shard/scripting/lua/interpreter.h"

namespace keyway::shard::scripting {
namespace {

// Pushes "ERR " and the value at 1 as tostring has it.
void PushAsText(lua_State* state) {
  lua_pushliteral(state, "ERR ");
  switch (lua_type(state, 1)) {
    case LUA_TNONE:
    case LUA_TNIL:
      lua_pushliteral(state, "nil");
      break;
    case LUA_TBOOLEAN:
      lua_pushstring(state, lua_toboolean(state, 1) ? "true" : "false");
      break;
    case LUA_TNUMBER:
    case LUA_TSTRING:
      lua_pushvalue(state, 1);
      break;
    default:
      lua_pushfstring(state, "%s: %p", luaL_typename(state, 1), lua_topointer(state, 1));
  }
  lua_concat(state, 2);
}

// The fields of the error object at 1, through its metatable if it has one: err, source, line,
// ignore_error_stats_update.
int ReadFields(lua_State* state) {
  for (const Name name : {Name::kErr, Name::kSource, Name::kLine, Name::kIgnoreErrorStatsUpdate}) {
    PushName(state, name);
    lua_gettable(state, 1);
  }
  return 4;
}

// As a C string: Redis's error ends at the first zero byte.
std::string_view TextAt(lua_State* state, int index) {
  const char* text = lua_tostring(state, index);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

}  // namespace

void PushError(lua_State* state, std::string_view text) {
  // A "-" says that the text may begin with a code.
  bool has_code = false;
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    has_code = text.find(' ') != std::string_view::npos;
  }
  while (text.ends_with('\r') || text.ends_with('\n')) text.remove_suffix(1);
  lua_newtable(state);
  PushName(state, Name::kErr);
  if (has_code) {
    lua_pushlstring(state, text.data(), text.size());
  } else {
    lua_pushliteral(state, "ERR ");
    lua_pushlstring(state, text.data(), text.size());
    lua_concat(state, 2);
  }
  lua_rawset(state, -3);
}

void RaiseError(lua_State* state, std::string_view text) {
  PushError(state, text);
  lua_error(state);
  __builtin_unreachable();
}

int HandleError(lua_State* state) {
  lua_settop(state, 1);
  lua_Debug place;
  bool has_place = lua_getstack(state, 1, &place) != 0 && lua_getinfo(state, "Sl", &place) != 0;
  if (has_place && std::strcmp(place.what, "C") == 0) {
    has_place = lua_getstack(state, 2, &place) != 0 && lua_getinfo(state, "Sl", &place) != 0;
  }
  if (!lua_istable(state, 1)) {
    PushAsText(state);
    lua_newtable(state);
    PushName(state, Name::kErr);
    lua_pushvalue(state, -3);
    lua_rawset(state, -3);
  } else {
    lua_pushvalue(state, 1);
  }
  if (has_place) {
    PushName(state, Name::kSource);
    lua_pushstring(state, place.source);
    lua_settable(state, -3);
    PushName(state, Name::kLine);
    lua_pushinteger(state, place.currentline);
    lua_settable(state, -3);
  }
  return 1;
}

ScriptError TakeError(lua_State* state) {
  ScriptError error;
  if (!lua_istable(state, -1)) {
    error.text = lua_isstring(state, -1) ? TextAt(state, -1) : "execution failure";
    lua_pop(state, 1);
    return error;
  }
  error.is_table = true;
  lua_pushcfunction(state, ReadFields);
  lua_insert(state, -2);
  if (lua_pcall(state, 1, 4, 0) != 0) {
    error.text = "ERR unreadable error object";
    lua_pop(state, 1);
    return error;
  }
  if (lua_isstring(state, -4)) {
    error.text = TextAt(state, -4);
  } else {
    error.text = "ERR error object without err field";
  }
  if (lua_isstring(state, -3) && lua_isstring(state, -2)) {
    error.place = TextAt(state, -3);
    error.place += ':';
    error.place += TextAt(state, -2);
  }
  error.already_counted = lua_toboolean(state, -1) != 0;
  lua_pop(state, 4);
  return error;
}

}  // namespace keyway::shard::scripting
