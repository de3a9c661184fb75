// A request that several shards answer together: split by key, or sent to every primary.
//
// While a slot is on its way a shard may have some of the keys asked for and not the others
// (TRYAGAIN); those are then asked for one at a time, which the cluster can answer.
//
// It ends when all have answered. One error makes it that error, so that nothing is ever missing
// from a reply that looks complete. What the other shards did stays done: MSET and DEL over several
// slots are not atomic.
#pragma once

#include <string>
#include <vector>

#include "proxy/execution/gather.h"
#include "proxy/execution/operation.h"

namespace keyway::proxy::execution {

class FanOutOperation final : public Operation, private Gather::Owner {
 private:
  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  bool asks_all_shards(const Request& request) const override {
    return request.plan->kind == routing::Plan::Kind::kAllShards;
  }
  void OnGathered(Gather& gather) override;
  void OnShardAway(Gather& gather) override;

  // False: the error has been delivered.
  bool AddSplitParts(const Request& request);
  bool AddPartForEachPrimary(const Request& request);
  // Asks for each key of the parts that got TRYAGAIN by itself. False: there is none.
  bool AskSingly();
  // The replies to those, as the replies of the parts.
  void JoinSingles();
  void Answer();

  Gather gather_;
  Gather singles_;  // belongs_to: the part of gather_ that each belongs to
  ShardRequest::Terms terms_;
  int key_step_ = 0;
  std::vector<routing::Plan::Key> keys_;  // of a split, the plan's
};

// Whether `map` is complete, so that "all shards" means all keys; else the error for the client.
bool CoversAll(const topology::SlotMap* map, const AccessOptions& options, std::string* error);

}  // namespace keyway::proxy::execution
