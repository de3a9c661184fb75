// redis.register_function.
#pragma once

#include <lua5.1/lua.hpp>

namespace keyway::shard::scripting {

// redis.register_function(name, callback) or
// redis.register_function{function_name=, callback=, flags={...}, description=}.
int RegisterFunction(lua_State* state);

}  // namespace keyway::shard::scripting
