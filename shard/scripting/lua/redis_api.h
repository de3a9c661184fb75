// The table `redis` of scripts (https://redis.io/docs/manual/programmability/lua-api).
#pragma once

#include <lua5.1/lua.hpp>

namespace keyway::shard::scripting {

// Push the table as EVAL sees it, as the functions of a library see it, and as the code of a
// library sees it while it is being loaded.
void PushScriptApi(lua_State* state);
void PushFunctionApi(lua_State* state);
void PushLibraryApi(lua_State* state);

}  // namespace keyway::shard::scripting
