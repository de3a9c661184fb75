// What the protocol wants done before the pass of the loop ends, so that many causes make one save.
#pragma once

#include <functional>
#include <utility>

namespace keyway::shard::cluster::gossip {

class PendingWork {
 public:
  // `wake` is called when something becomes due: it arranges that Engine::FinishPass is called
  // before anything is sent.
  explicit PendingWork(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Save() { Set(save_); }
  void UpdateState() { Set(update_state_); }
  // An election or a manual failover can go on.
  void Failover() { Set(failover_); }
  void SaveAndUpdateState() {
    Save();
    UpdateState();
  }

  // The pass begins: what becomes due from now on, and is not taken in it, wakes again.
  void BeginPass() { woken_ = false; }
  bool TakeSave() { return std::exchange(save_, false); }
  bool TakeUpdateState() { return std::exchange(update_state_, false); }
  bool TakeFailover() { return std::exchange(failover_, false); }

 private:
  void Set(bool& flag) {
    flag = true;
    if (!std::exchange(woken_, true)) wake_();
  }

  std::function<void()> wake_;
  bool woken_ = false;
  bool save_ = false;
  bool update_state_ = false;
  bool failover_ = false;
};

}  // namespace keyway::shard::cluster::gossip
