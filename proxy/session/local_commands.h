// The commands that the proxy answers by itself, as a standalone Redis 7.0.15 answers them.
//
// Every row of the command table whose route is kLocal has a handler here, registered by name in
// one of the Register functions; routing::Validate checks that none is missing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/command/table.h"
#include "common/resp/reply_writer.h"
#include "common/slot/slot.h"

namespace keyway::proxy::execution {
class Operation;
struct Request;
}  // namespace keyway::proxy::execution

namespace keyway::proxy::session {

class Session;

// One call of a local command.
struct LocalCall {
  // Runs what is deferred in place of the session: in a transaction the reply is one of many.
  class Deferrals {
   public:
    virtual ~Deferrals() = default;
    virtual void Run(execution::Operation& operation, const execution::Request& request) = 0;
  };

  Session& session;
  const command::Command& command;
  std::span<const std::string_view> arguments;  // valid during the call
  resp::ReplyWriter& reply;
  bool failed = false;         // the reply is an error
  bool deferred = false;       // an operation of the session gives the reply
  bool answer_anyway = false;  // even if replies are off
  bool answer_never = false;   // even if replies are on
  Deferrals* deferrals = nullptr;

  // `text` with its code in front.
  void Error(std::string_view text) {
    failed = true;
    reply.Error(text);
  }
  // Replies when `operation` does. The session owns it from then on.
  void Defer(execution::Operation* operation);
  // Passes the request on as it is to the shard of `slot`.
  void Forward(Slot slot);
  // The same as Defer; if it succeeds the client is on `database`.
  void DeferSelect(execution::Operation* operation, int database);
};

using LocalHandler = void (*)(LocalCall&);

// What becomes of a command between MULTI and EXEC.
enum class InMulti : uint8_t {
  kQueued,
  kAtOnce,    // is executed as ever
  kExec,      // the same, and when it is refused the transaction is gone
  kDatabase,  // is queued, and changes the database of what is queued behind it
  kVersion,   // is queued, and may change the version of the replies behind it
};

class LocalCommands {
 public:
  // Registers all handlers. Aborts when one names no row of the table.
  LocalCommands();

  LocalHandler Find(const command::Command& command) const { return handlers_[command.id]; }
  bool Has(const command::Command& command) const { return Find(command) != nullptr; }

  // Whether all earlier requests of the client have to be answered before it starts.
  bool NeedsQuiet(const command::Command& command) const { return quiet_[command.id]; }

  // Whether a subscriber may send it that speaks RESP2.
  bool OpenToSubscribers(const command::Command& command) const {
    return open_to_subscribers_[command.id];
  }

  InMulti in_multi(const command::Command& command) const { return in_multi_[command.id]; }

  // For the Register functions: "client|id".
  void Add(std::string_view full_name, LocalHandler handler);
  // One that asks shards on another connection than the client's earlier requests, or whose effect
  // must not come before theirs.
  void AddQuiet(std::string_view full_name, LocalHandler handler);
  void OpenToSubscribers(std::string_view full_name);
  void SetInMulti(std::string_view full_name, InMulti what);
  // All subcommands of `container`.
  void AddAll(std::string_view container, LocalHandler handler);

 private:
  std::vector<LocalHandler> handlers_;  // by CommandId
  std::vector<bool> quiet_;             // by CommandId
  std::vector<bool> open_to_subscribers_;  // by CommandId
  std::vector<InMulti> in_multi_;          // by CommandId
};

void RegisterConnectionCommands(LocalCommands& commands);
void RegisterClientCommands(LocalCommands& commands);
void RegisterServerCommands(LocalCommands& commands);
void RegisterScriptCommands(LocalCommands& commands);
void RegisterConfigCommands(LocalCommands& commands);
void RegisterAclCommands(LocalCommands& commands);
void RegisterPubsubCommands(LocalCommands& commands);
void RegisterClusterCommands(LocalCommands& commands);
void RegisterDebugCommands(LocalCommands& commands);
void RegisterTransactionCommands(LocalCommands& commands);

// "ERR syntax error" and the others that many commands share.
inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

// An integer as Redis reads arguments: decimal, no blanks, no leading zero or plus sign.
bool ParseInteger(std::string_view text, int64_t* value);
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
// Printable, without blanks; empty is a name too: none.
bool ValidClientName(std::string_view name);
// The error of a subcommand that has more arguments than it takes, though its arity allows them.
void TooManyArguments(LocalCall& call);
// A subcommand's HELP: `lines` as Redis prints them, between its first and its last lines.
void WriteHelp(LocalCall& call, std::span<const std::string_view> lines);

}  // namespace keyway::proxy::session
