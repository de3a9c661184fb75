// What the workers of this process subscribe to, together: a shard counts a worker where the client
// of a standalone Redis counts clients, and each worker knows only its own. The one thing that workers
// share about subscriptions; locked when a subscription comes or goes, and to correct a count.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/pubsub/topic.h"

namespace keyway::proxy::pubsub {

class Census {
 public:
  Census() = default;
  Census(const Census&) = delete;
  Census& operator=(const Census&) = delete;

  // From any thread. Enter: a shard counts one more worker, which stands for `clients`. Change: they
  // are more, or fewer, by now. Leave: the shard does not count it any more.
  void Enter(Kind kind, std::string_view name, int64_t clients);
  void Change(Kind kind, std::string_view name, int64_t difference);
  void Leave(Kind kind, std::string_view name, int64_t clients);

  // By how much what a shard says of its subscribers is to be corrected: of `name` alone, and of all
  // who receive what is published to `channel`, patterns included.
  int64_t Correction(Kind kind, std::string_view name) const;
  int64_t CorrectionForChannel(std::string_view channel) const;

  // How many names this process subscribes to.
  size_t Count(Kind kind) const;

 private:
  struct Entry {
    int64_t workers = 0;
    int64_t extra = 0;  // clients beyond one a worker
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  void Adjust(Kind kind, std::string_view name, int64_t workers, int64_t extra);
  int64_t ExtraOf(Kind kind, std::string_view name) const;

  mutable std::mutex mutex_;
  std::array<Entries, kKinds> entries_;
  std::atomic<size_t> entry_count_{0};  // 0: nobody needs the lock
};

}  // namespace keyway::proxy::pubsub
