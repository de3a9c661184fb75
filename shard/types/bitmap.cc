#include "shard/types/bitmap.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace keyway::shard::types {

using keyspace::Access;
using keyspace::Database;
using keyspace::Encoding;
using keyspace::Event;
using keyspace::Key;
using keyspace::RawString;
using keyspace::Record;
using keyspace::Type;
using keyspace::Value;

namespace {

constexpr size_t kWord = sizeof(uint64_t);

__extension__ using Wide = __int128;
__extension__ using UnsignedWide = unsigned __int128;

uint64_t LoadWord(const char* at) {
  uint64_t word;
  std::memcpy(&word, at, kWord);
  return word;
}

// The bytes at `at`, fewer than 8, as the first of a word whose others are 0.
uint64_t LoadPart(const char* at, size_t bytes) {
  uint64_t word = 0;
  std::memcpy(&word, at, bytes);
  return word;
}

// Inlined into functions for different processors, each of which counts a word in its own way.
[[gnu::always_inline]] inline uint64_t CountWords(const char* at, size_t size) {
  int64_t sums[4] = {};
  for (; size >= 4 * kWord; at += 4 * kWord, size -= 4 * kWord) {
    sums[0] += __builtin_popcountll(LoadWord(at));
    sums[1] += __builtin_popcountll(LoadWord(at + kWord));
    sums[2] += __builtin_popcountll(LoadWord(at + 2 * kWord));
    sums[3] += __builtin_popcountll(LoadWord(at + 3 * kWord));
  }
  for (; size >= kWord; at += kWord, size -= kWord) sums[0] += __builtin_popcountll(LoadWord(at));
  return static_cast<uint64_t>(sums[0] + sums[1] + sums[2] + sums[3] +
                               __builtin_popcountll(LoadPart(at, size)));
}

uint64_t CountPortably(const char* at, size_t size) {
  return CountWords(at, size);
}

#if defined(__x86_64__)
[[gnu::target("popcnt")]] uint64_t CountByInstruction(const char* at, size_t size) {
  return CountWords(at, size);
}

const bool kHasInstruction = __builtin_cpu_supports("popcnt") != 0;
#endif

// The bits of byte number `byte` that lie from `first` to `last`.
uint8_t BitsInRange(size_t byte, uint64_t first, uint64_t last) {
  uint8_t mask = 0xff;
  if (byte == first / 8) mask = static_cast<uint8_t>(mask & (0xff >> (first % 8)));
  if (byte == last / 8) mask = static_cast<uint8_t>(mask & (0xff << (7 - last % 8)));
  return mask;
}

template <typename Combine>
void CombineInto(char* target, std::string_view source, Combine combine) {
  size_t at = 0;
  for (; at + kWord <= source.size(); at += kWord) {
    const uint64_t word = combine(LoadWord(target + at), LoadWord(source.data() + at));
    std::memcpy(target + at, &word, kWord);
  }
  for (; at < source.size(); ++at) {
    target[at] = static_cast<char>(combine(static_cast<uint8_t>(target[at]),
                                           static_cast<uint8_t>(source[at])));
  }
}

// Makes the string of `key` at least `bytes` long, of an encoding that has room, and calls `change`
// with it and with whether it has become longer. `change` returns how many changes it has made: with
// none, nobody is told of any.
template <typename Change>
Expected<void, StringError> ChangeBytes(Database& database, const Key& key, size_t bytes,
                                        int64_t now_ms, Change&& change) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record != nullptr && record->type() != Type::kString) return StringError::kWrongType;
  uint64_t changes = 0;
  if (record != nullptr && record->encoding() == Encoding::kRaw) {
    Record& changed = database.BeginChange(key, record);
    RawString::Ptr string = changed.TakeRaw();
    const bool grows = bytes > string->length();
    if (grows) string = RawString::Extend(std::move(string), bytes);
    changes = change(*string, grows);
    changed.set_raw(std::move(string));
    if (changes != 0) database.EndChange(key, Event::kSetBit, changes);
    return {};
  }
  RawString::Ptr string;
  bool grows = true;
  if (record == nullptr) {
    string = RawString::Zeros(bytes);
  } else {
    const StringBytes old(*record);
    string = RawString::Copy(old.view());
    grows = bytes > string->length();
    if (grows) string = RawString::Extend(std::move(string), bytes);
  }
  changes = change(*string, grows);
  if (changes == 0 && record != nullptr) {
    database.Reencode(key, Value::Raw(std::move(string)));
    return {};
  }
  database.Set(key, Value::Raw(std::move(string)), keyspace::kKeepExpiry, now_ms, Event::kSetBit);
  if (changes > 1) database.CountMoreChanges(changes - 1);
  return {};
}

}  // namespace

