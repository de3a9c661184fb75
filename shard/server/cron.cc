#include "shard/server/cron.h"

#include <algorithm>

#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/blocking.h"
#include "shard/server/client_registry.h"
#include "shard/server/lifecycle.h"
#include "shard/server/long_call.h"
#include "shard/server/latency_monitor.h"
#include "shard/server/persistence.h"
#include "shard/server/replica_expiries.h"
#include "shard/server/replica_rules.h"
#include "shard/server/scripts.h"
#include "shard/server/stats.h"

namespace keyway::shard {
namespace {

constexpr int64_t kSampleMicros = 100'000;
constexpr int64_t kClientsMicros = 1'000'000;
constexpr int kRecentSeconds = 8;
constexpr int64_t kMostHz = 500;
constexpr size_t kClientsPerTick = 200;

// active-expire-effort, 1 to 10, buys a larger share of the processor and a longer quick cycle.
constexpr int64_t kExpirePercent = 25;
constexpr int64_t kExpirePercentPerEffort = 2;
constexpr int64_t kQuickExpireMicros = 1000;
constexpr int64_t kQuickExpireMicrosPerEffort = 250;
constexpr double kAcceptedStalePercent = 10;

}  // namespace

Cron::Cron(Services& services) : services_(services), timer_(services.loop, [this] { Tick(); }) {
  services_.loop.EveryPass([this] { ExpireQuickly(); });
  Restart();
}

void Cron::Restart() {
  services_.stats.current_hz = services_.config.hz;
  const auto period = static_cast<uint64_t>(1000 / services_.config.hz);
  timer_.Start(period, period);
}

void Cron::Tick() {
  if (services_.lifecycle.cron_paused()) return;
  const int64_t now = services_.loop.NowMicros();
  if (now - last_sample_micros_ >= kSampleMicros * 9 / 10) {
    last_sample_micros_ = now;
    Sample();
  }
  if (now - last_clients_micros_ >= kClientsMicros) {
    last_clients_micros_ = now;
    if (services_.cluster != nullptr) {
      services_.clients.set_bus_connections(
          static_cast<size_t>(services_.cluster->Summary().links));
    }
    services_.clients.Cron();
    if (MayTouchKeys()) services_.blocking->Cron();
    if (++seconds_ % kRecentSeconds == 0) {
      services_.stats.recent_max_input.Rotate();
      services_.stats.recent_max_output.Rotate();
    }
    AdaptFrequency();
  }
  if (MayExpire()) {
    const int64_t effort = services_.config.active_expire_effort - 1;
    const int64_t percent = kExpirePercent + kExpirePercentPerEffort * effort;
    Expire(1'000'000 * percent / services_.stats.current_hz / 100, effort + 1);
  } else if (IsReplica(services_) && services_.lifecycle.active_expire() && MayTouchKeys()) {
    services_.replica_expiries->Expire();
  }
  if (MayTouchKeys()) services_.persistence->Cron();
}

void Cron::Sample() {
  ServerStats& stats = services_.stats;
  const int64_t now = services_.clock.MonotonicMicros();
  stats.operations.Sample(stats.counters.commands_processed, now);
  stats.input_bytes.Sample(services_.clients.InputBytes(), now);
  stats.output_bytes.Sample(services_.clients.OutputBytes(), now);
  stats.repl_input_bytes.Sample(services_.clients.ReplicationInputBytes(), now);
  stats.repl_output_bytes.Sample(services_.clients.ReplicationOutputBytes(), now);
  stats.memory_peak = std::max(stats.memory_peak, UsedMemory(services_));
}

void Cron::AdaptFrequency() {
  const ShardConfig& config = services_.config;
  int64_t hz = config.hz;
  while (config.dynamic_hz && hz < kMostHz &&
         services_.clients.count() / static_cast<size_t>(hz) > kClientsPerTick) {
    hz = std::min(hz * 2, kMostHz);
  }
  if (hz == services_.stats.current_hz) return;
  services_.stats.current_hz = hz;
  timer_.Start(static_cast<uint64_t>(1000 / hz), static_cast<uint64_t>(1000 / hz));
}

bool Cron::MayExpire() const {
  return services_.lifecycle.active_expire() && services_.clients.paused() == PauseMode::kNone &&
         !IsReplica(services_) && MayTouchKeys();
}

// Not in the middle of a command, nor of loading.
bool Cron::MayTouchKeys() const {
  return !LeavesKeysAlone(services_) && !services_.persistence->loading();
}

void Cron::ExpireQuickly() {
  const int64_t effort = services_.config.active_expire_effort - 1;
  const double accepted = kAcceptedStalePercent - static_cast<double>(effort);
  if (services_.keyspace.stats().expired_stale_percent <= accepted || !MayExpire()) return;
  const int64_t budget = kQuickExpireMicros + kQuickExpireMicrosPerEffort * effort;
  const int64_t now = services_.loop.NowMicros();
  if (now - last_quick_expire_micros_ < 2 * budget) return;
  last_quick_expire_micros_ = now;
  Expire(budget, effort + 1);
}

void Cron::Expire(int64_t budget_micros, int64_t effort) {
  const int64_t start =
      services_.latency->enabled() ? services_.clock.MonotonicMicros() : 0;
  services_.keyspace.ActiveExpire(budget_micros, static_cast<int>(effort));
  if (start != 0) {
    services_.latency->Add("expire-cycle", services_.clock.MonotonicMicros() - start);
  }
}

}  // namespace keyway::shard
