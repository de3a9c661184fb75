// From what a script raises to the one error that its caller reads.
#pragma once

#include <string>

#include <lua5.1/lua.hpp>

namespace keyway::shard::scripting {

// The message handler of every call: turns what was raised into a table {err, source, line}, the
// last two being where it was raised. Scripts know it as __redis__err__handler.
int HandleError(lua_State* state);

struct ScriptError {
  std::string text;              // "ERR ..."
  std::string place;             // "@user_script:1"; empty: unknown
  bool is_table = false;         // HandleError has seen it
  bool already_counted = false;  // of a command, in whose statistics it is
};
// Pops what lua_pcall has left.
ScriptError TakeError(lua_State* state);

}  // namespace keyway::shard::scripting
