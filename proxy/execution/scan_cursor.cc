#include "proxy/execution/scan_cursor.h"

#include <cctype>
#include <charconv>
#include <cstring>

namespace keyway::proxy::execution {

namespace {

constexpr int kBySlotBit = 14;
constexpr int kCoarseBit = 15;
constexpr int kPrintShift = 16;
constexpr int kNodeShift = 26;
constexpr int kCoarseBits = 21;
// Larger than any cursor of redis-server.
constexpr uint64_t kLeastCoarse = uint64_t{1} << 34;

}  // namespace

uint64_t Encode(const ScanCursor& cursor) {
  const bool coarse = cursor.node >= kLeastCoarse;
  const uint64_t node = coarse ? cursor.node >> kCoarseBits : cursor.node;
  return node << kNodeShift | uint64_t{cursor.print} << kPrintShift |
         uint64_t{coarse} << kCoarseBit | uint64_t{cursor.by_slot} << kBySlotBit | cursor.slot;
}

ScanCursor DecodeScanCursor(uint64_t value) {
  const bool coarse = (value >> kCoarseBit & 1) != 0;
  const uint64_t node = value >> kNodeShift;
  return {.slot = static_cast<Slot>(value & (kSlotCount - 1)),
          .by_slot = (value >> kBySlotBit & 1) != 0,
          .print = static_cast<uint32_t>(value >> kPrintShift & ScanCursor::kPrintMask),
          .node = coarse ? node << kCoarseBits : node};
}

std::optional<uint64_t> ParseScanCursor(std::string_view text) {
  // C strings end at a NUL.
  text = text.substr(0, text.find('\0'));
  if (text.empty()) return 0;
  bool negative = false;
  std::string_view digits = text;
  if (digits[0] == '-' || digits[0] == '+') {
    negative = digits[0] == '-';
    digits.remove_prefix(1);
  }
  uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [parsed, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || parsed != end) return std::nullopt;
  return negative ? uint64_t{0} - value : value;
}

std::optional<Slot> NextPrimary(Slot slot, const topology::SlotMap& map) {
  for (const topology::Shard& shard : map.shards()) {
    if (shard.first_slot() > slot) return shard.first_slot();
  }
  return std::nullopt;
}

}  // namespace keyway::proxy::execution
