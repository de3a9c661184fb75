// What a command replies, as Lua values (https://redis.io/docs/manual/programmability/lua-api,
// "RESP to Lua").
#pragma once

#include <string_view>

#include <lua5.1/lua.hpp>

namespace keyway::shard::scripting {

// Pushes the value of one complete reply, RESP2 or RESP3, as the shard itself has written it.
void PushReply(lua_State* state, std::string_view reply);

}  // namespace keyway::shard::scripting
