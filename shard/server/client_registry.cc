#include "shard/server/client_registry.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "shard/config/shard_config.h"
#include "shard/server/client_eviction.h"
#include "shard/server/stats.h"

namespace keyway::shard {
namespace {

constexpr std::string_view kTooMany = "-ERR max number of clients reached\r\n";
constexpr std::string_view kTooManyInCluster =
    "-ERR max number of clients + cluster connections reached\r\n";
constexpr std::string_view kProtected =
    "-DENIED Redis is running in protected mode because protected mode is enabled and no password "
    "is set for the default user. In this mode connections are only accepted from the loopback "
    "interface. If you want to connect from external computers to Redis you may adopt one of the "
    "following solutions: 1) Just disable protected mode sending the command 'CONFIG SET "
    "protected-mode no' from the loopback interface by connecting to Redis from the same host the "
    "server is running, however MAKE SURE Redis is not publicly accessible from internet if you do "
    "so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable "
    "the protected mode by editing the Redis configuration file, and setting the protected mode "
    "option to 'no', and then restarting the server. 3) If you started the server manually just "
    "for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication "
    "password for the default user. NOTE: You only need to do one of the above things in order for "
    "the server to start accepting connections from the outside.\r\n";

bool IsLocal(const net::Stream& stream) {
  return stream.is_unix_socket() || stream.peer().host == "127.0.0.1" ||
         stream.peer().host == "::1";
}

}  // namespace

ClientRegistry::ClientRegistry(net::EventLoop& loop, const Clock& clock, const ShardConfig& config,
                               ServerStats& stats)
    : loop_(loop), clock_(clock), config_(config), stats_(stats), pause_timer_(loop, [this] {
        AfterLongCall([this] { UpdatePause(); });
      }) {}

ClientRegistry::~ClientRegistry() = default;

std::optional<std::string_view> ClientRegistry::Refusal(const net::Stream& stream) const {
  if (clients_.size() + bus_connections_ >= static_cast<size_t>(config_.maxclients)) {
    return config_.cluster_enabled ? kTooManyInCluster : kTooMany;
  }
  const bool open = config_.requirepass.empty() && !config_.default_user_has_password;
  if (config_.protected_mode && open && !IsLocal(stream)) return kProtected;
  return std::nullopt;
}

void ClientRegistry::Accept(std::unique_ptr<net::Stream> stream) {
  if (!stream->is_unix_socket()) {
    KEYWAY_VERBOSE() << "Accepted " << net::ToString(stream->peer());
  }
  ++stats_.counters.connections_received;
  if (const std::optional<std::string_view> refusal = Refusal(*stream)) {
    ++stats_.counters.connections_rejected;
    stream->output().Append(*refusal);
    stream->FlushNow();
    return;  // closes it
  }
  const uint64_t id = next_id_++;
  auto client = std::make_unique<Client>(id, std::move(stream), *this);
  Client& started = *client;
  clients_.emplace(id, std::move(client));
  started.Start();
}

Client& ClientRegistry::AddPrimary(std::unique_ptr<net::Stream> stream,
                                   std::unique_ptr<PrimaryState> state) {
  const uint64_t id = next_id_++;
  auto owned = std::make_unique<Client>(id, std::move(stream), *this);
  Client& client = *owned;
  clients_.emplace(id, std::move(owned));
  client.set_authenticated(true);
  client.SetReplyMode(ReplyMode::kOff);
  client.set_state(StateKind::kPrimary, std::move(state));
  client.ApplyLimits();  // there are none for it
  client.Start();
  client.PresentRetained();
  return client;
}

Client* ClientRegistry::Find(uint64_t id) {
  const auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : found->second.get();
}

void ClientRegistry::CountClosed(const Client& client) {
  if (client_eviction_ != nullptr) client_eviction_->Forget(client);
  stats_.counters.input_bytes_closed += client.stream().bytes_received();
  stats_.counters.output_bytes_closed += client.stream().bytes_sent();
  if (client.from_primary()) {
    stats_.counters.repl_input_bytes_closed += client.stream().bytes_received();
  } else if (client.is_replica()) {
    stats_.counters.repl_output_bytes_closed += client.stream().bytes_sent();
  }
}

void ClientRegistry::Close(Client& client) {
  const auto found = clients_.find(client.id());
  if (found == clients_.end()) return;
  CountClosed(client);
  client.Abandon();
  client.DropStates();
  DestroySoon(std::move(found->second));
  clients_.erase(found);
}

void ClientRegistry::DestroySoon(std::unique_ptr<Client> client) {
  if (closed_.empty()) {
    loop_.AtEndOfPass([this] {
      std::vector<std::unique_ptr<Client>> closed = std::exchange(closed_, {});
      for (std::unique_ptr<Client>& each : closed) {
        if (each->pinned()) closed_in_long_call_ = std::move(each);
      }
    });
  }
  closed_.push_back(std::move(client));
}

void ClientRegistry::Forget(Client& client) {
  const auto found = clients_.find(client.id());
  if (found == clients_.end()) return;  // closed already; dies at the end of the pass
  CountClosed(client);
  client.Abandon();
  client.DropStates();
  if (client.pinned()) closed_in_long_call_ = std::move(found->second);
  clients_.erase(found);
}

void ClientRegistry::BeginLongCall(Client& client) {
  in_long_call_ = &client;
  client.Pin();
  client.Suspend();
}

void ClientRegistry::EndLongCall() {
  Client& client = *std::exchange(in_long_call_, nullptr);
  client.Unpin();
  if (closed_in_long_call_ != nullptr) {
    client.DropStates();  // what the rest of the command has left
    DestroySoon(std::move(closed_in_long_call_));
  }
  client.PushDone();
  client.Resume();
  for (const std::function<void()>& task : std::exchange(after_long_call_, {})) task();
}

void ClientRegistry::AfterLongCall(std::function<void()> task) {
  if (in_long_call_ == nullptr) {
    task();
  } else {
    after_long_call_.push_back(std::move(task));
  }
}

void ClientRegistry::CloseAll() {
  ForEach([this](Client& client) { Close(client); });
}

void ClientRegistry::Pause(PauseMode mode, int64_t until_micros, PausePurpose purpose) {
  PauseOfOne& pause = pauses_[static_cast<size_t>(purpose)];
  pause.mode = std::max(pause.mode, mode);
  pause.until_micros = std::max(pause.until_micros, until_micros);
  UpdatePause();
}

void ClientRegistry::Unpause(PausePurpose purpose) {
  pauses_[static_cast<size_t>(purpose)] = {};
  UpdatePause();
}

// What holds now, until the next of the pauses ends.
void ClientRegistry::UpdatePause() {
  const int64_t now = clock_.MonotonicMicros();
  const PauseMode before = std::exchange(pause_mode_, PauseMode::kNone);
  int64_t left = INT64_MAX;
  for (PauseOfOne& pause : pauses_) {
    if (pause.mode == PauseMode::kNone) continue;
    if (pause.until_micros <= now) {
      pause = {};
      continue;
    }
    pause_mode_ = std::max(pause_mode_, pause.mode);
    left = std::min(left, pause.until_micros - now);
  }
  if (pause_mode_ == PauseMode::kNone) {
    pause_timer_.Stop();
  } else {
    pause_timer_.Start((static_cast<uint64_t>(left) + 999) / 1000);
  }
  // Those that have to wait all the same find out when they try.
  if (pause_mode_ >= before) return;
  for (const uint64_t id : std::exchange(waiting_for_unpause_, {})) {
    if (Client* client = Find(id)) client->Resume();
  }
}

void ClientRegistry::WaitForUnpause(Client& client) {
  client.Suspend();
  waiting_for_unpause_.push_back(client.id());
}

void ClientRegistry::Cron() {
  const int64_t now = clock_.MonotonicMicros();
  ForEach([this, now](Client& client) {
    if (client.OverOutputLimit(now)) {
      CloseForOutput(client);
    } else {
      if (client_eviction_ != nullptr) client_eviction_->Update(client);
      CloseIfIdle(client, now);
    }
  });
}

void ClientRegistry::CloseForOutput(Client& client) {
  KEYWAY_WARNING() << "Client " << client.Describe(clock_.MonotonicMicros())
                   << " scheduled to be closed ASAP for overcoming of output buffer limits.";
  ++stats_.counters.output_limit_disconnections;
  Close(client);
}

void ClientRegistry::CloseForQueryLimit(Client& client) {
  KEYWAY_WARNING() << "Closing client that reached max query buffer length: "
                   << client.Describe(clock_.MonotonicMicros());
  ++stats_.counters.query_limit_disconnections;
  Close(client);
}

void ClientRegistry::CloseForOutputSoon(Client& client) {
  if (over_output_.empty()) {
    loop_.AtEndOfPass([this] {
      for (const uint64_t id : std::exchange(over_output_, {})) {
        if (Client* found = Find(id)) CloseForOutput(*found);
      }
    });
  }
  if (std::find(over_output_.begin(), over_output_.end(), client.id()) == over_output_.end()) {
    over_output_.push_back(client.id());
  }
}

void ClientRegistry::CloseIfIdle(Client& client, int64_t now_micros) {
  if (config_.timeout == 0 || client.suspended()) return;
  // Who listens has nothing to say.
  if (client.has_state(StateKind::kSubscriptions) || client.has_state(StateKind::kMonitor)) return;
  if (const ClientType type = client.type();
      type == ClientType::kReplica || type == ClientType::kPrimary) {
    return;
  }
  if (now_micros - client.last_request_micros() <= config_.timeout * 1'000'000) return;
  KEYWAY_VERBOSE() << "Closing idle client";
  Close(client);
}

void ClientRegistry::ApplyLimits() {
  ForEach([](Client& client) { client.ApplyLimits(); });
}

net::StreamOptions ClientRegistry::StreamOptionsFor(size_t output_pause_bytes) const {
  net::StreamOptions options;
  options.keepalive_seconds = static_cast<int>(config_.tcp_keepalive);
  options.output_high_bytes = output_pause_bytes;
  options.output_low_bytes = output_pause_bytes / 4;
  options.input_limit_bytes = static_cast<size_t>(config_.client_query_buffer_limit);
  return options;
}

uint64_t ClientRegistry::InputBytes() const {
  uint64_t bytes = stats_.counters.input_bytes_closed;
  for (const auto& [id, client] : clients_) bytes += client->stream().bytes_received();
  return bytes;
}

uint64_t ClientRegistry::OutputBytes() const {
  uint64_t bytes = stats_.counters.output_bytes_closed;
  for (const auto& [id, client] : clients_) bytes += client->stream().bytes_sent();
  return bytes;
}

uint64_t ClientRegistry::ReplicationInputBytes() const {
  uint64_t bytes = stats_.counters.repl_input_bytes_closed;
  for (const auto& [id, client] : clients_) {
    if (client->from_primary()) bytes += client->stream().bytes_received();
  }
  return bytes;
}

uint64_t ClientRegistry::ReplicationOutputBytes() const {
  uint64_t bytes = stats_.counters.repl_output_bytes_closed;
  for (const auto& [id, client] : clients_) {
    if (client->is_replica()) bytes += client->stream().bytes_sent();
  }
  return bytes;
}

}  // namespace keyway::shard
