#include <algorithm>
#include <functional>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "proxy/backend/backend.h"
#include "proxy/backend/connection.h"

namespace keyway::proxy::backend {
namespace {

constexpr int64_t kMicrosPerMilli = 1000;
constexpr int kMinTickMillis = 5;
constexpr int kMaxTickMillis = 1000;
// Returned leases that are kept for others, of all nodes together.
constexpr size_t kMaxSpares = 256;
// Connections on which a script takes long: requests behind it wait for its end, new ones go elsewhere.
constexpr int64_t kLongScriptMicros = 100'000;
constexpr size_t kMaxBusy = 64;
// Of one node and mode: those that large values hold up, while others serve; and those that have ended that,
// and are kept for the next time.
constexpr size_t kMaxRetired = 16;
constexpr size_t kMaxResting = 4;
// Of calls that answer the end of the pool with another Send.
constexpr int kShutdownRounds = 16;

// A connection's place in the pool, as its owner has it and as Send looks it up.
struct Key {
  net::Endpoint node;
  int mode;  // ModeOf
};

struct KeyView {
  const net::Endpoint& node;
  int mode;
};

constexpr int kReadonlyMode = 1;
constexpr int kScriptsMode = 2;

int ModeOf(const SendOptions& options) {
  return static_cast<int>(options.version) * 4 + (options.scripts ? kScriptsMode : 0) +
         (options.readonly ? kReadonlyMode : 0);
}

struct KeyHash {
  using is_transparent = void;
  static size_t Of(const net::Endpoint& node, int mode) {
    return std::hash<std::string_view>()(node.host) ^
           ((static_cast<size_t>(node.port) << 4 | static_cast<size_t>(mode)) *
            0x9e3779b97f4a7c15ull);
  }
  size_t operator()(const Key& key) const { return Of(key.node, key.mode); }
  size_t operator()(const KeyView& key) const { return Of(key.node, key.mode); }
};

struct KeyEqual {
  using is_transparent = void;
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return a.mode == b.mode && a.node == b.node;
  }
};

int TickMillis(const BackendOptions& options) {
  int shortest = options.connect_timeout_ms;
  for (const int millis :
       {options.idle_probe_ms, options.probe_timeout_ms, options.stuck_ms, options.idle_close_ms,
        options.stalled_ms, options.reply_silence_ms}) {
    if (millis > 0) shortest = std::min(shortest, millis);
  }
  return std::clamp(shortest / 4, kMinTickMillis, kMaxTickMillis);
}

}  // namespace

struct Pool::Impl final : PoolContext, std::enable_shared_from_this<Pool::Impl> {
  Impl(net::EventLoop& event_loop, const BackendOptions& backend_options)
      : PoolContext(event_loop, backend_options), ticker(event_loop, [this] { Tick(); }) {}

  Connection& Find(const net::Endpoint& node, const SendOptions& send) {
    const int mode = ModeOf(send);
    const auto found = connections.find(KeyView{node, mode});
    if (found != connections.end()) {
      if (found->second->held_up()) {
        if (!MayRetire(found->first)) return *found->second;
        Retire(found->first, std::move(found->second));
      } else if (!send.scripts || busy.size() >= kMaxBusy ||
                 found->second->waited_micros() < kLongScriptMicros) {
        return *found->second;
      } else {
        found->second->set_retained(false);
        busy.push_back(std::move(found->second));
      }
      connections.erase(found);
    }
    const Key key{node, mode};
    auto connection = TakeResting(key);
    if (connection == nullptr) {
      connection = std::make_unique<Connection>(*this, node, send.version, send.readonly);
    }
    StartTicking();
    return *connections.emplace(key, std::move(connection)).first->second;
  }

  // Whether one more connection of `key` fits among the retired. When none does, the reply that its
  // client has stopped for longest makes room, if that is long enough to call it stalled.
  bool MayRetire(const Key& key) {
    size_t count = 0;
    Connection* slowest = nullptr;
    for (const Keyed& entry : retired) {
      if (!KeyEqual()(entry.key, key) || !entry.connection->open()) continue;
      ++count;
      if (slowest == nullptr ||
          entry.connection->stopped_micros() > slowest->stopped_micros()) {
        slowest = entry.connection.get();
      }
    }
    if (count < kMaxRetired) return true;
    if (slowest->stopped_micros() < options.stalled_ms * kMicrosPerMilli) return false;
    slowest->GiveUpReply("too many clients take their large replies too slowly");
    return count < 2 * kMaxRetired;
  }

