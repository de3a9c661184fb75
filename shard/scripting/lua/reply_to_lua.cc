#include "shard/scripting/lua/reply_to_lua.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <glog/logging.h>

#include "shard/scripting/lua/interpreter.h"

namespace keyway::shard::scripting {
namespace {

class Reader {
 public:
  Reader(lua_State* state, std::string_view reply)
      : state_(state), at_(reply.data()), end_(reply.data() + reply.size()) {}

  // Pushes the next value.
  void Push() {
    luaL_checkstack(state_, kSlotsALevel, "the reply of a command is nested too deeply");
    switch (*at_++) {
      case '+':
        PushTable(Name::kOk, Line());
        break;
      case '-':
        PushCommandError(at_ - 1);
        break;
      case ':':
        lua_pushnumber(state_, static_cast<lua_Number>(Number()));
        break;
      case '$':
        PushBulk();
        break;
      case '*':
      case '>':
        PushArray();
        break;
      case '%':
        PushMap();
        break;
      case '~':
        PushSet();
        break;
      case '_':
        Line();
        lua_pushnil(state_);
        break;
      case '#':
        lua_pushboolean(state_, Line() == "t");
        break;
      case ',':
        PushDouble();
        break;
      case '(':
        PushTable(Name::kBigNumber, Line());
        break;
      case '=':
        PushVerbatim();
        break;
      case '|':
        SkipAttributes();
        Push();
        break;
      default:
        LOG(FATAL) << "a command has replied with unknown type " << static_cast<int>(at_[-1]);
    }
  }

 private:
  static constexpr int kSlotsALevel = 6;

  // Up to the end of the line, which is left behind.
  std::string_view Line() {
    const char* end = static_cast<const char*>(std::memchr(at_, '\r', end_ - at_));
    CHECK(end != nullptr) << "a command has replied with an incomplete line";
    const std::string_view line(at_, end - at_);
    at_ = end + 2;
    return line;
  }

  int64_t Number() {
    const std::string_view line = Line();
    int64_t number = 0;
    std::from_chars(line.data(), line.data() + line.size(), number);
    return number;
  }

  std::string_view Bytes(int64_t length) {
    CHECK(length + 2 <= end_ - at_) << "a command has replied with an incomplete string";
    const std::string_view bytes(at_, static_cast<size_t>(length));
    at_ += length + 2;
    return bytes;
  }

  void PushTable(Name name, std::string_view value) {
    lua_createtable(state_, 0, 1);
    PushName(state_, name);
    lua_pushlstring(state_, value.data(), value.size());
    lua_rawset(state_, -3);
  }

  // `start`: at its '-'.
  void PushCommandError(const char* start) {
    const std::string_view line = Line();
    PushError(state_, {start, line.size() + 1});
    PushName(state_, Name::kIgnoreErrorStatsUpdate);
    lua_pushboolean(state_, 1);
    lua_rawset(state_, -3);
  }

  // RESP2's nulls are false.
  void PushBulk() {
    const int64_t length = Number();
    if (length < 0) {
      lua_pushboolean(state_, 0);
      return;
    }
    const std::string_view bytes = Bytes(length);
    lua_pushlstring(state_, bytes.data(), bytes.size());
  }

  void PushArray() {
    const int64_t elements = Number();
    if (elements < 0) {
      lua_pushboolean(state_, 0);
      return;
    }
    // The size that Lua itself gives to a table that is filled one by one: # of a table with holes
    // depends on it.
    constexpr int64_t kMaxPresized = 1 << 20;
    lua_createtable(
        state_,
        static_cast<int>(elements == 0              ? 0
                         : elements <= kMaxPresized ? std::bit_ceil(static_cast<uint64_t>(elements))
                                                    : kMaxPresized),
        0);
    for (int64_t i = 1; i <= elements; ++i) {
      Push();
      lua_rawseti(state_, -2, static_cast<int>(i));
    }
  }

  void PushMap() {
    const int64_t pairs = Number();
    lua_createtable(state_, 0, 1);
    PushName(state_, Name::kMap);
    lua_newtable(state_);
    for (int64_t i = 0; i < pairs; ++i) {
      Push();
      Push();
      SetUnlessNil();
    }
    lua_rawset(state_, -3);
  }

  void PushSet() {
    const int64_t elements = Number();
    lua_createtable(state_, 0, 1);
    PushName(state_, Name::kSet);
    lua_newtable(state_);
    for (int64_t i = 0; i < elements; ++i) {
      Push();
      lua_pushboolean(state_, 1);
      SetUnlessNil();
    }
    lua_rawset(state_, -3);
  }

  // Key and value at the top: no table has a nil key.
  void SetUnlessNil() {
    if (lua_isnil(state_, -2)) {
      lua_pop(state_, 2);
    } else {
      lua_rawset(state_, -3);
    }
  }

  void PushDouble() {
    const std::string_view line = Line();
    char digits[64];
    const size_t length = std::min(line.size(), sizeof(digits) - 1);
    std::memcpy(digits, line.data(), length);
    digits[length] = '\0';
    lua_createtable(state_, 0, 1);
    PushName(state_, Name::kDouble);
    lua_pushnumber(state_, std::strtod(digits, nullptr));
    lua_rawset(state_, -3);
  }

  void PushVerbatim() {
    constexpr size_t kFormatBytes = 3;
    const std::string_view bytes = Bytes(Number());
    lua_createtable(state_, 0, 1);
    PushName(state_, Name::kVerbatimString);
    lua_createtable(state_, 0, 2);
    PushName(state_, Name::kString);
    lua_pushlstring(state_, bytes.data() + kFormatBytes + 1, bytes.size() - kFormatBytes - 1);
    lua_rawset(state_, -3);
    PushName(state_, Name::kFormat);
    lua_pushlstring(state_, bytes.data(), kFormatBytes);
    lua_rawset(state_, -3);
    lua_rawset(state_, -3);
  }

  void SkipAttributes() {
    for (int64_t pairs = Number(); pairs > 0; --pairs) {
      Push();
      Push();
      lua_pop(state_, 2);
    }
  }

  lua_State* const state_;
  const char* at_;
  const char* const end_;
};

}  // namespace

void PushReply(lua_State* state, std::string_view reply) {
  Reader(state, reply).Push();
}

}  // namespace keyway::shard::scripting
