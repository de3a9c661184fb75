#include "shard/server/transactions.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/client_registry.h"
#include "shard/server/dispatcher.h"

namespace keyway::shard {

using keyspace::Database;
using keyspace::Event;
using keyspace::Key;
using keyspace::Record;

Transaction::~Transaction() {
  owner_.DropWatches(*this);
}

void Transaction::Describe(ClientDescription& description) const {
  description.multi = open_;
  description.dirty_cas = dirty_;
  if (open_) description.queued_commands = static_cast<int64_t>(queued_count_);
  description.queued_bytes = queued_bytes_ + watched_.size() * sizeof(Watched);
}

size_t Transaction::Memory() const {
  return sizeof(*this) + queued_bytes_ + watched_.size() * sizeof(Watched);
}

Transactions::~Transactions() {
  if (!watched_.empty()) services_.keyspace.RemoveListener(*this);
}

bool Transactions::IsImmediate(const command::Command& command) {
  static const std::vector<const command::Command*> immediate = [] {
    std::vector<const command::Command*> commands;
    for (const char* name : {"exec", "discard", "multi", "watch", "quit", "reset"}) {
      commands.push_back(command::FindCommand(name));
    }
    return commands;
  }();
  return std::find(immediate.begin(), immediate.end(), &command) != immediate.end();
}

Transaction& Transactions::Make(Client& client) {
  if (Transaction* transaction = Of(client)) return *transaction;
  client.set_state(StateKind::kTransaction, std::make_unique<Transaction>(*this));
  return *Of(client);
}

bool Transactions::Begin(Client& client) {
  Transaction& transaction = Make(client);
  if (transaction.open_) return false;
  transaction.open_ = true;
  return true;
}

bool Transactions::Queue(Client& client, const command::Command& command, uint32_t flags,
                         Handler handler, std::span<const std::string_view> args) {
  Transaction& transaction = *Of(client);
  // EXEC will execute nothing.
  if (transaction.aborted_ || transaction.dirty_) return true;
  KeptArguments kept(args);
  const size_t bytes = kept.Memory() + sizeof(Transaction::Queued);
  if (transaction.queued_bytes_ + bytes >
          static_cast<size_t>(services_.config.client_query_buffer_limit) &&
      !client.from_primary()) {
    services_.clients.CloseForQueryLimit(client);
    return false;
  }
  transaction.queue_.push_back({&command, handler, std::move(kept)});
  transaction.queued_bytes_ += bytes;
  ++transaction.queued_count_;
  transaction.flags_ |= flags;
  transaction.missing_flags_ |= ~flags;
  return true;
}

void Transactions::Execute(CommandContext& context) {
  Client& client = context.client;
  Transaction& transaction = *Of(client);
  if (AnyExpired(transaction, context.now_ms)) transaction.dirty_ = true;
  if (transaction.aborted_ || transaction.dirty_) {
    if (transaction.aborted_) {
      context.reply.Error("EXECABORT Transaction discarded because of previous errors.");
    } else {
      context.reply.NullArray();
    }
    Discard(client);
    return;
  }
  DropWatches(transaction);
  // The queue must outlive whatever its commands do to the client.
  const std::vector<Transaction::Queued> queue = std::move(transaction.queue_);
  context.reply.ArrayHeader(queue.size());
  executing_ = true;
  for (const Transaction::Queued& queued : queue) {
    services_.dispatcher->CallQueued(client, *queued.command, queued.handler, queued.args.view(),
                                     context.now_ms);
  }
  executing_ = false;
  Discard(client);
}

void Transactions::Discard(Client& client) {
  client.set_state(StateKind::kTransaction, nullptr);
}

bool Transactions::IsWatching(const Transaction& transaction, const Watches& watches) {
  if (watches.size() < transaction.watched_.size()) {
    return std::any_of(
        watches.begin(), watches.end(),
        [&transaction](const Watched* watched) { return watched->transaction == &transaction; });
  }
  return std::any_of(
      transaction.watched_.begin(), transaction.watched_.end(),
      [&watches](const Watched& watched) { return &watched.key->second == &watches; });
}

void Transactions::Watch(CommandContext& context, std::span<const std::string_view> keys) {
  Transaction& transaction = Make(context.client);
  if (transaction.dirty_) return;
  const bool listening = !watched_.empty();
  for (std::string_view text : keys) {
    const Key key(text);
    const int index = context.db.index();
    auto found = watched_.find(KeyNameView(index, key));
    if (found == watched_.end()) {
      found = watched_.try_emplace(KeyName{index, std::string(text)}).first;
    }
    Watches& watches = found->second;
    if (IsWatching(transaction, watches)) continue;
    const Record* record = context.db.Peek(key);
    const bool expired = record != nullptr && record->IsExpired(context.now_ms);
    transaction.watched_.push_back({&transaction, &*found, {}, expired});
    Watched& watched = transaction.watched_.back();
    watched.place = watches.insert(watches.end(), &watched);
  }
  if (!listening) services_.keyspace.AddListener(*this);
}

void Transactions::Unwatch(Client& client) {
  Transaction* transaction = Of(client);
  if (transaction == nullptr) return;
  DropWatches(*transaction);
  transaction->dirty_ = false;
  if (!transaction->open_) Discard(client);
}

void Transactions::DropWatches(Transaction& transaction) {
  if (transaction.watched_.empty()) return;
  for (const Watched& watched : transaction.watched_) {
    Watches& watches = watched.key->second;
    watches.erase(watched.place);
    if (watches.empty()) watched_.erase(watched_.find(watched.key->first));
  }
  transaction.watched_.clear();
  if (watched_.empty()) services_.keyspace.RemoveListener(*this);
}

bool Transactions::AnyExpired(const Transaction& transaction, int64_t now_ms) const {
  return std::any_of(transaction.watched_.begin(), transaction.watched_.end(),
                     [this, now_ms](const Watched& watched) {
                       if (watched.expired) return false;
                       const KeyName& name = watched.key->first;
                       const Record* record =
                           services_.keyspace.database(name.database).Peek(Key(name.text));
                       return record != nullptr && record->IsExpired(now_ms);
                     });
}

void Transactions::AfterChange(const Database& database, const Key& key, Event event) {
  if (!keyspace::TouchesValue(event)) return;
  const auto found = watched_.find(KeyNameView(database.index(), key));
  if (found == watched_.end()) return;
  for (Watched* watched : found->second) {
    if (watched->expired) {
      // Absent before, absent now.
      watched->expired = false;
      if (event == Event::kExpired || event == Event::kDel || event == Event::kEvicted) continue;
    }
    watched->transaction->dirty_ = true;
  }
}

// Keys of `database` are gone, or, `replaced_by`: are others now. `was` holds what was there.
void Transactions::TouchAll(const Database& database, const Database* replaced_by,
                            const Database& was) {
  const int64_t now_ms = services_.clock.WallMillis();
  for (auto& [name, watches] : watched_) {
    if (name.database != database.index()) continue;
    const Key key(name.text);
    const bool existed = was.Peek(key) != nullptr;
    const Record* now = replaced_by == nullptr ? nullptr : replaced_by->Peek(key);
    if (!existed && now == nullptr) continue;
    const bool expired_now = now != nullptr && now->IsExpired(now_ms);
    for (Watched* watched : watches) {
      if (watched->expired && now == nullptr) {
        watched->expired = false;
      } else if (expired_now && (watched->expired || !existed)) {
        watched->expired = true;
      } else {
        watched->transaction->dirty_ = true;
      }
    }
  }
}

void Transactions::BeforeFlush(const Database& database) {
  TouchAll(database, nullptr, database);
}

void Transactions::AfterSwap(const Database& first, const Database& second) {
  TouchAll(first, &first, second);
  TouchAll(second, &second, first);
}

}  // namespace keyway::shard
