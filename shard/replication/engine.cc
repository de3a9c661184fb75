#include "shard/replication/engine.h"

#include <algorithm>
#include <utility>

#include "common/config/registry.h"
#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/server/blocking.h"
#include "shard/server/client_registry.h"
#include "shard/server/long_call.h"

namespace keyway::shard::replication {
namespace {

constexpr uint64_t kCronMillis = 100;
constexpr int64_t kLeastBacklogBytes = 16 * 1024;

}  // namespace

Engine::Engine(Services& services, Effects& effects, persistence::Engine& persistence)
    : services_(services),
      stream_(effects, services.random,
              static_cast<size_t>(services.config.repl_backlog_size)),
      replicas_(services, stream_, persistence,
                [this] { acknowledged_ = true; }),
      link_(services, stream_, replicas_, persistence, primary_),
      failover_(services, *this, replicas_, link_),
      timer_(services.loop, [this] { Cron(); }) {
  replicas_.set_on_get_acknowledgement([this] { link_.SendAcknowledgement(); });
  persistence.snapshots().set_place_now([this] { return PlaceNow(); });
  timer_.Start(kCronMillis, kCronMillis);
  services.loop.EveryPass([this] {
    if (!StandsAside(services_)) {
      TellAcknowledged();
      failover_.Check();
    }
    replicas_.Pump();
  });
}

Engine::~Engine() = default;

void Engine::Start() {
  link_.OnDatasetLoaded();
  const std::string& host = services_.config.replicaof_host;
  if (host.empty()) return;
  stream_.set_follows(true);
  link_.FollowAtStart(host, static_cast<uint16_t>(services_.config.replicaof_port));
  TellRoleChanged();
}

void Engine::ConnectConfig() {
  services_.registry.OnApply({"repl-backlog-size"}, [this]() -> Status {
    if (services_.config.repl_backlog_size < kLeastBacklogBytes) {
      SetDirective({"repl-backlog-size", std::to_string(kLeastBacklogBytes)});
    }
    stream_.set_keep_bytes(static_cast<size_t>(services_.config.repl_backlog_size));
    return {};
  });
}

Replication::BacklogStatus Engine::backlog() const {
  const Backlog* backlog = stream_.backlog();
  if (backlog == nullptr) return {};
  return {true, backlog->begin(), backlog->end() - backlog->begin(), backlog->AllocatedBytes()};
}

// For RDB files. Where there is no backlog nobody could go on from them.
std::optional<persistence::StreamPlace> Engine::PlaceNow() const {
  std::optional<int> database;
  if (is_replica()) {
    database = link_.HistoryDatabase();
    services_.clients.ForEach([&database](const Client& client) {
      if (client.from_primary()) database = client.db();
    });
  } else if (stream_.active()) {
    database = std::max(0, stream_.database());  // the next effect selects its own
  }
  if (!database.has_value()) return std::nullopt;
  return persistence::StreamPlace{*database, stream_.id(), stream_.offset()};
}

void Engine::Replicate(const std::string& host, uint16_t port) {
  // They wait for what only a primary does.
  if (services_.blocking != nullptr) services_.blocking->UnblockAll();
  SetDirective({"replicaof", host, std::to_string(port)});
  stream_.set_follows(true);
  link_.Follow(host, port);
  TellRoleChanged();
}

void Engine::BecomePrimary() {
  if (!is_replica()) return;
  SetDirective({"replicaof", "no", "one"});
  link_.Stop();
  stream_.set_follows(false);
  stream_.ForgetDatabase();
  stream_.Shift();
  // They go on with the second id.
  replicas_.DisconnectAll();
  TellRoleChanged();
}

// What CONFIG GET shows and CONFIG REWRITE writes.
void Engine::SetDirective(const std::vector<std::string>& words) {
  if (const Status set = services_.registry.SetFromLine(words); !set.ok()) {
    KEYWAY_WARNING() << "Cannot set " << words[0] << ": " << set.error().message;
  }
}

// At the end of the pass: of several replicas that acknowledge the same, WAIT counts all.
void Engine::TellAcknowledged() {
  if (!std::exchange(acknowledged_, false)) return;
  if (services_.blocking != nullptr) services_.blocking->ServeAcknowledged();
  for (const auto& listener : on_acknowledged_) listener();
}

void Engine::HandleReplconf(CommandContext& context) {
  replicas_.HandleReplconf(context);
}

void Engine::Cron() {
  if (LeavesKeysAlone(services_)) return;
  link_.Cron();
  replicas_.Cron();
  good_replicas_ = replicas_.CountGood();
}

void Engine::OnConfigChanged() {
  link_.OnConfigChanged();
  replicas_.OnConfigChanged();
}

}  // namespace keyway::shard::replication
