// From a request to the handler of its command: finds the command, makes all the checks that Redis
// 7.0 makes before a command runs, in its order, calls the handler, and counts.
//
// This is the one way in which a command is executed, whether a client has just sent it
// (Execute), EXEC takes it from a queue (CallQueued), a script calls it (CallFromScript), or it has
// waited for a key (CallAgain). The
// order of the checks is ExecuteNamed; a refusal in any of them is a Refuse, which also aborts an
// open transaction. What surrounds every handler (statistics, slow log, ...) is Run; what happens
// once after a request or a whole EXEC is in Run (effects) and ExecuteNamed (blocked clients).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/command/table.h"
#include "shard/keyspace/environment.h"
#include "shard/server/client.h"
#include "shard/server/command_context.h"
#include "shard/server/effects.h"
#include "shard/server/handler_table.h"
#include "shard/server/kept_arguments.h"

namespace keyway::shard {

class Transaction;

class Dispatcher {
 public:
  // Both outlive the dispatcher. `services.config.renamed_commands` is read here, once.
  Dispatcher(Services& services, const HandlerTable& handlers);

  enum class Outcome : uint8_t {
    kDone,       // replied, or the client waits, or is closing
    kPostponed,  // nothing has happened, the client is suspended: ask again with the same request
  };

  // Before a series of Execute calls without waiting in between: reads the clock.
  void BeginBatch();
  // Executes one request of `client`. `args` is not empty.
  Outcome Execute(Client& client, std::span<const std::string_view> args);

  // Executes a command of the transaction that `client` executes: EXEC is on the stack. `now_ms`:
  // the time that the whole transaction sees.
  void CallQueued(Client& client, const command::Command& command, Handler handler,
                  std::span<const std::string_view> args, int64_t now_ms);
  // Executes a command for a script: the reply is in script_client.output(). The engine of scripts
  // has checked whether the script may call it. `script`: the call of the script, whose time all
  // its commands see.
  void CallFromScript(Client& script_client, const command::Command& command, Handler handler,
                      std::span<const std::string_view> args, const CommandContext& script);
  // Tries a command again for which `client` waits, as `ready_key` has changed. `first_micros`: how
  // long its first call took. Returns whether it has replied. No other command is under way.
  bool CallAgain(Client& client, const command::Command& command,
                 std::span<const std::string_view> args, const std::string_view& ready_key,
                 int64_t first_micros);

  // Counts a command that a script may not call; nullptr: there is no such command. `code`: of the
  // error.
  void CountRefusal(const command::Command* command, std::string_view code);

  // Whether there was no memory left for the request at hand, and none to be made.
  bool out_of_memory() const { return out_of_memory_; }
  // When the last command of the batch ended; monotonic.
  int64_t now_micros() const { return now_micros_; }
  // The wall clock at the same time.
  int64_t now_ms() const { return (now_micros_ + wall_minus_monotonic_micros_) / 1000; }
  // How long the last call of a handler took.
  int64_t last_call_micros() const { return last_call_micros_; }
  // Whether this shard has the command, under any name.
  bool Implements(const command::Command& command) const { return handlers_.Implements(command); }
  // nullptr: this shard does not have it.
  Handler FindHandler(const command::Command& command) const { return handlers_.Find(command); }

 private:
  // Whether a primary's stream is followed, or clients are paused: then calls differ in what they do
  // with keys that have expired.
  bool GuardsExpiredKeys() const;
  keyspace::ExpiredKeys ExpiredKeysOf(const CommandContext& context) const;
  // Says what a write that may not be refused does though the disk cannot be written.
  void WriteInSpiteOfDisk(const command::Command& command);
  // An error for who does not expect any: the primary, or a replica.
  void NoteUnexpectedError(const Client& client, std::string_view error);
  // The primary's requests wait for a script to end; other clients' are refused.
  Outcome WaitForScript(Client& client);
  // How a handler comes to be called.
  enum class CallKind : uint8_t { kRequest, kQueued, kScripted, kRetry };

  Outcome Refuse(Client& client, const command::Command* command, std::string_view error);
  Outcome RefuseLookup(Client& client, std::span<const std::string_view> args,
                       std::span<const std::string_view> said);
  Outcome ExecuteRenamed(Client& client, std::span<const std::string_view> args);
  // `said`: the request as the client wrote it, for the text of errors; `args` may have another
  // name.
  Outcome ExecuteNamed(Client& client, std::span<const std::string_view> args,
                       std::span<const std::string_view> said);
  bool AdmittedByCluster(Client& client, const command::Command& command, uint32_t flags,
                         std::span<const std::string_view> args);
  const command::Command& CollectQueuedKeys(const Transaction& transaction,
                                            const command::Command& exec);
  void Queue(Client& client, const command::Command& command, uint32_t flags, Handler handler,
             std::span<const std::string_view> args);
  void Call(Client& client, const command::Command& command, Handler handler,
            std::span<const std::string_view> args);
  // Call on a stack of its own, and what comes after it.
  void CallLong(Client& client, const command::Command& command, Handler handler,
                std::span<const std::string_view> args);
  void ServeReady();
  void NoteWriteOffset(Client& client);
  void Run(CommandContext& context, Handler handler, CallKind kind, int64_t first_micros);
  CallEffects::Kind EffectsKind(const CommandContext& context, CallKind kind) const;
  void LogTime(const CommandContext& context, CallKind kind, int64_t micros, int64_t first_micros);
  void EndRequest(Client& client, bool was_asking);
  // nullptr outside of MULTI.
  static Transaction* OpenTransaction(const Client& client);
  static void AbortTransaction(const Client& client);
  void AbortAttack(Client& client);

  Services& services_;
  const HandlerTable& handlers_;
  const command::Command* const exec_;
  const command::Command* const ping_;
  const command::Command* const write_command_;  // any
  std::function<bool(const command::Command&)> available_;
  // By lower-case name as clients say it: the name in the table, or empty when the name is gone.
  std::unordered_map<std::string, std::string> renamed_;
  std::span<const std::string_view> request_;  // the one at hand; valid while it is executed
  std::vector<command::KeyPosition> keys_;     // of the request at hand; reused
  // The keys of a whole transaction, and where they are in the first; reused.
  std::vector<std::string_view> queued_keys_;
  std::vector<command::KeyPosition> queued_positions_;
  struct LongRequest {
    Client* client = nullptr;
    const command::Command* command = nullptr;
    Handler handler = nullptr;
    KeptArguments args;
  };
  LongRequest long_request_;  // of CallLong, until the next one
  bool out_of_memory_ = false;
  int64_t now_micros_ = 0;
  int64_t last_call_micros_ = 0;
  int64_t wall_minus_monotonic_micros_ = 0;
  uint64_t clock_pass_ = UINT64_MAX;  // the pass in which the difference was taken
  uint64_t counted_errors_ = 0;       // of all clients, when the last call ended
  int64_t last_attack_warning_micros_ = 0;
  int64_t last_disk_warning_micros_ = 0;
};

}  // namespace keyway::shard
