#include "shard/scripting/lua/sandbox.h"

#include <iterator>
#include <span>

extern "C" {
#include <lua5.1/lua-bitop.h>
#include <lua5.1/lua-cjson.h>
}

#include "shard/scripting/lua/base_functions.h"
#include "shard/scripting/lua/codecs.h"
#include "shard/scripting/lua/error_report.h"
#include "shard/scripting/lua/protected_table.h"
#include "shard/scripting/lua/redis_api.h"

namespace keyway::shard::scripting {
namespace {

constexpr const char* kNames[] = {
    "err",    "ok",     "double", "big_number", "verbatim_string",
    "format", "string", "map",    "set",        "ignore_error_stats_update",
    "KEYS",   "ARGV",   "source", "line",
};
static_assert(std::size(kNames) == static_cast<size_t>(Name::kLast));

void FillPlaces(lua_State* state) {
  int place = 0;
  for (const char* name : kNames) {
    lua_pushstring(state, name);
    lua_rawseti(state, LUA_REGISTRYINDEX, ++place);
  }
  // luaL_ref counts on from the last place: none of them may be nil in between.
  while (place < static_cast<int>(Place::kLast)) {
    lua_newtable(state);
    lua_rawseti(state, LUA_REGISTRYINDEX, ++place);
  }
  lua_pushcfunction(state, HandleError);
  lua_rawseti(state, LUA_REGISTRYINDEX, static_cast<int>(Place::kErrorHandler));
}

// __index of the globals: (table, name).
int RefuseUnknownGlobal(lua_State* state) {
  if (lua_gettop(state) != 2) {
    return luaL_error(state, "Wrong number of arguments to luaProtectedTableError");
  }
  if (lua_isstring(state, -1) == 0) {
    return luaL_error(state,
                      "Second argument to luaProtectedTableError must be a string or number");
  }
  return luaL_error(state, "Script attempted to access nonexistent global variable '%s'",
                    lua_tostring(state, -1));
}

void Open(lua_State* state, lua_CFunction open, const char* name) {
  lua_pushcfunction(state, open);
  lua_pushstring(state, name);
  lua_call(state, 1, 0);
}

// Replaces the table at the top by one with only these of its fields.
void KeepFields(lua_State* state, std::span<const char* const> names) {
  lua_newtable(state);
  for (const char* name : names) {
    lua_getfield(state, -2, name);
    lua_setfield(state, -2, name);
  }
  lua_remove(state, -2);
}

constexpr const char* kJsonFields[] = {
    "encode",
    "decode",
    "encode_sparse_array",
    "encode_max_depth",
    "decode_max_depth",
    "encode_number_precision",
    "encode_keep_buffer",
    "encode_invalid_numbers",
    "decode_invalid_numbers",
    "new",
    "null",
    "_NAME",
    "_VERSION",
};

lua_CFunction original_encode = nullptr;
lua_CFunction original_pack = nullptr;

// Encoders that see what is behind a proxy. They run in the place of the original, whose upvalues
// are theirs.
int EncodeJson(lua_State* state) {
  if (lua_gettop(state) >= 1) ReplaceProxy(state, 1);
  return original_encode(state);
}
int PackMessage(lua_State* state) {
  for (int i = lua_gettop(state); i > 0; --i) ReplaceProxy(state, i);
  return original_pack(state);
}

// In the table at the top: replaces a function by one with the same upvalues.
lua_CFunction Exchange(lua_State* state, const char* name, lua_CFunction function) {
  lua_getfield(state, -1, name);
  const lua_CFunction original = lua_tocfunction(state, -1);
  const int from = lua_gettop(state);
  int upvalues = 0;
  while (lua_getupvalue(state, from, upvalues + 1) != nullptr) ++upvalues;
  lua_pushcclosure(state, function, upvalues);
  lua_setfield(state, -3, name);
  lua_pop(state, 1);
  return original;
}

// A library as Redis has it, for its own settings: what cjson.new makes.
int NewJson(lua_State* state) {
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_call(state, 0, 1);
  KeepFields(state, kJsonFields);
  original_encode = Exchange(state, "encode", EncodeJson);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_pushcclosure(state, NewJson, 1);
  lua_setfield(state, -2, "new");
  return 1;
}

int OpenJson(lua_State* state) {
  lua_pushcfunction(state, luaopen_cjson);
  lua_call(state, 0, 1);
  MendJson(state);
  KeepFields(state, kJsonFields);
  original_encode = Exchange(state, "encode", EncodeJson);
  lua_getfield(state, -1, "new");
  lua_pushcclosure(state, NewJson, 1);
  lua_setfield(state, -2, "new");
  return 1;
}

int OpenMessages(lua_State* state) {
  OpenMessagePack(state);
  original_pack = Exchange(state, "pack", PackMessage);
  return 1;
}

int OpenBit(lua_State* state) {
  lua_pushcfunction(state, luaopen_bit);
  lua_call(state, 0, 1);
  MendBit(state);
  return 1;
}

// Sets a field of the table at `globals` to the proxy of what `open` makes.
void SetLibrary(lua_State* state, int globals, const char* name, lua_CFunction open) {
  lua_pushcfunction(state, open);
  lua_call(state, 0, 1);
  Protect(state);
  lua_setfield(state, globals, name);
}

// The globals that are Lua's own, in the order in which Redis's interpreter gets them. Those that
// it refuses (here with a '-') take a place in the table's order, nevertheless, which pairs(_G)
// shows.
constexpr const char* kBaseGlobals[] = {
    "_G",       "assert",       "collectgarbage", "-dofile",  "error",      "gcinfo",
    "-getfenv", "getmetatable", "-loadfile",      "load",     "loadstring", "next",
    "pcall",    "-print",       "rawequal",       "rawget",   "rawset",     "select",
    "-setfenv", "setmetatable", "tonumber",       "tostring", "type",       "unpack",
    "xpcall",   "_VERSION",     "ipairs",         "pairs",    "-newproxy",  "coroutine",
    "table",    "string",       "math",
};

void SetPlaceholder(lua_State* state, int globals, const char* name) {
  lua_pushboolean(state, 1);
  lua_setfield(state, globals, name);
}
void RemoveGlobal(lua_State* state, int globals, const char* name) {
  lua_pushnil(state);
  lua_setfield(state, globals, name);
}

void CopyBaseGlobals(lua_State* state, int base, int globals) {
  for (const char* name : kBaseGlobals) {
    if (*name == '-') {
      SetPlaceholder(state, globals, name + 1);
      RemoveGlobal(state, globals, name + 1);
      continue;
    }
    lua_getfield(state, base, name);
    if (lua_istable(state, -1)) Protect(state);
    lua_setfield(state, globals, name);
  }
}

constexpr const char* kRetiredGlobals[] = {"getfenv", "setfenv", "newproxy"};

// Pushes a new metatable whose __index refuses, known to getmetatable by its proxy.
void PushRefusingMetatable(lua_State* state) {
  lua_newtable(state);
  lua_pushcfunction(state, RefuseUnknownGlobal);
  lua_setfield(state, -2, "__index");
  lua_pushvalue(state, -1);
  Protect(state);
  lua_pop(state, 1);
}

// What "..." % of strings and ("..."):rep(3) go through.
void ProtectStringMetatable(lua_State* state) {
  lua_pushliteral(state, "");
  lua_getmetatable(state, -1);
  lua_getfield(state, -1, "__index");
  Protect(state);
  lua_setfield(state, -2, "__index");
  Protect(state);
  lua_pop(state, 2);
}

void FillLibraryGlobals(lua_State* state) {
  PushPlace(state, Place::kLibraryGlobals);
  PushLibraryApi(state);
  PushRefusingMetatable(state);
  lua_pushvalue(state, -1);
  lua_setmetatable(state, -4);
  lua_setmetatable(state, -2);
  Protect(state);
  lua_setfield(state, -2, "redis");
  lua_pop(state, 1);
}

}  // namespace

void OpenSandbox(Interpreter& interpreter) {
  lua_State* state = interpreter.main;
  const bool scripts = interpreter.purpose == Vm::Purpose::kScripts;
  FillPlaces(state);
  Open(state, luaopen_base, "");
  Open(state, luaopen_table, LUA_TABLIBNAME);
  Open(state, luaopen_string, LUA_STRLIBNAME);
  Open(state, luaopen_math, LUA_MATHLIBNAME);
  lua_pushvalue(state, LUA_GLOBALSINDEX);
  const int base = lua_gettop(state);
  ReplaceBaseFunctions(state);
  ProtectStringMetatable(state);

  PushPlace(state, Place::kGlobals);
  const int globals = lua_gettop(state);
  lua_pushvalue(state, globals);
  Protect(state);
  const int proxy = lua_gettop(state);
  CopyBaseGlobals(state, base, globals);
  if (interpreter.host.HasRetiredFunctions()) {
    for (const char* name : kRetiredGlobals) {
      lua_getfield(state, base, name);
      lua_setfield(state, globals, name);
    }
  }
  lua_pushvalue(state, proxy);
  lua_setfield(state, globals, "_G");
  SetPlaceholder(state, globals, "debug");
  SetLibrary(state, globals, "cjson", OpenJson);
  SetLibrary(state, globals, "struct", OpenStruct);
  SetLibrary(state, globals, "cmsgpack", OpenMessages);
  SetLibrary(state, globals, "bit", OpenBit);
  if (scripts) {
    PushScriptApi(state);
  } else {
    PushFunctionApi(state);
  }
  Protect(state);
  lua_setfield(state, globals, "redis");
  if (scripts) {
    PushPlace(state, Place::kErrorHandler);
    lua_setfield(state, globals, "__redis__err__handler");
  }
  RemoveGlobal(state, globals, "debug");
  PushRefusingMetatable(state);
  lua_setmetatable(state, globals);

  lua_getmetatable(state, proxy);
  lua_rawseti(state, LUA_REGISTRYINDEX, static_cast<int>(Place::kGlobalsMetatable));
  if (!scripts) FillLibraryGlobals(state);
  lua_pushvalue(state, proxy);
  lua_replace(state, LUA_GLOBALSINDEX);
  lua_settop(state, 0);
}

void ShowLibraryGlobals(lua_State* state, bool show) {
  PushPlace(state, Place::kGlobalsMetatable);
  PushPlace(state, show ? Place::kLibraryGlobals : Place::kGlobals);
  lua_setfield(state, -2, "__index");
  lua_pop(state, 1);
}

}  // namespace keyway::shard::scripting
