// All clients of the shard: who is connected, who is closed or paused, and what each client needs
// from the server.
//
// A client is destroyed only here and never while one of its own calls is on the stack: Close moves
// it aside, and it dies at the end of the loop's pass; one whose command stands aside (long_call.h)
// lives until that has ended.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "common/net/stream.h"
#include "shard/server/client.h"

namespace keyway::shard {

class ClientEviction;
class Dispatcher;
class ServerStats;
struct ShardConfig;

// What CLIENT PAUSE holds back.
enum class PauseMode : uint8_t { kNone, kWrite, kAll };
// Who pauses clients. What holds is the strictest of all pauses; each is ended by its own purpose.
enum class PausePurpose : uint8_t { kCommand, kShutdown, kFailover };
inline constexpr size_t kPausePurposes = 3;

class ClientRegistry {
 public:
  ClientRegistry(net::EventLoop& loop, const Clock& clock, const ShardConfig& config,
                 ServerStats& stats);
  ~ClientRegistry();

  // Before the first client.
  void set_dispatcher(Dispatcher* dispatcher) { dispatcher_ = dispatcher; }
  // Who keeps account of what clients occupy; nullptr: nobody.
  void set_client_eviction(ClientEviction* eviction) { client_eviction_ = eviction; }
  ClientEviction* client_eviction() { return client_eviction_; }

  // Connections of the cluster bus, which count towards maxclients.
  void set_bus_connections(size_t count) { bus_connections_ = count; }

  // Takes over a connection that was just accepted: it becomes a client, or is refused with an
  // error (maxclients, protected mode).
  void Accept(std::unique_ptr<net::Stream> stream);

  // The link to the primary that this server replicates becomes a client: authenticated, without
  // replies. `state` is its kPrimary state. What the stream has retained is presented in this pass.
  Client& AddPrimary(std::unique_ptr<net::Stream> stream, std::unique_ptr<PrimaryState> state);

  // nullptr when no such client is connected.
  Client* Find(uint64_t id);
  // In the order in which they connected. `visit` may close clients.
  template <typename Visit>
  void ForEach(Visit visit) {
    for (auto it = clients_.begin(); it != clients_.end();) {
      Client& client = *(it++)->second;
      visit(client);
    }
  }
  size_t count() const { return clients_.size(); }

  // Gone for everyone else at once, destroyed at the end of the pass. Nothing more is sent.
  void Close(Client& client);
  // The stream has closed by itself: destroys the client. To be called by OnClosed only.
  void Forget(Client& client);
  // Close, and says in the log that the client was over client-output-buffer-limit.
  void CloseForOutput(Client& client);
  // The same at the end of the pass: whoever calls is walking over clients or their states.
  void CloseForOutputSoon(Client& client);
  // Close, and says in the log that the client keeps more than client-query-buffer-limit allows.
  void CloseForQueryLimit(Client& client);
  // At the end of the process.
  void CloseAll();

  // A command of `client` stands aside: the client is suspended, and kept when its connection
  // closes, until EndLongCall. One at a time.
  void BeginLongCall(Client& client);
  void EndLongCall();
  // Runs `task` now or, while a command stands aside, when that has ended.
  void AfterLongCall(std::function<void()> task);

  // CLIENT PAUSE, until `until_micros` (monotonic). An existing pause for the same purpose is only
  // ever made longer and stricter.
  void Pause(PauseMode mode, int64_t until_micros, PausePurpose purpose = PausePurpose::kCommand);
  void Unpause(PausePurpose purpose = PausePurpose::kCommand);
  PauseMode paused() const { return pause_mode_; }
  bool PausedFor(PausePurpose purpose) const {
    return pauses_[static_cast<size_t>(purpose)].mode != PauseMode::kNone;
  }
  // Whether a command with these command::Flag has to wait; of EXEC, those of what it executes.
  bool MustWait(uint32_t flags) const {
    if (pause_mode_ == PauseMode::kNone) return false;
    return pause_mode_ == PauseMode::kAll ||
           (flags & (command::kWrite | command::kMayReplicate)) != 0;
  }
  // The client waits until the pause ends.
  void WaitForUnpause(Client& client);

  // Once a second, at least: idle clients, output limits that hold for a time, memory figures.
  void Cron();
  // CONFIG SET of anything that clients know a copy of.
  void ApplyLimits();

  // Bytes over all clients since the start, those that are gone included.
  uint64_t InputBytes() const;
  uint64_t OutputBytes() const;
  // Of these, what came from primaries, and what went to replicas.
  uint64_t ReplicationInputBytes() const;
  uint64_t ReplicationOutputBytes() const;

  net::EventLoop& loop() { return loop_; }
  const Clock& clock() const { return clock_; }
  const ShardConfig& config() const { return config_; }
  ServerStats& stats() { return stats_; }
  Dispatcher& dispatcher() { return *dispatcher_; }
  // Where the replies of clients go that want none.
  OutputBuffer& nowhere() { return nowhere_; }
  net::StreamOptions StreamOptionsFor(size_t output_pause_bytes) const;

 private:
  // The text to refuse a new connection with, if it must be refused.
  std::optional<std::string_view> Refusal(const net::Stream& stream) const;
  void CloseIfIdle(Client& client, int64_t now_micros);
  void CountClosed(const Client& client);
  void DestroySoon(std::unique_ptr<Client> client);
  void UpdatePause();

  net::EventLoop& loop_;
  const Clock& clock_;
  const ShardConfig& config_;
  ServerStats& stats_;
  Dispatcher* dispatcher_ = nullptr;
  ClientEviction* client_eviction_ = nullptr;
  std::map<uint64_t, std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Client>> closed_;  // to be destroyed at the end of the pass
  Client* in_long_call_ = nullptr;
  std::unique_ptr<Client> closed_in_long_call_;
  std::vector<std::function<void()>> after_long_call_;
  std::vector<uint64_t> waiting_for_unpause_;
  std::vector<uint64_t> over_output_;  // to be closed at the end of the pass
  uint64_t next_id_ = 1;
  size_t bus_connections_ = 0;
  struct PauseOfOne {
    PauseMode mode = PauseMode::kNone;
    int64_t until_micros = 0;
  };
  std::array<PauseOfOne, kPausePurposes> pauses_;
  PauseMode pause_mode_ = PauseMode::kNone;  // the strictest of them
  net::Timer pause_timer_;
  OutputBuffer nowhere_;
};

}  // namespace keyway::shard
