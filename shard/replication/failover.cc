#include "shard/replication/failover.h"

#include <strings.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "shard/replication/primary_link.h"
#include "shard/replication/replicas.h"
#include "shard/server/client_registry.h"

namespace keyway::shard::replication {

using State = Replication::FailoverState;

struct Failover::Impl {
  Impl(Services& of_services, Replication& of_replication, Replicas& of_replicas, PrimaryLink& of_link)
      : services(of_services),
        replication(of_replication),
        replicas(of_replicas),
        link(of_link) {}

  void Begin();
  void End();
  void Abort(const char* why);
  void LookForTarget();
  std::string Target() const {
    return options.any ? "any replica" : options.host + ":" + std::to_string(options.port);
  }

  Services& services;
  Replication& replication;
  Replicas& replicas;
  PrimaryLink& link;
  State state = State::kNone;
  Replication::FailoverOptions options;  // the target, as soon as there is one
  int64_t deadline_micros = 0;           // monotonic; 0: none
};

namespace {

bool IsAt(const ReplicaStatus& replica, const Replication::FailoverOptions& target) {
  return replica.port == target.port && strcasecmp(replica.ip.c_str(), target.host.c_str()) == 0;
}

}  // namespace

Failover::Failover(Services& services, Replication& replication, Replicas& replicas,
                   PrimaryLink& link)
    : impl_(std::make_unique<Impl>(services, replication, replicas, link)) {}
Failover::~Failover() = default;

State Failover::state() const {
  return impl_->state;
}

// The checks in the order of redis-server.
Status Failover::Start(const Replication::FailoverOptions& options) {
  Impl& self = *impl_;
  if (self.state != State::kNone) return Error{"ERR FAILOVER already in progress."};
  if (self.replication.is_replica()) {
    return Error{"ERR FAILOVER is not valid when server is a replica."};
  }
  const std::vector<ReplicaStatus> replicas = self.replicas.Describe();
  if (replicas.empty()) return Error{"ERR FAILOVER requires connected replicas."};
  if (options.force && (options.timeout_ms == 0 || options.any)) {
    return Error{
        "ERR FAILOVER with force option requires both a timeout and target HOST and IP."};
  }
  if (!options.any) {
    const auto found = std::find_if(replicas.begin(), replicas.end(),
                                    [&](const auto& replica) { return IsAt(replica, options); });
    if (found == replicas.end()) {
      return Error{"ERR FAILOVER target HOST and PORT is not a replica."};
    }
    if (!found->online) return Error{"ERR FAILOVER target replica is not online."};
  }
  constexpr int64_t kLongestMillis = int64_t{100} * 365 * 24 * 3600 * 1000;
  self.options = options;
  self.deadline_micros = options.timeout_ms == 0
                             ? 0
                             : self.services.clock.MonotonicMicros() +
                                   std::min(options.timeout_ms, kLongestMillis) * 1000;
  self.state = State::kWaitForSync;
  self.services.clients.Pause(PauseMode::kWrite, INT64_MAX, PausePurpose::kFailover);
  KEYWAY_NOTICE() << "FAILOVER requested to " << self.Target() << ".";
  return {};
}

Status Failover::Abort() {
  if (impl_->state == State::kNone) return Error{"ERR No failover in progress."};
  impl_->Abort("Failover manually aborted");
  return {};
}

void Failover::Check() {
  Impl& self = *impl_;
  if (self.state == State::kNone) return;
  if (self.state == State::kInProgress) {
    const PrimaryStatus& primary = self.replication.primary();
    if (primary.failover_refused) {
      self.Abort("Failover target rejected psync request");
    } else if (primary.state == PrimaryLinkState::kTransfer ||
               primary.state == PrimaryLinkState::kConnected) {
      self.End();
    }
    return;
  }
  if (self.deadline_micros == 0 || self.services.clock.MonotonicMicros() < self.deadline_micros) {
    self.LookForTarget();
  } else if (self.options.force) {
    KEYWAY_NOTICE() << "FAILOVER to " << self.Target() << " time out exceeded, failing over.";
    self.Begin();
  } else {
    self.Abort("Replica never caught up before timeout");
  }
}

void Failover::Impl::LookForTarget() {
  const uint64_t offset = replication.offset();
  for (const ReplicaStatus& replica : replicas.Describe()) {
    if (replica.acknowledged != offset) continue;
    if (!options.any && !IsAt(replica, options)) continue;
    options.any = false;
    options.host = replica.ip;
    options.port = replica.port;
    KEYWAY_NOTICE() << "Failover target " << Target() << " is synced, failing over.";
    Begin();
    return;
  }
}

// The target is told to take over with the handshake of this server's new link to it.
void Failover::Impl::Begin() {
  state = State::kInProgress;
  replication.Replicate(options.host, static_cast<uint16_t>(options.port));
  link.set_failover_handshake(true);
}

void Failover::Impl::End() {
  link.set_failover_handshake(false);
  state = State::kNone;
  options = {};
  deadline_micros = 0;
  services.clients.Unpause(PausePurpose::kFailover);
}

void Failover::Impl::Abort(const char* why) {
  KEYWAY_NOTICE() << "FAILOVER to " << Target() << " aborted: " << why;
  if (state == State::kInProgress) replication.BecomePrimary();
  End();
}

}  // namespace keyway::shard::replication
