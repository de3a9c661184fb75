#include "shard/replication/replicas.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/log/log.h"
#include "common/net/event_loop.h"
#include "shard/config/shard_config.h"
#include "shard/replication/full_sync.h"
#include "shard/replication/replconf.h"
#include "shard/replication/replica.h"
#include "shard/server/client_registry.h"
#include "shard/server/stats.h"
#include "shard/types/integer.h"

namespace keyway::shard::replication {
namespace {

constexpr int64_t kMicros = 1'000'000;
constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";

const char* StateText(SyncState state) {
  switch (state) {
    case SyncState::kReceives:
      return "send_bulk";
    case SyncState::kOnline:
      return "online";
    default:
      return "wait_bgsave";
  }
}

}  // namespace

struct Replicas::Impl final : ReplicaOwner {
  Impl(Services& services_in, ReplicationStream& stream_in, persistence::Engine& persistence,
       std::function<void()> on_acknowledged_in)
      : services(services_in),
        stream(stream_in),
        on_acknowledged(std::move(on_acknowledged_in)),
        full_sync(services_in, stream_in, persistence, replicas),
        none_since_micros(services_in.clock.MonotonicMicros()) {}
  ~Impl() override {
    quiet = true;
    while (!replicas.empty()) {
      replicas.back()->client().set_state(StateKind::kReplica, nullptr);
    }
  }

  static Replica* Of(const Client& client) { return client.state<Replica>(StateKind::kReplica); }
  int64_t Now() const { return services.clock.MonotonicMicros(); }
  int64_t LagSeconds(const Replica& replica, int64_t now) const {
    return now / kMicros - replica.acknowledged_micros / kMicros;
  }

  void OnReplicaGone(Replica& replica) override;
  void Acknowledge(Client& client, std::string_view offset);
  // False: refused, the error has been replied with.
  bool TakeOver(CommandContext& context);
  bool Admit(CommandContext& context);
  std::string NameOf(const Client& client) const;
  Replica& Attach(Client& client);
  void BeginFullSync(Client& client, bool psync);
  bool Continue(Client& client, std::string_view id, int64_t offset);
  void LogWhyNot(const std::string& name, std::string_view id, int64_t offset) const;
  void Disconnect(Replica& replica) { services.clients.Close(replica.client()); }
  bool OverLimit(Replica& replica, int64_t now) const;
  // False: it is gone. `more`: the loop should come back at once.
  bool Feed(Replica& replica, bool* more);
  void EverySecond();
  void DisconnectSilent();
  void FreeBacklog();

