#include "proxy/execution/key_watch.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "common/log/log.h"
#include "common/resp/reply_parser.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/redirect.h"

namespace keyway::proxy::execution {
namespace {

constexpr uint64_t kUnusedCheckMs = 5000;
constexpr std::string_view kTrackingWords[] = {"CLIENT", "TRACKING", "ON"};

std::string MapKey(int database, std::string_view name) {
  return std::to_string(database) + ":" + std::string(name);
}

}  // namespace

struct KeyWatch::Key {
  int database = 0;
  std::string name;
  Slot slot = 0;
  std::list<Interest*> waiters;  // the oldest first

  Tracker* tracker = nullptr;            // that tells of its next change
  std::optional<net::Endpoint> redirect;  // where the next look goes; else the map says it
  bool asking = false;
  bool by_ask = false;  // so were the last looks
  int redirects = 0;
  uint64_t looks = 0;      // begun
  size_t looks_under_way = 0;
  bool exists = false;
  std::string type;
  std::string trouble;
  bool taken = false;    // somebody has the turn
  bool offered = false;  // it stands in offered_
  bool later = false;    // it stands in later_
};

// One TYPE.
struct KeyWatch::Look final : backend::Call {
  KeyWatch* watch = nullptr;
  Tracker* tracker = nullptr;
  Key* key = nullptr;
  uint64_t number = 0;
  std::list<std::unique_ptr<Look>>::iterator place;

  ~Look() override {
    if (pending()) Cancel();
  }
  void OnReply(std::string_view reply, char type) override;
  void OnFailure(backend::Failure failure, std::string_view detail) override;
};

struct KeyWatch::Tracker final : backend::LeaseOwner, backend::Call {
  KeyWatch* watch = nullptr;
  net::Endpoint node;
  std::unique_ptr<backend::Lease> lease;
  std::list<std::unique_ptr<Look>> looks;
  bool buried = false;
  bool unused = false;  // it was so at the last check

