// What a script returns, as a reply (https://redis.io/docs/manual/programmability/lua-api, "Lua to
// RESP").
#pragma once

#include <lua5.1/lua.hpp>

#include "common/resp/reply_writer.h"

namespace keyway::shard::scripting {

// Writes the value at the top as one reply and pops it. `script_version`: of redis.setresp, which
// decides about booleans. A table inside of itself ends in an error some thousand levels down.
// Never raises an error of Lua, except for lack of memory.
void WriteReply(lua_State* state, resp::Version script_version, resp::ReplyWriter& reply);

}  // namespace keyway::shard::scripting
