// Which node serves which slot: one immutable picture of the cluster, shared by all threads.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"
#include "common/net/address.h"
#include "common/slot/slot.h"

namespace keyway::proxy::topology {

struct Node {
  std::string id;          // 40 hexadecimal digits
  net::Endpoint endpoint;  // where clients reach it
  bool primary = true;
  bool online = true;    // as CLUSTER SHARDS' health says
  std::string hostname;  // empty: none announced
  // From CLUSTER NODES; a replica's epoch is its primary's, 0: unknown.
  uint64_t config_epoch = 0;
  bool failed = false;     // "fail": the cluster has agreed on it
  bool suspected = false;  // "fail?": the node that was asked last cannot reach it
};

// A slot that is on its way to or from another node.
struct SlotMove {
  Slot slot;
  std::string node;  // id of the other side

  bool operator==(const SlotMove&) const = default;
};

// A primary that owns slots, and its replicas.
struct Shard {
  Node primary;
  std::vector<Node> replicas;
  std::vector<SlotRange> slots;  // rising; not empty
  // As the primary said itself when it was asked last: other nodes do not know. May be out of date.
  std::vector<SlotMove> migrating{};
  std::vector<SlotMove> importing{};

  Slot first_slot() const { return slots.front().first; }
};

class SlotMap {
 public:
  // `shards` in any order; ranges that overlap go to the first that claims them.
  // `version`: rises with each map that a process builds. `cluster_epoch`: cluster_current_epoch as
  // the node that was asked knows it, 0 when unknown.
  SlotMap(std::vector<Shard> shards, uint64_t version, uint64_t cluster_epoch);

  // Sorted by first_slot.
  std::span<const Shard> shards() const { return shards_; }
  // The shard that serves the slot; nullptr when none does.
  const Shard* ShardOf(Slot slot) const {
    const uint16_t index = shard_of_slot_[slot];
    return index == kNoShard ? nullptr : &shards_[index];
  }
  int covered_slots() const { return covered_slots_; }
  bool covers_all() const { return covered_slots_ == kSlotCount; }
  uint64_t version() const { return version_; }
  uint64_t cluster_epoch() const { return cluster_epoch_; }
  // Same shards, nodes and slots; versions and epochs aside.
  bool SameAs(const SlotMap& other) const;
  // The same, but for what is known of the health of nodes, which each node sees differently for a
  // while: all that counts here is whether a primary has failed.
  bool SameButForHealth(const SlotMap& other) const;

 private:
  static constexpr uint16_t kNoShard = 0xffff;

  std::vector<Shard> shards_;
  std::array<uint16_t, kSlotCount> shard_of_slot_;
  int covered_slots_ = 0;
  uint64_t version_;
  uint64_t cluster_epoch_;
};

// From the reply of CLUSTER SHARDS (Redis 7) or CLUSTER SLOTS (any), RESP2 or RESP3, one complete
// reply. `asked`: the node that answered, for endpoints given as empty or null ("the host you
// connected to"); "?" (a hostname is preferred and the node has none) is its IP address, when
// known. Shards without slots are left out. Error: the reply is an error or malformed; the text
// says where.
Expected<std::vector<Shard>> ParseClusterShards(std::string_view reply, const net::Endpoint& asked);
Expected<std::vector<Shard>> ParseClusterSlots(std::string_view reply, const net::Endpoint& asked);

}  // namespace keyway::proxy::topology
