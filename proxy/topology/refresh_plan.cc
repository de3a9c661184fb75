#include "proxy/topology/refresh_plan.h"

#include <algorithm>

namespace keyway::proxy::topology {
namespace {

constexpr int64_t kMicrosPerMilli = 1000;
constexpr int64_t kNewsMillis = 1000;
constexpr int64_t kModerateFactor = 5;
// Before all times, and far enough from the end to be subtracted.
constexpr int64_t kLongAgo = INT64_MIN / 2;

}  // namespace

RefreshPlan::RefreshPlan(const RefreshIntervals& intervals, Random random)
    : intervals_(intervals),
      random_(std::move(random)),
      last_start_(kLongAgo),
      last_requested_(kLongAgo),
      last_news_(kLongAgo),
      failover_since_(kLongAgo),
      interval_ms_(intervals.min_interval_ms) {}

int64_t RefreshPlan::Jittered(int64_t millis) {
  return random_.Between(millis - millis / 4, millis + millis / 4);
}

void RefreshPlan::RoundStarted(int64_t now) {
  last_start_ = now;
}

int64_t RefreshPlan::RoundEnded(int64_t now, bool news, bool settled) {
  const int64_t moderate = int64_t{intervals_.min_interval_ms} * kModerateFactor;
  const bool failover = now - failover_since_ < kFailoverMillis * kMicrosPerMilli;
  const int64_t highest = std::max(intervals_.min_interval_ms, intervals_.max_interval_ms);
  const int64_t limit = failover ? std::min(moderate, highest) : highest;
  if (news) {
    const bool often = now - last_news_ < kNewsMillis * kMicrosPerMilli;
    last_news_ = now;
    interval_ms_ = std::min<int64_t>(limit, often ? moderate : intervals_.min_interval_ms);
  } else {
    interval_ms_ = std::min(interval_ms_ * 2, limit);
  }
  return Jittered(settled ? intervals_.refresh_ms
                          : std::min(intervals_.retry_ms, intervals_.refresh_ms));
}

int64_t RefreshPlan::Requested(int64_t now) {
  const int64_t quiet_ms = (now - last_requested_) / kMicrosPerMilli;
  last_requested_ = now;
  if (quiet_ms > 2 * intervals_.max_interval_ms) interval_ms_ = intervals_.min_interval_ms;
  const int64_t since_ms = (now - last_start_) / kMicrosPerMilli;
  return std::max<int64_t>(0, Jittered(interval_ms_) - since_ms);
}

void RefreshPlan::Suspect(const net::Endpoint& node, int64_t now) {
  std::erase_if(suspects_, [&](const auto& suspect) {
    return suspect.first == node || now - suspect.second > kSuspicionMillis * kMicrosPerMilli;
  });
  if (suspects_.size() == kMaxSuspects) suspects_.erase(suspects_.begin());
  suspects_.emplace_back(node, now);
}

void RefreshPlan::Answered(const net::Endpoint& node) {
  last_answered_ = node;
  std::erase_if(suspects_, [&](const auto& suspect) { return suspect.first == node; });
}

bool RefreshPlan::IsSuspect(const net::Endpoint& node, int64_t now) const {
  return std::any_of(suspects_.begin(), suspects_.end(), [&](const auto& suspect) {
    return suspect.first == node && now - suspect.second <= kSuspicionMillis * kMicrosPerMilli;
  });
}

std::vector<net::Endpoint> RefreshPlan::Candidates(const SlotMap* map,
                                                   const std::vector<net::Endpoint>& startup_nodes,
                                                   int64_t now) {
  std::vector<net::Endpoint> first;
  std::vector<net::Endpoint> last;
  std::vector<std::pair<net::Endpoint, bool>> nodes;
  if (map != nullptr) {
    const auto add = [&nodes](const Node& node) { nodes.emplace_back(node.endpoint, node.failed); };
    for (const Shard& shard : map->shards()) {
      add(shard.primary);
      for (const Node& node : shard.replicas) add(node);
    }
  }
  Add(std::move(nodes), first, last, now);
  nodes.clear();
  for (const net::Endpoint& node : startup_nodes) nodes.emplace_back(node, false);
  Add(std::move(nodes), first, last, now);
  first.insert(first.end(), last.begin(), last.end());
  return first;
}

void RefreshPlan::Add(std::vector<std::pair<net::Endpoint, bool>> nodes,
                      std::vector<net::Endpoint>& first, std::vector<net::Endpoint>& last,
                      int64_t now) {
  for (size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[random_.Below(i)]);
  const auto healthy_end = std::stable_partition(nodes.begin(), nodes.end(), [&](const auto& node) {
    return !node.second && !IsSuspect(node.first, now);
  });
  std::stable_partition(nodes.begin(), healthy_end,
                        [&](const auto& node) { return node.first != last_answered_; });
  size_t added = 0;
  for (auto node = nodes.begin(); node != nodes.end() && added < kMaxCandidates; ++node) {
    const auto has = [&](const std::vector<net::Endpoint>& list) {
      return std::find(list.begin(), list.end(), node->first) != list.end();
    };
    if (has(first) || has(last)) continue;
    (node < healthy_end ? first : last).push_back(std::move(node->first));
    ++added;
  }
}

}  // namespace keyway::proxy::topology
