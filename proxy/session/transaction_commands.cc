// MULTI, EXEC, DISCARD, WATCH, UNWATCH, and what else happens to a command while a client queues.
#include <limits>
#include <utility>
#include <vector>

#include "common/slot/slot.h"
#include "proxy/execution/script.h"
#include "proxy/routing/router.h"
#include "proxy/session/exec_operation.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/session.h"
#include "proxy/session/session_list.h"
#include "proxy/session/transaction.h"
#include "proxy/session/watch_operation.h"

namespace keyway::proxy::session {
namespace {

using execution::Outcome;
using routing::TransactionPart;

constexpr std::string_view kAborted = "EXECABORT Transaction discarded because of previous errors.";
constexpr std::string_view kNotInMulti = "ERR Command not allowed inside a transaction";

void Multi(LocalCall& call) {
  Client& client = call.session.client();
  Transaction& transaction = call.session.MakeTransaction();
  if (transaction.queueing()) return call.Error("ERR MULTI calls can not be nested");
  transaction.Open(client.database, client.version);
  client.multi = 0;
  call.reply.Ok();
}

void Discard(LocalCall& call) {
  Transaction* transaction = call.session.transaction();
  if (transaction == nullptr || !transaction->queueing()) {
    return call.Error("ERR DISCARD without MULTI");
  }
  call.session.EndTransaction();
  call.reply.Ok();
}

void Unwatch(LocalCall& call) {
  if (Transaction* transaction = call.session.transaction()) transaction->Unwatch();
  call.reply.Ok();
}

void WatchKeys(LocalCall& call) {
  Session& session = call.session;
  Transaction& transaction = session.MakeTransaction();
  if (transaction.queueing()) return call.Error("ERR WATCH inside MULTI is not allowed");
  Watch* watch = transaction.watch();
  // EXEC fails anyway, whatever these keys do.
  if (watch != nullptr && watch->lost()) return call.reply.Ok();
  const auto keys = call.arguments.subspan(1);
  const Slot slot = watch != nullptr ? watch->slot() : KeySlot(keys[0]);
  for (std::string_view key : keys) {
    if (KeySlot(key) != slot) return call.Error(routing::kCrossSlot);
  }
  if (watch == nullptr) transaction.MakeWatch(slot);
  call.Defer(new WatchOperation(session, {keys.begin(), keys.end()}));
  // What comes next goes another way and might be there first.
  session.WaitForEarlier();
}

void Exec(LocalCall& call) {
  Session& session = call.session;
  Transaction* transaction = session.transaction();
  if (transaction == nullptr || !transaction->queueing()) {
    return call.Error("ERR EXEC without MULTI");
  }
  const Watch* watch = transaction->watch();
  const topology::SlotMap* map = session.context().executor.access().map();
  std::string_view error;
  if (transaction->failed()) {
    error = kAborted;
  } else if (watch != nullptr && watch->lost()) {
    session.EndTransaction();
    return call.reply.NullArray();
  } else if (transaction->IsTornApart(map == nullptr ? 0 : map->shards().size())) {
    error = routing::kCrossSlot;
  }
  if (!error.empty()) {
    session.EndTransaction();
    return call.Error(error);
  }
  const bool alone = transaction->delays_others();
  if (!alone) session.client().multi = -1;
  call.deferred = true;
  session.RunExec(call.command);
  if (alone) session.WaitForEarlier();
}

// Which part `queued`, a command that changes what those behind it mean, has in a transaction.
// False: `error` says why none.
bool ReadSetting(InMulti kind, std::span<const std::string_view> arguments, resp::Version version,
                 Transaction::Source* source, int* number, std::string* error) {
  int64_t value = 0;
  if (arguments.size() < 2 || !ParseInteger(arguments[1], &value)) return true;
  if (kind == InMulti::kDatabase) {
    if (value < 0 || value > std::numeric_limits<int>::max()) return true;
    *source = Transaction::Source::kDatabase;
  } else {
    if ((value != 2 && value != 3) || value == static_cast<int>(version)) return true;
    if (arguments.size() > 2) {
      *error = "ERR keyway-proxy does not support HELLO with options and another version inside a "
               "transaction";
      return false;
    }
    *source = Transaction::Source::kVersion;
  }
  *number = static_cast<int>(value);
  return true;
}

}  // namespace

Transaction& Session::MakeTransaction() {
  if (transaction_ == nullptr) transaction_ = std::make_unique<Transaction>();
  return *transaction_;
}

void Session::EndTransaction() {
  client_.multi = -1;
  if (transaction_ != nullptr && !transaction_->Discard()) transaction_.reset();
}

void Session::RunExec(const command::Command& command) {
  const bool scripts = transaction_->runs_scripts();
  const bool composed = transaction_->has_own_parts();
  auto* operation = new ExecOperation(*this, std::move(transaction_));
  execution::Request request;
  request.command = &command;
  request.bytes = operation->block();
  request.version = client_.version;
  request.database = client_.database;
  request.client = client_.id;
  context_.executor.Adopt(operation);
  if (composed) composed_ = operation;
  RunOperation(*operation, request, scripts);
}

void Session::Refuse(const command::Command* command, std::string_view text) {
  if (command != nullptr &&
      context_.local_commands.in_multi(*command) == InMulti::kExec) {
    EndTransaction();
    ReplyError(AbortText(text));
    return;
  }
  if (client_.multi >= 0) transaction_->Fail();
  ReplyError(text);
}

bool Session::DispatchQueueing(const command::Command& command,
                               std::span<const std::string_view> arguments) {
  const InMulti kind = context_.local_commands.in_multi(command);
  if (kind == InMulti::kAtOnce || kind == InMulti::kExec) {
    if (kind == InMulti::kExec && transaction_->writer() != nullptr &&
        context_.sessions.pause().Holds(*transaction_->writer())) {
      held_by_pause_ = true;
      return false;
    }
    // What is watched must not be compared, and what the proxy does itself not be done, before the
    // client's own earlier requests have come; and a script must not overtake what is no script, nor
    // the other way round.
    if (in_flight_ > 0 && (transaction_->delays_others() ||
                           transaction_->runs_scripts() != scripts_in_flight_)) {
      must_drain_ = true;
      return false;
    }
    running_silently_ = client_.replies_off || std::exchange(client_.skip_next, false);
    last_command_ = &command;
    RunLocal(command, arguments, running_silently_);
    return true;
  }
  running_silently_ = client_.replies_off || std::exchange(client_.skip_next, false);
  last_command_ = &command;
  std::string error;
  if (command.spec->is(command::kNoMulti)) {
    error = kNotInMulti;
  } else {
    Enqueue(command, kind, arguments, &error);
  }
  execution::Statistics& statistics = context_.executor.statistics();
  if (!error.empty()) {
    statistics.CountRequest(command.id, Outcome::kRefused, 0);
    Refuse(&command, error);
    return true;
  }
  client_.multi = static_cast<int>(transaction_->size());
  if (running_silently_) return true;
  resp::ReplyWriter(context_.scratch).Simple("QUEUED");
  context_.statistics.output_bytes.Add(context_.scratch.size());
  queue_.PushReply(std::move(context_.scratch), stream_->output());
  context_.scratch.Clear();
  return true;
}

void Session::Enqueue(const command::Command& command, InMulti kind,
                      std::span<const std::string_view> arguments, std::string* error) {
  const TransactionPart part = context_.router.FindPart(command, arguments);
  if (part.kind == TransactionPart::Kind::kRefused) {
    *error = routing::RefusalText(command);
    return;
  }
  auto source = Transaction::Source::kShard;
  int number = 0;
  if (kind != InMulti::kQueued &&
      !ReadSetting(kind, arguments, transaction_->version_now(), &source, &number, error)) {
    return;
  }
  using execution::ScriptName;
  const bool runs_script = command.spec->is(command::kRunsScript);
  const ScriptName named = runs_script ? execution::ScriptNameOf(command) : ScriptName::kFunction;
  scripting::ScriptPtr known;
  std::vector<std::string_view> eval;
  if (named == ScriptName::kSha1) {
    // Nothing can be repaired within a transaction, so its shard is told what it may not know.
    known = context_.executor.scripts().Find(arguments[1]);
    if (known != nullptr && known->compiled && transaction_->IsFirstUse(known)) {
      eval.assign(arguments.begin(), arguments.end());
      eval[0] = command.spec->is(command::kReadonly) ? "EVAL_RO" : "EVAL";
      eval[1] = known->text;
      arguments = eval;
    }
  }
  const Transaction::Limits limits{context_.options.max_transaction_commands,
                                   context_.options.max_transaction_bytes};
  if (!transaction_->Queue(command, arguments, part, source, number, limits)) {
    *error = "ERR keyway-proxy: the transaction is too large, it may have " +
             std::to_string(limits.commands) + " commands of " + std::to_string(limits.bytes) +
             " bytes together";
    return;
  }
  if (named == ScriptName::kText) transaction_->KeepScript(arguments[1]);
  // What the proxy answers is counted when it does.
  if (part.kind != TransactionPart::Kind::kLocal) {
    context_.executor.statistics().CountRequest(command.id, Outcome::kOk, 0);
  }
}

void RegisterTransactionCommands(LocalCommands& commands) {
  commands.Add("multi", Multi);
  commands.Add("exec", Exec);
  commands.Add("discard", Discard);
  commands.AddQuiet("watch", WatchKeys);
  commands.Add("unwatch", Unwatch);
  for (std::string_view name : {"multi", "discard", "watch", "quit", "reset"}) {
    commands.SetInMulti(name, InMulti::kAtOnce);
  }
  commands.SetInMulti("exec", InMulti::kExec);
  commands.SetInMulti("select", InMulti::kDatabase);
  commands.SetInMulti("hello", InMulti::kVersion);
}

}  // namespace keyway::proxy::session
