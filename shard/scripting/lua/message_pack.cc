// cmsgpack: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md), with what
// redis-server's cmsgpack 0.4.0 makes of it:
//   - numbers without a fraction that 64 bits hold are integers, others the shortest exact float;
//   - a table whose keys are 1 ... n is an array (the empty one, too), others are maps; a table
//     kMaxNesting deep is nil, as is what MessagePack has no type for;
//   - bin and ext are bad format; an unsigned integer of 2^63 and more becomes negative.
// Bytes are written and read by msgpack-c: by its packer, and by its parser template, which works
// without recursion and calls us for each value, so that nothing is built but the Lua values and
// nothing is allocated for elements that are only claimed.
//
// Ours are the limits of the stack, because they are part of redis-server's answers: lua_checkstack
// refuses more than LUAI_MAXCSTACK (8000) slots, which bounds results and nesting. cmsgpack keeps
// more on the stack than we do (the results so far when packing, the next index of every open
// array when unpacking); we ask for room for these as well, so that the same input is refused with
// the same text.
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <lua5.1/lua.hpp>

// A value in an open container has at least the container's table on the stack.
#define MSGPACK_EMBED_STACK_SIZE LUAI_MAXCSTACK
#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <msgpack/unpack.h>
#include <msgpack/unpack_define.h>

#include "shard/scripting/lua/codecs.h"

namespace keyway::shard::scripting {
namespace {

constexpr int kMaxNesting = 16;
// Tables may share tables, so that little memory makes a text without end.
constexpr size_t kMaxPackedBytes = size_t{1} << 30;
// A buffer that has become larger is not kept for the next call.
constexpr size_t kMaxKeptBytes = 64 * 1024;

constexpr char kTooManyValues[] =
    "too many return values at once; use unpack_one or unpack_limit instead.";

// Where the parser's callbacks are.
struct Reader {
  lua_State* state;
  int open_arrays;

