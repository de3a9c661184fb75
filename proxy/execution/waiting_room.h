// Where requests wait for shards that are away, bounded in requests and bytes.
//
// A request waits for one of three things, each with its own line, in the order in which the requests
// were started (their tickets):
//
//   a node   whose gate is closed: it cannot be reached, or says that it cannot serve. One request at a
//            time, the first in the line, is sent as a scout, another one if it takes long; when a node answers, its gate opens and
//            the whole line is sent. The gate of a node that takes over from another one is closed, too,
//            and no scout is sent before that one owes no reply: what it has not executed goes first.
//            So are all others when one node's absence ends: as long as a slot is nobody's they may
//            refuse everything, and stop doing so in the middle of a pipeline.
//   a slot   whose shard is well, but cannot serve this request: keys on their way to another node, a
//            slot nobody serves. A few of the line are sent again each time.
//   a map    that names a shard for the slot.
//
// A new map sends everybody to where it says. Two requests of one client for one slot never change
// places: the client is served no further while one of its requests waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/net/address.h"
#include "proxy/execution/away.h"
#include "proxy/execution/intrusive_list.h"

namespace keyway::proxy::execution {

class ShardRequest;
struct WaitingTag {};

class WaitingRoom {
 public:
  using Line = IntrusiveList<ShardRequest, WaitingTag>;

  struct Gate {
    int64_t closed_since = 0;
    int64_t next_scout = 0;  // not before
    int attempts = 0;
    bool precaution = false;  // the node has not been seen to be away
    AwayCause cause = AwayCause::kConnect;
    std::string detail;
    ShardRequest* scout = nullptr;  // the last one
    int64_t scout_since = 0;
    // Whose slots the node has taken over. While they owe replies nobody is sent.
    std::vector<net::Endpoint> predecessors;
    Line line;
  };

  WaitingRoom(size_t max_requests, size_t max_bytes)
      : max_requests_(max_requests), max_bytes_(max_bytes) {}

  bool has_room(size_t bytes) const {
    return requests_ < max_requests_ && bytes_ + bytes <= max_bytes_;
  }
  // Its bytes stay the same as long as it is in a line.
  void Enter(Line& line, ShardRequest& request);
  void Leave(ShardRequest& request);
  size_t requests() const { return requests_; }
  size_t bytes() const { return bytes_; }

  bool all_open() const { return gates_.empty(); }
  // nullptr: it is open.
  Gate* FindGate(const net::Endpoint& node);
  // The gate of `node`, closed now if it was open.
  Gate& CloseGate(const net::Endpoint& node, int64_t now);
  // Nobody waits there, and there is no scout.
  void OpenGate(const net::Endpoint& node) { gates_.erase(node); }
  using Gates = std::map<net::Endpoint, Gate>;
  Gates& gates() { return gates_; }
  Line& for_slot() { return for_slot_; }
  Line& for_map() { return for_map_; }

 private:
  const size_t max_requests_;
  const size_t max_bytes_;
  size_t requests_ = 0;
  size_t bytes_ = 0;
  Gates gates_;
  Line for_slot_;
  Line for_map_;
};

}  // namespace keyway::proxy::execution
