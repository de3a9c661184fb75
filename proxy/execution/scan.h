// SCAN over all primaries, complete while slots move: a key that is there from the start of a walk to
// its end is found, though its slot changes hands once or often meanwhile. Some keys may come twice.
//
// As long as no slot moves, the primaries are walked one after the other with their own cursors
// (which mean nothing on another node). Each primary is asked who serves what (NodeView) before its
// first and after its last keys. If that is not what it was when the walk began, or one of its slots
// is on its way, the walk begins anew slot by slot: CLUSTER GETKEYSINSLOT, between two looks at the
// owner of the slot; of a slot on its way, first at the node that it leaves, then at the one it goes
// to. That can go on whatever moves, and never goes back.
//
// Both kinds of walk keep all they know in the cursor (scan_cursor.h). Limits: a print has 10 bits, so
// that one change in 1024 between the looks at a node goes unnoticed; and only database 0 is watched,
// the only one that redis-server has in a cluster.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/event_loop.h"
#include "proxy/execution/gather.h"
#include "proxy/execution/node_view.h"
#include "proxy/execution/operation.h"
#include "proxy/execution/scan_cursor.h"

namespace keyway::proxy::execution {

class ScanOperation final : public Operation, private Gather::Owner {
 private:
  enum class Step : uint8_t {
    // By primary.
    kLookBefore,
    kScan,
    kLookAfter,
    // By slot.
    kOwnersBefore,
    kList,
    kListTarget,
    kOwnersAfter,
    kTypes,
  };
  struct OwnerOfSlots {
    net::Endpoint node;
    NodeView view;
  };

  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  bool asks_all_shards(const Request&) const override { return true; }
  void OnGathered(Gather& gather) override;
  void OnShardAway(Gather& gather) override;

  // Empty, or the error.
  std::string_view ReadOptions(std::span<const std::string_view> options);
  // From where the client's cursor stands.
  void StartOver();
  void TryAgainLater();
  void Send(Step step);
  Gather::Part& AskNode(const net::Endpoint& node);
  void AskForView(const net::Endpoint& node);
  void DeliverPage(uint64_t cursor);

  void WalkByPrimary();
  void Scan();
  void OnLookBefore();
  void OnScanned();
  void OnLookAfter();
  bool MatchesMap(const NodeView& view);

  void WalkBySlot();
  void LookAtOwners();
  void OnOwnersBefore();
  void ListSlots();
  void OnListed();
  void OnOwnersAfter();
  void OnTypes();
  void FinishSlots();
  const OwnerOfSlots& OwnerOf(Slot slot) const { return owners_[owner_of_[slot - batch_first_]]; }

  bool watches() const { return terms_.database == 0; }

  Gather gather_;
  ShardRequest::Terms terms_;
  std::optional<net::Timer> retry_timer_;  // once it was needed
  Step step_ = Step::kScan;
  uint64_t given_ = 0;
  ScanCursor cursor_;
  int rounds_ = 0;  // of this request
  std::string head_;  // of the request, up to the cursor
  std::string tail_;  // behind the cursor
  std::string pattern_ = "*";
  std::string type_;  // empty: any
  int64_t count_ = 10;

  net::Endpoint node_;  // by primary
  std::string page_;    // the keys so far, as bulk strings
  size_t keys_ = 0;

  // By slot.
  Slot batch_first_ = 0;
  int batch_end_ = 0;  // behind the last slot
  std::vector<OwnerOfSlots> owners_;
  std::vector<size_t> owner_of_;     // by slot, from batch_first_
  std::vector<std::string> listed_;  // by slot, from batch_first_: replies
  std::string listed_at_target_;
  std::vector<std::string> candidates_;  // keys whose type is asked for
};

}  // namespace keyway::proxy::execution