  void CheckStack(int slots, const char* what) const {
    luaL_checkstack(state, slots + open_arrays, what);
  }
  // Before every value.
  void MakeRoom() const { CheckStack(1, kTooManyValues); }
};

// What the parser keeps of an open array; of other values it keeps nothing, they are on the stack.
struct Progress {
  uint32_t index;
  uint32_t size;
};

// The parser's names are made of these and of the callback's name after an underscore.
#define msgpack_unpack_struct(name) struct Parser##name
#define msgpack_unpack_func(ret, name) inline ret Parser##name
#define msgpack_unpack_callback(name) On##name
#define msgpack_unpack_object Progress
#define msgpack_unpack_user Reader

int PushNumber(Reader* reader, lua_Number number, Progress* value) {
  reader->MakeRoom();
  lua_pushnumber(reader->state, number);
  *value = {};
  return 0;
}
int PushBoolean(Reader* reader, int boolean, Progress* value) {
  reader->MakeRoom();
  lua_pushboolean(reader->state, boolean);
  *value = {};
  return 0;
}

Progress On_root(Reader*) {
  return {};
}
int On_uint8(Reader* r, uint8_t number, Progress* value) {
  return PushNumber(r, number, value);
}
int On_uint16(Reader* r, uint16_t number, Progress* value) {
  return PushNumber(r, number, value);
}
int On_uint32(Reader* r, uint32_t number, Progress* value) {
  return PushNumber(r, number, value);
}
int On_uint64(Reader* r, uint64_t number, Progress* value) {
  return PushNumber(r, static_cast<lua_Number>(static_cast<int64_t>(number)), value);
}
int On_int8(Reader* r, int8_t number, Progress* value) {
  return PushNumber(r, number, value);
}
int On_int16(Reader* r, int16_t number, Progress* value) {
  return PushNumber(r, number, value);
}
int On_int32(Reader* r, int32_t number, Progress* value) {
  return PushNumber(r, number, value);
}
int On_int64(Reader* r, int64_t number, Progress* value) {
  return PushNumber(r, static_cast<lua_Number>(number), value);
}
int On_float(Reader* r, float number, Progress* value) {
  return PushNumber(r, number, value);
}
int On_double(Reader* r, double number, Progress* value) {
  return PushNumber(r, number, value);
}
int On_true(Reader* reader, Progress* value) {
  return PushBoolean(reader, 1, value);
}
int On_false(Reader* reader, Progress* value) {
  return PushBoolean(reader, 0, value);
}

int On_nil(Reader* reader, Progress* value) {
  reader->MakeRoom();
  lua_pushnil(reader->state);
  *value = {};
  return 0;
}

int On_str(Reader* reader, const char*, const char* text, unsigned int length, Progress* value) {
  reader->MakeRoom();
  // The parser has no position for an empty text.
  lua_pushlstring(reader->state, length == 0 ? "" : text, length);
  *value = {};
  return 0;
}
int On_bin(Reader*, const char*, const char*, unsigned int, Progress*) {
  return -1;
}
int On_ext(Reader*, const char*, const char*, unsigned int, Progress*) {
  return -1;
}

int On_array(Reader* reader, unsigned int size, Progress* array) {
  reader->MakeRoom();
  reader->CheckStack(2, "in function mp_decode_to_lua_array");
  lua_newtable(reader->state);
  *array = {0, size};
  if (size > 0) ++reader->open_arrays;
  return 0;
}
int On_array_item(Reader* reader, Progress* array, Progress) {
  lua_rawseti(reader->state, -2, static_cast<int>(++array->index));
  if (array->index == array->size) --reader->open_arrays;
  return 0;
}

int On_map(Reader* reader, unsigned int, Progress* map) {
  reader->MakeRoom();
  lua_newtable(reader->state);
  *map = {};
  return 0;
}
int On_map_item(Reader* reader, Progress*, Progress, Progress) {
  lua_rawset(reader->state, -3);  // raises Lua's own errors for nil and NaN
  return 0;
}

#include <msgpack/unpack_template.h>

// Whether the parser has stopped inside of a bin or ext, which cmsgpack refuses at its first byte.
bool IsRefusedType(unsigned int parser_state) {
  switch (parser_state) {
    case MSGPACK_CS_BIN_8:
    case MSGPACK_CS_BIN_16:
    case MSGPACK_CS_BIN_32:
    case MSGPACK_CS_EXT_8:
    case MSGPACK_CS_EXT_16:
    case MSGPACK_CS_EXT_32:
    case MSGPACK_ACS_BIN_VALUE:
    case MSGPACK_ACS_EXT_VALUE:
      return true;
    default:
      return false;
  }
}

// What the functions keep between calls, because an error is a leap that frees nothing: a userdata
// (upvalue 1 of each function) whose memory goes with the interpreter.
struct Codec {
  msgpack_sbuffer packed;
  Parser_context* parser;  // large, and made when it is first needed
};

Codec& CodecOf(lua_State* state) {
  return *static_cast<Codec*>(lua_touserdata(state, lua_upvalueindex(1)));
}

int FreeCodec(lua_State* state) {
  Codec* codec = static_cast<Codec*>(lua_touserdata(state, 1));
  msgpack_sbuffer_destroy(&codec->packed);
  msgpack_sbuffer_init(&codec->packed);
  std::free(codec->parser);
  codec->parser = nullptr;
  return 0;
}

// Pushes the value at `offset`, which is below `length`; returns the offset behind it.
size_t PushValue(lua_State* state, const char* data, size_t length, size_t offset) {
  Parser_context& parser = *CodecOf(state).parser;
  parser.user = {state, 0};
  Parser_init(&parser);
  const int result = Parser_execute(&parser, data, length, &offset);
  if (result > 0) return offset;
  const bool bad = result < 0 || IsRefusedType(parser.cs);
  // cmsgpack makes room when it has seen the first byte of a value.
  if (bad || parser.cs != MSGPACK_CS_HEADER) parser.user.MakeRoom();
  luaL_error(state, bad ? "Bad data format in input." : "Missing bytes in input.");
  return length;
}

// Pushes up to `limit` values from `offset` of argument 1; with both 0 all of them, else before
// them the offset of what follows, -1 at the end.
int UnpackFrom(lua_State* state, lua_Integer limit, lua_Integer offset) {
  size_t length = 0;
  const char* data = luaL_checklstring(state, 1, &length);
  const bool all = limit == 0 && offset == 0;
  if (offset < 0 || limit < 0) {
    return luaL_error(state, "Invalid request to unpack with offset of %d and limit of %d.",
                      static_cast<int>(offset), static_cast<int>(length));
  }
  if (static_cast<size_t>(offset) > length) {
    return luaL_error(state, "Start offset %d greater than input length %d.",
                      static_cast<int>(offset), static_cast<int>(length));
  }
  Codec& codec = CodecOf(state);
  if (codec.parser == nullptr) {
    codec.parser = static_cast<Parser_context*>(std::malloc(sizeof(Parser_context)));
    if (codec.parser == nullptr) return luaL_error(state, "not enough memory");
  }
  if (all) limit = INT_MAX;
  size_t at = static_cast<size_t>(offset);
  int results = 0;
  for (; at < length && results < limit; ++results) at = PushValue(state, data, length, at);
  if (all) return results;
  luaL_checkstack(state, 1, "in function mp_unpack_full");
  lua_pushinteger(state, at == length ? -1 : static_cast<lua_Integer>(at));
  lua_insert(state, 2);
  return results + 1;
}

int Unpack(lua_State* state) {
  return UnpackFrom(state, 0, 0);
}

int UnpackOne(lua_State* state) {
  const lua_Integer offset = luaL_optinteger(state, 2, 0);
  if (lua_gettop(state) > 1) lua_settop(state, 1);
  return UnpackFrom(state, 1, offset);
}

int UnpackLimit(lua_State* state) {
  const lua_Integer limit = luaL_checkinteger(state, 2);
  const lua_Integer offset = luaL_optinteger(state, 3, 0);
  lua_settop(state, 1);
  return UnpackFrom(state, limit, offset);
}

// Packs into codec.packed.
class Packer {
 public:
  Packer(lua_State* state, Codec& codec) : state_(state), codec_(codec) {
    msgpack_packer_init(&packer_, this, Write);
  }