  void Retire(const Key& key, std::unique_ptr<Connection> connection) {
    ++stats.retirements;
    connection->set_retired(true);
    retired.push_back({key, std::move(connection)});
  }

  bool KeepRetired(Connection* connection) override {
    const auto found = std::find_if(retired.begin(), retired.end(), [&](const Keyed& entry) {
      return entry.connection.get() == connection;
    });
    const auto same = std::count_if(resting.begin(), resting.end(), [&](const Keyed& entry) {
      return KeyEqual()(entry.key, found->key);
    });
    if (!connection->retained() || static_cast<size_t>(same) >= kMaxResting) return false;
    connection->set_retired(false);
    resting.push_back(std::move(*found));
    retired.erase(found);
    return true;
  }

  // nullptr: none.
  std::unique_ptr<Connection> TakeResting(const Key& key) {
    const auto found = std::find_if(resting.begin(), resting.end(), [&](const Keyed& entry) {
      return KeyEqual()(entry.key, key) && entry.connection->open();
    });
    if (found == resting.end()) return nullptr;
    std::unique_ptr<Connection> connection = std::move(found->connection);
    resting.erase(found);
    return connection;
  }

  void ScheduleReport(Connection* connection) override {
    failed.push_back(connection);
    if (failed.size() > 1 || shutting_down) return;
    auto report = [weak = weak_from_this()] {
      if (const auto pool = weak.lock(); pool != nullptr) pool->Report();
    };
    // A call that is sent again at once, and fails again at once, is to cost a pass each time.
    if (reporting) {
      loop.Post(std::move(report));
    } else {
      loop.AtEndOfPass(std::move(report));
    }
  }

  Connection* Borrow(const net::Endpoint& node, resp::Version version, LeaseOwner* owner) {
    std::unique_ptr<Connection> connection;
    const auto found = std::find_if(spares.begin(), spares.end(), [&](const auto& spare) {
      return spare->version() == version && spare->open() && spare->node() == node;
    });
    if (found == spares.end()) {
      connection = std::make_unique<Connection>(*this, node, version, false);
    } else {
      connection = std::move(*found);
      spares.erase(found);
    }
    connection->BeginLease(owner);
    StartTicking();
    Connection* borrowed = connection.get();
    leased.emplace(borrowed, std::move(connection));
    return borrowed;
  }

  void EndLease(Connection* connection, bool spare) override {
    const auto found = leased.find(connection);
    std::unique_ptr<Connection> owned = std::move(found->second);
    leased.erase(found);
    // It may be in the middle of telling its owner something.
    std::erase(failed, connection);
    std::replace(batch.begin(), batch.end(), connection, static_cast<Connection*>(nullptr));
    if (spare && spares.size() < kMaxSpares) {
      spares.push_back(std::move(owned));
      return;
    }
    ended.push_back(std::move(owned));
    if (ended.size() > 1 || shutting_down) return;
    loop.AtEndOfPass([weak = weak_from_this()] {
      if (const auto pool = weak.lock(); pool != nullptr) pool->ended.clear();
    });
  }

  void StartTicking() {
    if (ticker.active() || shutting_down) return;
    const auto millis = static_cast<uint64_t>(TickMillis(options));
    ticker.Start(millis, millis);
  }

  void Report() {
    reporting = true;
    batch = std::exchange(failed, {});
    // What one reports may end another one's lease.
    for (size_t i = 0; i < batch.size(); ++i) {
      if (batch[i] != nullptr) batch[i]->ReportFailures();
    }
    batch.clear();
    reporting = false;
  }

