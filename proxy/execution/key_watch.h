// One worker's look-out for keys of several shards: whether they exist, who waits for them, and whose
// turn it is when one does.
//
// A shard is asked with TYPE on a connection of its own that has CLIENT TRACKING on (one for each node,
// in RESP3). The answer says whether the key exists, and obliges the shard to tell of the key's next
// change (https://redis.io/docs/reference/client-side-caching); then it is asked again. Nothing is taken
// by looking. A key that exists gives one waiter at a time the turn to take from it; when the turn has
// ended the key is looked at again, and the next may have it: first come, first served.
//
// A tracking connection that is lost, a slot that moves, a new map: its keys are looked at anew.
// Keys that nobody waits for any more are forgotten, and connections without keys are closed.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/net/address.h"
#include "common/net/event_loop.h"
#include "common/slot/slot.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/shard_access.h"

namespace keyway::proxy::execution {

class KeyWatch final : private MapWatcher {
 public:
  // Interests of all waiters together. Beyond, Add fails.
  static constexpr size_t kMaxInterests = 1'000'000;

  struct Key;
  struct Interest;

  class Waiter {
   public:
    virtual ~Waiter() = default;
    // The first look at one of its keys has ended: Interest::looked has become true.
    virtual void OnLooked() = 0;
    // Whether it would take from a key of this type if it had the turn.
    virtual bool Wants(std::string_view type) const = 0;
    // The key of `interest` exists, and it is this waiter's turn until EndTurn. Never called inside
    // one of the functions of KeyWatch.
    virtual void OnTurn(Interest& interest) = 0;
  };

  // One key of one waiter, which owns it. Its address must not change between Add and Remove.
  struct Interest {
    Waiter* waiter = nullptr;
    Key* key = nullptr;
    bool looked = false;  // since Add
    uint64_t first_look = 0;
    std::list<Interest*>::iterator place;
  };

  explicit KeyWatch(ShardAccess& access);
  ~KeyWatch() override;

  // Puts `interest` at the end of those that wait for the key, and has the key looked at. False: too
  // many wait.
  bool Add(Interest* interest, Waiter* waiter, int database, std::string_view key, Slot slot);
  // Also when it was not added. A turn must have ended.
  void Remove(Interest* interest);

  static bool Exists(const Interest& interest);
  // Why the key could not be looked at, if it was so the last time; else empty.
  static const std::string& Trouble(const Interest& interest);
  static const std::string& Name(const Interest& interest);
  static Slot SlotOf(const Interest& interest);
  // Whether another one that wants the key as it is has waited for longer.
  static bool IsBehindOthers(const Interest& interest);

  // Gives the turn, soon, if the key exists and nobody has it.
  void Offer(const Interest& interest);
  // `later`: something is wrong with the shard, the key is looked at again in a moment only.
  void EndTurn(const Interest& interest, bool later);

  size_t keys() const { return keys_.size(); }
  size_t connections() const { return trackers_.size(); }

 private:
  struct Look;
  struct Tracker;

  void OnNewMap() override;
  void LookAt(Key& key);
  // Those under way, on the connection that it has had.
  void DropLooks(Key& key);
  void LookLater(Key& key);
  void LookAgain();
  void OnLookReply(Key& key, uint64_t number, std::string_view reply, char type);
  void OnInvalidation(Tracker& tracker, std::string_view message);
  void OnChanged(Key& key);
  // Its connection is gone, or useless: all its keys have to be looked at elsewhere.
  void Bury(Tracker& tracker, std::string_view cause);
  Tracker& TrackerOf(const net::Endpoint& node);
  void OfferSoon(Key& key);
  void GiveTurns();
  void ForgetIfUnused(Key& key);
  void CloseUnused();

  ShardAccess& access_;
  std::unordered_map<std::string, std::unique_ptr<Key>> keys_;  // by database and name
  std::map<int, size_t> databases_;  // with keys, and how many
  size_t interests_ = 0;
  std::map<net::Endpoint, std::unique_ptr<Tracker>> trackers_;
  std::vector<std::unique_ptr<Tracker>> buried_;  // to be destroyed outside of their callbacks
  std::vector<Key*> later_;
  std::vector<Key*> offered_;
  bool giving_ = false;  // GiveTurns is on its way
  net::Timer later_timer_;
  net::Timer bury_timer_;
  net::Timer unused_timer_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace keyway::proxy::execution