  // Takes the value on top of the stack. `results`: how many arguments are packed already.
  void PackValue(int results, int level = 0) {
    switch (lua_type(state_, -1)) {
      case LUA_TSTRING: {
        size_t length = 0;
        const char* text = lua_tolstring(state_, -1, &length);
        msgpack_pack_str(&packer_, length);
        msgpack_pack_str_body(&packer_, text, length);
        break;
      }
      case LUA_TBOOLEAN:
        if (lua_toboolean(state_, -1) != 0) {
          msgpack_pack_true(&packer_);
        } else {
          msgpack_pack_false(&packer_);
        }
        break;
      case LUA_TNUMBER:
        PackNumber(lua_tonumber(state_, -1));
        break;
      case LUA_TTABLE:
        if (level < kMaxNesting) {
          PackTable(results, level);
          break;
        }
        [[fallthrough]];
      default:
        msgpack_pack_nil(&packer_);
    }
    lua_pop(state_, 1);
  }

 private:
  static int Write(void* data, const char* bytes, size_t size) {
    const Packer& self = *static_cast<Packer*>(data);
    msgpack_sbuffer& packed = self.codec_.packed;
    if (size > kMaxPackedBytes - packed.size || msgpack_sbuffer_write(&packed, bytes, size) != 0) {
      return luaL_error(self.state_, "not enough memory");
    }
    return 0;
  }

  void PackNumber(lua_Number number) {
    constexpr lua_Number kTwoTo63 = 9223372036854775808.0;
    if (number >= -kTwoTo63 && number < kTwoTo63 && std::trunc(number) == number) {
      msgpack_pack_int64(&packer_, static_cast<int64_t>(number));
      return;
    }
    const float narrow = static_cast<float>(number);
    if (static_cast<lua_Number>(narrow) == number) {
      msgpack_pack_float(&packer_, narrow);
    } else {
      msgpack_pack_double(&packer_, number);
    }
  }

