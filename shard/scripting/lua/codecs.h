// The libraries cmsgpack and struct of Redis's Lua, which answer as Redis's do, and what Debian's
// bit and cjson need to do so, too.
#pragma once

struct lua_State;

namespace keyway::shard::scripting {

// Each pushes the table of its library, with the functions and fields that redis-server 7.0 has in
// it, and returns 1, as Lua's luaopen_* functions do. No global is made.
int OpenMessagePack(lua_State* state);
int OpenStruct(lua_State* state);

// Each replaces functions in the table of its library, which luaopen_bit or luaopen_cjson has just
// left on top of the stack, where Debian's are open to scripts that mean ill and redis-server's are
// not. Answers do not change, nor does the order of pairs.
//   bit:   tohex with -2^31 digits writes outside of its buffer.
//   cjson: texts beyond what an int counts overflow the buffer or end the process; encode and
//   decode
//          raise "not enough memory" when a text might need 1 GiB, in what cjson.new makes, too.
void MendBit(lua_State* state);
void MendJson(lua_State* state);

}  // namespace keyway::shard::scripting
