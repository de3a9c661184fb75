#include "common/slot/slot.h"

#include <array>
#include <charconv>

namespace keyway {
namespace {

constexpr std::array<uint16_t, 256> MakeCrcTable() {
  std::array<uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    auto crc = static_cast<uint16_t>(byte << 8);
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    table[byte] = crc;
  }
  return table;
}

constexpr std::array<uint16_t, 256> kCrcTable = MakeCrcTable();

bool ParseSlot(std::string_view text, Slot* slot) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *slot);
  return error == std::errc() && end == text.data() + text.size() && *slot < kSlotCount;
}

}  // namespace

uint16_t Crc16(std::string_view bytes) {
  uint16_t crc = 0;
  for (const char byte : bytes) {
    crc = static_cast<uint16_t>((crc << 8) ^
                                kCrcTable[((crc >> 8) ^ static_cast<uint8_t>(byte)) & 0xff]);
  }
  return crc;
}

std::string_view HashedPart(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

Slot KeySlot(std::string_view key) { return Crc16(HashedPart(key)) & (kSlotCount - 1); }

std::vector<SlotRange> ToRanges(const SlotSet& slots) {
  std::vector<SlotRange> ranges;
  for (int slot = 0; slot < kSlotCount; ++slot) {
    if (!slots[slot]) continue;
    if (!ranges.empty() && ranges.back().last + 1 == slot) {
      ranges.back().last = static_cast<Slot>(slot);
    } else {
      ranges.push_back({static_cast<Slot>(slot), static_cast<Slot>(slot)});
    }
  }
  return ranges;
}

Expected<SlotRange> ParseSlotRange(std::string_view text) {
  SlotRange range{};
  const size_t dash = text.find('-');
  const std::string_view last = dash == std::string_view::npos ? text : text.substr(dash + 1);
  if (!ParseSlot(text.substr(0, dash), &range.first) || !ParseSlot(last, &range.last)) {
    return Error{"invalid slot range: " + std::string(text)};
  }
  if (range.first > range.last) return Error{"slot range ends before it starts: " + std::string(text)};
  return range;
}

std::string ToString(const SlotRange& range) {
  std::string text = std::to_string(range.first);
  if (range.last != range.first) text += "-" + std::to_string(range.last);
  return text;
}

}  // namespace keyway
