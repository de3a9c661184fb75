// The cursor of SCAN across shards. It carries all there is to know, so any proxy can go on with
// it.
//
//   cursor = node cursor * 2^14 + lowest slot of the primary it belongs to
//
// The primaries are walked in the order of their lowest slots. 0 from a client starts at the first,
// 0 to a client ends the walk: no other position is ever written as 0, because a walk only reaches
// a primary with a positive lowest slot anew. A node cursor takes up to 50 bits; real ones have as
// many bits as the hash table has.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/slot/slot.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::execution {

struct ScanCursor {
  static constexpr int kSlotBits = 14;
  static constexpr uint64_t kMaxNode = (uint64_t{1} << 50) - 1;

  Slot slot = 0;
  uint64_t node = 0;  // at most kMaxNode

  bool operator==(const ScanCursor&) const = default;
};

uint64_t Encode(const ScanCursor& cursor);
ScanCursor DecodeScanCursor(uint64_t value);

// As Redis 7.0 reads the cursor argument of SCAN (strtoul): a sign is accepted, no text is 0,
// blanks in front, other characters behind and overflow are not. nullopt: "ERR invalid cursor".
std::optional<uint64_t> ParseScanCursor(std::string_view text);

// Where a scan at `cursor` goes on in `map`: at the primary that owns its slot. When the primaries
// have other lowest slots than at the time of the cursor, that one is scanned from its beginning,
// so that nothing is missed. nullopt: no primary owns this or a higher slot; the walk is over.
std::optional<ScanCursor> Locate(const ScanCursor& cursor, const topology::SlotMap& map);

// The position behind the primary that `cursor` belongs to; nullopt when it is the last.
std::optional<ScanCursor> NextPrimary(const ScanCursor& cursor, const topology::SlotMap& map);

}  // namespace keyway::proxy::execution
