// Functions of Lua's standard libraries that are not Lua's own here: those that protected tables
// have to pass through, those that Redis has replaced, and those that would take bytecode.
#pragma once

#include <string_view>

#include <lua5.1/lua.hpp>

namespace keyway::shard::scripting {

// Takes the global table of a newly opened Lua at the top, with its libraries, and replaces in it
// and in its tables what has to be.
void ReplaceBaseFunctions(lua_State* state);

// lua_load for source text only: bytecode is a syntax error, as anything else that is no Lua. As
// luaL_loadbuffer otherwise.
int LoadText(lua_State* state, std::string_view text, const char* chunk_name);

}  // namespace keyway::shard::scripting