  void Tick() {
    for (auto it = connections.begin(); it != connections.end();) {
      it->second->Tick();
      it = it->second->removable() ? connections.erase(it) : std::next(it);
    }
    for (const auto& connection : busy) connection->Tick();
    std::erase_if(busy, [](const auto& connection) { return connection->removable(); });
    for (std::vector<Keyed>* list : {&retired, &resting}) {
      for (const Keyed& entry : *list) entry.connection->Tick();
      std::erase_if(*list, [](const Keyed& entry) { return entry.connection->removable(); });
    }
    for (auto& [connection, owned] : leased) connection->Tick();
    for (const auto& spare : spares) spare->Tick();
    std::erase_if(spares, [](const auto& spare) { return spare->removable(); });
    if (connections.empty() && busy.empty() && retired.empty() && resting.empty() &&
        leased.empty() && spares.empty()) {
      ticker.Stop();
    }
    ReportStuckNodes();
  }

  // Those of scripts are silent for as long as a script runs, which holds up nobody else.
  void ReportStuckNodes() {
    if (watcher == nullptr || options.stuck_ms <= 0) return;
    const int64_t limit = options.stuck_ms * kMicrosPerMilli;
    const int64_t now = loop.NowMicros();
    std::vector<net::Endpoint> stuck;
    for (const auto& [key, connection] : connections) {
      if ((key.mode & kScriptsMode) != 0 || connection->silent_micros() < limit) continue;
      if (std::find(stuck.begin(), stuck.end(), key.node) != stuck.end()) continue;
      bool silent = true;
      bool others_answer = false;
      for (const auto& [other_key, other] : connections) {
        const bool heard = now - other->last_byte_micros() < limit;
        (other_key.node == key.node ? silent : others_answer) =
            other_key.node == key.node ? silent && !heard : others_answer || heard;
      }
      if (silent && others_answer) stuck.push_back(key.node);
    }
    for (const net::Endpoint& node : stuck) watcher->OnNodeStuck(node);
  }

  // Shared connections to `node`.
  template <typename Visit>
  void ForEachTo(const net::Endpoint& node, Visit visit) const {
    for (const auto& [key, connection] : connections) {
      if (key.node == node) visit(*connection);
    }
    for (const auto& connection : busy) {
      if (connection->node() == node) visit(*connection);
    }
    for (const Keyed& entry : retired) {
      if (entry.key.node == node) visit(*entry.connection);
    }
  }

  void Shutdown() {
    shutting_down = true;
    ticker.Stop();
    for (auto& [key, connection] : connections) connection->Shutdown();
    for (const auto& connection : busy) connection->Shutdown();
    for (const Keyed& entry : retired) entry.connection->Shutdown();
    resting.clear();
    for (auto& [connection, owned] : leased) connection->Shutdown();
    spares.clear();
    for (int round = 0; round < kShutdownRounds && !failed.empty(); ++round) Report();
    for (auto& [key, connection] : connections) connection->DropFailures();
    for (const auto& connection : busy) connection->DropFailures();
    for (const Keyed& entry : retired) entry.connection->DropFailures();
    for (auto& [connection, owned] : leased) connection->DropFailures();
    failed.clear();
    ended.clear();
    connections.clear();
    busy.clear();
    retired.clear();
  }

  NodeWatcher* watcher = nullptr;
  net::Timer ticker;
  std::unordered_map<Key, std::unique_ptr<Connection>, KeyHash, KeyEqual> connections;
  // Shared ones that a long script holds up; they close when all on them is answered.
  std::vector<std::unique_ptr<Connection>> busy;
  struct Keyed {
    Key key;
    std::unique_ptr<Connection> connection;
  };
  // Shared ones that a large value has held up: while they end what they were sent, and after.
  std::vector<Keyed> retired;
  std::vector<Keyed> resting;
  // Each with its owner; those without one that another may have; those to be destroyed.
  std::unordered_map<Connection*, std::unique_ptr<Connection>> leased;
  std::vector<std::unique_ptr<Connection>> spares;
  std::vector<std::unique_ptr<Connection>> ended;
  // Those with failures to report.
  std::vector<Connection*> failed;
  std::vector<Connection*> batch;  // that are reporting them
  bool reporting = false;
};

Call::~Call() {
  CHECK(!pending()) << "a call was destroyed while it was under way";
}

