#include "shard/cluster/failover/voter.h"

#include <string>

#include "common/log/log.h"

namespace keyway::shard::cluster::failover {

using gossip::Node;

std::string Voter::Objection(const Node& candidate, const bus::Message& request) const {
  if (request.current_epoch < table_.current_epoch) {
    return "reqEpoch (" + std::to_string(request.current_epoch) + ") < curEpoch(" +
           std::to_string(table_.current_epoch) + ")";
  }
  if (table_.last_vote_epoch == table_.current_epoch) {
    return "already voted for epoch " + std::to_string(table_.current_epoch);
  }
  const Node* primary = candidate.primary;
  if (!candidate.is_replica()) return "it is a master node";
  if (primary == nullptr) return "I don't know its master";
  const bool forced = (request.message_flags & bus::kMessageForceAck) != 0;
  if (!primary->is(gossip::kFail) && !forced) return "its master is up";
  const int64_t pause = options_.node_timeout_ms * kPauseBetweenVotes;
  const int64_t since_vote = clock_.MonotonicMillis() - primary->voted_ms;
  if (primary->voted_ms != 0 && since_vote < pause) {
    return "can't vote about this master before " + std::to_string(pause - since_vote) +
           " milliseconds";
  }
  // The candidate must not take slots from someone who got them later than its primary did.
  const SlotSet& claimed = request.slots;
  for (size_t slot = claimed._Find_first(); slot < kSlotCount; slot = claimed._Find_next(slot)) {
    const Node* owner = table_.Owner(static_cast<int>(slot));
    if (owner == nullptr || owner->config_epoch <= request.config_epoch ||
        table_.Unclaimed(static_cast<int>(slot))) {
      continue;
    }
    return "slot " + std::to_string(slot) + " epoch (" + std::to_string(owner->config_epoch) +
           ") > reqEpoch (" + std::to_string(request.config_epoch) + ")";
  }
  return {};
}

void Voter::OnRequest(Node& candidate, const bus::Message& request) {
  const Node& me = table_.myself();
  if (!me.is_primary() || me.slot_count == 0) return;  // it has no right to vote
  const std::string objection = Objection(candidate, request);
  if (!objection.empty()) {
    KEYWAY_WARNING() << "Failover auth denied to " << candidate.id << ": " << objection;
    return;
  }
  table_.last_vote_epoch = table_.current_epoch;
  candidate.primary->voted_ms = clock_.MonotonicMillis();
  if (const Status saved = host_.SaveConfig(); !saved.ok()) {
    KEYWAY_WARNING() << "Failover auth denied to " << candidate.id
                     << ": the vote cannot be saved: " << saved.error().message;
    return;
  }
  messenger_.SendFailoverAck(candidate);
  KEYWAY_WARNING() << "Failover auth granted to " << candidate.id << " for epoch "
                   << table_.current_epoch;
}

}  // namespace keyway::shard::cluster::failover
