#include "shard/cluster/gossip/failure_detector.h"

#include <algorithm>

#include "common/log/log.h"

namespace keyway::shard::cluster::gossip {

void FailureDetector::MarkPfail(Node& node) {
  if (node.is(kPfail | kFail)) return;
  KEYWAY_DEBUG() << "*** NODE " << node.id << " possibly failing";
  node.flags |= kPfail;
  pending_.UpdateState();
  // The others may have found out first.
  if (ValidReports(node) > 0) MarkFailIfMajority(node);
  // Redis lets its next pings tell, which takes up to half a node-timeout. Who collects the reports
  // of a majority of the primaries tells everybody, so the replicas are enough.
  if (node.is(kPfail) && node.is_primary() && node.slot_count > 0 && table_.myself().is_primary()) {
    messenger_.TellReplicas(node);
  }
}

void FailureDetector::ReportFailing(Node& node, const Node& reporter) {
  const int64_t now = clock_.MonotonicMillis();
  const auto known =
      std::find_if(node.reports.begin(), node.reports.end(),
                   [&](const FailureReport& report) { return report.reporter == &reporter; });
  if (known != node.reports.end()) {
    known->time_ms = now;
  } else {
    node.reports.push_back({&reporter, now});
    KEYWAY_VERBOSE() << "Node " << reporter.id << " reported node " << node.id
                     << " as not reachable.";
  }
  MarkFailIfMajority(node);
}

void FailureDetector::ReportHealthy(Node& node, const Node& reporter) {
  const size_t removed = std::erase_if(
      node.reports, [&](const FailureReport& report) { return report.reporter == &reporter; });
  if (removed > 0) {
    KEYWAY_VERBOSE() << "Node " << reporter.id << " reported node " << node.id
                     << " is back online.";
  }
}

size_t FailureDetector::ValidReports(Node& node) {
  const int64_t oldest = clock_.MonotonicMillis() - options_.node_timeout_ms * kReportValidity;
  std::erase_if(node.reports,
                [oldest](const FailureReport& report) { return report.time_ms < oldest; });
  return node.reports.size();
}

void FailureDetector::MarkFailIfMajority(Node& node) {
  if (!node.is(kPfail) || node.is(kFail)) return;
  size_t votes = ValidReports(node);
  if (table_.myself().is_primary()) ++votes;
  const auto needed = static_cast<size_t>(state_.size() / 2 + 1);
  if (votes < needed) return;
  KEYWAY_NOTICE() << "Marking node " << node.id << " as failing (quorum reached).";
  MarkFail(node);
  messenger_.BroadcastFail(node);
}

void FailureDetector::MarkFail(Node& node) {
  node.flags = static_cast<uint16_t>((node.flags & ~kPfail) | kFail);
  node.failed_ms = clock_.MonotonicMillis();
  pending_.SaveAndUpdateState();
  if (table_.myself().primary == &node) pending_.Failover();
}

void FailureDetector::OnAnswer(Node& node) {
  if (node.is(kPfail)) {
    node.flags &= static_cast<uint16_t>(~kPfail);
    pending_.SaveAndUpdateState();
  } else if (node.is(kFail)) {
    ClearFailIfPossible(node);
  }
}

void FailureDetector::ClearFailIfPossible(Node& node) {
  if (node.is_replica() || node.slot_count == 0) {
    KEYWAY_NOTICE() << "Clear FAIL state for node " << node.id << ": "
                    << (node.is_replica() ? "replica" : "master without slots")
                    << " is reachable again.";
  } else if (clock_.MonotonicMillis() - node.failed_ms > options_.node_timeout_ms * kUndoDelay) {
    KEYWAY_NOTICE() << "Clear FAIL state for node " << node.id
                    << ": is reachable again and nobody is serving its slots after some time.";
  } else {
    return;
  }
  node.flags &= static_cast<uint16_t>(~kFail);
  pending_.SaveAndUpdateState();
}

}  // namespace keyway::shard::cluster::gossip
