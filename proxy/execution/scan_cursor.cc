#include "proxy/execution/scan_cursor.h"

#include <cctype>
#include <charconv>
#include <cstring>

namespace keyway::proxy::execution {

uint64_t Encode(const ScanCursor& cursor) {
  return cursor.node << ScanCursor::kSlotBits | cursor.slot;
}

ScanCursor DecodeScanCursor(uint64_t value) {
  return {static_cast<Slot>(value & (kSlotCount - 1)), value >> ScanCursor::kSlotBits};
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

std::optional<ScanCursor> Locate(const ScanCursor& cursor, const topology::SlotMap& map) {
  const topology::Shard* owner = map.ShardOf(cursor.slot);
  if (owner == nullptr) return NextPrimary(cursor, map);
  const bool same = owner->first_slot() == cursor.slot;
  return ScanCursor{owner->first_slot(), same ? cursor.node : 0};
}

std::optional<ScanCursor> NextPrimary(const ScanCursor& cursor, const topology::SlotMap& map) {
  for (const topology::Shard& shard : map.shards()) {
    if (shard.first_slot() > cursor.slot) return ScanCursor{shard.first_slot(), 0};
  }
  return std::nullopt;
}

}  // namespace keyway::proxy::execution
