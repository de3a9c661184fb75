#include "proxy/execution/waiting_room.h"

#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {

void WaitingRoom::Enter(Line& line, ShardRequest& request) {
  line.InsertSorted(request, [](const ShardRequest& a, const ShardRequest& b) {
    return a.ticket() < b.ticket();
  });
  ++requests_;
  bytes_ += request.size();
}

void WaitingRoom::Leave(ShardRequest& request) {
  static_cast<ListLink<WaitingTag>&>(request).Unlink();
  --requests_;
  bytes_ -= request.size();
}

WaitingRoom::Gate* WaitingRoom::FindGate(const net::Endpoint& node) {
  const auto found = gates_.find(node);
  return found == gates_.end() ? nullptr : &found->second;
}

WaitingRoom::Gate& WaitingRoom::CloseGate(const net::Endpoint& node, int64_t now) {
  Gate& gate = gates_[node];
  if (gate.closed_since == 0) gate.closed_since = now;
  return gate;
}

}  // namespace keyway::proxy::execution
