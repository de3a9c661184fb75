// How a worker's requests reach the shards: the current slot map, the connections, and the room
// where requests wait for a shard that is away (waiting_room.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/net/event_loop.h"
#include "common/slot/slot.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/away.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/execution/node_choice.h"
#include "proxy/execution/statistics.h"
#include "proxy/execution/waiting_room.h"
#include "proxy/topology/topology.h"

namespace keyway::proxy::execution {

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

class ShardAccess final : private backend::NodeWatcher {
 public:
  // Asks for a newer map; may be called often. The argument is a node that does not answer, if it
  // is about one, else nullptr.
  using RefreshRequest = std::function<void(const net::Endpoint* suspect)>;

  // All references must outlive it.
  ShardAccess(net::EventLoop& loop, backend::Pool& pool, const AccessOptions& options,
              RefreshRequest request_refresh, Statistics& statistics);
  ~ShardAccess() override;

  // nullptr until the first map arrives.
  const topology::SlotMap* map() const { return map_.get(); }
  void SetMap(topology::SlotMapPtr map);
  void SetNodeTable(topology::NodeTablePtr table);
  void Watch(MapWatcher& watcher) { map_watchers_.PushBack(watcher); }

  const AccessOptions& options() const { return options_; }
  // For the requests that follow.
  void SetOptions(const AccessOptions& options) { options_ = options; }
  backend::Pool& pool() { return pool_; }
  net::EventLoop& loop() { return loop_; }
  Statistics& statistics() { return statistics_; }
  void RequestRefresh(const net::Endpoint* suspect = nullptr);
  // Which nodes reads go to.
  NodeChoice& node_choice() { return node_choice_; }

  // Whether keys of `slot` are, or were a moment ago, at two nodes at a time: an answer may come late
  // there, so a client's requests for it go one by one.
  bool IsMoving(Slot slot) const;
  bool any_moving() const { return !moving_.empty(); }

  // For ShardRequest ------------------------------------------------------------------------------

  // What a request waits for (waiting_room.h).
  enum class Await : uint8_t { kNode, kSlot, kMap };

  uint64_t NextTicket() { return ++last_ticket_; }
  // Whether `request` may go to `node` now. May make it the scout, which EndScout ends.
  bool MayGo(ShardRequest& request, const net::Endpoint& node);
  void EndScout(const net::Endpoint& node, ShardRequest& request);
  const WaitingRoom::Gate* FindGate(const net::Endpoint& node) { return room_.FindGate(node); }
  // `node` cannot serve.
  void NoteAway(const net::Endpoint& node, AwayCause cause, std::string_view detail);
  // `node` has answered something else than that.
  void NoteAnswer(const net::Endpoint& node) {
    if (!room_.all_open()) OpenSoon(node);
  }
  void NoteMoving(Slot slot);
  // False: the room is full. Of kNode, the gate of the request's node is closed.
  bool Wait(ShardRequest& request, Await await);
  void StopWaiting(ShardRequest& request);

 private:
  struct Leaving {
    net::Endpoint node;
    int64_t since;
  };

  void OnNodeStuck(const net::Endpoint& node) override;

  void OpenSoon(const net::Endpoint& node);
  void Open(const net::Endpoint& node);
  void Wake();
  // Whether `node` is of the map, and no primary.
  bool IsReplica(const net::Endpoint& node) const;
  // Sends all of `line`, or has them wait for something else.
  void Release(WaitingRoom::Line& line);
  void WakeWithin(int64_t micros);
  void PublishCounts();
  void NoteLeavingNodes(const topology::SlotMap& before);
  // Closes the gates of the nodes that take over from those that have lost all slots.
  void HoldSuccessors(const topology::SlotMap& before);
  // `node` was away from then until now: closes the gates of all other primaries, until each has
  // answered.
  void DoubtOthers(const net::Endpoint& node, int64_t away_since);
  void NoteEndOfAbsence(const net::Endpoint& node, int64_t away_since);
  // Whether a scout is out that has not taken too long.
  bool IsScouted(const WaitingRoom::Gate& gate) const;
  bool PredecessorsOwe(const WaitingRoom::Gate& gate) const;
  // Whether no scout may be sent yet.
  bool IsHeld(const WaitingRoom::Gate& gate, const net::Endpoint& node) const;
  void GiveUpSilentNodes();
  void ForgetMoved();

  net::EventLoop& loop_;
  backend::Pool& pool_;
  AccessOptions options_;
  RefreshRequest request_refresh_;
  Statistics& statistics_;
  topology::SlotMapPtr map_;
  NodeChoice node_choice_;
  IntrusiveList<MapWatcher, MapWatcherTag> map_watchers_;
  uint64_t last_ticket_ = 0;
  WaitingRoom room_;
  std::vector<net::Endpoint> answered_;  // gates to be opened
  int64_t wake_at_ = 0;  // when wake_timer_ is active
  net::Timer wake_timer_;
  int64_t last_refresh_micros_ = 0;
  // Nodes that have lost all slots, and may still owe replies.
  std::vector<Leaving> leaving_;
  net::Timer leaving_timer_;
  std::unordered_map<Slot, int64_t> moving_;  // until when
  net::Timer moving_timer_;
};

}  // namespace keyway::proxy::execution