void Call::Cancel() {
  if (connection_ != nullptr) connection_->Cancel(this);
}

void Call::ResumeParts() {
  if (connection_ != nullptr) connection_->ResumeParts(this);
}

Pool::Pool(net::EventLoop& loop, const BackendOptions& options)
    : impl_(std::make_shared<Impl>(loop, options)) {}

Pool::~Pool() {
  impl_->Shutdown();
}

void Pool::Send(const net::Endpoint& node, const SendOptions& options,
                std::span<const std::string_view> parts, Call* call) {
  impl_->Find(node, options).Send(options, parts, call);
}

std::unique_ptr<Lease> Pool::Borrow(const net::Endpoint& node, resp::Version version,
                                    LeaseOwner* owner) {
  return std::unique_ptr<Lease>(new Lease(impl_->Borrow(node, version, owner)));
}

Lease::~Lease() {
  if (connection_ != nullptr) connection_->EndLease(false);
}

void Lease::Return(std::unique_ptr<Lease> lease) {
  std::exchange(lease->connection_, nullptr)->EndLease(true);
}

void Lease::Send(const SendOptions& options, std::span<const std::string_view> parts, Call* call) {
  connection_->Send(options, parts, call);
}

const net::Endpoint& Lease::node() const {
  return connection_->node();
}

int64_t Lease::client_id() const {
  return connection_->client_id();
}

bool Lease::lost() const {
  return connection_->lost();
}

void Pool::RetainOnly(std::span<const net::Endpoint> nodes) {
  const auto less = [](const net::Endpoint* a, const net::Endpoint* b) { return *a < *b; };
  std::vector<const net::Endpoint*> sorted;
  sorted.reserve(nodes.size());
  for (const net::Endpoint& node : nodes) sorted.push_back(&node);
  std::sort(sorted.begin(), sorted.end(), less);
  for (auto& [key, connection] : impl_->connections) {
    connection->set_retained(std::binary_search(sorted.begin(), sorted.end(), &key.node, less));
  }
  for (const auto* list : {&impl_->retired, &impl_->resting}) {
    for (const auto& entry : *list) {
      entry.connection->set_retained(
          std::binary_search(sorted.begin(), sorted.end(), &entry.key.node, less));
    }
  }
  for (const auto& spare : impl_->spares) {
    spare->set_retained(std::binary_search(sorted.begin(), sorted.end(), &spare->node(), less));
  }
}

void Pool::set_watcher(NodeWatcher* watcher) {
  impl_->watcher = watcher;
}

bool Pool::HasCalls(const net::Endpoint& node) const {
  bool has = false;
  impl_->ForEachTo(node, [&has](const Connection& connection) {
    has = has || (connection.has_calls() && !connection.readonly());
  });
  return has;
}

bool Pool::GiveUp(const net::Endpoint& node, int64_t silence_micros, std::string_view detail) {
  bool all = true;
  impl_->ForEachTo(node, [&](Connection& connection) {
    if (!connection.has_calls()) return;
    if (connection.silent_micros() >= silence_micros) {
      connection.GiveUp(detail);
    } else {
      all = all && connection.readonly();
    }
  });
  return all;
}

const BackendStats& Pool::stats() const {
  BackendStats& stats = impl_->stats;
  stats.open_connections = 0;
  stats.queued_bytes = 0;
  stats.pending_requests = 0;
  const auto count = [&stats](const Connection& connection) {
    stats.open_connections += connection.open() ? 1 : 0;
    stats.queued_bytes += connection.queued_bytes();
    stats.pending_requests += connection.waiting_requests();
  };
  for (const auto& [key, connection] : impl_->connections) count(*connection);
  for (const auto& connection : impl_->busy) count(*connection);
  stats.retired_connections = 0;
  for (const auto& entry : impl_->retired) {
    count(*entry.connection);
    if (entry.connection->open()) ++stats.retired_connections;
  }
  for (const auto& entry : impl_->resting) count(*entry.connection);
  stats.leases = impl_->leased.size();
  stats.spare_leases = impl_->spares.size();
  return stats;
}

}  // namespace keyway::proxy::backend