  ~Tracker() override {
    if (pending()) Cancel();
    looks.clear();
  }
  void OnPush(std::string_view message) override { watch->OnInvalidation(*this, message); }
  void OnLeaseLost(std::string_view detail) override { watch->Bury(*this, detail); }
  void OnReply(std::string_view reply, char type) override {
    if (type != '-') return;
    const std::string cause = net::ToString(node) + " refused CLIENT TRACKING: " +
                              std::string(reply.substr(1, reply.size() - 3));
    KEYWAY_WARNING() << cause;
    watch->Bury(*this, cause);
  }
  void OnFailure(backend::Failure, std::string_view detail) override {
    watch->Bury(*this, detail);
  }
};

void KeyWatch::Look::OnReply(std::string_view reply, char type) {
  const std::unique_ptr<Look> self = std::move(*place);
  tracker->looks.erase(place);
  --key->looks_under_way;
  watch->OnLookReply(*key, number, reply, type);
}

void KeyWatch::Look::OnFailure(backend::Failure, std::string_view detail) {
  const std::unique_ptr<Look> self = std::move(*place);
  tracker->looks.erase(place);
  --key->looks_under_way;
  key->trouble = ProxyErrorText(detail);
  watch->access_.RequestRefresh();
  watch->LookLater(*key);
}

KeyWatch::KeyWatch(ShardAccess& access)
    : access_(access),
      later_timer_(access.loop(), [this] { LookAgain(); }),
      bury_timer_(access.loop(), [this] { buried_.clear(); }),
      unused_timer_(access.loop(), [this] { CloseUnused(); }) {
  access_.Watch(*this);
}

KeyWatch::~KeyWatch() {
  CHECK(interests_ == 0) << "keys are still waited for";
}

bool KeyWatch::Add(Interest* interest, Waiter* waiter, int database, std::string_view name,
                   Slot slot) {
  if (interests_ >= kMaxInterests) return false;
  std::unique_ptr<Key>& key = keys_[MapKey(database, name)];
  if (key == nullptr) {
    key = std::make_unique<Key>();
    key->database = database;
    key->name = name;
    key->slot = slot;
    ++databases_[database];
  }
  ++interests_;
  interest->waiter = waiter;
  interest->key = key.get();
  interest->looked = false;
  interest->place = key->waiters.insert(key->waiters.end(), interest);
  // What is known of the key may be older than what the client has done to it.
  interest->first_look = key->looks + 1;
  LookAt(*key);
  return true;
}

void KeyWatch::Remove(Interest* interest) {
  Key* key = std::exchange(interest->key, nullptr);
  if (key == nullptr) return;
  --interests_;
  key->waiters.erase(interest->place);
  ForgetIfUnused(*key);
}

bool KeyWatch::Exists(const Interest& interest) {
  return interest.key->exists;
}

const std::string& KeyWatch::Trouble(const Interest& interest) {
  return interest.key->trouble;
}

const std::string& KeyWatch::Name(const Interest& interest) {
  return interest.key->name;
}

Slot KeyWatch::SlotOf(const Interest& interest) {
  return interest.key->slot;
}

bool KeyWatch::IsBehindOthers(const Interest& interest) {
  for (const Interest* other : interest.key->waiters) {
    if (other->waiter == interest.waiter) return false;
    if (other->waiter->Wants(interest.key->type)) return true;
  }
  return false;
}

void KeyWatch::Offer(const Interest& interest) {
  OfferSoon(*interest.key);
}

void KeyWatch::EndTurn(const Interest& interest, bool later) {
  Key& key = *interest.key;
  key.taken = false;
  // Whatever it was that came of it, the key is not what it was.
  key.exists = false;
  if (later) {
    LookLater(key);
  } else {
    LookAt(key);
  }
}

void KeyWatch::LookAt(Key& key) {
  if (!key.redirect) {
    const topology::SlotMap* map = access_.map();
    const topology::Shard* shard = map == nullptr ? nullptr : map->ShardOf(key.slot);
    if (shard == nullptr) {
      if (map != nullptr) access_.RequestRefresh();
      key.trouble = map != nullptr
                        ? std::string(kSlotNotServed)
                        : NoTopologyText("none of " + access_.options().startup_nodes +
                                         " has answered");
      return LookLater(key);
    }
    key.redirect = shard->primary.endpoint;
  }
  Tracker& tracker = TrackerOf(*std::exchange(key.redirect, std::nullopt));
  if (key.tracker != &tracker) {
    // One that hangs there says nothing of what happens here.
    DropLooks(key);
    key.exists = false;
    key.tracker = &tracker;
  }
  auto owned = std::make_unique<Look>();
  Look* look = owned.get();
  look->watch = this;
  look->tracker = &tracker;
  look->key = &key;
  look->number = ++key.looks;
  look->place = tracker.looks.insert(tracker.looks.end(), std::move(owned));
  ++key.looks_under_way;
  key.by_ask = key.asking;
  const std::string_view words[] = {"TYPE", key.name};
  std::string request;
  AppendRequest(words, &request);
  const std::string_view parts[] = {request};
  tracker.lease->Send({.version = resp::Version::kResp3,
                       .database = key.database,
                       .asking = std::exchange(key.asking, false)},
                      parts, look);
}

void KeyWatch::DropLooks(Key& key) {
  if (key.tracker == nullptr || key.looks_under_way == 0) return;
  std::erase_if(key.tracker->looks, [&key](const auto& look) { return look->key == &key; });
  key.looks_under_way = 0;
}

void KeyWatch::LookLater(Key& key) {
  if (!std::exchange(key.later, true)) later_.push_back(&key);
  if (!later_timer_.active()) {
    later_timer_.Start(static_cast<uint64_t>(access_.options().retry_interval_ms));
  }
}

void KeyWatch::LookAgain() {
  for (Key* key : std::exchange(later_, {})) {
    key->later = false;
    if (key->waiters.empty()) {
      ForgetIfUnused(*key);
    } else if (!key->taken) {
      LookAt(*key);
    }
  }
}

void KeyWatch::OnLookReply(Key& key, uint64_t number, std::string_view reply, char type) {
  if (type == '-') {
    Redirect redirect = ReadRedirect(reply, key.tracker == nullptr ? net::Endpoint{} : key.tracker->node);
    const bool ask = redirect.kind == Redirect::Kind::kAsk;
    if (redirect.kind != Redirect::Kind::kNone) access_.RequestRefresh();
    key.trouble = reply.substr(1, reply.size() - 3);
    if ((ask || redirect.kind == Redirect::Kind::kMoved) &&
        ++key.redirects <= access_.options().max_redirects) {
      (ask ? access_.statistics().asked : access_.statistics().moved).Add(1);
      key.redirect = std::move(redirect.node);
      key.asking = ask;
      return LookAt(key);
    }
    key.redirects = 0;
    return LookLater(key);
  }
  key.redirects = 0;
  key.trouble.clear();
  key.type = reply.substr(1, reply.size() - 3);
  key.exists = key.type != "none";
  if (key.waiters.empty()) return ForgetIfUnused(key);
  // The slot may be kept where it is after all, of which neither node tells.
  if (key.by_ask) LookLater(key);
  std::vector<Waiter*> looked;
  for (Interest* interest : key.waiters) {
    if (interest->looked || interest->first_look > number) continue;
    interest->looked = true;
    if (std::find(looked.begin(), looked.end(), interest->waiter) == looked.end()) {
      looked.push_back(interest->waiter);
    }
  }
  OfferSoon(key);
  // One of them may end in there, but none of the others.
  for (Waiter* waiter : looked) waiter->OnLooked();
}

void KeyWatch::OnInvalidation(Tracker& tracker, std::string_view message) {
  if (tracker.buried) return;
  const auto push = resp::ParseReplyTree(message);
  if (!push.ok() || push->elements.size() != 2 || push->elements[0].text != "invalidate") return;
  const resp::ReplyValue& names = push->elements[1];
  if (names.is_null()) {
    // FLUSHALL.
    for (const auto& [name, key] : keys_) {
      if (key->tracker == &tracker) OnChanged(*key);
    }
    return;
  }
  for (const resp::ReplyValue& name : names.elements) {
    // It does not say in which database.
    for (const auto& [database, count] : databases_) {
      const auto found = keys_.find(MapKey(database, name.text));
      if (found != keys_.end() && found->second->tracker == &tracker) OnChanged(*found->second);
    }
  }
}

void KeyWatch::OnChanged(Key& key) {
  // A look under way comes after the change; at the end of a turn there is one anyway.
  if (key.looks_under_way > 0 || key.taken || key.waiters.empty()) return;
  LookAt(key);
}

void KeyWatch::OnNewMap() {
  for (const auto& [name, key] : keys_) {
    const topology::Shard* shard = access_.map()->ShardOf(key->slot);
    if (key->waiters.empty() || key->taken || shard == nullptr) continue;
    if (key->tracker != nullptr && key->tracker->node == shard->primary.endpoint) continue;
    key->redirect.reset();
    LookAt(*key);
  }
}

KeyWatch::Tracker& KeyWatch::TrackerOf(const net::Endpoint& node) {
  std::unique_ptr<Tracker>& tracker = trackers_[node];
  if (tracker == nullptr) {
    tracker = std::make_unique<Tracker>();
    tracker->watch = this;
    tracker->node = node;
    tracker->lease = access_.pool().Borrow(node, resp::Version::kResp3, tracker.get());
    std::string request;
    AppendRequest(kTrackingWords, &request);
    const std::string_view parts[] = {request};
    tracker->lease->Send({.version = resp::Version::kResp3}, parts, tracker.get());
    if (!unused_timer_.active()) unused_timer_.Start(kUnusedCheckMs, kUnusedCheckMs);
  }
  tracker->unused = false;
  return *tracker;
}

void KeyWatch::Bury(Tracker& tracker, std::string_view cause) {
  if (std::exchange(tracker.buried, true)) return;
  const auto found = trackers_.find(tracker.node);
  buried_.push_back(std::move(found->second));
  trackers_.erase(found);
  access_.RequestRefresh();
  // Its looks go to nobody: the keys are looked at anew.
  for (const std::unique_ptr<Look>& look : tracker.looks) {
    if (look->pending()) look->Cancel();
    --look->key->looks_under_way;
    LookLater(*look->key);
  }
  tracker.looks.clear();
  for (const auto& [name, key] : keys_) {
    if (key->tracker != &tracker) continue;
    key->tracker = nullptr;
    key->exists = false;
    key->trouble = ProxyErrorText(cause);
    LookLater(*key);
  }
  bury_timer_.Start(0);
}

void KeyWatch::OfferSoon(Key& key) {
  if (!key.exists || key.taken || std::exchange(key.offered, true)) return;
  offered_.push_back(&key);
  if (std::exchange(giving_, true)) return;
  access_.loop().AtEndOfPass([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) GiveTurns();
  });
}