  Services& services;
  ReplicationStream& stream;
  const std::function<void()> on_acknowledged;
  std::function<void()> on_get_acknowledgement;
  std::vector<Replica*> replicas;  // in the order in which they came
  // What clients have said with REPLCONF that have not sent PSYNC (yet), by their ids.
  std::unordered_map<uint64_t, ReplicaTraits> traits;
  FullSync full_sync;
  bool acks_wanted = false;
  bool quiet = false;  // the end: their going is no news
  int64_t none_since_micros;
  int64_t last_second_micros = 0;
  int64_t seconds = 1;  // redis-server has its second 0 before anybody can be there
};

Replicas::Replicas(Services& services, ReplicationStream& stream, persistence::Engine& persistence,
                   std::function<void()> on_acknowledged)
    : impl_(std::make_unique<Impl>(services, stream, persistence, std::move(on_acknowledged))) {}
Replicas::~Replicas() = default;

void Replicas::set_on_get_acknowledgement(std::function<void()> callback) {
  impl_->on_get_acknowledgement = std::move(callback);
}

// --- REPLCONF.

void Replicas::HandleReplconf(CommandContext& context) {
  Client& client = context.client;
  Replica* const replica = Impl::Of(client);
  ReplicaTraits said;
  if (replica != nullptr) {
    said = replica->traits();
  } else if (const auto found = impl_->traits.find(client.id()); found != impl_->traits.end()) {
    said = found->second;
  }
  const ReplconfResult result = ReadReplconf(context.args, &said);
  // What stands before an error holds.
  if (replica != nullptr) {
    replica->traits() = std::move(said);
  } else if (result.kind != ReplconfResult::Kind::kAcknowledgement &&
             result.kind != ReplconfResult::Kind::kGetAcknowledgement) {
    impl_->traits[client.id()] = std::move(said);
  }
  switch (result.kind) {
    case ReplconfResult::Kind::kOk:
      return context.reply.Ok();
    case ReplconfResult::Kind::kError:
      return context.reply.Error(result.text);
    case ReplconfResult::Kind::kAcknowledgement:
      return impl_->Acknowledge(client, result.text);
    case ReplconfResult::Kind::kGetAcknowledgement:
      if (impl_->on_get_acknowledgement) impl_->on_get_acknowledgement();
      return;
  }
}

void Replicas::Impl::Acknowledge(Client& client, std::string_view offset_text) {
  Replica* const replica = Of(client);
  int64_t offset = 0;
  if (replica == nullptr || !types::ParseInteger(offset_text, &offset)) return;
  if (offset > static_cast<int64_t>(replica->acknowledged)) {
    replica->acknowledged = static_cast<uint64_t>(offset);
  }
  replica->acknowledged_micros = Now();
  replica->waits_for_ack = false;
  // All that the child has sent has arrived, though its end is not known here yet.
  if (replica->state == SyncState::kWaitsForEnd) replica->has_acknowledged = true;
  on_acknowledged();
}

// --- PSYNC and SYNC.

void Replicas::HandleSync(CommandContext& context) {
  Client& client = context.client;
  if (client.has_state(StateKind::kReplica) || client.has_state(StateKind::kMonitor)) return;
  const bool psync = context.args.size() > 1;
  if (psync && context.args.size() > 3 && IsWord(context.args[3], "failover") &&
      !impl_->TakeOver(context)) {
    return;
  }
  if (!impl_->Admit(context)) return;
  if (psync) {
    const std::string_view id = context.args[1];
    int64_t offset = 0;
    if (!types::ParseInteger(context.args[2], &offset)) {
      context.reply.Error(kNotAnInteger);
      KEYWAY_WARNING() << "Replica " << impl_->NameOf(client)
                       << " asks for synchronization but with a wrong offset";
      return;
    }
    ServerStats::Counters& counters = impl_->services.stats.counters;
    if (impl_->Continue(client, id, offset)) {
      ++counters.sync_partial_ok;
      return;
    }
    if (!id.starts_with('?')) ++counters.sync_partial_err;
  }
  impl_->BeginFullSync(client, psync);
}

// PSYNC ... FAILOVER: the primary of this replica hands over its role.
bool Replicas::Impl::TakeOver(CommandContext& context) {
  const std::string_view id = context.args[1];
  KEYWAY_WARNING() << "Failover request received for replid " << id << ".";
  if (!services.replication->is_replica()) {
    context.reply.Error("ERR PSYNC FAILOVER can't be sent to a master.");
    return false;
  }
  if (!IsWord(id, stream.id())) {
    context.reply.Error("ERR PSYNC FAILOVER replid must match my replid.");
    return false;
  }
  services.replication->BecomePrimary();
  KEYWAY_NOTICE() << "MASTER MODE enabled (failover request from '"
                  << context.client.Describe(Now()) << "')";
  return true;
}

bool Replicas::Impl::Admit(CommandContext& context) {
  const Replication& replication = *services.replication;
  Client& client = context.client;
  const char* refusal = nullptr;
  if (replication.failover_state() != Replication::FailoverState::kNone) {
    refusal = "NOMASTERLINK Can't SYNC while failing over";
  } else if (replication.is_replica() && !replication.link_up()) {
    refusal = "NOMASTERLINK Can't SYNC while not connected with my master";
  } else if (client.output_bytes() != 0) {
    // Replies and stream would mix.
    refusal = "ERR SYNC and PSYNC are invalid with pending output";
  } else if (const ReplicaTraits& said = traits[client.id()]; said.filtered() && !said.can_eof) {
    refusal = "ERR Filtered replica requires EOF capability";
  }
  if (refusal != nullptr) {
    context.reply.Error(refusal);
    return false;
  }
  KEYWAY_NOTICE() << "Replica " << NameOf(client) << " asks for synchronization";
  return true;
}

std::string Replicas::Impl::NameOf(const Client& client) const {
  const auto found = traits.find(client.id());
  return ReplicaName(client, found == traits.end() ? ReplicaTraits() : found->second);
}

Replica& Replicas::Impl::Attach(Client& client) {
  const auto said = traits.find(client.id());
  auto owned = std::make_unique<Replica>(
      client, said == traits.end() ? ReplicaTraits() : std::move(said->second), *this);
  Replica& replica = *owned;
  if (said != traits.end()) traits.erase(said);
  client.set_state(StateKind::kReplica, std::move(owned));
  client.set_output_class(kClassReplica);
  replicas.push_back(&replica);
  return replica;
}

bool Replicas::Impl::Continue(Client& client, std::string_view id, int64_t offset) {
  // Ids are compared as Redis does it.
  std::string known(id);
  if (IsWord(id, stream.id())) {
    known = stream.id();
  } else if (IsWord(id, stream.second_id())) {
    known = stream.second_id();
  }
  std::unique_ptr<Backlog::Reader> reader;
  if (!id.starts_with('?')) reader = stream.Continue(known, offset);
  if (reader == nullptr) {
    LogWhyNot(NameOf(client), id, offset);
    return false;
  }
  Replica& replica = Attach(client);
  replica.state = SyncState::kOnline;
  replica.acknowledged_micros = Now();
  KEYWAY_NOTICE() << "Partial resynchronization request from " << replica.Name()
                  << " accepted. Sending " << reader->behind()
                  << " bytes of backlog starting from offset " << offset << ".";
  replica.reader = std::move(reader);
  replica.Send(replica.traits().can_psync2 ? "+CONTINUE " + stream.id() + "\r\n"
                                           : std::string("+CONTINUE\r\n"));
  return true;
}

void Replicas::Impl::LogWhyNot(const std::string& name, std::string_view id,
                               int64_t offset) const {
  const bool first = IsWord(id, stream.id());
  const bool second = IsWord(id, stream.second_id());
  if (id.starts_with('?')) {
    KEYWAY_NOTICE() << "Full resync requested by replica " << name;
  } else if (!first && !second) {
    KEYWAY_NOTICE() << "Partial resynchronization not accepted: Replication ID mismatch (Replica "
                       "asked for '"
                    << id << "', my replication IDs are '" << stream.id() << "' and '"
                    << stream.second_id() << "')";
  } else if (!first && offset > stream.second_offset()) {
    KEYWAY_NOTICE() << "Partial resynchronization not accepted: Requested offset for second ID was "
                    << offset << ", but I can reply up to " << stream.second_offset();
  } else {
    KEYWAY_NOTICE() << "Unable to partial resync with replica " << name
                    << " for lack of backlog (Replica request was: " << offset << ").";
    if (offset > static_cast<int64_t>(stream.offset())) {
      KEYWAY_WARNING() << "Warning: replica " << name
                       << " tried to PSYNC with an offset that is greater than the master "
                          "replication offset.";
    }
  }
}

void Replicas::Impl::BeginFullSync(Client& client, bool psync) {
  ++services.stats.counters.sync_full;
  if (services.config.repl_disable_tcp_nodelay) {
    const int off = 0;  // that it fails is no harm
    setsockopt(client.stream().fd(), IPPROTO_TCP, TCP_NODELAY, &off, sizeof(off));
  }
  Replica& replica = Attach(client);
  replica.says_sync = !psync;
  if (!stream.active()) {
    // Nobody knows what came before. A replica's own stream has the id of its primary.
    if (!stream.follows()) stream.ChangeId();
    stream.Activate();
    KEYWAY_NOTICE() << "Replication backlog created, my new replication IDs are '" << stream.id()
                    << "' and '" << stream.second_id() << "'";
  }
  full_sync.Begin(replica);
}

// --- The life of a replica.

void Replicas::Impl::OnReplicaGone(Replica& replica) {
  std::erase(replicas, &replica);
  if (!quiet && replica.state != SyncState::kSent) {
    KEYWAY_WARNING() << "Connection with replica " << replica.Name() << " lost.";
  }
  if (replicas.empty()) none_since_micros = Now();
  full_sync.OnGone(replica);
}

// The output of a replica counts with what is kept of the stream for it alone, or for others, too.
bool Replicas::Impl::OverLimit(Replica& replica, int64_t now) const {
  const OutputLimit& limit = services.config.client_output_buffer_limit[kClassReplica];
  const uint64_t pending = replica.Pending();
  // Less than the backlog makes no sense: a partial sync would succeed, and be over the limit.
  const auto backlog = static_cast<uint64_t>(services.config.repl_backlog_size);
  if (limit.hard_bytes != 0 && pending >= std::max<uint64_t>(limit.hard_bytes, backlog)) return true;
  if (limit.soft_bytes == 0 || pending < limit.soft_bytes) {
    replica.over_soft_limit_since_micros = 0;
    return false;
  }
  if (replica.over_soft_limit_since_micros == 0) replica.over_soft_limit_since_micros = now;
  return now - replica.over_soft_limit_since_micros > limit.soft_seconds * kMicros;
}

bool Replicas::Impl::Feed(Replica& replica, bool* more) {
  const auto fed = replica.Feed();
  if (!fed.ok()) {
    KEYWAY_WARNING() << "Read error sending DB to replica: " << fed.error();
    Disconnect(replica);
    return false;
  }
  const Client& client = replica.client();
  const bool moves = !client.stream().write_blocked();
  if (replica.state == SyncState::kReceives && replica.file_left() == 0) {
    if (client.output_bytes() == 0) {
      full_sync.OnFileSent(replica);
      *more = true;
    } else {
      *more = *more || moves;
    }
  } else if (*fed) {
    *more = *more || moves;
  }
  return true;
}

void Replicas::Pump() {
  Impl& impl = *impl_;
  if (impl.replicas.empty()) {
    impl.acks_wanted = false;
    return;
  }
  if (impl.acks_wanted && impl.services.clients.paused() == PauseMode::kNone) {
    impl.acks_wanted = false;
    constexpr std::array<std::string_view, 3> kGetAck = {"REPLCONF", "GETACK", "*"};
    if (!impl.stream.follows()) impl.stream.AppendCommand(kGetAck);
  }
  bool more = impl.full_sync.Pump();
  const int64_t now = impl.Now();
  for (size_t i = 0; i < impl.replicas.size();) {
    Replica& replica = *impl.replicas[i];
    if (impl.OverLimit(replica, now)) {
      impl.services.clients.CloseForOutput(replica.client());
    } else if (impl.Feed(replica, &more)) {
      ++i;
    }
  }
  // A socket that takes everything tells nobody: the loop has to come back for the rest.
  if (more) impl.services.loop.AtEndOfPass([] {});
}

void Replicas::RequestAcknowledgements() {
  impl_->acks_wanted = true;
}

void Replicas::DisconnectAll() {
  while (!impl_->replicas.empty()) impl_->Disconnect(*impl_->replicas.front());
}

// --- Upkeep.

void Replicas::Cron() {
  Impl& impl = *impl_;
  const int64_t now = impl.Now();
  if (impl.stream.follows()) impl.none_since_micros = now;
  impl.full_sync.StartPending();
  const bool failing_over =
      impl.services.replication->failover_state() != Replication::FailoverState::kNone;
  if (!failing_over && now - impl.last_second_micros < kMicros) return;
  impl.last_second_micros = now;
  impl.EverySecond();
  ++impl.seconds;
}

void Replicas::Impl::EverySecond() {
  // A PING would move the offset that a failover waits for.
  if (seconds % services.config.repl_ping_replica_period == 0 && !replicas.empty() &&
      !stream.follows() && !services.clients.PausedFor(PausePurpose::kFailover)) {
    constexpr std::array<std::string_view, 1> kPing = {"PING"};
    stream.AppendCommand(kPing);
  }
  for (Replica* replica : replicas) {
    const bool waits = replica->state == SyncState::kWaitsForStart ||
                       (replica->state == SyncState::kWaitsForEnd && !replica->by_pipe);
    if (waits) replica->Send("\n");  // so that it does not give up
  }
  std::erase_if(traits, [this](const auto& each) {
    return services.clients.Find(each.first) == nullptr;
  });
  DisconnectSilent();
  full_sync.Cron();
  FreeBacklog();
}

void Replicas::Impl::DisconnectSilent() {
  const int64_t now = Now();
  for (size_t i = 0; i < replicas.size();) {
    Replica& replica = *replicas[i];
    if (replica.state != SyncState::kOnline || replica.says_sync ||
        LagSeconds(replica, now) <= services.config.repl_timeout) {
      ++i;
      continue;
    }
    KEYWAY_WARNING() << "Disconnecting timedout replica (streaming sync): " << replica.Name();
    Disconnect(replica);
  }
}

void Replicas::Impl::FreeBacklog() {
  const int64_t seconds_kept = services.config.repl_backlog_ttl;
  if (!replicas.empty() || seconds_kept == 0 || !stream.active() || stream.follows()) return;
  if (Now() / kMicros - none_since_micros / kMicros <= seconds_kept) return;
  stream.Deactivate();
  KEYWAY_NOTICE() << "Replication backlog freed after " << seconds_kept
                  << " seconds without connected replicas.";
}

// Directives are read where they matter.
void Replicas::OnConfigChanged() {}

void Replicas::End() {
  Impl& impl = *impl_;
  impl.quiet = true;
  for (Replica* replica : impl.replicas) {
    if (replica->state != SyncState::kOnline || replica->waits_for_ack) continue;
    bool more = true;
    while (more && !replica->client().stream().write_blocked()) {
      const auto fed = replica->Feed();
      const size_t waiting = replica->client().output_bytes();
      replica->client().FlushNow();
      more = fed.ok() && *fed && replica->client().output_bytes() < waiting;
    }
  }
}

// --- What others ask.

size_t Replicas::count() const {
  return impl_->replicas.size();
}

std::vector<ReplicaStatus> Replicas::Describe() const {
  const int64_t now = impl_->Now();
  std::vector<ReplicaStatus> all;
  for (const Replica* replica : impl_->replicas) {
    if (replica->state == SyncState::kSent) continue;
    ReplicaStatus status;
    status.ip = replica->Address();
    status.port = static_cast<uint16_t>(replica->traits().port);
    status.state = StateText(replica->state);
    status.online = replica->state == SyncState::kOnline;
    status.acknowledged = replica->acknowledged;
    status.lag_seconds = status.online ? impl_->LagSeconds(*replica, now) : 0;
    all.push_back(std::move(status));
  }
  return all;
}

size_t Replicas::CountAcknowledged(uint64_t offset) const {
  return static_cast<size_t>(
      std::count_if(impl_->replicas.begin(), impl_->replicas.end(), [&](const Replica* replica) {
        return replica->state == SyncState::kOnline && replica->acknowledged >= offset;
      }));
}

size_t Replicas::CountGood() const {
  const int64_t now = impl_->Now();
  const int64_t most = impl_->services.config.min_replicas_max_lag;
  return static_cast<size_t>(
      std::count_if(impl_->replicas.begin(), impl_->replicas.end(), [&](const Replica* replica) {
        return replica->state == SyncState::kOnline && impl_->LagSeconds(*replica, now) <= most;
      }));
}

}  // namespace keyway::shard::replication
