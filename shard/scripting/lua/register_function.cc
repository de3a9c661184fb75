#include "shard/scripting/lua/register_function.h"

#include <strings.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "shard/scripting/lua/interpreter.h"

namespace keyway::shard::scripting {
namespace {

// What the arguments say. Text belongs to Lua and stays on its stack.
struct Arguments {
  std::string_view name;
  std::string_view description;
  bool has_name = false;
  bool has_description = false;
  int callback = 0;  // index on the stack; 0: none
  uint32_t flags = 0;
};

std::string_view StringAt(lua_State* state, int index) {
  size_t length = 0;
  const char* text = lua_tolstring(state, index, &length);
  return {text, length};
}

// In any case, unlike in the first line of a script, and up to the first zero byte.
uint32_t FlagByName(const char* name) {
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return ScriptFlagByName(lower);
}

// The flags in the table at the top.
uint32_t ReadFlags(lua_State* state) {
  uint32_t flags = 0;
  for (int i = 1;; ++i) {
    lua_pushinteger(state, i);
    lua_gettable(state, -2);
    const int type = lua_type(state, -1);
    if (type == LUA_TNIL) break;
    const uint32_t flag = type == LUA_TSTRING ? FlagByName(lua_tostring(state, -1)) : 0;
    if (flag == 0) RaiseError(state, "unknown flag given");
    flags |= flag;
    lua_pop(state, 1);
  }
  lua_pop(state, 1);
  return flags;
}

// The value at the top under `key`; true: leave it on the stack.
bool ReadNamed(lua_State* state, const char* key, Arguments& arguments) {
  if (strcasecmp(key, "function_name") == 0) {
    if (lua_isstring(state, -1) == 0) {
      RaiseError(state, "function_name argument given to redis.register_function must be a string");
    }
    arguments.name = StringAt(state, -1);
    arguments.has_name = true;
    return true;
  }
  if (strcasecmp(key, "description") == 0) {
    if (lua_isstring(state, -1) == 0) {
      RaiseError(state, "description argument given to redis.register_function must be a string");
    }
    arguments.description = StringAt(state, -1);
    arguments.has_description = true;
    return true;
  }
  if (strcasecmp(key, "callback") == 0) {
    if (!lua_isfunction(state, -1)) {
      RaiseError(state, "callback argument given to redis.register_function must be a function");
    }
    arguments.callback = lua_gettop(state);
    return true;
  }
  if (strcasecmp(key, "flags") == 0) {
    if (!lua_istable(state, -1)) {
      RaiseError(state,
                 "flags argument to redis.register_function must be a table representing function "
                 "flags");
    }
    arguments.flags = ReadFlags(state);
    return false;
  }
  RaiseError(state, "unknown argument given to redis.register_function");
}

Arguments ReadTable(lua_State* state) {
  if (!lua_istable(state, 1)) {
    RaiseError(state,
               "calling redis.register_function with a single argument is only applicable to Lua "
               "table (representing named arguments).");
  }
  Arguments arguments;
  lua_pushnil(state);
  while (lua_next(state, 1) != 0) {
    // Four names in whatever case: some of the same name may stay on the stack, too.
    luaL_checkstack(state, 4, "too many arguments");
    if (lua_type(state, -2) == LUA_TNUMBER) {
      RaiseError(state, "unknown argument given to redis.register_function");
    }
    if (lua_type(state, -2) != LUA_TSTRING) {
      RaiseError(state, "named argument key given to redis.register_function is not a string");
    }
    if (ReadNamed(state, lua_tostring(state, -2), arguments)) {
      lua_pushvalue(state, -2);
    } else {
      lua_pop(state, 1);
    }
  }
  if (!arguments.has_name) {
    RaiseError(state, "redis.register_function must get a function name argument");
  }
  if (arguments.callback == 0) {
    RaiseError(state, "redis.register_function must get a callback argument");
  }
  return arguments;
}

Arguments ReadPositional(lua_State* state) {
  if (lua_isstring(state, 1) == 0) {
    RaiseError(state, "first argument to redis.register_function must be a string");
  }
  if (!lua_isfunction(state, 2)) {
    RaiseError(state, "second argument to redis.register_function must be a function");
  }
  Arguments arguments;
  arguments.name = StringAt(state, 1);
  arguments.has_name = true;
  arguments.callback = 2;
  return arguments;
}

bool IsName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

int RegisterFunction(lua_State* state) {
  Interpreter& interpreter = Interpreter::Of(state);
  if (interpreter.registered == nullptr) {
    RaiseError(state, "redis.register_function can only be called on FUNCTION LOAD command");
  }
  const int count = lua_gettop(state);
  if (count < 1 || count > 2) {
    RaiseError(state, "wrong number of arguments to redis.register_function");
  }
  const Arguments arguments = count == 1 ? ReadTable(state) : ReadPositional(state);
  if (!IsName(arguments.name)) {
    RaiseError(state,
               "Library names can only contain letters, numbers, or underscores(_) and must be at "
               "least one character long");
  }
  if (!interpreter.registered_names.insert(std::string(arguments.name)).second) {
    RaiseError(state, "Function already exists in the library");
  }
  lua_pushvalue(state, arguments.callback);
  const FunctionRef function = luaL_ref(state, LUA_REGISTRYINDEX);
  interpreter.registered->push_back({std::string(arguments.name),
                                     std::string(arguments.description), arguments.has_description,
                                     arguments.flags, function});
  return 0;
}

}  // namespace keyway::shard::scripting
