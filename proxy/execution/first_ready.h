// BLPOP and its kin with keys in several slots: takes from the first key that has something, or waits.
//
// No shard can wait for keys of others, so nothing waits at a shard: the KeyWatch tells which keys
// exist, and the operation takes with the command's form that does not block (LMPOP, ZMPOP with one
// key), on the shared connection. What it takes is known by that reply, and only one key is asked at a
// time, so that nothing is taken that is not delivered:
//
//   kLooking  every key is looked at anew
//   kTaking   a KeyPop is under way: at first for the keys that exist, in the order of the request (the
//             first that holds another type is an error, as with Redis); later for the key whose turn
//             it is
//   kWaiting  none has anything: a turn, the time-out or CLIENT UNBLOCK ends it
//   kRejected malformed: a shard says how, inside MULTI, where nothing blocks
//
// A KeyPop outlives an operation whose client has gone away: what it then brings is put back to the end
// that it came from.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/net/event_loop.h"
#include "common/resp/reply_parser.h"
#include "proxy/execution/key_watch.h"
#include "proxy/execution/operation.h"
#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {

// What the proxy has to know of a command that takes from the first ready key.
struct FirstReadyRow {
  std::string_view name;
  std::string_view pop;    // the form that does not block
  std::string_view type;   // of the keys it takes from
  std::string_view where;  // the end it takes from; empty: an argument behind the keys says so
};

// Takes from one key, once.
class KeyPop final : private ShardRequest::Owner {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // An array of the key and what was taken, or null, or an error. `reply` is valid during the call;
    // the pop is gone after it.
    virtual void OnPopped(std::string_view reply, char type, Outcome outcome) = 0;
  };
  using Pops = std::unordered_map<KeyPop*, std::unique_ptr<KeyPop>>;

  // Adds a pop to `pops`, which owns it until it ends. The end may be reported inside; then the
  // result is nullptr.
  static KeyPop* Start(Pops& pops, ShardAccess& access, Owner* owner, const FirstReadyRow& row,
                       std::string_view where, std::string_view count, std::string_view key,
                       Slot slot, const ShardRequest::Terms& terms);
  // The owner is gone. What is taken nevertheless is put back. May destroy the pop.
  void Detach();

 private:
  KeyPop(Pops& pops, ShardAccess& access, Owner* owner, const FirstReadyRow& row);
  void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                    Outcome outcome) override;
  void OnShardAway(ShardRequest&) override {}
  void PutBack(std::string_view reply);

  Pops& pops_;
  ShardAccess& access_;
  Owner* owner_;
  const FirstReadyRow& row_;
  std::string where_;
  Slot slot_ = 0;
  ShardRequest::Terms terms_;
  ShardRequest request_;
  bool putting_back_ = false;
};

// What the operations of one worker share.
struct FirstReadyShared {
  explicit FirstReadyShared(ShardAccess& access) : watch(access) {}
  KeyWatch watch;
  KeyPop::Pops pops;
};

class FirstReadyOperation final : public Operation,
                                  private KeyWatch::Waiter,
                                  private KeyPop::Owner,
                                  private ShardRequest::Owner {
 public:
  // nullptr: not a command of this kind.
  static const FirstReadyRow* Find(const command::Command& command);

  void Unblock(bool error, std::function<void(bool unblocked)> answer) override;
  bool blocks_client() const override { return true; }
  bool waits() const override { return !first_round_; }

 private:
  enum class State : uint8_t { kIdle, kLooking, kTaking, kWaiting, kRejected };

  void Begin(const Request& request) override;
  void Abandon() override { End(false); }
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override { delete this; }
  bool is_patient() const override { return true; }

  void OnLooked() override;
  bool Wants(std::string_view type) const override;
  void OnTurn(KeyWatch::Interest& interest) override;
  void OnPopped(std::string_view reply, char type, Outcome outcome) override;
  void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                    Outcome outcome) override;
  void OnShardAway(ShardRequest&) override {}

  // False: it is malformed.
  bool ReadArguments(const Request& request);
  void Reject(const Request& request);
  void TakeNext();
  void Take(KeyWatch::Interest& interest);
  void Wait();
  void OnTimer();
  void ArmTimer();
  void SetPatience();
  // Whether a key cannot be looked at, as its shard is away.
  bool AnyAway() const;
  // Ends as if the time had passed, or with -UNBLOCKED.
  void EndWait(bool unblocked);
  // Lets go of everything. Before each Deliver.
  void End(bool unblocked);
  void EndWith(std::string reply, Outcome outcome);
  std::string Reply(std::string_view popped) const;

  const FirstReadyRow* row_ = nullptr;
  std::string where_;
  std::string count_;
  int database_ = 0;
  int64_t ends_micros_ = 0;      // 0: never
  int64_t patience_micros_ = 0;  // when a shard takes too long; 0: none is asked
  State state_ = State::kIdle;
  bool first_round_ = true;
  size_t next_ = 0;  // of the first round
  std::vector<KeyWatch::Interest> interests_;
  KeyWatch::Interest* taking_ = nullptr;  // from whose key
  bool has_turn_ = false;
  KeyPop* pop_ = nullptr;
  ShardRequest rejected_;
  bool unblock_with_error_ = false;
  std::function<void(bool)> unblock_answer_;
  std::unique_ptr<net::Timer> timer_;
};

}  // namespace keyway::proxy::execution
