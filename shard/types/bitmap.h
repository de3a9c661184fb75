// Strings as arrays of bits, and of integers of any width. Bit 0 is the highest of the first byte,
// as in Redis; what lies behind the end of a string is 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/expected.h"
#include "shard/keyspace/database.h"
#include "shard/keyspace/key.h"
#include "shard/keyspace/raw_string.h"
#include "shard/types/string.h"

namespace keyway::shard::types {

// How many bits are 1.
uint64_t CountBits(std::string_view bytes);
// The same from bit `first` to bit `last`, both included, which are in `bytes`.
uint64_t CountBits(std::string_view bytes, uint64_t first, uint64_t last);

// The first bit from `first` to `last`, both included, which are in `bytes`, that is `bit`; -1 when
// there is none.
int64_t FindBit(std::string_view bytes, bool bit, uint64_t first, uint64_t last);

bool GetBit(std::string_view bytes, uint64_t offset);

enum class BitOperation : uint8_t { kAnd, kOr, kXor, kNot };
// `sources` are not empty, kNot takes one. As long as the longest; nullptr when that has no bytes.
keyspace::RawString::Ptr CombineBits(BitOperation operation,
                                     std::span<const std::string_view> sources);

// SETBIT. Returns what the bit was. The caller bounds `offset`.
Expected<bool, StringError> SetBit(keyspace::Database& database, const keyspace::Key& key,
                                   uint64_t offset, bool bit, int64_t now_ms);

// i1 to i64, u1 to u63.
struct BitfieldType {
  bool is_signed = false;
  uint8_t bits = 0;
};
enum class BitfieldOverflow : uint8_t { kWrap, kSaturate, kFail };
struct BitfieldOperation {
  enum class Kind : uint8_t { kGet, kSet, kIncrement };
  Kind kind = Kind::kGet;
  BitfieldType type;
  BitfieldOverflow overflow = BitfieldOverflow::kWrap;
  uint64_t offset = 0;  // in bits
  int64_t value = 0;    // to set, or the increment
};

int64_t ReadBitfield(std::string_view bytes, BitfieldType type, uint64_t offset);
// The bits must be in `bytes`.
void WriteBitfield(char* bytes, BitfieldType type, uint64_t offset, int64_t value);
// `value` + `increment` as `type` holds it. Returns false when it does not fit and `overflow` is
// kFail. `value` of an unsigned type is read as unsigned.
bool AddBitfield(BitfieldType type, BitfieldOverflow overflow, int64_t value, int64_t increment,
                 int64_t* sum);

// BITFIELD with at least one operation that writes: the string is made long enough for all of these,
// then they are carried out in order. result[i] is what operations[i] returns: the old value (kSet),
// the value (kGet), the new value (kIncrement), or nothing when it does not fit.
struct BitfieldResult {
  bool failed = false;
  int64_t value = 0;
};
Expected<void, StringError> ChangeBitfields(keyspace::Database& database, const keyspace::Key& key,
                                            std::span<const BitfieldOperation> operations,
                                            std::span<BitfieldResult> results, int64_t now_ms);

}  // namespace keyway::shard::types
