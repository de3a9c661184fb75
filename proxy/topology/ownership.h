// Who owns which slot, by all that has been heard so far.
//
// Each primary claims its slots with its config epoch, which rises when it takes slots over: in a
// failover, or by CLUSTER SETSLOT at the end of a move. So per slot the highest epoch wins, and one
// node that knows of a failover is enough to follow it, while a node that was cut off can say what
// it likes. Two cases need more than epochs:
//
// - The owner itself, at no lower epoch than it claimed the slot with, says that it has given the
//   slot away: it is believed, even if it has not heard of the new owner's epoch yet.
// - An operator has put the clock back (slots deleted, a backup restored, an owner forgotten, a
//   cluster made anew): see AdoptAgreed and Replace.
//
// Pure: reports in, a picture out. Private to proxy/topology.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/topology/report.h"
#include "proxy/topology/slot_map.h"

namespace keyway::proxy::topology {

class Ownership {
 public:
  struct Outcome {
    int adopted = 0;  // slots that have another owner now, or one at last
    int refused = 0;  // slots that the report gives to another owner, or none, without the right
  };

  Ownership();

  bool empty() const { return owners_.empty(); }
  // False when what is known comes from nodes that have no CLUSTER NODES.
  bool has_epochs() const { return has_epochs_; }
  uint64_t cluster_epoch() const { return cluster_epoch_; }
  // Whether the report knows any node of the picture.
  bool SharesNodes(const Report& report) const;
  // Whether the node that reports is in the picture.
  bool Contains(const std::string& node_id) const;
  // Primaries with slots and their replicas.
  size_t node_count() const;

  // `report` has epochs.
  Outcome Merge(const Report& report);
  // Of a round of questions that nobody has answered with all that is known: slots whose known
  // owner each of the reports contradicts go to the highest claim among them, or to nobody, if
  // either all say that the slot is nobody's, or none of them has ever heard of an epoch as high as
  // the owner's, or of the owner, or its epoch is no higher than theirs. `reports` must be those of
  // a majority, and each be from a node that has slots to tell of. Returns how many slots changed.
  int AdoptAgreed(std::span<const Report> reports);
  // Forgets all and takes the report as it is.
  void Replace(const Report& report);

  // The picture: every owner, with its slots.
  std::vector<Shard> Shards() const;

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;
  struct Claim {
    uint32_t owner = kNobody;  // index into owners_
    uint64_t epoch = 0;
  };

  uint32_t IndexOf(const Shard& shard);
  // What is known of the shard but for its slots, unless more is known already.
  void UpdateOwner(const Shard& shard, bool by_itself);
  void DropOwnersWithoutSlots();

  std::array<Claim, kSlotCount> claims_;
  std::vector<Shard> owners_;  // their slots are in claims_
  std::unordered_map<std::string, uint32_t> index_;
  uint64_t cluster_epoch_ = 0;
  bool has_epochs_ = false;
};

}  // namespace keyway::proxy::topology
