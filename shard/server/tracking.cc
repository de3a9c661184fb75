#include "shard/server/tracking.h"

#include <algorithm>
#include <utility>

#include "common/resp/reply_writer.h"
#include "shard/server/client.h"
#include "shard/server/client_registry.h"
#include "shard/server/transactions.h"

namespace keyway::shard {
namespace {

constexpr std::string_view kChannel = "__redis__:invalidate";
// Lists of clients are searched for those that are gone when they have grown to a power of two.
constexpr size_t kFewClients = 64;

TrackingState* Of(const Client& client) {
  return client.state<TrackingState>(StateKind::kTracking);
}

// Opens a message to whoever is to be told of what `client` has cached, and calls `write_keys` to
// write its one value. Nothing is sent to a client that could not understand it.
template <typename WriteKeys>
void Send(ClientRegistry& clients, Client& client, WriteKeys write_keys) {
  TrackingState& state = *Of(client);
  Client* receiver = &client;
  const uint64_t redirect = state.options.redirect;
  if (redirect != 0) {
    receiver = clients.Find(redirect);
    if (receiver == nullptr) {
      state.broken = true;
      if (client.version() == resp::Version::kResp2) return;
      resp::ReplyWriter out = client.Push();
      out.PushHeader(2);
      out.Bulk("tracking-redir-broken");
      out.Integer(static_cast<int64_t>(redirect));
      client.PushDone();
      return;
    }
  }
  const bool by_channel = receiver->version() == resp::Version::kResp2;
  if (by_channel && (redirect == 0 || !receiver->has_state(StateKind::kSubscriptions))) return;
  resp::ReplyWriter out = receiver->Push();
  if (by_channel) {
    out.PushHeader(3);
    out.Bulk("message");
    out.Bulk(kChannel);
  } else {
    out.PushHeader(2);
    out.Bulk("invalidate");
  }
  write_keys(out);
  receiver->PushDone();
}

void SendKey(ClientRegistry& clients, Client& client, std::string_view key) {
  Send(clients, client, [key](resp::ReplyWriter& out) {
    out.ArrayHeader(1);
    out.Bulk(key);
  });
}

// The null is that of the tracking client's protocol version, whoever receives it.
void SendAllKeys(ClientRegistry& clients, Client& client) {
  const std::string_view null = client.version() == resp::Version::kResp2 ? "$-1\r\n" : "_\r\n";
  Send(clients, client, [null](resp::ReplyWriter& out) { out.Raw(null); });
}

std::string Overlap(std::string_view prefix, std::string_view with, std::string_view other) {
  std::string text = "ERR Prefix '";
  text.append(prefix).append("' overlaps with ").append(with).append(" prefix '").append(other);
  return text + "'. Prefixes for a single client must not overlap.";
}

bool OneBeginsWithOther(std::string_view a, std::string_view b) {
  return a.starts_with(b) || b.starts_with(a);
}

std::optional<std::string> FindOverlap(const TrackingState* state,
                                       std::span<const std::string_view> prefixes) {
  for (size_t i = 0; i < prefixes.size(); ++i) {
    if (state != nullptr) {
      for (const std::string& old : state->prefixes) {
        if (OneBeginsWithOther(old, prefixes[i])) {
          return Overlap(prefixes[i], "an existing", old);
        }
      }
    }
    for (size_t j = i + 1; j < prefixes.size(); ++j) {
      if (OneBeginsWithOther(prefixes[i], prefixes[j])) {
        return Overlap(prefixes[i], "another provided", prefixes[j]);
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> FindConflict(const TrackingState* state, const TrackingOptions& options,
                                        std::span<const std::string_view> prefixes) {
  if (!options.bcast && !prefixes.empty()) {
    return "ERR PREFIX option requires BCAST mode to be enabled";
  }
  if (state != nullptr && state->options.bcast != options.bcast) {
    return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and "
           "then re-enabling it with a different mode.";
  }
  if (options.bcast && (options.optin || options.optout)) {
    return "ERR OPTIN and OPTOUT are not compatible with BCAST";
  }
  if (options.optin && options.optout) {
    return "ERR You can't specify both OPTIN mode and OPTOUT mode";
  }
  if (state != nullptr &&
      ((options.optin && state->options.optout) || (options.optout && state->options.optin))) {
    return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and "
           "then re-enabling it with a different mode.";
  }
  return options.bcast ? FindOverlap(state, prefixes) : std::nullopt;
}

}  // namespace

TrackingState::TrackingState(Tracking& tracking, Client& client)
    : tracking_(tracking), client_(client) {
  ++tracking_.tracking_clients_;
}

TrackingState::~TrackingState() {
  for (const std::string& prefix : prefixes) tracking_.LeavePrefix(client_, prefix);
  --tracking_.tracking_clients_;
}

void TrackingState::Describe(ClientDescription& description) const {
  description.tracking = true;
  description.tracking_broken = broken;
  description.tracking_bcast = options.bcast;
  description.redirect = static_cast<int64_t>(options.redirect);
}

size_t TrackingState::Memory() const {
  constexpr size_t kNodeBytes = sizeof(std::string) + 4 * sizeof(void*);
  size_t bytes = sizeof(*this);
  for (const std::string& prefix : prefixes) bytes += kNodeBytes + prefix.size();
  return bytes;
}

Tracking::Tracking(net::EventLoop& loop, Random& random, ClientRegistry& clients,
                   keyspace::Keyspace& keyspace)
    : loop_(loop), random_(random), clients_(clients), keyspace_(keyspace) {}

Tracking::~Tracking() {
  if (listening_) keyspace_.RemoveListener(*this);
}

void Tracking::Listen() {
  if (std::exchange(listening_, true)) return;
  keyspace_.AddListener(*this);
}

void Tracking::StopListeningIfIdle() {
  if (!listening_ || tracking_clients_ != 0 || !table_.empty()) return;
  listening_ = false;
  keyspace_.RemoveListener(*this);
}

// --- Enabling -------------------------------------------------------------------------------

std::optional<std::string> Tracking::Enable(Client& client, const TrackingOptions& options,
                                            std::span<const std::string_view> prefixes) {
  if (auto error = FindConflict(Of(client), options, prefixes)) return error;
  if (Of(client) == nullptr) {
    client.set_state(StateKind::kTracking, std::make_unique<TrackingState>(*this, client));
  }
  TrackingState& state = *Of(client);
  // OPTIN, once chosen, must be chosen again; a CACHING that is waiting stays.
  state.options = options;
  state.broken = false;
  if (options.bcast) {
    if (prefixes.empty()) JoinPrefix(state, "");
    for (const std::string_view prefix : prefixes) JoinPrefix(state, prefix);
  }
  Listen();
  return std::nullopt;
}

void Tracking::Disable(Client& client) {
  client.set_state(StateKind::kTracking, nullptr);
  if (depth_ == 0) StopListeningIfIdle();
}

void Tracking::JoinPrefix(TrackingState& state, std::string_view prefix) {
  if (!state.prefixes.emplace(prefix).second) return;
  const auto [entry, is_new] = prefixes_.try_emplace(std::string(prefix));
  if (is_new) ++prefix_lengths_[prefix.size()];
  entry->second.clients.push_back(&state.client());
}

void Tracking::LeavePrefix(Client& client, const std::string& prefix) {
  const auto entry = prefixes_.find(prefix);
  std::erase(entry->second.clients, &client);
  if (!entry->second.clients.empty()) return;
  prefixes_.erase(entry);
  const auto length = prefix_lengths_.find(prefix.size());
  if (--length->second == 0) prefix_lengths_.erase(length);
}

// --- Commands -------------------------------------------------------------------------------

void Tracking::TellPending() {
  for (const std::optional<std::string>& key : std::exchange(pending_, {})) {
    if (Of(*current_) == nullptr) break;
    if (key) {
      SendKey(clients_, *current_, *key);
    } else {
      SendAllKeys(clients_, *current_);
    }
  }
  StopListeningIfIdle();
}

void Tracking::RememberKeys(const CommandContext& called) {
  const command::Spec& spec = *called.command.spec;
  if (!spec.is(command::kReadonly) || spec.is(command::kPubsub)) return;
  if (spec.is(command::kRunsScript)) return;  // EVAL_RO reads nothing by itself
  // A script that reads counts as having read the keys that it was given, as in Redis; one that does
  // not, has read none.
  if (spec.is(command::kRunsScript)) return;
  const CommandContext& context = called.script != nullptr ? *called.script : called;
  const TrackingState* state = Of(context.client);
  if (state == nullptr || state->options.bcast) return;
  if (state->options.optin && !state->caching) return;
  if (state->options.optout && state->caching) return;
  if (!command::FindKeys(context.command, context.args, &positions_).ok()) return;
  for (const command::KeyPosition& position : positions_) {
    if ((position.flags & command::kKeyNotKey) != 0) continue;
    Remember(context.client.id(), context.args[static_cast<size_t>(position.index)]);
  }
}

void Tracking::Remember(uint64_t client, std::string_view key) {
  auto entry = table_.find(key);
  if (entry == table_.end()) entry = table_.try_emplace(std::string(key)).first;
  std::vector<uint64_t>& readers = entry->second;
  const auto place = std::lower_bound(readers.begin(), readers.end(), client);
  if (place != readers.end() && *place == client) return;
  readers.insert(place, client);
  ++items_;
  const size_t count = readers.size();
  if (count < kFewClients || (count & (count - 1)) != 0) return;
  items_ -= std::erase_if(readers, [this](uint64_t id) {
    const Client* reader = clients_.Find(id);
    return reader == nullptr || Of(*reader) == nullptr;
  });
}

void Tracking::DropKeysAbove(size_t max_keys) {
  if (max_keys == 0 || table_.size() <= max_keys) {
    over_limit_in_a_row_ = 0;
    return;
  }
  // The longer it has been too much for what is done at a time, the more is done.
  constexpr size_t kKeysEachTime = 100;
  for (size_t left = kKeysEachTime * (++over_limit_in_a_row_); left > 0; --left) {
    DropRandomKey();
    if (table_.size() <= max_keys) break;
  }
  if (table_.size() <= max_keys) over_limit_in_a_row_ = 0;
}

void Tracking::DropRandomKey() {
  // Buckets do not get fewer by themselves; a search among many empty ones must not take long.
  if (table_.bucket_count() > 1024 && table_.size() < table_.bucket_count() / 16) table_.rehash(0);
  size_t bucket = random_.Below(table_.bucket_count());
  while (table_.bucket_size(bucket) == 0) bucket = (bucket + 1) % table_.bucket_count();
  Invalidate(table_.find(std::string_view(table_.begin(bucket)->first)));
}

void Tracking::EndCaching(Client& client) {
  const command::Command* last = client.last_command();
  if (last != nullptr && last->full_name.starts_with("client|")) return;
  const Transaction* transaction = Transactions::Of(client);
  if (transaction != nullptr && transaction->open()) return;
  if (TrackingState* state = Of(client)) state->caching = false;
}

// --- Changes --------------------------------------------------------------------------------

void Tracking::AfterChange(const keyspace::Database&, const keyspace::Key& key,
                           keyspace::Event event) {
  if (event == keyspace::Event::kNew || !keyspace::TouchesValue(event)) return;
  if (!prefixes_.empty()) NoteForPrefixes(key.text);
  if (const auto entry = table_.find(key.text); entry != table_.end()) Invalidate(entry);
}

void Tracking::Invalidate(Table::iterator entry) {
  const auto node = table_.extract(entry);
  items_ -= node.mapped().size();
  for (const uint64_t id : node.mapped()) {
    Client* client = clients_.Find(id);
    const TrackingState* state = client == nullptr ? nullptr : Of(*client);
    if (state == nullptr || state->options.bcast) continue;
    if (depth_ == 0 || client != current_) {
      SendKey(clients_, *client, node.key());
    } else if (!state->options.noloop) {
      pending_.emplace_back(node.key());
    }
  }
}

void Tracking::NoteForPrefixes(std::string_view key) {
  const uint64_t changed_by = depth_ == 0 ? 0 : calling_->id();
  for (const auto& [length, count] : prefix_lengths_) {
    if (length > key.size()) break;
    const auto entry = prefixes_.find(key.substr(0, length));
    if (entry == prefixes_.end()) continue;
    entry->second.changed.try_emplace(std::string(key), changed_by);
    if (std::exchange(broadcast_due_, true)) continue;
    loop_.AtEndOfPass([this] { clients_.AfterLongCall([this] { Broadcast(); }); });
  }
}

void Tracking::Broadcast() {
  broadcast_due_ = false;
  for (auto& [text, prefix] : prefixes_) {
    if (prefix.changed.empty()) continue;
    for (Client* client : prefix.clients) BroadcastTo(*client, *Of(*client), prefix);
    prefix.changed.clear();
  }
}

void Tracking::BroadcastTo(Client& client, const TrackingState& state, const Prefix& prefix) {
  const auto is_told = [&](uint64_t changed_by) {
    return !state.options.noloop || changed_by != client.id();
  };
  const auto told = std::count_if(prefix.changed.begin(), prefix.changed.end(),
                                  [&](const auto& key) { return is_told(key.second); });
  if (told == 0) return;
  Send(clients_, client, [&](resp::ReplyWriter& out) {
    out.ArrayHeader(static_cast<size_t>(told));
    for (const auto& [key, changed_by] : prefix.changed) {
      if (is_told(changed_by)) out.Bulk(key);
    }
  });
}

// FLUSHALL empties each database in turn: that is told once.
void Tracking::BeforeFlush(const keyspace::Database&) {
  if (std::exchange(flushed_, true)) return;
  clients_.ForEach([this](Client& client) {
    if (Of(client) == nullptr) return;
    if (depth_ != 0 && &client == current_) {
      pending_.emplace_back();
    } else {
      SendAllKeys(clients_, client);
    }
  });
  table_.clear();
  items_ = 0;
}

}  // namespace keyway::shard
