#include "shard/scripting/lua/base_functions.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "shard/scripting/lua/error_report.h"
#include "shard/scripting/lua/interpreter.h"
#include "shard/scripting/lua/protected_table.h"

namespace keyway::shard::scripting {
namespace {

constexpr char kBytecodeMark = LUA_SIGNATURE[0];

// What catches errors calls it with one at the top: the error that ends a script cannot be caught.
void RaiseIfEnding(lua_State* state) {
  if (Interpreter::Of(state).ending) lua_error(state);
}

// --- tables without their metatables

int Next(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  ReplaceProxy(state, 1);
  lua_settop(state, 2);
  if (lua_next(state, 1) != 0) return 2;
  lua_pushnil(state);
  return 1;
}

// Its upvalue is Next.
int Pairs(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_pushvalue(state, 1);
  lua_pushnil(state);
  return 3;
}

int RawGet(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  luaL_checkany(state, 2);
  ReplaceProxy(state, 1);
  lua_settop(state, 2);
  lua_rawget(state, 1);
  return 1;
}

int RawSet(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  luaL_checkany(state, 2);
  luaL_checkany(state, 3);
  if (ReplaceProxy(state, 1)) RaiseReadOnly(state);
  lua_settop(state, 3);
  lua_rawset(state, 1);
  return 1;
}

int GetMetatable(lua_State* state) {
  luaL_checkany(state, 1);
  ReplaceProxy(state, 1);
  if (lua_getmetatable(state, 1) == 0) {
    lua_pushnil(state);
    return 1;
  }
  HideRealTable(state);
  if (luaL_getmetafield(state, 1, "__metatable") == 0) return 1;
  return 1;
}

int SetMetatable(lua_State* state) {
  const int type = lua_type(state, 2);
  luaL_checktype(state, 1, LUA_TTABLE);
  luaL_argcheck(state, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table expected");
  if (luaL_getmetafield(state, 1, "__metatable") != 0) {
    luaL_error(state, "cannot change a protected metatable");
  }
  lua_pushvalue(state, 1);
  if (ReplaceProxy(state, lua_gettop(state))) RaiseReadOnly(state);
  lua_settop(state, 2);
  ReplaceProxy(state, 2);
  lua_setmetatable(state, 1);
  return 1;
}

// --- wrapped: the original as it is, called in the place of the wrapper

lua_CFunction original_insert = nullptr;
int TableInsert(lua_State* state) {
  const int count = lua_gettop(state);
  if ((count == 2 || count == 3) && lua_istable(state, 1) && ReplaceProxy(state, 1)) {
    if (count == 3) luaL_checkint(state, 2);
    RaiseReadOnly(state);
  }
  return original_insert(state);
}

lua_CFunction original_foreach = nullptr;
int TableForeach(lua_State* state) {
  if (lua_istable(state, 1)) ReplaceProxy(state, 1);
  return original_foreach(state);
}

// Debian's library computes with ints that may overflow.
int Unpack(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  const int first = luaL_optint(state, 2, 1);
  const int last =
      lua_isnoneornil(state, 3) ? static_cast<int>(lua_objlen(state, 1)) : luaL_checkint(state, 3);
  if (first > last) return 0;
  const int64_t count = int64_t{last} - first + 1;
  constexpr int64_t kMaxCount = LUAI_MAXCSTACK;
  if (count > kMaxCount || lua_checkstack(state, static_cast<int>(count)) == 0) {
    return luaL_error(state, "too many results to unpack");
  }
  for (int64_t i = first; i <= last; ++i) lua_rawgeti(state, 1, static_cast<int>(i));
  return static_cast<int>(count);
}

// Matching recurses for what can be repeated and for captures, as often as a pattern has them, on a
// stack that has an end. Raises an error when the pattern at `index` has more than any sane one.
void CheckPattern(lua_State* state, int index) {
  constexpr size_t kMaxRecursions = 10'000;
  if (lua_type(state, index) != LUA_TSTRING || lua_objlen(state, index) <= kMaxRecursions) return;
  size_t length = 0;
  const char* pattern = lua_tolstring(state, index, &length);
  constexpr std::string_view kRecursive = "*+?-()";
  size_t recursions = 0;
  for (size_t i = 0; i < length; ++i) {
    recursions += kRecursive.find(pattern[i]) != kRecursive.npos;
  }
  if (recursions > kMaxRecursions) luaL_error(state, "pattern too complex");
}

lua_CFunction original_find = nullptr;
int Find(lua_State* state) {
  if (lua_toboolean(state, 4) == 0) CheckPattern(state, 2);
  return original_find(state);
}
lua_CFunction original_match = nullptr;
int Match(lua_State* state) {
  CheckPattern(state, 2);
  return original_match(state);
}
lua_CFunction original_gmatch = nullptr;
int MatchAll(lua_State* state) {
  CheckPattern(state, 2);
  return original_gmatch(state);
}
lua_CFunction original_gsub = nullptr;
int Substitute(lua_State* state) {
  CheckPattern(state, 2);
  return original_gsub(state);
}

// The environment of a C function is the table of unprotected libraries.
lua_CFunction original_getfenv = nullptr;
int GetEnvironment(lua_State* state) {
  if (lua_iscfunction(state, 1) == 0) return original_getfenv(state);
  lua_pushvalue(state, LUA_GLOBALSINDEX);
  return 1;
}

// --- Redis's own

// An error object with a text becomes its text.
int ProtectedCall(lua_State* state) {
  const int count = lua_gettop(state);
  if (count == 0) {
    lua_pushboolean(state, 0);
    lua_pushliteral(state, "attempt to call a boolean value");
    return 2;
  }
  lua_pushboolean(state, 1);
  lua_insert(state, 1);
  if (lua_pcall(state, count - 1, LUA_MULTRET, 0) == 0) return lua_gettop(state);
  RaiseIfEnding(state);
  lua_remove(state, 1);
  if (lua_istable(state, -1)) {
    lua_getfield(state, -1, "err");
    if (lua_isstring(state, -1) != 0) lua_replace(state, -2);
  }
  lua_pushboolean(state, 0);
  lua_insert(state, 1);
  return lua_gettop(state);
}

// A message handler on behalf of the script's own one, which is the upvalue. Lua calls handlers
// before it unwinds, so for the error that ends a script still inside of the hook that has raised
// it, where no hook can stop a handler that goes on for ever: such an error passes by.
int CallHandler(lua_State* state) {
  if (Interpreter::Of(state).ending) return 1;
  lua_settop(state, 1);
  lua_pushvalue(state, lua_upvalueindex(1));
  lua_insert(state, 1);
  lua_call(state, 1, 1);
  return 1;
}

int ProtectedCallWithHandler(lua_State* state) {
  luaL_checkany(state, 2);
  lua_settop(state, 2);
  // HandleError looks at who called it.
  if (lua_isfunction(state, 2) && lua_tocfunction(state, 2) != HandleError) {
    lua_pushcclosure(state, CallHandler, 1);
  }
  lua_insert(state, 1);
  const int status = lua_pcall(state, 0, LUA_MULTRET, 1);
  if (status != 0) RaiseIfEnding(state);
  lua_pushboolean(state, status == 0);
  lua_replace(state, 1);
  return lua_gettop(state);
}

// The generator of drand48: the same numbers on every machine. One for all interpreters, which
// begins anew with the process only.
uint16_t random_state[3] = {0x330e, 0xabcd, 0x1234};

int Random(lua_State* state) {
  constexpr int64_t kRange = INT32_MAX;
  const lua_Number random =
      static_cast<lua_Number>(nrand48(random_state) % kRange) / static_cast<lua_Number>(kRange);
  switch (lua_gettop(state)) {
    case 0:
      lua_pushnumber(state, random);
      return 1;
    case 1: {
      const int high = luaL_checkint(state, 1);
      luaL_argcheck(state, high >= 1, 1, "interval is empty");
      lua_pushnumber(state, std::floor(random * high) + 1);
      return 1;
    }
    case 2: {
      const int64_t low = luaL_checkint(state, 1);
      const int64_t high = luaL_checkint(state, 2);
      luaL_argcheck(state, low <= high, 2, "interval is empty");
      // In 32 bits, wrapping around, as Lua computes it.
      const auto span = static_cast<int32_t>(high - low + 1);
      lua_pushnumber(state, std::floor(random * span) + static_cast<lua_Number>(low));
      return 1;
    }
    default:
      return luaL_error(state, "wrong number of arguments");
  }
}

int RandomSeed(lua_State* state) {
  const auto seed = static_cast<uint32_t>(luaL_checkint(state, 1));
  random_state[0] = 0x330e;
  random_state[1] = static_cast<uint16_t>(seed);
  random_state[2] = static_cast<uint16_t>(seed >> 16);
  return 0;
}

lua_CFunction original_resume = nullptr;
int Resume(lua_State* state) {
  const int results = original_resume(state);
  RaiseIfEnding(state);
  return results;
}

// --- text, no bytecode

// More is more than the parser can count.
constexpr size_t kMaxCodeBytes = size_t{1} << 30;
constexpr const char* kOutOfMemory = "not enough memory";

// Lua tells bytecode by the first byte that it reads. A blank in front of it makes it text.
struct TextReader {
  std::string_view text;
  bool blank_first = false;
};

const char* ReadText(lua_State* /*state*/, void* data, size_t* size) {
  auto& reader = *static_cast<TextReader*>(data);
  if (reader.blank_first) {
    reader.blank_first = false;
    *size = 1;
    return " ";
  }
  const std::string_view text = reader.text;
  reader.text = {};
  *size = text.size();
  return text.empty() ? nullptr : text.data();
}

// nil and the message at the top, as load and loadstring end.
int FailedLoad(lua_State* state) {
  RaiseIfEnding(state);
  lua_pushnil(state);
  lua_insert(state, -2);
  return 2;
}

int LoadString(lua_State* state) {
  size_t length = 0;
  const char* text = luaL_checklstring(state, 1, &length);
  const char* chunk_name = luaL_optstring(state, 2, text);
  if (LoadText(state, {text, length}, chunk_name) == 0) return 1;
  return FailedLoad(state);
}

// What a function at 1 returns, piece by piece; 3 keeps the last piece alive.
struct PieceReader {
  bool at_start = true;
  size_t bytes = 0;
  std::string_view held_back;
};

const char* ReadPiece(lua_State* state, void* data, size_t* size) {
  auto& reader = *static_cast<PieceReader*>(data);
  if (!reader.held_back.empty()) {
    *size = reader.held_back.size();
    const char* piece = reader.held_back.data();
    reader.held_back = {};
    return piece;
  }
  luaL_checkstack(state, 2, "too many nested functions");
  lua_pushvalue(state, 1);
  lua_call(state, 0, 1);
  if (lua_isnil(state, -1)) {
    *size = 0;
    return nullptr;
  }
  if (lua_isstring(state, -1) == 0) luaL_error(state, "reader function must return a string");
  lua_replace(state, 3);
  const char* piece = lua_tolstring(state, 3, size);
  reader.bytes += *size;
  if (reader.bytes > kMaxCodeBytes) luaL_error(state, kOutOfMemory);
  if (reader.at_start) {
    reader.at_start = false;
    if (*size > 0 && *piece == kBytecodeMark) {
      reader.held_back = {piece, *size};
      *size = 1;
      return " ";
    }
  }
  return piece;
}

int Load(lua_State* state) {
  const char* chunk_name = luaL_optstring(state, 2, "=(load)");
  luaL_checktype(state, 1, LUA_TFUNCTION);
  // The parser does not hold on to the name as it sees it, while the reader may collect garbage.
  lua_settop(state, 2);
  lua_pushstring(state, chunk_name);
  lua_replace(state, 2);
  chunk_name = lua_tostring(state, 2);
  lua_settop(state, 3);
  PieceReader reader;
  if (lua_load(state, ReadPiece, &reader, chunk_name) == 0) return 1;
  return FailedLoad(state);
}

// --- installing

void SetFunction(lua_State* state, const char* name, lua_CFunction function) {
  lua_pushcfunction(state, function);
  lua_setfield(state, -2, name);
}

lua_CFunction Exchange(lua_State* state, const char* name, lua_CFunction function) {
  lua_getfield(state, -1, name);
  const lua_CFunction original = lua_tocfunction(state, -1);
  lua_pop(state, 1);
  SetFunction(state, name, function);
  return original;
}

}  // namespace

int LoadText(lua_State* state, std::string_view text, const char* chunk_name) {
  if (text.size() > kMaxCodeBytes) {
    lua_pushstring(state, kOutOfMemory);
    return LUA_ERRMEM;
  }
  TextReader reader{text, text.starts_with(kBytecodeMark)};
  return lua_load(state, ReadText, &reader, chunk_name);
}

void ReplaceBaseFunctions(lua_State* state) {
  SetFunction(state, "next", Next);
  lua_pushcfunction(state, Next);  // another one: pairs({}) ~= next
  lua_pushcclosure(state, Pairs, 1);
  lua_setfield(state, -2, "pairs");
  SetFunction(state, "rawget", RawGet);
  SetFunction(state, "rawset", RawSet);
  SetFunction(state, "getmetatable", GetMetatable);
  SetFunction(state, "setmetatable", SetMetatable);
  SetFunction(state, "pcall", ProtectedCall);
  SetFunction(state, "unpack", Unpack);
  SetFunction(state, "xpcall", ProtectedCallWithHandler);
  SetFunction(state, "load", Load);
  SetFunction(state, "loadstring", LoadString);

  original_getfenv = Exchange(state, "getfenv", GetEnvironment);

  lua_getfield(state, -1, LUA_TABLIBNAME);
  original_insert = Exchange(state, "insert", TableInsert);
  original_foreach = Exchange(state, "foreach", TableForeach);
  lua_pop(state, 1);

  lua_getfield(state, -1, LUA_COLIBNAME);
  original_resume = Exchange(state, "resume", Resume);
  lua_pop(state, 1);

  lua_getfield(state, -1, LUA_STRLIBNAME);
  original_find = Exchange(state, "find", Find);
  original_match = Exchange(state, "match", Match);
  original_gmatch = Exchange(state, "gmatch", MatchAll);
  lua_getfield(state, -1, "gmatch");
  lua_setfield(state, -2, "gfind");
  original_gsub = Exchange(state, "gsub", Substitute);
  lua_pop(state, 1);

  lua_getfield(state, -1, LUA_MATHLIBNAME);
  SetFunction(state, "random", Random);
  SetFunction(state, "randomseed", RandomSeed);
  lua_pop(state, 1);
}

}  // namespace keyway::shard::scripting