uint64_t CountBits(std::string_view bytes) {
#if defined(__x86_64__)
  if (kHasInstruction) return CountByInstruction(bytes.data(), bytes.size());
#endif
  return CountPortably(bytes.data(), bytes.size());
}

uint64_t CountBits(std::string_view bytes, uint64_t first, uint64_t last) {
  const size_t first_byte = first / 8;
  const size_t last_byte = last / 8;
  const auto ends = [&](size_t byte) {
    return static_cast<uint64_t>(
        std::popcount(static_cast<uint8_t>(static_cast<uint8_t>(bytes[byte]) & BitsInRange(byte, first, last))));
  };
  if (first_byte == last_byte) return ends(first_byte);
  return ends(first_byte) + ends(last_byte) +
         CountBits(bytes.substr(first_byte + 1, last_byte - first_byte - 1));
}

int64_t FindBit(std::string_view bytes, bool bit, uint64_t first, uint64_t last) {
  const size_t last_byte = last / 8;
  const uint8_t flip = bit ? 0 : 0xff;
  const uint64_t boring = bit ? 0 : ~uint64_t{0};
  for (size_t byte = first / 8; byte <= last_byte;) {
    // Words that lie inside, without a bit of that kind.
    if (byte > first / 8) {
      while (byte + kWord <= last_byte && LoadWord(bytes.data() + byte) == boring) byte += kWord;
    }
    const auto found = static_cast<uint8_t>((static_cast<uint8_t>(bytes[byte]) ^ flip) &
                                            BitsInRange(byte, first, last));
    if (found != 0) return static_cast<int64_t>(byte * 8) + std::countl_zero(found);
    ++byte;
  }
  return -1;
}

bool GetBit(std::string_view bytes, uint64_t offset) {
  if (offset / 8 >= bytes.size()) return false;
  return (static_cast<uint8_t>(bytes[offset / 8]) >> (7 - offset % 8) & 1) != 0;
}

RawString::Ptr CombineBits(BitOperation operation, std::span<const std::string_view> sources) {
  size_t longest = 0;
  size_t shortest = SIZE_MAX;
  for (std::string_view source : sources) {
    longest = std::max(longest, source.size());
    shortest = std::min(shortest, source.size());
  }
  if (longest == 0) return nullptr;
  RawString::Ptr result = RawString::Zeros(longest);
  char* target = result->data();
  std::string_view source = sources.front();
  if (operation == BitOperation::kNot) {
    CombineInto(target, source, [](uint64_t, uint64_t from) { return ~from; });
    return result;
  }
  if (operation == BitOperation::kAnd) source = source.substr(0, shortest);
  if (!source.empty()) std::memcpy(target, source.data(), source.size());
  for (std::string_view other : sources.subspan(1)) {
    switch (operation) {
      case BitOperation::kAnd:
        CombineInto(target, other.substr(0, shortest),
                    [](uint64_t to, uint64_t from) { return to & from; });
        break;
      case BitOperation::kOr:
        CombineInto(target, other, [](uint64_t to, uint64_t from) { return to | from; });
        break;
      case BitOperation::kXor:
        CombineInto(target, other, [](uint64_t to, uint64_t from) { return to ^ from; });
        break;
      case BitOperation::kNot:
        break;
    }
  }
  return result;
}

Expected<bool, StringError> SetBit(Database& database, const Key& key, uint64_t offset, bool bit,
                                   int64_t now_ms) {
  bool old = false;
  const auto done = ChangeBytes(
      database, key, offset / 8 + 1, now_ms, [&](RawString& string, bool grows) -> uint64_t {
        char& byte = string.data()[offset / 8];
        const int mask = 0x80 >> (offset % 8);
        old = (byte & mask) != 0;
        byte = static_cast<char>(bit ? byte | mask : byte & ~mask);
        return grows || old != bit ? 1 : 0;
      });
  if (!done.ok()) return done.error();
  return old;
}

