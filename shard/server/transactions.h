// MULTI, EXEC, DISCARD, WATCH and UNWATCH: the commands that a client has queued, and the keys that
// it watches.
//
// A client has a Transaction state from its first MULTI or WATCH until both are over. Queued
// commands keep copies of their arguments; what a client can queue is bounded by
// client-query-buffer-limit. Watched keys lie in one table over all clients, which hears of changes
// as a KeyChangeListener while it is not empty.
//
// A key that had expired, but was not deleted, when WATCH was called counts as absent: that it is
// deleted later is no change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/command/table.h"
#include "shard/keyspace/key_change_listener.h"
#include "shard/server/client.h"
#include "shard/server/client_state.h"
#include "shard/server/command_context.h"
#include "shard/server/kept_arguments.h"
#include "shard/server/key_map.h"

namespace keyway::shard {

class Transactions;

// What one client has queued and watches.
class Transaction final : public ClientState {
 public:
  explicit Transaction(Transactions& owner) : owner_(owner) {}
  ~Transaction() override;

  // Between MULTI and its end; commands are queued, not executed.
  bool open() const { return open_; }
  // A command was refused: EXEC will fail.
  bool aborted() const { return aborted_; }
  void Abort() {
    if (open_) aborted_ = true;
  }
  // A watched key has changed.
  bool dirty() const { return dirty_; }
  // command::Flag of all queued commands together.
  uint32_t flags() const { return flags_; }
  // Those that some queued command does not have.
  uint32_t missing_flags() const { return missing_flags_; }
  // Bytes of memory that the queue holds.
  size_t queued_bytes() const { return queued_bytes_; }

  struct Queued {
    const command::Command* command;
    Handler handler;
    KeptArguments args;
  };
  std::span<const Queued> queue() const { return queue_; }

  void Describe(ClientDescription& description) const override;
  size_t Memory() const override;

 private:
  friend class Transactions;

  struct Watched;
  using Watches = std::list<Watched*>;  // of one key, by several clients
  struct Watched {
    Transaction* transaction;
    KeyMap<Watches>::value_type* key;
    Watches::iterator place;
    bool expired;  // was there when WATCH was called, but had expired
  };

  Transactions& owner_;
  std::vector<Queued> queue_;
  std::list<Watched> watched_;
  size_t queued_count_ = 0;  // stays while EXEC executes what was in queue_
  size_t queued_bytes_ = 0;
  uint32_t flags_ = 0;
  uint32_t missing_flags_ = 0;
  bool open_ = false;
  bool aborted_ = false;
  bool dirty_ = false;
};

class Transactions final : private keyspace::KeyChangeListener {
 public:
  explicit Transactions(Services& services) : services_(services) {}
  ~Transactions() override;

  // nullptr: neither in MULTI nor watching.
  static Transaction* Of(const Client& client) {
    return client.state<Transaction>(StateKind::kTransaction);
  }
  // Whether the command is executed at once inside MULTI, not queued: EXEC and its relatives.
  static bool IsImmediate(const command::Command& command);

  // MULTI. False: the client is in a transaction already.
  bool Begin(Client& client);
  // The client is in a transaction. False: that would be more than client-query-buffer-limit allows
  // the client to keep, which has been closed.
  // `flags`: what the call counts as, command::Flag.
  bool Queue(Client& client, const command::Command& command, uint32_t flags, Handler handler,
             std::span<const std::string_view> args);
  // EXEC with an open transaction: executes the queue and replies, or replies why not.
  void Execute(CommandContext& context);
  // Whether a transaction is being executed.
  bool executing() const { return executing_; }
  // The transaction is over, if there is one, and no key is watched any longer.
  void Discard(Client& client);

  // WATCH. Nothing happens when a watched key has changed already.
  void Watch(CommandContext& context, std::span<const std::string_view> keys);
  // UNWATCH.
  void Unwatch(Client& client);

 private:
  friend class Transaction;
  using Watched = Transaction::Watched;
  using Watches = Transaction::Watches;

  Transaction& Make(Client& client);
  static bool IsWatching(const Transaction& transaction, const Watches& watches);
  void DropWatches(Transaction& transaction);
  bool AnyExpired(const Transaction& transaction, int64_t now_ms) const;
  void TouchAll(const keyspace::Database& database, const keyspace::Database* replaced_by,
                const keyspace::Database& was);

  // keyspace::KeyChangeListener
  void BeforeChange(const keyspace::Database&, Slot, const keyspace::Record&) override {}
  void AfterChange(const keyspace::Database& database, const keyspace::Key& key,
                   keyspace::Event event) override;
  void BeforeFlush(const keyspace::Database& database) override;
  void AfterSwap(const keyspace::Database& first, const keyspace::Database& second) override;

  Services& services_;
  KeyMap<Watches> watched_;
  bool executing_ = false;
};

}  // namespace keyway::shard
