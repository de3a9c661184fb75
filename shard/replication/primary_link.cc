#include "shard/replication/primary_link.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "common/base/process.h"
#include "common/log/log.h"
#include "common/resp/reply_writer.h"
#include "shard/cluster/cluster.h"
#include "shard/cluster/gossip/engine.h"
#include "shard/config/shard_config.h"
#include "shard/replication/primary_link_impl.h"
#include "shard/server/client_registry.h"
#include "shard/server/effects.h"
#include "shard/server/lifecycle.h"

namespace keyway::shard::replication {
namespace {

using State = PrimaryLinkState;

constexpr int64_t kMicrosPerSecond = 1'000'000;

}  // namespace

bool PrimaryLink::Impl::FollowsAtStart() const {
  if (services_.cluster != nullptr) {
    return !services_.cluster->engine().table().myself().is_primary();
  }
  return !services_.config.replicaof_host.empty();
}

// --- Whom to follow

void PrimaryLink::Impl::Follow(const std::string& host, uint16_t port) {
  const bool was_primary = status_.host.empty();
  DropLink();
  if (was_primary) {
    DiscardHistory();
    int database = 0;  // a new primary selects one
    if (loaded_history_.has_value() && loaded_history_->id == stream_.id() &&
        loaded_history_->offset == stream_.offset()) {
      database = loaded_history_->database;
    }
    CacheOwnHistory(database);
  }
  status_.host = host;
  status_.port = port;
  status_.state = State::kConnect;
  status_.failover_refused = false;
  if (loading()) return;
  KEYWAY_NOTICE() << "Connecting to MASTER " << PrimaryText();
  Connect();
}

void PrimaryLink::Impl::Stop() {
  DropLink();
  DiscardHistory();
  status_ = {};
  if (!loading()) persistence_.RestartAof();
}

void PrimaryLink::Impl::DiscardHistory() {
  if (!history_.has_value()) return;
  KEYWAY_NOTICE() << "Discarding previously cached master state.";
  SetHistory(std::nullopt);
}

void PrimaryLink::Impl::SetHistory(std::optional<StreamHistory> history) {
  history_ = std::move(history);
  // What INFO shows while there is no link; so does redis-server if there is nothing.
  status_.read_offset = history_.has_value() ? history_->offset : 1;
}

void PrimaryLink::Impl::CacheOwnHistory(int database) {
  KEYWAY_NOTICE() << "Before turning into a replica, using my own master parameters to synthesize "
                     "a cached master: I may be able to synchronize with the new master with just "
                     "a partial transfer.";
  stream_.Activate();
  SetHistory(StreamHistory{stream_.id(), stream_.offset(), database});
}

void PrimaryLink::Impl::DropLink() {
  failover_ = false;
  status_.host.clear();  // nobody is connected to again
  if (client_ != nullptr) services_.clients.Close(*client_);
  Disconnect();
  if (!loading()) return;
  orphan_ = true;
  if (loader_->aside()) loader_->Stop();
}

// --- Upkeep

void PrimaryLink::Impl::Cron() {
  const int64_t now = Now();
  if (primary_ != nullptr) primary_->UpdateStatus(now);
  // A failover does not wait for the next second.
  if (!failover_ && last_cron_micros_ != 0 && now - last_cron_micros_ < kMicrosPerSecond) return;
  last_cron_micros_ = now;
  if (status_.host.empty() || services_.lifecycle.shutdown_requested()) return;
  CheckTimeouts(now);
  if (status_.state == State::kConnect && !loading()) {
    KEYWAY_NOTICE() << "Connecting to MASTER " << PrimaryText();
    Connect();
  }
  Acknowledge();
}

void PrimaryLink::Impl::CheckTimeouts(int64_t now) {
  const auto is_over = [&](int64_t since) {
    return (now - since) / kMicrosPerSecond > services_.config.repl_timeout;
  };
  switch (status_.state) {
    case State::kConnecting:
    case State::kHandshake:
      if (!is_over(status_.sync_last_io_micros)) return;
      KEYWAY_WARNING() << "Timeout connecting to the MASTER...";
      Reconnect();
      break;
    case State::kTransfer:
      // While it is loaded the primary sends nothing.
      if (receiver_ == nullptr || connection_ == nullptr || connection_->reading_paused()) return;
      if (!is_over(status_.sync_last_io_micros)) return;
      KEYWAY_WARNING() << "Timeout receiving bulk data from MASTER... If the problem persists try "
                          "to set the 'repl-timeout' parameter in redis.conf to a larger value.";
      Reconnect();
      break;
    case State::kConnected:
      if (!is_over(status_.last_io_micros)) return;
      KEYWAY_WARNING() << "MASTER timeout: no data nor PING received...";
      services_.clients.Close(*client_);
      break;
    case State::kNone:
    case State::kConnect:
      break;
  }
}

void PrimaryLink::Impl::Acknowledge() {
  if (client_ == nullptr || old_style_) return;
  resp::ReplyWriter writer = client_->Push();
  writer.ArrayHeader(3);
  writer.Bulk("REPLCONF");
  writer.Bulk("ACK");
  writer.BulkInteger(static_cast<int64_t>(stream_.offset()));
  client_->PushDone();
}

// The primary must not take us for dead.
void PrimaryLink::Impl::SendKeepAlive() {
  const int64_t now = Now();
  if (connection_ == nullptr || now - last_keep_alive_micros_ < kMicrosPerSecond) return;
  last_keep_alive_micros_ = now;
  connection_->output().Append("\n");
  connection_->ScheduleWrite();
}

void PrimaryLink::Impl::TellSystemd(const char* what) const {
  if (services_.lifecycle.supervisor() != "systemd") return;
  const std::string text = std::string("STATUS=MASTER <-> REPLICA sync: ") + what +
                           " Ready to accept connections in read-write mode.\n";
  if (const Status told = NotifySupervisor(Supervisor::kSystemd, text); !told.ok()) {
    KEYWAY_WARNING() << told.error().message;
  }
}

// --- In sync

// `unread`: bytes of the stream that have arrived already.
void PrimaryLink::Impl::BeginStream(int database, size_t unread) {
  const int64_t now = Now();
  handshake_.reset();
  history_.reset();
  attempt_.reset();
  status_.state = State::kConnected;
  status_.down_since_micros = 0;
  status_.last_io_micros = now;
  auto state = std::make_unique<PrimaryStream>(
      stream_, status_, [this](bool sound, int selected) { OnStreamEnded(sound, selected); });
  primary_ = state.get();
  client_ = &services_.clients.AddPrimary(std::move(connection_), std::move(state));
  client_->set_db(database);
  primary_->Attach(*client_, unread);
}

// The client is about to be destroyed, for whatever reason.
void PrimaryLink::Impl::OnStreamEnded(bool sound, int database) {
  client_ = nullptr;
  primary_ = nullptr;
  status_.state = State::kConnect;
  status_.down_since_micros = Now();
  if (services_.lifecycle.shutdown_requested()) return;
  KEYWAY_WARNING() << "Connection with master lost.";
  if (sound && !old_style_) {
    KEYWAY_NOTICE() << "Caching the disconnected master state.";
    SetHistory(StreamHistory{stream_.id(), stream_.offset(), database});
  } else {
    SetHistory(std::nullopt);
  }
  if (status_.host.empty()) return;
  KEYWAY_NOTICE() << "Reconnecting to MASTER " << PrimaryText();
  Connect();
}

// --- PrimaryLink

PrimaryLink::PrimaryLink(Services& services, ReplicationStream& stream, Replicas& replicas,
                         persistence::Engine& persistence, PrimaryStatus& status)
    : impl_(std::make_unique<Impl>(services, stream, replicas, persistence, status)) {
  Impl* impl = impl_.get();
  persistence.set_start_options(
      {.follows = [impl] { return impl->FollowsAtStart(); },
       .on_expired =
           [impl](int database, std::string_view key) { impl->OnExpiredAtStart(database, key); }});
}

PrimaryLink::~PrimaryLink() = default;

// Replicas have to delete what was not loaded.
void PrimaryLink::Impl::OnExpiredAtStart(int database, std::string_view key) {
  stream_.Activate();
  if (database != loaded_database_) {
    const std::string digits = std::to_string(database);
    stream_.AppendCommand(std::initializer_list<std::string_view>{"SELECT", digits});
    loaded_database_ = database;
  }
  stream_.AppendCommand(std::initializer_list<std::string_view>{
      DeletionName(services_.config.lazyfree_lazy_expire), key});
}

void PrimaryLink::OnDatasetLoaded() {
  Impl& self = *impl_;
  const persistence::DatasetOrigin& origin = self.persistence_.origin();
  const bool known = !origin.id.empty() && origin.offset > 0 && origin.database >= 0;
  const auto offset = static_cast<uint64_t>(std::max<int64_t>(origin.offset, 0));
  if (self.FollowsAtStart()) {
    if (!known) return;
    self.stream_.Adopt(origin.id, offset);
    self.loaded_history_ = StreamHistory{origin.id, offset, origin.database};
  } else if (known) {
    self.stream_.Activate();
    self.stream_.AdoptAsSecond(origin.id, offset);
  } else {
    self.stream_.Deactivate();
  }
}

void PrimaryLink::FollowAtStart(const std::string& host, uint16_t port) {
  Impl& self = *impl_;
  if (self.loaded_history_.has_value()) {
    self.CacheOwnHistory(self.loaded_history_->database);
  } else {
    self.SetHistory(std::nullopt);
  }
  self.status_.host = host;
  self.status_.port = port;
  self.status_.state = State::kConnect;  // at the next cron
}

void PrimaryLink::Follow(const std::string& host, uint16_t port) {
  impl_->Follow(host, port);
}

void PrimaryLink::Stop() {
  impl_->Stop();
}

void PrimaryLink::set_failover_handshake(bool on) {
  impl_->failover_ = on;
}

std::optional<int> PrimaryLink::HistoryDatabase() const {
  if (!impl_->history_.has_value()) return std::nullopt;
  return impl_->history_->database;
}

void PrimaryLink::SendAcknowledgement() {
  impl_->Acknowledge();
}

void PrimaryLink::Cron() {
  impl_->Cron();
}

void PrimaryLink::OnConfigChanged() {}

}  // namespace keyway::shard::replication