int64_t ReadBitfield(std::string_view bytes, BitfieldType type, uint64_t offset) {
  uint64_t value = 0;
  // The 9 bytes that it may touch, highest first.
  UnsignedWide window = 0;
  const size_t first = offset / 8;
  for (size_t i = 0; i < 9; ++i) {
    window = window << 8 | (first + i < bytes.size() ? static_cast<uint8_t>(bytes[first + i]) : 0);
  }
  value = static_cast<uint64_t>(window >> (72 - offset % 8 - type.bits));
  const int unused = 64 - type.bits;
  value <<= unused;
  return type.is_signed ? static_cast<int64_t>(value) >> unused
                        : static_cast<int64_t>(value >> unused);
}

void WriteBitfield(char* bytes, BitfieldType type, uint64_t offset, int64_t value) {
  const size_t first = offset / 8;
  const size_t touched = (offset % 8 + type.bits + 7) / 8;
  const auto shift = static_cast<unsigned>(touched * 8 - offset % 8 - type.bits);
  const UnsignedWide mask = (~uint64_t{0} >> (64 - type.bits));
  const UnsignedWide in_place = (static_cast<uint64_t>(value) & mask) << shift;
  for (size_t i = 0; i < touched; ++i) {
    const auto down = static_cast<unsigned>((touched - 1 - i) * 8);
    const auto byte_mask = static_cast<uint8_t>((mask << shift) >> down);
    const auto byte = static_cast<uint8_t>(in_place >> down);
    bytes[first + i] =
        static_cast<char>((static_cast<uint8_t>(bytes[first + i]) & ~byte_mask) | byte);
  }
}

bool AddBitfield(BitfieldType type, BitfieldOverflow overflow, int64_t value, int64_t increment,
                 int64_t* sum) {
  const Wide max = type.is_signed ? (Wide{1} << (type.bits - 1)) - 1 : (Wide{1} << type.bits) - 1;
  const Wide min = type.is_signed ? -max - 1 : 0;
  const Wide start = type.is_signed ? Wide{value} : Wide{static_cast<uint64_t>(value)};
  const Wide exact = start + increment;
  if (exact >= min && exact <= max) {
    *sum = static_cast<int64_t>(exact);
    return true;
  }
  switch (overflow) {
    case BitfieldOverflow::kFail:
      return false;
    case BitfieldOverflow::kSaturate: {
      // Redis computes the room above in 64 bits: far enough below 0 it takes a value for too large.
      const auto room = static_cast<int64_t>(static_cast<uint64_t>(max) - static_cast<uint64_t>(value));
      const bool is_above = exact > max || (type.is_signed && type.bits < 64 && increment > room);
      *sum = static_cast<int64_t>(is_above ? max : min);
      return true;
    }
    case BitfieldOverflow::kWrap:
      break;
  }
  const int unused = 64 - type.bits;
  const uint64_t high = static_cast<uint64_t>(exact) << unused;
  *sum = type.is_signed ? static_cast<int64_t>(high) >> unused : static_cast<int64_t>(high >> unused);
  return true;
}

Expected<void, StringError> ChangeBitfields(Database& database, const Key& key,
                                            std::span<const BitfieldOperation> operations,
                                            std::span<BitfieldResult> results, int64_t now_ms) {
  size_t needed = 0;
  for (const BitfieldOperation& operation : operations) {
    if (operation.kind == BitfieldOperation::Kind::kGet) continue;
    needed = std::max<size_t>(needed, (operation.offset + operation.type.bits - 1) / 8 + 1);
  }
  return ChangeBytes(database, key, needed, now_ms, [&](RawString& string, bool grows) {
    uint64_t changes = 0;
    for (size_t i = 0; i < operations.size(); ++i) {
      const BitfieldOperation& operation = operations[i];
      const int64_t old = ReadBitfield(string.view(), operation.type, operation.offset);
      results[i] = {.failed = false, .value = old};
      if (operation.kind == BitfieldOperation::Kind::kGet) continue;
      const bool is_set = operation.kind == BitfieldOperation::Kind::kSet;
      int64_t value = 0;
      if (!AddBitfield(operation.type, operation.overflow, is_set ? operation.value : old,
                       is_set ? 0 : operation.value, &value)) {
        results[i].failed = true;
        continue;
      }
      if (!is_set) results[i].value = value;
      WriteBitfield(string.data(), operation.type, operation.offset, value);
      if (grows || old != value) ++changes;
    }
    return changes;
  });
}

}  // namespace keyway::shard::types
