// Client-side caching: tells clients which of the keys that they may have cached have changed
// (https://redis.io/docs/manual/client-side-caching).
//
// In the default mode the server remembers, in one table for all databases, which client has read
// which key, and tells each of them once, when the key changes. The table holds at most
// tracking-table-max-keys keys: beyond, keys taken at random are treated as if they had changed. A
// client that is gone, or tracks no more, stays in the table until its keys change, or until it is
// found while the list of a key grows.
//
// In the broadcasting mode (BCAST) nothing is remembered: a client hears of every key with one of
// its prefixes, all changes of a pass of the loop in one message at the end of it.
//
// What a command of the client itself invalidates is told after the reply of that command, and
// after that of the whole transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/random.h"
#include "common/command/table.h"
#include "common/net/event_loop.h"
#include "shard/keyspace/key_change_listener.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client_state.h"
#include "shard/server/command_context.h"
#include "shard/types/encodings/hash_bytes.h"

namespace keyway::shard {

class Client;
class ClientRegistry;
class TrackingState;

struct TrackingOptions {
  uint64_t redirect = 0;  // the client to tell instead; 0: itself
  bool bcast = false;
  bool optin = false;
  bool optout = false;
  bool noloop = false;
};

class Tracking final : public keyspace::KeyChangeListener {
 public:
  // All outlive the object; so do the clients' states, which must be gone before it.
  Tracking(net::EventLoop& loop, Random& random, ClientRegistry& clients,
           keyspace::Keyspace& keyspace);
  ~Tracking() override;

  // --- CLIENT TRACKING, CACHING.
  // `prefixes`: for bcast; none means all keys. Returns the error, or nothing.
  std::optional<std::string> Enable(Client& client, const TrackingOptions& options,
                                    std::span<const std::string_view> prefixes);
  void Disable(Client& client);

  // --- For the dispatcher.
  // Before a request: brings the table closer to `max_keys` (0: no limit).
  void LimitTable(size_t max_keys) {
    if (!table_.empty()) DropKeysAbove(max_keys);
  }
  // Around the call of a handler, those within EXEC included. At the end, the keys that a command
  // has read are remembered, if the client wants that, and the client is told what it has
  // invalidated itself.
  void BeginCommand(Client& client) {
    if (depth_++ == 0) current_ = &client;
    calling_ = &client;
    flushed_ = false;
  }
  void EndCommand(const CommandContext& context) {
    if (tracking_clients_ != 0) RememberKeys(context);
    if (--depth_ == 0 && listening_) TellPending();
  }
  // At the end of every request: CLIENT CACHING holds for the command after it, or the transaction.
  static void EndCaching(Client& client);

  // --- For INFO.
  size_t tracking_clients() const { return tracking_clients_; }
  size_t keys() const { return table_.size(); }
  size_t items() const { return items_; }
  size_t prefixes() const { return prefixes_.size(); }

  // keyspace::KeyChangeListener
  void BeforeChange(const keyspace::Database&, Slot, const keyspace::Record&) override {}
  void AfterChange(const keyspace::Database& database, const keyspace::Key& key,
                   keyspace::Event event) override;
  void BeforeFlush(const keyspace::Database& database) override;
  void AfterSwap(const keyspace::Database&, const keyspace::Database&) override {}

 private:
  friend class TrackingState;

  struct KeyHash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return types::HashBytes(key); }
  };
  // By key: the ids of the clients that have read it, ascending.
  using Table = std::unordered_map<std::string, std::vector<uint64_t>, KeyHash, std::equal_to<>>;

  struct Prefix {
    std::vector<Client*> clients;
    // Keys that have changed in this pass, and the client that did it (0: none).
    std::map<std::string, uint64_t, std::less<>> changed;
  };

  void Listen();
  void StopListeningIfIdle();
  void JoinPrefix(TrackingState& state, std::string_view prefix);
  void LeavePrefix(Client& client, const std::string& prefix);
  void RememberKeys(const CommandContext& called);
  void Remember(uint64_t client, std::string_view key);
  void TellPending();
  void DropKeysAbove(size_t max_keys);
  void Invalidate(Table::iterator entry);
  void NoteForPrefixes(std::string_view key);
  void Broadcast();
  void BroadcastTo(Client& client, const TrackingState& state, const Prefix& prefix);
  void DropRandomKey();

  net::EventLoop& loop_;
  Random& random_;
  ClientRegistry& clients_;
  keyspace::Keyspace& keyspace_;
  bool listening_ = false;
  size_t tracking_clients_ = 0;
  Table table_;
  size_t items_ = 0;  // clients over all keys of the table
  size_t over_limit_in_a_row_ = 0;
  std::map<std::string, Prefix, std::less<>> prefixes_;
  std::map<size_t, size_t> prefix_lengths_;  // how many prefixes have that length
  bool broadcast_due_ = false;

  // The client whose command is being executed (depth_ > 0), with what it is to be told afterwards;
  // nothing stands for all keys.
  Client* current_ = nullptr;
  // In whose name the command at hand is called: current_, or the client of scripts.
  const Client* calling_ = nullptr;
  int depth_ = 0;
  std::vector<std::optional<std::string>> pending_;
  bool flushed_ = false;                         // by the command at hand
  std::vector<command::KeyPosition> positions_;  // reused
};

// What one client has asked for.
class TrackingState final : public ClientState {
 public:
  TrackingState(Tracking& tracking, Client& client);
  ~TrackingState() override;

  TrackingOptions options;
  bool caching = false;  // CLIENT CACHING was called for the next command
  bool broken = false;   // the client to redirect to is gone
  std::set<std::string> prefixes;

  void Describe(ClientDescription& description) const override;
  size_t Memory() const override;
  Client& client() const { return client_; }

 private:
  Tracking& tracking_;
  Client& client_;
};

}  // namespace keyway::shard