  void PackTable(int results, int level) {
    luaL_checkstack(state_, 2 + results, "in function table_is_an_array");
    size_t count = 0;
    const bool is_array = Count(&count);
    if (is_array) {
      luaL_checkstack(state_, 1 + results, "in function mp_encode_lua_table_as_array");
      msgpack_pack_array(&packer_, count);
      for (size_t i = 1; i <= count; ++i) {
        lua_rawgeti(state_, -1, static_cast<int>(i));
        PackValue(results, level + 1);
      }
      return;
    }
    luaL_checkstack(state_, 3 + results, "in function mp_encode_lua_table_as_map");
    msgpack_pack_map(&packer_, count);
    lua_pushnil(state_);
    while (lua_next(state_, -2) != 0) {
      lua_pushvalue(state_, -2);
      PackValue(results, level + 1);  // the key
      PackValue(results, level + 1);
    }
  }

  // Counts the pairs of the table on top of the stack; returns whether the keys are 1 ... count.
  bool Count(size_t* count) {
    lua_Number greatest = 0;
    bool is_array = true;
    lua_pushnil(state_);
    for (; lua_next(state_, -2) != 0; ++*count) {
      lua_pop(state_, 1);
      if (!is_array) continue;
      const lua_Number key = lua_type(state_, -1) == LUA_TNUMBER ? lua_tonumber(state_, -1) : 0;
      is_array = key > 0 && key <= INT_MAX && std::trunc(key) == key;
      if (key > greatest) greatest = key;
    }
    return is_array && greatest == static_cast<lua_Number>(*count);
  }

  lua_State* state_;
  Codec& codec_;
  msgpack_packer packer_{};
};

int Pack(lua_State* state) {
  const int arguments = lua_gettop(state);
  if (arguments == 0) return luaL_argerror(state, 0, "MessagePack pack needs input.");
  if (lua_checkstack(state, arguments) == 0) {
    return luaL_argerror(state, 0, "Too many arguments for MessagePack pack.");
  }
  Codec& codec = CodecOf(state);
  msgpack_sbuffer_clear(&codec.packed);  // after an error it is not empty
  Packer packer(state, codec);
  for (int i = 1; i <= arguments; ++i) {
    luaL_checkstack(state, i, "in function mp_check");
    lua_pushvalue(state, i);
    packer.PackValue(i - 1);
  }
  lua_pushlstring(state, codec.packed.data, codec.packed.size);
  if (codec.packed.alloc > kMaxKeptBytes) {
    msgpack_sbuffer_destroy(&codec.packed);
    msgpack_sbuffer_init(&codec.packed);
  }
  return 1;
}

}  // namespace

int OpenMessagePack(lua_State* state) {
  static constexpr luaL_Reg kFunctions[] = {
      {"pack", Pack}, {"unpack", Unpack}, {"unpack_one", UnpackOne}, {"unpack_limit", UnpackLimit}};
  static constexpr const char* kFields[][2] = {
      {"_NAME", "cmsgpack"},
      {"_VERSION", "lua-cmsgpack 0.4.0"},
      {"_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"},
      {"_DESCRIPTION", "MessagePack C implementation for Lua"}};
  lua_newtable(state);

  Codec* codec = static_cast<Codec*>(lua_newuserdata(state, sizeof(Codec)));
  msgpack_sbuffer_init(&codec->packed);
  codec->parser = nullptr;
  lua_createtable(state, 0, 1);
  lua_pushcfunction(state, FreeCodec);
  lua_setfield(state, -2, "__gc");
  lua_setmetatable(state, -2);

  for (const luaL_Reg& function : kFunctions) {
    lua_pushvalue(state, -1);
    lua_pushcclosure(state, function.func, 1);
    lua_setfield(state, -3, function.name);
  }
  lua_pop(state, 1);
  for (const auto& field : kFields) {
    lua_pushstring(state, field[1]);
    lua_setfield(state, -2, field[0]);
  }
  return 1;
}

}  // namespace keyway::shard::scripting
