// struct: C structures in strings (http://www.inf.puc-rio.br/~roberto/struct, as redis-server has
// it, with its bounds).
//
//   format  = option*            up to the first zero byte
//   option  = ">" | "<"          big endian, little endian
//           | "!" [digits]       alignment, a power of 2; 8 without digits
//           | " "                nothing
//           | "b" | "h" | "l" | "T" | ("i" [digits])    signed integer: 1, 2, 8, 8, 4 or so many
//           bytes | "B" | "H" | "L" | ("I" [digits])          unsigned integer | "f" | "d" IEEE 754
//           | "x"                a zero byte, or a byte to skip
//           | "s"                string that a zero byte ends
//           | "c" [digits]       string of so many bytes, 1 without digits; "c0": the whole string,
//                                or as many as the number before it says
//
// Integers longer than 8 bytes keep what 64 bits hold; where C leaves a result open, it is what
// x86-64 does, because that is what redis-server's users see.
#include <algorithm>
#include <bit>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <lua5.1/lua.hpp>

#include "shard/scripting/lua/codecs.h"

namespace keyway::shard::scripting {
namespace {

constexpr size_t kMaxIntegerBytes = 32;
constexpr int kDefaultAlignment = 8;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The format while it is being read. Has no destructor, so that errors may leap over it.
class Format {
 public:
  Format(lua_State* state, const char* text) : state_(state), at_(text) {}

  bool Done() const { return *at_ == '\0'; }

  // Takes the next option with its size, and moves `position` to where it is aligned.
  void Next(size_t* position) {
    option_ = *at_++;
    size_ = OptionSize();
    *position += Padding(*position);
  }

  char option() const { return option_; }
  size_t size() const { return size_; }
  bool native() const { return big_endian_ == (std::endian::native == std::endian::big); }
  bool big_endian() const { return big_endian_; }

  // For an option that stands for no value.
  void Control() {
    switch (option_) {
      case ' ':
        return;
      case '>':
        big_endian_ = true;
        return;
      case '<':
        big_endian_ = false;
        return;
      case '!': {
        const int alignment = Number(kDefaultAlignment);
        if (alignment <= 0 || !std::has_single_bit(static_cast<unsigned>(alignment))) {
          luaL_error(state_, "alignment %d is not a power of 2", alignment);
        }
        alignment_ = static_cast<size_t>(alignment);
        return;
      }
      default:
        luaL_argerror(state_, 1, lua_pushfstring(state_, "invalid format option '%c'", option_));
    }
  }

 private:
  int Number(int if_absent) {
    if (!IsDigit(*at_)) return if_absent;
    int number = 0;
    do {
      const int digit = *at_++ - '0';
      if (number > (INT_MAX - digit) / 10) luaL_error(state_, "integral size overflow");
      number = number * 10 + digit;
    } while (IsDigit(*at_));
    return number;
  }

  size_t OptionSize() {
    switch (option_) {
      case 'b':
      case 'B':
      case 'x':
        return 1;
      case 'h':
      case 'H':
        return sizeof(int16_t);
      case 'l':
      case 'L':
      case 'T':
        return sizeof(int64_t);
      case 'f':
        return sizeof(float);
      case 'd':
        return sizeof(double);
      case 'c':
        return static_cast<size_t>(Number(1));
      case 'i':
      case 'I': {
        const int size = Number(sizeof(int32_t));
        if (static_cast<size_t>(size) > kMaxIntegerBytes) {
          luaL_error(state_, "integral size %d is larger than limit of %d", size,
                     static_cast<int>(kMaxIntegerBytes));
        }
        return static_cast<size_t>(size);
      }
      default:
        return 0;
    }
  }

  size_t Padding(size_t position) const {
    if (size_ == 0 || option_ == 'c') return 0;
    const size_t unit = std::min(size_, alignment_);
    // Not the next multiple when the size is no power of 2: the format is what it is.
    return (unit - (position & (unit - 1))) & (unit - 1);
  }

