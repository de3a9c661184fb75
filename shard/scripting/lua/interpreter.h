// What the functions that Lua calls share with the Vm that they run in, and how they fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <lua5.1/lua.hpp>

#include "common/base/output_buffer.h"
#include "common/resp/reply_writer.h"
#include "shard/scripting/lua/script_host.h"
#include "shard/scripting/lua/vm.h"

namespace keyway::shard::scripting {

// Found from any lua_State of the Vm. All that has a destructor and is needed while Lua may raise
// an error lives here.
struct Interpreter {
  Interpreter(Vm::Purpose its_purpose, ScriptHost& its_host)
      : purpose(its_purpose), host(its_host) {}

  const Vm::Purpose purpose;
  ScriptHost& host;
  lua_State* main = nullptr;
  // Of the replies that redis.call gets: redis.setresp.
  resp::Version version = resp::Version::kResp2;

  // Whether a hook has raised the error that ends the script.
  bool ending = false;

  // The library that is being loaded; nullptr: none is.
  std::vector<RegisteredFunction>* registered = nullptr;
  std::unordered_set<std::string> registered_names;  // theirs
  int64_t load_deadline_micros = 0;                  // monotonic; 0: none

  // One call of a command.
  std::vector<std::string_view> arguments;
  std::unique_ptr<char[]> numbers;  // the digits of arguments that are numbers
  size_t numbers_bytes = 0;
  OutputBuffer reply;
  std::string text;  // a reply in more than one block; a log line

  static Interpreter& Of(lua_State* state) {
    void* interpreter = nullptr;
    lua_getallocf(state, &interpreter);
    return *static_cast<Interpreter*>(interpreter);
  }
};

// Pushes Redis's error object {err = ...}. `text` with a leading '-' has its code in its first
// word, if it has more than one; any other is an "ERR".
void PushError(lua_State* state, std::string_view text);
// Pushes it and raises it.
[[noreturn]] void RaiseError(lua_State* state, std::string_view text);

// Names of fields that every reply looks for, kept as Lua strings: see PushName.
enum class Name : int {
  kErr = 1,
  kOk,
  kDouble,
  kBigNumber,
  kVerbatimString,
  kFormat,
  kString,
  kMap,
  kSet,
  kIgnoreErrorStatsUpdate,
  kKeys,
  kArgv,
  kSource,
  kLine,
  kLast = kLine,
};

// What the registry holds at fixed places: the names, then these.
enum class Place : int {
  kGlobals = static_cast<int>(Name::kLast) + 1,  // the real table behind _G
  kErrorHandler,
  kProxies,           // real table -> the proxy that scripts see
  kGlobalsMetatable,  // whose __index leads to what code sees as globals
  kLibraryGlobals,    // what the code of a library sees
  kLast = kLibraryGlobals,
};

inline void PushName(lua_State* state, Name name) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, static_cast<int>(name));
}
inline void PushPlace(lua_State* state, Place place) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, static_cast<int>(place));
}

}  // namespace keyway::shard::scripting
