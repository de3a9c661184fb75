#include "proxy/execution/node_choice.h"

#include <algorithm>
#include <utility>

namespace keyway::proxy::execution {

void NodeChoice::SetTable(topology::NodeTablePtr table) {
  table_ = std::move(table);
  std::erase_if(marked_, [this](const auto& mark) { return mark.second <= table_->round; });
  Forget();
}

void NodeChoice::MarkUnfit(const net::Endpoint& node) {
  if (table_ == nullptr) return;
  // The round that is under way may have asked the node before.
  marked_[node] = table_->round + 2;
  Forget();
}

void NodeChoice::Forget() {
  for (auto& of_policy : choices_) of_policy.clear();
}

std::optional<NodeChoice::Node> NodeChoice::Choose(const topology::SlotMap& map,
                                                   const topology::Shard& shard, ReadFrom policy,
                                                   uint64_t client) {
  if (std::exchange(map_version_, map.version()) != map.version()) Forget();
  auto& of_policy = choices_[static_cast<size_t>(policy)];
  if (of_policy.empty()) of_policy.resize(map.shards().size());
  Choices& choices = of_policy[static_cast<size_t>(&shard - map.shards().data())];
  if (!choices.known) choices = FindChoices(shard, policy);
  if (choices.nodes.empty()) return std::nullopt;
  return choices.nodes[client % choices.nodes.size()];
}

const topology::NodeState* NodeChoice::FitState(const topology::Node& node) const {
  if (table_ == nullptr || marked_.contains(node.endpoint)) return nullptr;
  const topology::NodeState* state = table_->Find(node.endpoint);
  return state != nullptr && state->fit ? state : nullptr;
}

NodeChoice::Choices NodeChoice::FindChoices(const topology::Shard& shard, ReadFrom policy) const {
  const Node primary{&shard.primary.endpoint, false};
  if (policy == ReadFrom::kPrimary) return {.known = true, .nodes = {primary}};

  struct Candidate {
    Node node;
    const topology::NodeState* state;
  };
  std::vector<Candidate> candidates;
  if (policy == ReadFrom::kNearest) {
    if (const auto* state = FitState(shard.primary)) candidates.push_back({primary, state});
  }
  for (const topology::Node& replica : shard.replicas) {
    const auto* state = FitState(replica);
    // One that was the primary when it was last looked at may lack what the new one has.
    if (state != nullptr && !state->primary) candidates.push_back({{&replica.endpoint, true}, state});
  }
  const auto keep = [&candidates](auto good) {
    if (!std::any_of(candidates.begin(), candidates.end(), good)) return;
    std::erase_if(candidates, [&good](const Candidate& candidate) { return !good(candidate); });
  };
  keep([](const Candidate& candidate) { return candidate.state->in_zone; });
  if (policy == ReadFrom::kNearest) {
    keep([](const Candidate& candidate) { return candidate.state->nearest; });
    // Those that were are gone: the next one alone, until the next round names its equals.
    if (candidates.size() > 1 && !candidates[0].state->nearest) {
      candidates = {*std::min_element(candidates.begin(), candidates.end(),
                                      [](const Candidate& a, const Candidate& b) {
                                        return a.state->latency_micros < b.state->latency_micros;
                                      })};
    }
  }
  Choices choices{.known = true, .nodes = {}};
  for (const Candidate& candidate : candidates) choices.nodes.push_back(candidate.node);
  if (choices.nodes.empty() && policy != ReadFrom::kReplica) choices.nodes.push_back(primary);
  return choices;
}

}  // namespace keyway::proxy::execution
