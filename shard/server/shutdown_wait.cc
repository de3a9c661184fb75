#include "shard/server/shutdown_wait.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/server/client_registry.h"
#include "shard/server/lifecycle.h"
#include "shard/server/replication.h"

namespace keyway::shard {
namespace {

constexpr uint64_t kCheckMillis = 100;
constexpr int64_t kMicrosPerSecond = 1'000'000;

std::string NameOf(const ReplicaStatus& replica) {
  return replica.ip + ":" +
         (replica.port == 0 ? "<unknown-replica-port>" : std::to_string(replica.port));
}

}  // namespace

ShutdownWait::ShutdownWait(Services& services)
    : services_(services), timer_(services.loop, [this] { Check(); }) {}

bool ShutdownWait::AllInSync() const {
  const uint64_t offset = services_.replication->offset();
  const std::vector<ReplicaStatus> replicas = services_.replication->replicas();
  return std::all_of(replicas.begin(), replicas.end(), [offset](const ReplicaStatus& replica) {
    return replica.acknowledged == offset;
  });
}

bool ShutdownWait::Begin() {
  const int64_t timeout_seconds = services_.config.shutdown_timeout;
  if (timeout_seconds == 0 || AllInSync()) return false;
  if (services_.clients.paused() == PauseMode::kNone) {
    services_.replication->Append(std::array<std::string_view, 3>{"REPLCONF", "GETACK", "*"});
  }
  services_.clients.Pause(PauseMode::kWrite, INT64_MAX, PausePurpose::kShutdown);
  services_.lifecycle.set_shutdown_deadline_micros(services_.clock.MonotonicMicros() +
                                                   timeout_seconds * kMicrosPerSecond);
  timer_.Start(kCheckMillis, kCheckMillis);
  KEYWAY_NOTICE() << "Waiting for replicas before shutting down.";
  return true;
}

void ShutdownWait::Check() {
  const int64_t deadline = services_.lifecycle.shutdown_deadline_micros();
  if (services_.clock.MonotonicMicros() < deadline && !AllInSync()) return;
  timer_.Stop();
  services_.clients.AfterLongCall([this] {
    if (services_.lifecycle.shutdown_waits()) (void)services_.lifecycle.FinishShutdown();
  });
}

void ShutdownWait::End() {
  timer_.Stop();
  signaled_ = false;
  services_.clients.Unpause(PausePurpose::kShutdown);
}

void ShutdownWait::LogReplicas() const {
  const uint64_t offset = services_.replication->offset();
  const std::vector<ReplicaStatus> replicas = services_.replication->replicas();
  size_t in_sync = 0;
  for (const ReplicaStatus& replica : replicas) {
    if (replica.acknowledged == offset) {
      ++in_sync;
      continue;
    }
    KEYWAY_WARNING() << "Lagging replica " << NameOf(replica) << " reported offset "
                     << static_cast<int64_t>(offset - replica.acknowledged)
                     << " behind master, lag=" << (replica.online ? replica.lag_seconds : 0)
                     << ", state=" << replica.state << ".";
  }
  if (!replicas.empty()) {
    KEYWAY_NOTICE() << in_sync << " of " << replicas.size()
                    << " replicas are in sync when shutting down.";
  }
}

}  // namespace keyway::shard
