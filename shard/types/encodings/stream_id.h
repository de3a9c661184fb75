// The id of a stream's entry: milliseconds and a number within the millisecond, "1526919030474-55".
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace keyway::shard::types {

struct StreamId {
  // As nodes and pending entries are keyed in RDB files: ms and seq, big endian each.
  static constexpr size_t kEncodedBytes = 16;
  static constexpr size_t kMaxTextBytes = 41;

  static constexpr StreamId Min() { return {}; }
  static constexpr StreamId Max() {
    return {std::numeric_limits<uint64_t>::max(), std::numeric_limits<uint64_t>::max()};
  }
  static StreamId Decode(const uint8_t* bytes);
  void Encode(uint8_t* bytes) const;

  // The id that follows or precedes; false, and no change, when there is none.
  bool Increment();
  bool Decrement();
  bool is_zero() const { return ms == 0 && seq == 0; }

  auto operator<=>(const StreamId&) const = default;

  uint64_t ms = 0;
  uint64_t seq = 0;
};

// "ms-seq" as text.
class StreamIdText {
 public:
  explicit StreamIdText(StreamId id);
  std::string_view view() const { return {text_, length_}; }

 private:
  char text_[StreamId::kMaxTextBytes];
  uint8_t length_;
};

// Reads "ms" or "ms-seq". An id without seq gets `missing_seq`. With `any_seq`, "ms-*" is read too,
// which sets it (and seq to 0). False when it is no id.
bool ParseStreamId(std::string_view text, uint64_t missing_seq, StreamId* id,
                   bool* any_seq = nullptr);

}  // namespace keyway::shard::types