void KeyWatch::GiveTurns() {
  giving_ = false;
  for (Key* key : std::exchange(offered_, {})) {
    key->offered = false;
    Interest* next = nullptr;
    if (key->exists && !key->taken) {
      const auto found = std::find_if(key->waiters.begin(), key->waiters.end(),
                                      [key](const Interest* waiting) {
                                        return waiting->waiter->Wants(key->type);
                                      });
      if (found != key->waiters.end()) next = *found;
    }
    if (next == nullptr) {
      ForgetIfUnused(*key);
      continue;
    }
    key->taken = true;
    next->waiter->OnTurn(*next);
  }
}

void KeyWatch::ForgetIfUnused(Key& key) {
  if (!key.waiters.empty() || key.looks_under_way > 0 || key.later || key.offered) return;
  const auto database = databases_.find(key.database);
  if (--database->second == 0) databases_.erase(database);
  keys_.erase(MapKey(key.database, key.name));
}

void KeyWatch::CloseUnused() {
  for (auto& [node, tracker] : trackers_) {
    const bool used = !tracker->looks.empty() ||
                      std::any_of(keys_.begin(), keys_.end(), [&tracker](const auto& entry) {
                        return entry.second->tracker == tracker.get();
                      });
    if (used) {
      tracker->unused = false;
    } else if (std::exchange(tracker->unused, true)) {
      tracker->buried = true;
    }
  }
  std::erase_if(trackers_, [](const auto& entry) { return entry.second->buried; });
  if (trackers_.empty()) unused_timer_.Stop();
}

}  // namespace keyway::proxy::execution
