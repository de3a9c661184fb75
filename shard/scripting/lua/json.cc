// cjson: what Debian's lua-cjson needs. It counts the bytes of a text in an int, doubles its buffer
// without looking, and reserves six bytes for each byte of a string. So encode first looks how much
// it may have to reserve at most, walking the value in encode's own order, and decode looks how
// long its argument is.
//
// Our functions stand in for the library's: they go on in its code as if that had been called, with
// its upvalue as their first, so that errors have the same texts and positions.
#include <climits>
#include <cmath>
#include <cstddef>
#include <lua5.1/lua.hpp>

#include "shard/scripting/lua/codecs.h"

namespace keyway::shard::scripting {
namespace {

// Up to here doubling does not overflow an int.
constexpr size_t kMaxTextBytes = size_t{1} << 30;
// At most, with what stands around it: a number, null or a table's brackets.
constexpr size_t kScalarBytes = 48;
constexpr size_t kHoleBytes = sizeof("null,") - 1;

int RaiseTooLong(lua_State* state) {
  return luaL_error(state, "not enough memory");
}

// Walks what encode is to write, and raises an error when that might be too much. Upvalues of the
// function that it works for: see Replace.
class Measure {
 public:
  explicit Measure(lua_State* state) : state_(state) {}

  // Of the value on top of the stack, which stays.
  void Value(int depth = 0) {
    switch (lua_type(state_, -1)) {
      case LUA_TSTRING:
        Charge(String(-1));
        break;
      case LUA_TTABLE:
        Charge(kScalarBytes);
        Table(depth + 1);
        break;
      default:
        Charge(kScalarBytes);
    }
  }

 private:
  size_t String(int index) const {
    const size_t length = lua_objlen(state_, index);
    return length < kMaxTextBytes ? length * 6 + 4 : kMaxTextBytes;
  }

  void Charge(size_t bytes) {
    if (bytes >= left_) RaiseTooLong(state_);
    left_ -= bytes;
  }

  void Table(int depth) {
    if (depth > MaxDepth()) {
      // That is where encode ends, if it comes here in the same order.
      ended_ = in_order_;
      return;
    }
    if (lua_checkstack(state_, 8) == 0) {
      luaL_error(state_, "Cannot serialise, excessive nesting (%d)", depth);
    }
    // Whether the keys so far are 1, 2, 3 ...: then it does not matter whether it is an array.
    bool is_sequence = true;
    lua_Number last = 0;
    lua_pushnil(state_);
    while (lua_next(state_, -2) != 0) {
      if (lua_type(state_, -2) == LUA_TSTRING) {
        Charge(String(-2));
        is_sequence = false;
      } else {
        Charge(kScalarBytes);
        if (is_sequence &&
            (lua_type(state_, -2) != LUA_TNUMBER || lua_tonumber(state_, -2) != ++last)) {
          is_sequence = false;
          lua_pushvalue(state_, -3);
          Irregular();
          lua_pop(state_, 1);
        }
      }
      Value(depth);
      if (ended_) {
        lua_pop(state_, 2);
        return;
      }
      lua_pop(state_, 1);
    }
  }

  // The table on top of the stack may be an array that lua_next does not give in order. That has
  // holes, perhaps many.
  void Irregular() {
    lua_Number items = 0;
    lua_Number greatest = 0;
    lua_pushnil(state_);
    for (; lua_next(state_, -2) != 0; ++items) {
      lua_pop(state_, 1);
      const lua_Number key = lua_type(state_, -1) == LUA_TNUMBER ? lua_tonumber(state_, -1) : 0;
      if (key < 1 || std::floor(key) != key) {  // an object, which is written in lua_next's order
        lua_pop(state_, 1);
        return;
      }
      // Greater keys are no places in an array.
      if (key <= INT_MAX && key > greatest) greatest = key;
    }
    in_order_ = false;
    const size_t holes = static_cast<size_t>(greatest) * kHoleBytes;
    if (holes < left_ / 2) {
      Charge(holes);
    } else if (!IsTooSparse(items, greatest)) {
      RaiseTooLong(state_);
    }
  }

  // Whether encode makes no array of it.
  bool IsTooSparse(lua_Number items, lua_Number greatest) {
    lua_pushvalue(state_, lua_upvalueindex(3));
    lua_call(state_, 0, 3);
    const lua_Number ratio = lua_tonumber(state_, -2);
    const lua_Number safe = lua_tonumber(state_, -1);
    lua_pop(state_, 3);
    return ratio > 0 && greatest > items * ratio && greatest > safe;
  }

  int MaxDepth() {
    if (max_depth_ < 0) {
      lua_pushvalue(state_, lua_upvalueindex(4));
      lua_call(state_, 0, 1);
      max_depth_ = static_cast<int>(lua_tointeger(state_, -1));
      lua_pop(state_, 1);
    }
    return max_depth_;
  }

  lua_State* state_;
  size_t left_ = kMaxTextBytes;
  int max_depth_ = -1;
  bool in_order_ = true;
  bool ended_ = false;
};

int Encode(lua_State* state) {
  if (lua_gettop(state) == 1) Measure(state).Value();
  return lua_tocfunction(state, lua_upvalueindex(2))(state);
}

int Decode(lua_State* state) {
  if (lua_gettop(state) == 1 && lua_type(state, 1) == LUA_TSTRING &&
      lua_objlen(state, 1) >= kMaxTextBytes) {
    return RaiseTooLong(state);
  }
  return lua_tocfunction(state, lua_upvalueindex(2))(state);
}

int New(lua_State* state) {
  const int results = lua_tocfunction(state, lua_upvalueindex(2))(state);
  MendJson(state);
  return results;
}

// Replaces a function of the table on top of the stack. The upvalues of ours: the library's own
// (its settings), the library's function, and its encode_sparse_array and encode_max_depth, which
// without arguments tell what is set.
void Replace(lua_State* state, const char* name, lua_CFunction function) {
  lua_getfield(state, -1, name);
  lua_getupvalue(state, -1, 1);
  lua_pushcfunction(state, lua_tocfunction(state, -2));
  lua_remove(state, -3);
  lua_getfield(state, -3, "encode_sparse_array");
  lua_getfield(state, -4, "encode_max_depth");
  lua_pushcclosure(state, function, 4);
  lua_setfield(state, -2, name);
}

}  // namespace

void MendJson(lua_State* state) {
  Replace(state, "encode", Encode);
  Replace(state, "decode", Decode);
  Replace(state, "new", New);
}

}  // namespace keyway::shard::scripting