  lua_State* state_;
  const char* at_;
  char option_ = '\0';
  size_t size_ = 0;
  bool big_endian_ = std::endian::native == std::endian::big;
  size_t alignment_ = 1;
};

// The low 64 bits of the integer part; what does not fit is as x86-64 converts it.
uint64_t IntegerBits(lua_Number number) {
  constexpr lua_Number kTwoTo63 = 9223372036854775808.0;
  if (number >= kTwoTo63) {
    return number < 2 * kTwoTo63 ? static_cast<uint64_t>(number) : 0;
  }
  if (number >= -kTwoTo63) return static_cast<uint64_t>(static_cast<int64_t>(number));
  return uint64_t{1} << 63;
}

void AddInteger(luaL_Buffer* buffer, const Format& format, lua_Number number) {
  char bytes[kMaxIntegerBytes];
  uint64_t rest = IntegerBits(number);
  for (size_t i = 0; i < format.size(); ++i, rest >>= 8) {
    bytes[format.big_endian() ? format.size() - 1 - i : i] = static_cast<char>(rest & 0xff);
  }
  luaL_addlstring(buffer, bytes, format.size());
}

lua_Number ReadInteger(const Format& format, const char* bytes) {
  const size_t size = format.size();
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) {
    const char byte = bytes[format.big_endian() ? i : size - 1 - i];
    value = (value << 8) | static_cast<unsigned char>(byte);
  }
  const char option = format.option();
  if (option == 'B' || option == 'H' || option == 'I' || option == 'L' || option == 'T') {
    return static_cast<lua_Number>(value);
  }
  // The sign bit of an integer longer than 64 bits is looked for 64 bits further down.
  const uint64_t sign = ~uint64_t{0} << ((size * 8 - 1) & 63);
  if ((value & sign) != 0) value |= sign;
  return static_cast<lua_Number>(static_cast<int64_t>(value));
}

template <typename Float>
void AddFloat(luaL_Buffer* buffer, const Format& format, lua_Number number) {
  const Float value = static_cast<Float>(number);
  char bytes[sizeof(value)];
  std::memcpy(bytes, &value, sizeof(value));
  if (!format.native()) std::reverse(std::begin(bytes), std::end(bytes));
  luaL_addlstring(buffer, bytes, sizeof(bytes));
}

template <typename Float>
lua_Number ReadFloat(const Format& format, const char* data) {
  char bytes[sizeof(Float)];
  std::memcpy(bytes, data, sizeof(bytes));
  if (!format.native()) std::reverse(std::begin(bytes), std::end(bytes));
  Float value;
  std::memcpy(&value, bytes, sizeof(value));
  return static_cast<lua_Number>(value);
}

int Pack(lua_State* state) {
  Format format(state, luaL_checkstring(state, 1));
  int argument = 2;
  size_t total = 0;
  // The buffer keeps pieces on the stack: a nil before them, lest a missing argument be one.
  lua_pushnil(state);
  luaL_Buffer buffer;
  luaL_buffinit(state, &buffer);
  while (!format.Done()) {
    const size_t unaligned = total;
    format.Next(&total);
    for (size_t i = unaligned; i < total; ++i) luaL_addchar(&buffer, '\0');
    size_t size = format.size();
    switch (format.option()) {
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'i':
      case 'I':
      case 'l':
      case 'L':
      case 'T':
        AddInteger(&buffer, format, luaL_checknumber(state, argument++));
        break;
      case 'f':
        AddFloat<float>(&buffer, format, luaL_checknumber(state, argument++));
        break;
      case 'd':
        AddFloat<double>(&buffer, format, luaL_checknumber(state, argument++));
        break;
      case 'x':
        luaL_addchar(&buffer, '\0');
        break;
      case 'c':
      case 's': {
        size_t length = 0;
        const char* text = luaL_checklstring(state, argument++, &length);
        if (size == 0) size = length;
        // redis-server, too, names the argument behind it.
        luaL_argcheck(state, length >= size, argument, "string too short");
        luaL_addlstring(&buffer, text, size);
        if (format.option() == 's') {
          luaL_addchar(&buffer, '\0');
          ++size;
        }
        break;
      }
      default:
        format.Control();
    }
    total += size;
  }
  luaL_pushresult(&buffer);
  return 1;
}

int Unpack(lua_State* state) {
  Format format(state, luaL_checkstring(state, 1));
  size_t length = 0;
  const char* data = luaL_checklstring(state, 2, &length);
  size_t position = static_cast<size_t>(luaL_optinteger(state, 3, 1));
  luaL_argcheck(state, position > 0, 3, "offset must be 1 or greater");
  --position;
  lua_settop(state, 2);
  int results = 0;
  const auto check_available = [&](size_t size) {
    luaL_argcheck(state, size <= length && position <= length - size, 2, "data string too short");
  };
  while (!format.Done()) {
    format.Next(&position);
    size_t size = format.size();
    check_available(size);
    luaL_checkstack(state, 2, "too many results");
    switch (format.option()) {
      case 'b':
      case 'B':
      case 'h':
      case 'H':
      case 'i':
      case 'I':
      case 'l':
      case 'L':
      case 'T':
        lua_pushnumber(state, ReadInteger(format, data + position));
        ++results;
        break;
      case 'f':
        lua_pushnumber(state, ReadFloat<float>(format, data + position));
        ++results;
        break;
      case 'd':
        lua_pushnumber(state, ReadFloat<double>(format, data + position));
        ++results;
        break;
      case 'x':
        break;
      case 'c':
        if (size == 0) {
          if (results == 0 || lua_isnumber(state, -1) == 0) {
            luaL_error(state, "format 'c0' needs a previous size");
          }
          size = static_cast<size_t>(IntegerBits(lua_tonumber(state, -1)));
          lua_pop(state, 1);
          --results;
          check_available(size);
        }
        lua_pushlstring(state, data + position, size);
        ++results;
        break;
      case 's': {
        const void* end = std::memchr(data + position, '\0', length - position);
        if (end == nullptr) luaL_error(state, "unfinished string in data");
        size = static_cast<size_t>(static_cast<const char*>(end) - (data + position)) + 1;
        lua_pushlstring(state, data + position, size - 1);
        ++results;
        break;
      }
      default:
        format.Control();
    }
    position += size;
  }
  lua_pushinteger(state, static_cast<lua_Integer>(position + 1));
  return results + 1;
}

int Size(lua_State* state) {
  Format format(state, luaL_checkstring(state, 1));
  size_t total = 0;
  while (!format.Done()) {
    format.Next(&total);
    const char option = format.option();
    total += format.size();
    if (option == 's') {
      luaL_argerror(state, 1, "option 's' has no fixed size");
    } else if (option == 'c' && format.size() == 0) {
      luaL_argerror(state, 1, "option 'c0' has no fixed size");
    }
    // Letters and digits that mean nothing pass, as in redis-server.
    if (!IsLetter(option) && !IsDigit(option)) format.Control();
  }
  lua_pushinteger(state, static_cast<lua_Integer>(total));
  return 1;
}

}  // namespace

int OpenStruct(lua_State* state) {
  static constexpr luaL_Reg kFunctions[] = {
      {"pack", Pack}, {"unpack", Unpack}, {"size", Size}, {nullptr, nullptr}};
  lua_createtable(state, 0, 3);
  luaL_register(state, nullptr, kFunctions);
  return 1;
}

}  // namespace keyway::shard::scripting
