// A request that several shards answer together: split by key, or sent to every primary.
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
  void OnGathered(Gather& gather) override;
  void OnShardAway(Gather& gather) override;

  // False: the error has been delivered.
  bool AddSplitParts(const Request& request);
  bool AddPartForEachPrimary(const Request& request);

  Gather gather_;
  std::vector<routing::Plan::Key> keys_;  // of a split, the plan's
};

// Whether `map` is complete, so that "all shards" means all keys; else the error for the client.
bool CoversAll(const topology::SlotMap* map, const AccessOptions& options, std::string* error);

}  // namespace keyway::proxy::execution
