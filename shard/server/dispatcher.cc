#include "shard/server/dispatcher.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "common/log/log.h"
#include "common/slot/slot.h"
#include "shard/cluster/cluster.h"
#include "shard/config/shard_config.h"
#include "shard/keyspace/keyspace.h"
#include "shard/server/blocking.h"
#include "shard/server/client_eviction.h"
#include "shard/server/client_registry.h"
#include "shard/server/effects.h"
#include "shard/server/eviction.h"
#include "shard/server/kept_arguments.h"
#include "shard/server/latency_monitor.h"
#include "shard/server/lifecycle.h"
#include "shard/server/long_call.h"
#include "shard/server/monitors.h"
#include "shard/server/persistence.h"
#include "shard/server/replica_rules.h"
#include "shard/server/replication.h"
#include "shard/server/scripts.h"
#include "shard/server/slow_log.h"
#include "shard/server/stats.h"
#include "shard/server/tracking.h"
#include "shard/server/transactions.h"

namespace keyway::shard {
namespace {

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

// What a web page in a browser can make its user's machine send to us.
bool IsHttp(std::string_view name) {
  const std::string lower = name.size() > 5 ? std::string() : LowerCase(name);
  return lower == "post" || lower == "host:";
}

// All that SUBSCRIBE and its relatives have in common is that no script may call them.
bool MayBeSaidBySubscriber(const command::Command& command) {
  if (command.spec->is(command::kPubsub) && command.spec->is(command::kNoscript)) return true;
  const std::string& name = command.full_name;
  return name == "ping" || name == "quit" || name == "reset";
}

// enable-debug-command: DEBUG is the only protected command so far.
bool IsPermitted(const command::Command& command, const Client& client, const ShardConfig& config) {
  if (!command.spec->is(command::kProtected)) return true;
  return config.enable_debug_command == ProtectedAction::kYes ||
         (config.enable_debug_command == ProtectedAction::kLocal && client.is_local());
}

bool HasKeys(const command::Spec& spec) {
  return !spec.key_specs.empty() || spec.is(command::kMovableKeys);
}

// The last line that is an error among the replies in `output`.
std::string LastError(const OutputBuffer& output) {
  const std::string text = output.ToString();
  size_t begin = text.rfind("\r\n-");
  begin = begin == std::string::npos ? 0 : begin + 2;
  if (begin >= text.size() || text[begin] != '-') return {};
  return text.substr(begin, text.find("\r\n", begin) - begin);
}

// The process must not go on.
[[noreturn]] void Panic(const std::string& reason) {
  KEYWAY_WARNING() << "------------------------------------------------";
  KEYWAY_WARNING() << "!!! Software Failure. Press left mouse button to continue";
  KEYWAY_WARNING() << "Guru Meditation: " << reason;
  KEYWAY_WARNING() << "------------------------------------------------";
  std::abort();
}

// Whether the command is refused when there is no memory left. Within MULTI each is, as a queue may
// grow without end, but for those that end it.
bool NeedsMemory(const command::Command& command, uint32_t flags, bool in_transaction) {
  if ((flags & command::kDenyOom) != 0) return true;
  const bool ends = Transactions::IsImmediate(command) && command.full_name != "multi" &&
                    command.full_name != "watch";
  return in_transaction && !ends;
}

}  // namespace

Dispatcher::Dispatcher(Services& services, const HandlerTable& handlers)
    : services_(services),
      handlers_(handlers),
      exec_(command::FindCommand("exec")),
      ping_(command::FindCommand("ping")),
      write_command_(command::FindCommand("set")),
      available_([this](const command::Command& command) { return Implements(command); }) {
  for (const auto& [name, new_name] : services.config.renamed_commands) {
    renamed_[LowerCase(name)];
    if (!new_name.empty()) renamed_[LowerCase(new_name)] = LowerCase(name);
  }
}

void Dispatcher::BeginBatch() {
  now_micros_ = services_.clock.MonotonicMicros();
  if (clock_pass_ == services_.loop.passes()) return;
  clock_pass_ = services_.loop.passes();
  wall_minus_monotonic_micros_ = services_.clock.WallMicros() - now_micros_;
}

Dispatcher::Outcome Dispatcher::Execute(Client& client, std::span<const std::string_view> args) {
  // What is not saved any more must not be answered.
  if (services_.lifecycle.shutdown_requested()) [[unlikely]] {
    client.Suspend();
    return Outcome::kPostponed;
  }
  return renamed_.empty() ? ExecuteNamed(client, args, args) : ExecuteRenamed(client, args);
}

Dispatcher::Outcome Dispatcher::ExecuteRenamed(Client& client,
                                               std::span<const std::string_view> args) {
  const auto found = renamed_.find(LowerCase(args[0]));
  if (found == renamed_.end()) return ExecuteNamed(client, args, args);
  if (found->second.empty()) {
    const command::Lookup unknown;
    return Refuse(client, nullptr, command::LookupError(unknown, args));
  }
  std::vector<std::string_view> original(args.begin(), args.end());
  original[0] = found->second;
  return ExecuteNamed(client, original, args);
}

// The checks in the order of Redis 7.0. Whatever refuses a command here says so with Refuse.
Dispatcher::Outcome Dispatcher::ExecuteNamed(Client& client, std::span<const std::string_view> args,
                                             std::span<const std::string_view> said) {
  request_ = args;
  // Lookup and arity.
  const command::Lookup lookup = command::LookupCommand(args);
  const Handler handler =
      lookup.status == command::Lookup::Status::kFound ? handlers_.Find(*lookup.command) : nullptr;
  if (handler == nullptr) return RefuseLookup(client, args, said);
  const command::Command& command = *lookup.command;
  const Transaction* const transaction = OpenTransaction(client);
  const bool obeyed = client.from_primary();
  // EXEC counts as what it is about to execute.
  uint32_t flags = command.spec->flags;
  if (transaction != nullptr && &command == exec_) flags |= transaction->flags();
  if (command.spec->is(command::kRunsScript) && services_.scripts != nullptr) {
    flags = services_.scripts->CommandFlags(command, args);
  }

  if (!IsPermitted(command, client, services_.config)) {
    return Refuse(client, &command,
                  "ERR DEBUG command not allowed. If the enable-debug-command option is set to "
                  "\"local\", you can run it from a local connection, otherwise you need to set "
                  "this option in the configuration file, and then restart the server.");
  }
  // Authentication.
  if (!client.authenticated() && !services_.config.requirepass.empty() &&
      !command.spec->is(command::kNoAuth)) {
    return Refuse(client, &command, "NOAUTH Authentication required.");
  }
  if (transaction != nullptr && command.spec->is(command::kNoMulti)) {
    return Refuse(client, &command, "ERR Command not allowed inside a transaction");
  }
  client.BeginCommand(&command, args);

  // The slots of the keys.
  if (services_.cluster != nullptr && !obeyed && (HasKeys(*command.spec) || &command == exec_) &&
      !AdmittedByCluster(client, command, flags, args)) {
    return Outcome::kDone;
  }

  // Memory: maxmemory-clients, maxmemory, the tracking table's limit.
  if (services_.client_eviction != nullptr && services_.client_eviction->Enforce(&client)) {
    return Outcome::kDone;  // the client is closed
  }
  const bool busy = services_.scripts != nullptr && services_.scripts->busy();
  if (services_.config.maxmemory != 0 && services_.eviction != nullptr && !busy) {
    out_of_memory_ = services_.eviction->MakeRoom() == Eviction::Outcome::kFailed;
    if (out_of_memory_ && NeedsMemory(command, flags, transaction != nullptr)) {
      return Refuse(client, &command, "OOM command not allowed when used memory > 'maxmemory'.");
    }
  }

  if (services_.tracking != nullptr) {
    services_.tracking->LimitTable(static_cast<size_t>(services_.config.tracking_table_max_keys));
  }

  // A disk that cannot be written; PING tells it to who watches the server.
  if (services_.persistence != nullptr &&
      ((flags & command::kWrite) != 0 || &command == ping_)) {
    if (const std::string refusal = services_.persistence->WriteRefusal(services_.config);
        !refusal.empty()) {
      if (!obeyed) return Refuse(client, &command, refusal);
      WriteInSpiteOfDisk(command);
    }
  }

  // Too few replicas, or being one.
  if ((flags & command::kWrite) != 0) {
    if (HasTooFewReplicas(services_)) return Refuse(client, &command, kTooFewReplicas);
    if (!obeyed && IsReadOnlyReplica(services_)) return Refuse(client, &command, kReadOnlyReplica);
  }

  // What a RESP2 client that is subscribed may say, and a monitor.
  if (client.has_state(StateKind::kSubscriptions) && client.version() == resp::Version::kResp2 &&
      !MayBeSaidBySubscriber(command)) {
    return Refuse(client, &command,
                  "ERR Can't execute '" + command.full_name +
                      "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed "
                      "in this context");
  }

  // A replica without its primary.
  const uint32_t missing =
      ~flags | (transaction != nullptr && &command == exec_ ? transaction->missing_flags() : 0);
  if ((missing & command::kStale) != 0 && IsStaleReplica(services_)) {
    return Refuse(client, &command, kPrimaryDown);
  }

  if (services_.persistence != nullptr) {
    const PersistenceStatus& status = services_.persistence->status();
    if ((status.loading && (missing & command::kLoading) != 0) ||
        (status.async_loading && (flags & command::kNoAsyncLoading) != 0)) {
      return Refuse(client, &command, Persistence::kLoadingError);
    }
  }

  // A script that runs for too long.
  if (busy && obeyed) return WaitForScript(client);
  if (busy && !command.spec->is(command::kAllowBusy)) {
    return Refuse(client, &command, services_.scripts->BusyError());
  }

  // Whoever gets a stream of changes; such clients are exempt from pauses.
  const bool takes_stream = client.has_state(StateKind::kMonitor) || client.is_replica();
  if (takes_stream &&
      (flags & (command::kWrite | command::kReadonly | command::kMayReplicate)) != 0) {
    return Refuse(client, &command, "ERR Replica can't interact with the keyspace");
  }

  // CLIENT PAUSE.
  if (services_.clients.MustWait(flags) && !takes_stream) {
    client.BeginCommand(&command, {});  // the arguments are read again when its turn comes
    services_.clients.WaitForUnpause(client);
    return Outcome::kPostponed;
  }

  if (transaction != nullptr && !Transactions::IsImmediate(command)) {
    Queue(client, command, flags, handler, args);
    return Outcome::kDone;
  }
  if ((flags & command::kRunsScript) != 0 && services_.long_call != nullptr &&
      !StandsAside(services_)) {
    CallLong(client, command, handler, args);
  } else {
    Call(client, command, handler, args);
    NoteWriteOffset(client);
    ServeReady();
  }
  return Outcome::kDone;
}

void Dispatcher::CallLong(Client& client, const command::Command& command, Handler handler,
                          std::span<const std::string_view> args) {
  // Kept here: there is one at a time, and nothing is allocated as a rule.
  long_request_.client = &client;
  long_request_.command = &command;
  long_request_.handler = handler;
  long_request_.args.Assign(args);
  services_.long_call->Run(client, [this] {
    Client& caller = *long_request_.client;
    const auto kept = long_request_.args.view();
    caller.BeginCommand(long_request_.command, kept);
    Call(caller, *long_request_.command, long_request_.handler, kept);
    NoteWriteOffset(caller);
    ServeReady();
  });
}

void Dispatcher::NoteWriteOffset(Client& client) {
  if (services_.replication == nullptr) return;
  client.set_write_offset(services_.replication->offset());
}

// Nobody is served in the middle of a script.
void Dispatcher::ServeReady() {
  if (services_.blocking == nullptr || !services_.blocking->has_ready()) return;
  if (StandsAside(services_)) return;
  services_.blocking->ServeReady();
}

// Brings all keys of the transaction into queued_keys_. Returns the command that stands for all in
// the eyes of the cluster: one that writes, if any does.
const command::Command& Dispatcher::CollectQueuedKeys(const Transaction& transaction,
                                                      const command::Command& exec) {
  queued_keys_.clear();
  queued_positions_.clear();
  // A script that declares that it writes is no command that does.
  const bool writes = (transaction.flags() & command::kWrite) != 0;
  const command::Command* chosen = writes ? write_command_ : &exec;
  for (const Transaction::Queued& queued : transaction.queue()) {
    const auto args = queued.args.view();
    if (!command::FindSlotKeys(*queued.command, args, &keys_).ok()) continue;
    for (const command::KeyPosition& position : keys_) {
      queued_positions_.push_back({static_cast<int>(queued_keys_.size()), position.flags});
      queued_keys_.push_back(args[static_cast<size_t>(position.index)]);
    }
    if (queued.command->spec->is(command::kWrite)) chosen = queued.command;
  }
  return *chosen;
}

bool Dispatcher::AdmittedByCluster(Client& client, const command::Command& command, uint32_t flags,
                                   std::span<const std::string_view> args) {
  const bool asking = client.asking() || command.spec->is(command::kAsking);
  resp::ReplyWriter reply = client.Reply();
  client.set_request_slot(-1);
  if (&command == exec_) {
    const Transaction* transaction = OpenTransaction(client);
    if (transaction == nullptr) return true;
    const command::Command& chosen = CollectQueuedKeys(*transaction, command);
    if (queued_keys_.empty()) return true;
    if (services_.cluster->Admit(chosen, queued_keys_, queued_positions_, asking, client.readonly(),
                                 reply, client.db())) {
      if ((flags & command::kRunsScript) != 0) client.set_request_slot(KeySlot(queued_keys_[0]));
      return true;
    }
    services_.transactions->Discard(client);
  } else {
    // Arguments that make no sense have no keys; the handler says what is wrong with them.
    if (!command::FindSlotKeys(command, args, &keys_).ok() || keys_.empty()) return true;
    // A script that declares that it writes counts as a command that does.
    const bool writes = (flags & command::kWrite) != 0 && !command.spec->is(command::kWrite);
    if (services_.cluster->Admit(writes ? *write_command_ : command, args, keys_, asking,
                                 client.readonly(), reply, client.db())) {
      if ((flags & command::kRunsScript) != 0) {
        client.set_request_slot(KeySlot(args[static_cast<size_t>(keys_[0].index)]));
      }
      return true;
    }
    AbortTransaction(client);
  }
  ++services_.stats.command(command.id).rejected;
  services_.stats.CountError(reply.error_code());
  client.EndCommand(client.asking());
  return false;
}

void Dispatcher::Queue(Client& client, const command::Command& command, uint32_t flags,
                       Handler handler, std::span<const std::string_view> args) {
  if (!services_.transactions->Queue(client, command, flags, handler, args)) return;
  resp::ReplyWriter reply = client.Reply();
  reply.Simple("QUEUED");
  EndRequest(client, client.asking());
}

void Dispatcher::Call(Client& client, const command::Command& command, Handler handler,
                      std::span<const std::string_view> args) {
  const bool was_asking = client.asking();
  resp::ReplyWriter reply = client.Reply();
  CommandContext context{command,
                         args,
                         client,
                         reply,
                         services_.keyspace.database(client.db()),
                         services_,
                         now_ms()};
  context.may_block = !client.from_primary();
  Run(context, handler, CallKind::kRequest, 0);
  if (context.waits) {
    services_.blocking->BeganToWait(client, last_call_micros_);  // it ends the request, later
  } else {
    EndRequest(client, was_asking);
  }
}

void Dispatcher::CallQueued(Client& client, const command::Command& command, Handler handler,
                            std::span<const std::string_view> args, int64_t now_ms) {
  resp::ReplyWriter reply = client.Reply();
  CommandContext context{.command = command,
                         .args = args,
                         .client = client,
                         .reply = reply,
                         .db = services_.keyspace.database(client.db()),
                         .services = services_,
                         .now_ms = now_ms,
                         .may_block = false};
  Run(context, handler, CallKind::kQueued, 0);
  services_.clients.nowhere().Clear();
}

void Dispatcher::CallFromScript(Client& script_client, const command::Command& command,
                                Handler handler, std::span<const std::string_view> args,
                                const CommandContext& script) {
  now_micros_ = services_.clock.MonotonicMicros();  // what the script did before is not its time
  resp::ReplyWriter reply = script_client.Reply();
  CommandContext context{.command = command,
                         .args = args,
                         .client = script_client,
                         .reply = reply,
                         .db = services_.keyspace.database(script_client.db()),
                         .services = services_,
                         .now_ms = script.now_ms,
                         .may_block = false,
                         .script = &script,
                         .replayed = script.replayed};
  Run(context, handler, CallKind::kScripted, 0);
}

void Dispatcher::CountRefusal(const command::Command* command, std::string_view code) {
  if (command != nullptr) ++services_.stats.command(command->id).rejected;
  services_.stats.CountError(code);
  counted_errors_ = services_.stats.counters.error_replies;
}

bool Dispatcher::CallAgain(Client& client, const command::Command& command,
                           std::span<const std::string_view> args,
                           const std::string_view& ready_key, int64_t first_micros) {
  resp::ReplyWriter reply = client.Reply();
  CommandContext context{.command = command,
                         .args = args,
                         .client = client,
                         .reply = reply,
                         .db = services_.keyspace.database(client.db()),
                         .services = services_,
                         .now_ms = now_ms(),
                         .ready_key = &ready_key};
  Run(context, handlers_.Find(command), CallKind::kRetry, first_micros);
  return !context.waits;
}

bool Dispatcher::GuardsExpiredKeys() const {
  return services_.clients.paused() != PauseMode::kNone || IsReplica(services_);
}

keyspace::ExpiredKeys Dispatcher::ExpiredKeysOf(const CommandContext& context) const {
  using keyspace::ExpiredKeys;
  if (IsReplica(services_)) {
    const Client& caller = context.script != nullptr ? context.script->client : context.client;
    if (caller.from_primary()) return ExpiredKeys::kKeep;
    const bool writes =
        context.command.spec->is(command::kWrite) && !services_.config.replica_read_only;
    if (!writes) return ExpiredKeys::kHide;
  }
  const bool paused = services_.clients.paused() != PauseMode::kNone;
  return paused ? ExpiredKeys::kHide : ExpiredKeys::kDelete;
}

Dispatcher::Outcome Dispatcher::WaitForScript(Client& client) {
  client.Suspend();
  services_.clients.AfterLongCall([this, id = client.id()] {
    if (Client* waiting = services_.clients.Find(id)) waiting->Resume();
  });
  return Outcome::kPostponed;
}

void Dispatcher::WriteInSpiteOfDisk(const command::Command& command) {
  constexpr int64_t kQuietMicros = 10'000'000;
  if (!services_.config.replica_ignore_disk_write_errors && &command != ping_) {
    Panic("Replica was unable to write command to disk.");
  }
  if (last_disk_warning_micros_ == 0 || now_micros_ - last_disk_warning_micros_ > kQuietMicros) {
    last_disk_warning_micros_ = now_micros_;
    KEYWAY_WARNING()
        << "Replica is applying a command even though it is unable to write to disk.";
  }
}

void Dispatcher::NoteUnexpectedError(const Client& client, std::string_view error) {
  constexpr size_t kLongest = 4096;
  const ClientType type = client.type();
  if (type != ClientType::kPrimary && type != ClientType::kReplica) return;
  ++services_.stats.counters.unexpected_error_replies;
  // What is not given was written to nowhere, as all replies to a primary are.
  const std::string written = error.empty() && type == ClientType::kPrimary
                                  ? LastError(services_.clients.nowhere())
                                  : "-" + std::string(error);
  const char* from = type == ClientType::kPrimary ? "replica" : "master";
  const char* to = type == ClientType::kPrimary ? "master" : "replica";
  const command::Command* command = client.last_command();
  const std::string name = command != nullptr ? command->full_name : "<unknown>";
  KEYWAY_WARNING() << "== CRITICAL == This " << from << " is sending an error to its " << to << ": '"
                   << std::string_view(written).substr(0, kLongest)
                   << "' after processing the command '" << name << "'";
  if (type == ClientType::kPrimary && services_.config.replica_read_only &&
      services_.config.propagation_error_behavior != PropagationError::kIgnore) {
    Panic("This replica panicked sending an error to its master after processing the command '" +
          name + "'");
  }
}

CallEffects::Kind Dispatcher::EffectsKind(const CommandContext& context, CallKind kind) const {
  if (&context.command == exec_ || context.command.spec->is(command::kRunsScript)) {
    return CallEffects::Kind::kFrame;
  }
  return kind == CallKind::kScripted ? CallEffects::Kind::kScripted : CallEffects::Kind::kCommand;
}

// `first_micros`: of a command that is tried again, how long its first call took.
void Dispatcher::Run(CommandContext& context, Handler handler, CallKind kind,
                     int64_t first_micros) {
  ServerStats& stats = services_.stats;
  const command::CommandId id = context.command.id;
  const int64_t start = now_micros_;  // calls inside this one move it on
  const uint64_t errors_before = stats.counters.error_replies;
  counted_errors_ = errors_before;

  context.client.BeginReply();
  if (services_.tracking != nullptr) services_.tracking->BeginCommand(context.client);

  std::optional<CallEffects> effects;
  if (services_.effects != nullptr && services_.effects->wanted()) {
    context.effects =
        &effects.emplace(*services_.effects, context.db.index(), EffectsKind(context, kind));
  }
  if (GuardsExpiredKeys()) [[unlikely]] {
    const std::optional<keyspace::ExpiredKeys> outer = services_.keyspace.in_call();
    services_.keyspace.set_in_call(ExpiredKeysOf(context));
    handler(context);
    services_.keyspace.set_in_call(outer);
  } else {
    handler(context);
  }
  if (effects.has_value()) effects->End(context.args);

  context.client.EndReply();
  if (services_.tracking != nullptr) services_.tracking->EndCommand(context);
  // A script of an append-only file: nothing that it does is seen or counted.
  if (context.replayed) return;
  if (services_.monitors != nullptr && !services_.monitors->empty() && kind != CallKind::kRetry) {
    services_.monitors->Show(context.client, context.command, context.args);
  }
  const int64_t end = services_.clock.MonotonicMicros();
  now_micros_ = end;
  last_call_micros_ = end - start;
  const auto micros = static_cast<uint64_t>(last_call_micros_);
  const bool track = services_.config.latency_tracking && !context.waits;
  if (kind != CallKind::kRetry) {
    stats.CountCall(id, micros, track);
  } else if (!context.waits) {
    stats.CountEndOfWait(id, micros, micros + static_cast<uint64_t>(first_micros), track);
  }
  if (services_.slow_log != nullptr) LogTime(context, kind, last_call_micros_, first_micros);
  for (uint32_t left = context.reply.errors(); left > 0; --left) {
    stats.CountError(context.reply.error_code());
  }
  if (context.reply.errors() != 0 &&
      (context.client.from_primary() || context.client.is_replica())) [[unlikely]] {
    NoteUnexpectedError(context.client, {});
  }
  stats.command(id).failed += context.reply.errors_again();
  // A call has failed when there was an error, unless a call inside it has failed with it.
  if (stats.counters.error_replies > counted_errors_) ++stats.command(id).failed;
  counted_errors_ = stats.counters.error_replies;
}

// Latency history and slow log. Of a command that has waited, the time that it waited is no part.
void Dispatcher::LogTime(const CommandContext& context, CallKind kind, int64_t micros,
                         int64_t first_micros) {
  if (services_.latency->enabled()) {
    services_.latency->Add(kind == CallKind::kRetry                      ? "command-unblocking"
                           : context.command.spec->is(command::kFast) ? "fast-command"
                                                                         : "command",
                           micros);
  }
  if (!context.waits && services_.slow_log->Keeps(context.command, micros + first_micros)) {
    services_.slow_log->Add(context.command, context.args, micros + first_micros,
                            context.client.PeerText(), context.client.name());
  }
}

void Dispatcher::EndRequest(Client& client, bool was_asking) {
  client.EndCommand(was_asking);
  if (services_.client_eviction != nullptr) services_.client_eviction->Update(client);
  OutputBuffer& nowhere = services_.clients.nowhere();
  if (!nowhere.empty()) nowhere.Clear();
  if (client.OverOutputLimit(now_micros_)) services_.clients.CloseForOutput(client);
}

Transaction* Dispatcher::OpenTransaction(const Client& client) {
  Transaction* transaction = Transactions::Of(client);
  return transaction != nullptr && transaction->open() ? transaction : nullptr;
}

void Dispatcher::AbortTransaction(const Client& client) {
  if (Transaction* transaction = OpenTransaction(client)) transaction->Abort();
}

Dispatcher::Outcome Dispatcher::Refuse(Client& client, const command::Command* command,
                                       std::string_view error) {
  client.BeginCommand(command, {});
  resp::ReplyWriter reply = client.Reply();
  if (command != nullptr && command == exec_) {
    reply.Error("EXECABORT Transaction discarded because of: " +
                std::string(error.substr(error.starts_with("ERR ") ? 4 : 0)));
    services_.transactions->Discard(client);  // without MULTI, too: no key is watched any longer
    // Who has seen MULTI sees its end.
    if (services_.monitors != nullptr && !services_.monitors->empty()) {
      services_.monitors->Show(client, *command, request_);
    }
  } else {
    reply.Error(error);
    AbortTransaction(client);
  }
  if (command != nullptr) ++services_.stats.command(command->id).rejected;
  services_.stats.CountError(reply.error_code());
  if (client.from_primary() || client.is_replica()) [[unlikely]] {
    NoteUnexpectedError(client, error);
  }
  client.EndCommand(client.asking());
  services_.clients.nowhere().Clear();
  return Outcome::kDone;
}

Dispatcher::Outcome Dispatcher::RefuseLookup(Client& client, std::span<const std::string_view> args,
                                             std::span<const std::string_view> said) {
  if (IsHttp(args[0])) {
    AbortAttack(client);
    return Outcome::kDone;
  }
  // Again, and now as if the table had only the commands that this shard implements.
  const command::Lookup lookup = command::LookupCommand(args, &available_);
  const bool counts = lookup.status == command::Lookup::Status::kWrongArity;
  return Refuse(client, counts ? lookup.command : nullptr, command::LookupError(lookup, said));
}

void Dispatcher::AbortAttack(Client& client) {
  constexpr int64_t kQuietMicros = 60'000'000;
  if (last_attack_warning_micros_ == 0 ||
      now_micros_ - last_attack_warning_micros_ > kQuietMicros) {
    last_attack_warning_micros_ = now_micros_;
    KEYWAY_WARNING()
        << "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: "
           "commands to Redis. This is likely due to an attacker attempting to use Cross Protocol "
           "Scripting to compromise your Redis instance. Connection aborted.";
  }
  services_.clients.Close(client);
}

}  // namespace keyway::shard
