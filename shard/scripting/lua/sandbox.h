// The globals that scripts see.
#pragma once

#include "shard/scripting/lua/interpreter.h"

namespace keyway::shard::scripting {

// Fills a newly made interpreter: the registry's names and places, the libraries, the globals.
void OpenSandbox(Interpreter& interpreter);

// Whether code that runs now sees the globals of a library that is being loaded (`redis` with
// register_function and little else), or those of scripts and functions.
void ShowLibraryGlobals(lua_State* state, bool show);

}  // namespace keyway::shard::scripting
