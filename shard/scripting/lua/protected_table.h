// Tables that scripts can read but not change.
//
// Redis's own interpreter marks such tables; ours hides them. What a script gets hold of is a
// proxy: an empty table whose metatable leads reads to the real one and refuses writes. The
// functions that see or set fields without regard to metatables (next, rawget, table.insert ...)
// are wrapped (base_functions.h), so that a script cannot tell a proxy from a table marked as
// read-only, and never gets the real one.
#pragma once

#include <lua5.1/lua.hpp>

namespace keyway::shard::scripting {

inline constexpr const char* kReadOnlyError = "Attempt to modify a readonly table";

// Replaces the table at the top by its proxy. The same table has always the same proxy.
void Protect(lua_State* state);

// If the value at `index` (positive) is a proxy, replaces it by its real table and returns true.
bool ReplaceProxy(lua_State* state, int index);

// If the table at the top is a real one behind a proxy, replaces it by the proxy.
void HideRealTable(lua_State* state);

// Raises kReadOnlyError as the interpreter does for a C function: without a position.
[[noreturn]] void RaiseReadOnly(lua_State* state);

}  // namespace keyway::shard::scripting
