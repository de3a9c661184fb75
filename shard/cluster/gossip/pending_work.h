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
  void SaveAndUpdateState() {
    Save();
    UpdateState();
  }

  bool TakeSave() { return std::exchange(save_, false); }
  bool TakeUpdateState() { return std::exchange(update_state_, false); }

 private:
  void Set(bool& flag) {
    if (!save_ && !update_state_) wake_();
    flag = true;
  }

  std::function<void()> wake_;
  bool save_ = false;
  bool update_state_ = false;
};

}  // namespace keyway::shard::cluster::gossip
