#include "shard/replication/engine.h"

#include "common/config/registry.h"
#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/server/long_call.h"

namespace keyway::shard::replication {
namespace {

constexpr uint64_t kCronMillis = 100;

}  // namespace

Engine::Engine(Services& services, Effects& effects, persistence::Engine& persistence)
    : services_(services),
      stream_(effects, services.random,
              static_cast<size_t>(services.config.repl_backlog_size)),
      replicas_(services, stream_, persistence,
                [this] {
                  failover_.OnAcknowledged();
                  for (const auto& listener : on_acknowledged_) listener();
                }),
      link_(services, stream_, replicas_, persistence, primary_),
      failover_(services, *this, replicas_, link_),
      timer_(services.loop, [this] { Cron(); }) {
  timer_.Start(kCronMillis, kCronMillis);
  services.loop.EveryPass([this] { replicas_.Pump(); });
}

Engine::~Engine() = default;

void Engine::Start() {
  if (services_.config.replicaof_host.empty()) return;
  Replicate(services_.config.replicaof_host, static_cast<uint16_t>(services_.config.replicaof_port));
}

void Engine::ConnectConfig() {
  services_.registry.OnApply({"repl-backlog-size"}, [this]() -> Status {
    stream_.set_keep_bytes(static_cast<size_t>(services_.config.repl_backlog_size));
    return {};
  });
}

Replication::BacklogStatus Engine::backlog() const {
  const Backlog* backlog = stream_.backlog();
  if (backlog == nullptr) return {};
  return {true, backlog->begin(), backlog->end() - backlog->begin(), backlog->AllocatedBytes()};
}

void Engine::Replicate(const std::string& host, uint16_t port) {
  link_.Follow(host, port);
  stream_.set_follows(true);
}

void Engine::BecomePrimary() {
  if (!is_replica()) return;
  link_.Stop();
  stream_.set_follows(false);
  stream_.ForgetDatabase();
  stream_.Shift();
  // They go on with the second id.
  replicas_.DisconnectAll();
}

void Engine::HandleReplconf(CommandContext& context) {
  replicas_.HandleReplconf(context);
}

void Engine::Cron() {
  if (StandsAside(services_)) return;  // a command is under way
  link_.Cron();
  replicas_.Cron();
  failover_.Cron();
  good_replicas_ = replicas_.CountGood();
}

void Engine::OnConfigChanged() {
  link_.OnConfigChanged();
  replicas_.OnConfigChanged();
}

}  // namespace keyway::shard::replication
