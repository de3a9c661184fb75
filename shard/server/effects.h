// What commands have changed, said as commands that lead to the same state anywhere: the one stream
// that the AOF and the replicas read, command for command as redis-server 7.0.15 writes it.
//
// A unit is what one request of a client has changed: one command, or, when there are several (a
// transaction, a script, a key that had expired), MULTI ... EXEC around them. A command that has
// changed something (Keyspace::changes() tells) stands in the stream as it was called, unless its
// handler says otherwise, because it would not do the same elsewhere or later (SPOP, INCRBYFLOAT,
// EXPIRE, XADD with *, BLPOP ...). Keys that have expired or were evicted are deleted by DEL or
// UNLINK, before the command that came across them. A client that has waited for a key, and is
// served after somebody's command, makes a unit of its own.
//
// How to add a command: if its effect is the request itself there is nothing to do. Else its
// handler says so where it makes the change:
//
//   if (context.effects != nullptr) context.effects->Replace({"SREM", key, member});
//
// context.effects is nullptr when nobody listens. Without a sink nothing is collected, and all of
// this costs one test a command.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shard/keyspace/key_change_listener.h"

namespace keyway::shard {

struct ShardConfig;
class Effects;
namespace keyspace {
class Keyspace;
}

// Who is to get an effect: bits.
inline constexpr uint8_t kEffectNobody = 0;
inline constexpr uint8_t kEffectAof = 1;
inline constexpr uint8_t kEffectReplicas = 2;
inline constexpr uint8_t kEffectAll = 3;

// One command, MULTI and EXEC included where a unit needs them.
struct Effect {
  int db;
  uint8_t targets;
  std::span<const std::string_view> args;
};

class EffectSink {
 public:
  virtual ~EffectSink() = default;
  // A whole unit, in the order of execution; to be passed over are the effects that are not for the
  // sink's target. A script may leave MULTI and EXEC around nothing. The views are valid during the
  // call, which must change no keys.
  virtual void OnUnit(std::span<const Effect> effects) = 0;
};

// An argument of an effect: text, or a number that becomes text.
class EffectWord {
 public:
  EffectWord(std::string_view text) : text_(text) {}
  EffectWord(const char* text) : text_(text) {}
  EffectWord(const std::string& text) : text_(text) {}
  EffectWord(int64_t number)
      : text_(digits_, std::to_chars(digits_, digits_ + sizeof(digits_), number).ptr) {}
  EffectWord(const EffectWord&) = delete;
  EffectWord& operator=(const EffectWord&) = delete;

  std::string_view text() const { return text_; }

 private:
  char digits_[20];
  std::string_view text_;
};

// How a key is deleted elsewhere.
inline std::string_view DeletionName(bool lazily) {
  return lazily ? "UNLINK" : "DEL";
}

// What one call of a handler says about its effects. Made by the dispatcher around the call.
class CallEffects {
 public:
  enum class Kind : uint8_t {
    kCommand,   // an effect itself if it has changed something
    kFrame,     // EXEC, EVAL, FCALL: only the calls inside of it are
    kScripted,  // called by a script, whose redis.set_repl it obeys
  };
  // The call belongs to database `db`.
  CallEffects(Effects& effects, int db, Kind kind);
  CallEffects(const CallEffects&) = delete;
  CallEffects& operator=(const CallEffects&) = delete;

  // Whether the call has changed anything so far.
  bool changed() const;
  // This stands for the call, instead of the request. Views are copied.
  void Replace(std::initializer_list<EffectWord> args);
  void Replace(std::span<const std::string_view> args);
  // The request is no effect, whatever it has changed.
  void None() { as_called_ = false; }
  // One of several effects, in this order, beside the request (which comes last) or, with None,
  // instead of it. As by Redis, redis.set_repl is no obstacle to these.
  void Add(std::initializer_list<EffectWord> args);
  // The request is an effect for `targets` though it may have changed nothing: FLUSHALL, PUBLISH.
  void Force(uint8_t targets) { forced_ |= targets; }

  // The handler has returned. `args`: the request. Ends the unit if it has begun with this call.
  void End(std::span<const std::string_view> args);

 private:
  Effects& effects_;
  const uint64_t changes_before_;
  const int db_;
  const uint8_t allowed_;  // by redis.set_repl
  bool as_called_;
  uint8_t forced_ = kEffectNobody;
};

class Effects final : private keyspace::KeyChangeListener {
 public:
  // Both outlive the object.
  Effects(keyspace::Keyspace& keyspace, const ShardConfig& config);
  ~Effects() override;
  Effects(const Effects&) = delete;
  Effects& operator=(const Effects&) = delete;

  // From now on, or no longer, `sink`, which outlives its registration, gets the effects for
  // `targets`. Not from within OnUnit.
  void AddSink(EffectSink& sink, uint8_t targets);
  void RemoveSink(EffectSink& sink);
  // Whether there is any sink.
  bool wanted() const { return wanted_ != kEffectNobody; }

  // redis.set_repl: for whom the effects of the calls of this script that follow are. Each script
  // starts with kEffectAll.
  void set_script_targets(uint8_t targets) { script_targets_ = targets; }

 private:
  friend class CallEffects;
  struct Sink {
    EffectSink* sink;
    uint8_t targets;
  };
  // An effect whose arguments are lengths_[first_arg] and so on.
  struct Collected {
    int db;
    uint8_t targets;
    size_t first_arg;
    size_t args;
  };

  template <typename Args, typename TextOf>
  void Collect(int db, uint8_t targets, const Args& args, TextOf text_of);
  // `last`: the last effect of the unit, which was not collected; no arguments: there is none.
  void Flush(const Effect& last);
  void Deliver(std::span<const Effect> unit) const;
  void FlushUnlessInCall();

  // KeyChangeListener
  void BeforeChange(const keyspace::Database&, Slot, const keyspace::Record&) override {}
  void AfterChange(const keyspace::Database& database, const keyspace::Key& key,
                   keyspace::Event event) override;
  void BeforeFlush(const keyspace::Database&) override {}
  void AfterSwap(const keyspace::Database&, const keyspace::Database&) override {}

  keyspace::Keyspace& keyspace_;
  const ShardConfig& config_;
  std::vector<Sink> sinks_;
  uint8_t wanted_ = kEffectNobody;
  uint8_t script_targets_ = kEffectAll;
  int calls_ = 0;  // how many calls of handlers are under way, one inside of the other
  // The unit at hand: all arguments one behind the other.
  std::string bytes_;
  std::vector<size_t> lengths_;
  std::vector<Collected> collected_;
};

// Writes units as the AOF and the connection to a replica have them: RESP arrays of bulk strings,
// with a SELECT in front of each effect in another database than the one before.
class EffectEncoder {
 public:
  // `target`: one bit.
  explicit EffectEncoder(uint8_t target) : target_(target) {}
  void Append(std::span<const Effect> unit, std::string* out);
  // The next effect gets its SELECT: a new file, a new replica.
  void ForgetDatabase() { db_ = -1; }

 private:
  uint8_t target_;
  int db_ = -1;
};

}  // namespace keyway::shard
