// One worker's operations: makes them from plans, starts them, and ends those whose deadline
// passes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "common/base/random.h"
#include "common/net/event_loop.h"
#include "proxy/execution/audience.h"
#include "proxy/execution/fan_out.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/execution/operation.h"
#include "proxy/execution/recycler.h"
#include "proxy/execution/script.h"
#include "proxy/execution/script_loads.h"
#include "proxy/execution/shard_access.h"
#include "proxy/execution/single.h"
#include "proxy/scripting/script_cache.h"

namespace keyway::proxy::execution {

class KeyWatch;
struct FirstReadyShared;

class Executor final : private MapWatcher {
 public:
  // All references must outlive the executor; every operation must be released before it goes.
  Executor(ShardAccess& access, scripting::ScriptCache& scripts, Random random);
  ~Executor() override;

  // Whether an executor exists for a row whose route is kSpecial or kGathered.
  static bool HasSpecial(const command::Command& command);

  // The operation for `request`, whose plan is of the kinds kOneSlot, kAnyShard, kSplit, kAllShards
  // or kSpecial. The caller releases it.
  Operation* Create(const Request& request);
  // The caller's own kind of operation, from then on released as the others are.
  void Adopt(Operation* operation) { operation->executor_ = this; }

  // Starts an operation; `sink` must outlive it. The reply may be delivered inside.
  void Start(Operation& operation, const Request& request, ReplySink& sink);
  // Nobody waits for the reply any more. To be released next.
  void Cancel(Operation& operation);
  void Release(Operation& operation);

  ShardAccess& access() { return access_; }
  Statistics& statistics() { return access_.statistics(); }
  Random& random() { return random_; }
  // nullptr: nobody listens to channels. Outlives the executor.
  Audience* audience() { return audience_; }
  void set_audience(Audience* audience) { audience_ = audience; }
  int64_t now_micros() const { return access_.loop().NowMicros(); }

  // A slot of the shard that serves requests without keys of `client`.
  Slot AnySlot(uint64_t client) const;
  // A slot of the shard that serves requests without keys of all clients, through whichever proxy: what
  // scripts do without naming their keys, they all do there.
  Slot StableSlot() const;

  // Made when the first command asks for it.
  FirstReadyShared& first_ready();
  // nullptr: no command has asked for it.
  const KeyWatch* key_watch() const;

  Recycler<SingleOperation>& singles() { return singles_; }
  Recycler<FanOutOperation>& fan_outs() { return fan_outs_; }
  Recycler<ScriptOperation>& script_operations() { return script_operations_; }

  // Shared by all workers.
  scripting::ScriptCache& scripts() { return scripts_; }
  ScriptLoads& script_loads() { return script_loads_; }

 private:
  friend class Operation;

  void OnNewMap() override;
  bool CanBegin(const Operation& operation, const Request& request) const;
  void OnFinished(Operation& operation, Outcome outcome);
  void CheckDeadlines();

  ShardAccess& access_;
  scripting::ScriptCache& scripts_;
  Random random_;
  Audience* audience_ = nullptr;
  // In the order of their start, which is that of their deadlines: all have the same patience.
  IntrusiveList<Operation, DeadlineTag> running_;
  size_t running_count_ = 0;
  bool any_postponed_ = false;
  bool ending_at_deadline_ = false;
  net::Timer deadline_timer_;
  Recycler<SingleOperation> singles_;
  Recycler<FanOutOperation> fan_outs_;
  Recycler<ScriptOperation> script_operations_;
  ScriptLoads script_loads_;
  std::unique_ptr<FirstReadyShared> first_ready_;
};

}  // namespace keyway::proxy::execution
