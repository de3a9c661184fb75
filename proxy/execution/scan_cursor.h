// The cursor of SCAN across shards. It carries all there is to know, so any proxy can go on with
// it. From the lowest bit:
//
//   14 bits  slot     by primary: the lowest slot of the primary under way;
//                     by slot: the first slot that has not been listed
//    1 bit   by slot
//    1 bit   coarse   the node's cursor is kept without its low 21 bits
//   10 bits  print    of the slots as they were when the walk began (NodeView::print)
//   38 bits  node     the cursor of the node
//
// 0 from a client starts a walk, 0 to a client ends it: no other position is written as 0, because a
// walk only reaches a primary with a positive lowest slot anew. Clients that keep cursors as doubles
// need those below 2^53: of redis-server that holds up to 2^27 buckets a node; the cursors of
// keyway-shard (slot * 2^34 + position in the order of hashes) are coarse: some keys come again.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/slot/slot.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::execution {

struct ScanCursor {
  static constexpr uint64_t kMaxNode = (uint64_t{1} << 48) - 1;
  static constexpr uint32_t kPrintMask = 1023;

  Slot slot = 0;
  bool by_slot = false;
  uint32_t print = 0;  // up to kPrintMask
  uint64_t node = 0;   // at most kMaxNode

  bool operator==(const ScanCursor&) const = default;
};

uint64_t Encode(const ScanCursor& cursor);
ScanCursor DecodeScanCursor(uint64_t value);

// As Redis 7.0 reads the cursor argument of SCAN (strtoul): a sign is accepted, no text is 0,
// blanks in front, other characters behind and overflow are not. nullopt: "ERR invalid cursor".
std::optional<uint64_t> ParseScanCursor(std::string_view text);

// The lowest slot of the primary behind the one whose lowest slot is `slot`; nullopt: that is the last.
std::optional<Slot> NextPrimary(Slot slot, const topology::SlotMap& map);

}  // namespace keyway::proxy::execution
