// What a client has queued since MULTI, and the keys that it watches.
//
// Commands are queued at the proxy and go to their shard in one piece when EXEC comes, as MULTI,
// the commands, EXEC; so what a client leaves half done is forgotten with the client. All keys of a
// transaction must lie in one slot. Commands that the proxy answers itself keep their places and
// are run when the shard has executed the others; then the replies are put together (exec_operation.h).
//
// SELECT is executed by the shard, between the commands around it; the block ends with a SELECT of
// the database that the connection was on. HELLO is treated in the same way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/command/table.h"
#include "common/resp/reply_writer.h"
#include "common/slot/slot.h"
#include "proxy/routing/transaction_part.h"
#include "proxy/scripting/script_cache.h"
#include "proxy/session/watch.h"

namespace keyway::proxy::session {

class Transaction {
 public:
  // Who gives the reply of a queued command.
  enum class Source : uint8_t {
    kShard,
    kLocal,     // a handler
    kDatabase,  // the shard; if it is no error, the client is on `number` from then on
    kVersion,   // a handler; the shard has switched to RESP `number`, and its reply is left out
  };
  struct Queued {
    const command::Command* command = nullptr;
    Source source = Source::kShard;
    int number = 0;
    std::vector<std::string> arguments;  // of what a handler is to answer
    std::string script;                  // the text of a script that is to be kept
  };
  struct Limits {
    size_t commands;
    size_t bytes;
  };

  // What a transaction does not hold, however it is used.
  static constexpr size_t kCommandOverhead = 16;

  // MULTI. Not while queueing.
  void Open(int database, resp::Version version);
  bool queueing() const { return queueing_; }
  // A command was refused: EXEC will fail.
  void Fail() { failed_ = true; }
  bool failed() const { return failed_; }

  // Queues a command whose part is not kRefused. `source` and `number` as in Queued, kShard for
  // whatever a shard executes or a handler, as `part` says. False: it does not fit in `limits`.
  bool Queue(const command::Command& command, std::span<const std::string_view> arguments,
             const routing::TransactionPart& part, Source source, int number, const Limits& limits);

  size_t size() const { return queue_.size(); }
  size_t bytes() const { return bytes_; }
  std::span<Queued> queue() { return queue_; }
  // The slot of its keys; none when it has no keys.
  std::optional<Slot> slot() const { return slot_; }
  // Whether no shard can execute all of it: its keys, with those that are watched, lie in several
  // slots, or a part concerns all shards, of which there are `shards`.
  bool IsTornApart(size_t shards) const;
  bool asks_shard() const { return shard_commands_ > 0; }
  // Whether its reply is not just what the shard says.
  bool has_own_parts() const { return own_parts_; }
  // Whether EXEC has to wait for earlier requests of the client, and later ones for its reply: what they
  // mean, or which way they go, depends on it.
  bool delays_others() const { return watch_ != nullptr || own_parts_; }
  bool only_reads() const { return only_reads_; }
  // Whether it goes the way of scripts (Plan::scripts).
  bool runs_scripts() const { return runs_scripts_; }
  // Of a script whose text is queued as it is. The last command queued has it.
  void KeepScript(std::string_view text);
  // Whether KeepScript was called.
  bool keeps_scripts() const { return keeps_scripts_; }
  // Whether `script` is used for the first time, so that its text has to go along.
  bool IsFirstUse(const scripting::ScriptPtr& script);
  // One of its commands that write; nullptr when none does.
  const command::Command* writer() const { return writer_; }
  int database() const { return database_; }
  resp::Version version() const { return version_; }
  // The version of the replies behind what is queued so far.
  resp::Version version_now() const { return version_now_; }

  // The bytes to be sent, MULTI ... EXEC, and how many requests these are. `guard`: a request that
  // is executed last, whose reply is left out. Once.
  std::string TakeBlock(std::string_view guard, int* requests);

  // The keys watched; nullptr when there are none.
  Watch* watch() { return watch_.get(); }
  Watch& MakeWatch(Slot slot);
  std::unique_ptr<Watch> TakeWatch() { return std::move(watch_); }
  // UNWATCH: gives the connection back once it has forgotten the keys.
  void Unwatch();
  // Forgets what is queued, and all that was watched. False: nothing is left, it may be destroyed.
  bool Discard();

 private:
  bool queueing_ = false;
  bool failed_ = false;
  bool own_parts_ = false;
  bool only_reads_ = true;
  bool runs_scripts_ = false;
  bool keeps_scripts_ = false;
  std::set<scripting::ScriptPtr> scripts_;  // whose texts go along
  bool several_slots_ = false;
  bool all_shards_ = false;
  bool changes_database_ = false;
  bool changes_version_ = false;
  int database_ = 0;  // when it was opened
  resp::Version version_ = resp::Version::kResp2;
  resp::Version version_now_ = resp::Version::kResp2;
  std::optional<Slot> slot_;
  const command::Command* writer_ = nullptr;
  std::vector<Queued> queue_;
  size_t shard_commands_ = 0;
  size_t bytes_ = 0;
  std::string block_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Watch> parting_;
};

}  // namespace keyway::proxy::session
