// How a worker's requests reach the shards: the current slot map, the connections, and the room
// where requests wait for a shard that is away.
//
// The waiting room is first in, first out and is emptied as a whole: when a new map arrives, and
// at short intervals. A request that is redirected while others wait goes behind them. Two requests
// of one client therefore never change places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "common/net/event_loop.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/execution/statistics.h"
#include "proxy/topology/topology.h"

namespace keyway::proxy::execution {

class ShardRequest;
struct WaitingTag {};

struct AccessOptions {
  int max_redirects = 5;
  int deadline_ms = 10'000;
  int retry_interval_ms = 50;
  // Of one worker's waiting room. Beyond, a request that would have to wait is answered with an
  // error.
  size_t max_waiting_requests = 100'000;
  size_t max_waiting_bytes = 64 * 1024 * 1024;
  // Of the replies that one request gathers to compute its own.
  size_t max_gathered_bytes = 256 * 1024 * 1024;
  std::string startup_nodes;  // for the error while there is no map

  // Attempts of one request at shards that cannot be reached. The deadline ends it first, if it has
  // one, and unless new maps come all the time.
  int max_attempts() const {
    const int fitting = deadline_ms / retry_interval_ms;
    return fitting + fitting / 4 + 50;
  }
};

struct MapWatcherTag {};

// Is told of every new map, until it is destroyed.
class MapWatcher : private ListLink<MapWatcherTag> {
 public:
  virtual ~MapWatcher() = default;
  // May send, and destroy nobody that watches.
  virtual void OnNewMap() = 0;

 private:
  template <typename T, typename Tag>
  friend class IntrusiveList;
};

class ShardAccess {
 public:
  // `request_refresh` asks for a newer map; it may be called often. All references must outlive it.
  ShardAccess(net::EventLoop& loop, backend::Pool& pool, const AccessOptions& options,
              std::function<void()> request_refresh, Statistics& statistics);
  ~ShardAccess();

  // nullptr until the first map arrives.
  const topology::SlotMap* map() const { return map_.get(); }
  void SetMap(topology::SlotMapPtr map);
  void Watch(MapWatcher& watcher) { map_watchers_.PushBack(watcher); }

  const AccessOptions& options() const { return options_; }
  // For the requests that follow.
  void SetOptions(const AccessOptions& options) { options_ = options; }
  backend::Pool& pool() { return pool_; }
  net::EventLoop& loop() { return loop_; }
  Statistics& statistics() { return statistics_; }
  void RequestRefresh();

  bool anyone_waiting() const { return waiting_count_ > 0; }
  // Puts `request` at the end of the waiting room; false: it is full.
  bool Wait(ShardRequest& request, bool first_attempt);
  void StopWaiting(ShardRequest& request);

 private:
  void WakeAll();

  net::EventLoop& loop_;
  backend::Pool& pool_;
  AccessOptions options_;
  std::function<void()> request_refresh_;
  Statistics& statistics_;
  topology::SlotMapPtr map_;
  IntrusiveList<MapWatcher, MapWatcherTag> map_watchers_;
  IntrusiveList<ShardRequest, WaitingTag> waiting_;
  size_t waiting_count_ = 0;
  size_t waiting_bytes_ = 0;
  int64_t last_refresh_micros_ = 0;
  net::Timer wake_timer_;
};

}  // namespace keyway::proxy::execution
