#include "shard/scripting/lua/lua_to_reply.h"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "shard/scripting/lua/interpreter.h"
#include "shard/scripting/lua/protected_table.h"

namespace keyway::shard::scripting {
namespace {

// As the processor converts: what does not fit, and what is no number, is the lowest integer.
int64_t Truncate(lua_Number number) {
  constexpr lua_Number kLimit = 9223372036854775808.0;
  if (!(number >= -kLimit && number < kLimit)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(number);
}

class Converter {
 public:
  Converter(lua_State* state, resp::Version script_version, resp::ReplyWriter& reply)
      : state_(state), script_version_(script_version), reply_(reply) {}

  // Writes the value at the top and pops it. Every level of tables adds a bounded number of slots
  // to Lua's stack, whose limit is the limit of the recursion.
  void WriteTop() {
    if (lua_checkstack(state_, 4) == 0) {
      reply_.Error("ERR reached lua stack limit");
      lua_pop(state_, 1);
      return;
    }
    switch (lua_type(state_, -1)) {
      case LUA_TSTRING: {
        size_t length = 0;
        const char* bytes = lua_tolstring(state_, -1, &length);
        reply_.Bulk({bytes, length});
        break;
      }
      case LUA_TNUMBER:
        reply_.Integer(Truncate(lua_tonumber(state_, -1)));
        break;
      case LUA_TBOOLEAN:
        WriteBoolean(lua_toboolean(state_, -1) != 0);
        break;
      case LUA_TTABLE:
        WriteTable();
        break;
      default:
        reply_.Null();
    }
    lua_pop(state_, 1);
  }

 private:
  void WriteBoolean(bool value) {
    if (script_version_ == resp::Version::kResp3) {
      reply_.Boolean(value);
    } else if (value) {
      reply_.Integer(1);
    } else {
      reply_.Null();
    }
  }

  // Pushes a field of the table at the top, its metatable aside.
  int PushField(Name name) {
    PushName(state_, name);
    lua_rawget(state_, -2);
    return lua_type(state_, -1);
  }

  // The string at the top as one line, up to its first zero byte; valid until the next call.
  std::string_view LineAtTop() {
    std::string_view text = lua_tostring(state_, -1);
    return OneLine(text);
  }
  std::string_view OneLine(std::string_view text) {
    if (text.find_first_of("\r\n") == std::string_view::npos) return text;
    std::string& line = Interpreter::Of(state_).text;
    line = text;
    for (char& c : line) {
      if (c == '\r' || c == '\n') c = ' ';
    }
    return line;
  }

  // The table at the top stays there.
  void WriteTable() {
    if (WriteScalar()) return;
    if (PushField(Name::kMap) == LUA_TTABLE) {
      WriteMap();
    } else if (lua_pop(state_, 1); PushField(Name::kSet) == LUA_TTABLE) {
      WriteSet();
    } else {
      lua_pop(state_, 1);
      WriteArray();
      return;
    }
    lua_pop(state_, 1);
  }

  // The tables that stand for one value.
  bool WriteScalar() {
    bool written = true;
    if (PushField(Name::kErr) == LUA_TSTRING) {
      WriteError();
    } else if (lua_pop(state_, 1); PushField(Name::kOk) == LUA_TSTRING) {
      reply_.Simple(LineAtTop());
    } else if (lua_pop(state_, 1); PushField(Name::kDouble) == LUA_TNUMBER) {
      WriteDouble(lua_tonumber(state_, -1));
    } else if (lua_pop(state_, 1); PushField(Name::kBigNumber) == LUA_TSTRING) {
      size_t length = 0;
      const char* digits = lua_tolstring(state_, -1, &length);
      reply_.BigNumber(OneLine({digits, length}));
    } else if (lua_pop(state_, 1); PushField(Name::kVerbatimString) == LUA_TTABLE) {
      written = WriteVerbatim();
    } else {
      written = false;
    }
    lua_pop(state_, 1);
    return written;
  }

  // "-nan", too, which printf has for what processors make of 0/0, and ReplyWriter has not.
  void WriteDouble(lua_Number number) {
    if (!std::isnan(number) || !std::signbit(number)) {
      reply_.Double(number);
    } else if (reply_.version() == resp::Version::kResp3) {
      reply_.Raw(",-nan\r\n");
    } else {
      reply_.Bulk("-nan");
    }
  }

  // The text at the top, the table of the error below.
  void WriteError() {
    std::string_view text = lua_tostring(state_, -1);
    while (text.ends_with('\r') || text.ends_with('\n')) text.remove_suffix(1);
    PushName(state_, Name::kIgnoreErrorStatsUpdate);
    lua_rawget(state_, -3);
    const bool already_counted = lua_toboolean(state_, -1) != 0;
    lua_pop(state_, 1);
    if (already_counted) {
      reply_.ErrorAgain(text);
    } else {
      reply_.Error(text);
    }
  }

  bool WriteVerbatim() {
    constexpr size_t kFormatBytes = 3;
    bool written = false;
    if (PushField(Name::kFormat) == LUA_TSTRING) {
      // Too long is cut, too short filled up.
      char format[kFormatBytes] = {' ', ' ', ' '};
      const char* given = lua_tostring(state_, -1);
      std::memcpy(format, given, strnlen(given, kFormatBytes));
      lua_pop(state_, 1);
      if (PushField(Name::kString) == LUA_TSTRING) {
        size_t length = 0;
        const char* bytes = lua_tolstring(state_, -1, &length);
        reply_.Verbatim({format, kFormatBytes}, {bytes, length});
        written = true;
      }
    }
    lua_pop(state_, 1);
    return written;
  }

  // Counted before they are written: that is cheaper than a place for a length to be filled in.
  size_t CountFields() {
    size_t fields = 0;
    lua_pushnil(state_);
    while (lua_next(state_, -2) != 0) {
      lua_pop(state_, 1);
      ++fields;
    }
    return fields;
  }
  size_t CountElements() {
    size_t elements = 0;
    while (true) {
      lua_rawgeti(state_, -1, static_cast<int>(elements) + 1);
      const bool ends = lua_isnil(state_, -1);
      lua_pop(state_, 1);
      if (ends) return elements;
      ++elements;
    }
  }

  void WriteMap() {
    ReplaceProxy(state_, lua_gettop(state_));
    ReplaceProxy(state_, lua_gettop(state_));
    reply_.MapHeader(CountFields());
    lua_pushnil(state_);
    while (lua_next(state_, -2) != 0) {
      lua_pushvalue(state_, -2);
      WriteTop();
      WriteTop();
    }
  }

  void WriteSet() {
    ReplaceProxy(state_, lua_gettop(state_));
    ReplaceProxy(state_, lua_gettop(state_));
    reply_.SetHeader(CountFields());
    lua_pushnil(state_);
    while (lua_next(state_, -2) != 0) {
      lua_pop(state_, 1);
      lua_pushvalue(state_, -1);
      WriteTop();
    }
  }

  void WriteArray() {
    const size_t elements = CountElements();
    reply_.ArrayHeader(elements);
    for (size_t i = 1; i <= elements; ++i) {
      lua_rawgeti(state_, -1, static_cast<int>(i));
      WriteTop();
    }
  }

  lua_State* const state_;
  const resp::Version script_version_;
  resp::ReplyWriter& reply_;
};

}  // namespace

void WriteReply(lua_State* state, resp::Version script_version, resp::ReplyWriter& reply) {
  Converter(state, script_version, reply).WriteTop();
}

}  // namespace keyway::shard::scripting
