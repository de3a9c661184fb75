#include "proxy/session/exec_operation.h"

#include <utility>
#include <vector>

#include <glog/logging.h>

#include "common/resp/reply_parser.h"
#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/redirect.h"
#include "proxy/session/deferred.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {
namespace {

using execution::Outcome;
using Source = Transaction::Source;

// What asks for all keys of `watch`; empty when there are none.
std::string Guard(const Watch& watch) {
  std::vector<std::string_view> words = {"EXISTS"};
  words.insert(words.end(), watch.keys().begin(), watch.keys().end());
  std::string request;
  execution::AppendRequest(words, &request);
  return request;
}

// The text of an error reply, without its type and the line end.
std::string_view ErrorOf(std::string_view reply) {
  reply.remove_prefix(1);
  reply.remove_suffix(reply.ends_with("\r\n") ? 2 : 0);
  return reply;
}

}  // namespace

std::string AbortText(std::string_view error) {
  constexpr std::string_view kGeneric = "ERR ";
  if (error.starts_with(kGeneric)) error.remove_prefix(kGeneric.size());
  return "EXECABORT Transaction discarded because of: " + std::string(error);
}

ExecOperation::ExecOperation(Session& session, std::unique_ptr<Transaction> transaction)
    : session_(session),
      transaction_(std::move(transaction)),
      alone_(transaction_->delays_others()),
      watch_(transaction_->TakeWatch()) {
  if (watch_ != nullptr || transaction_->asks_shard()) {
    block_ = transaction_->TakeBlock(watch_ == nullptr ? std::string() : Guard(*watch_), &requests_);
  }
}

// The shard's part
// ---------------------------------------------------------------------------------

void ExecOperation::Begin(const execution::Request& request) {
  muted_ = silent;
  if (watch_ != nullptr) {
    BeginWatched(request);
  } else if (block_.empty()) {
    Compose({});
  } else {
    // Before what the client sends behind it.
    if (transaction_->keeps_scripts()) SpreadScripts();
    request_.bytes() = std::move(block_);
    const Slot slot = transaction_->slot().value_or(transaction_->runs_scripts()
                                                        ? executor().StableSlot()
                                                        : executor().AnySlot(request.client));
    request_.Start(executor().access(), this, slot,
                   {.version = request.version,
                    .database = request.database,
                    .repeatable = transaction_->only_reads(),
                    .requests = requests_,
                    .scripts = transaction_->runs_scripts()});
  }
}

void ExecOperation::SpreadScripts() {
  const Slot slot = transaction_->slot().value_or(executor().StableSlot());
  for (const Transaction::Queued& queued : transaction_->queue()) {
    if (queued.script.empty()) continue;
    const auto [script, is_new] = executor().scripts().Add(queued.script);
    if (!is_new) continue;
    executor().script_loads().Spread(script, slot,
                                     {.version = version(), .database = transaction_->database()});
  }
}

void ExecOperation::OnShardReply(execution::ShardRequest&, std::string_view reply, char type,
                                 Outcome outcome) {
  if (type == '-') {
    // What the proxy itself has to say stays as it is.
    if (outcome == Outcome::kError) {
      DeliverAbort(ErrorOf(reply));
    } else {
      Deliver(reply, outcome);
    }
  } else if (type == '*') {
    Compose(reply);
  } else {
    Deliver(reply, outcome);
  }
}

void ExecOperation::OnShardAway(execution::ShardRequest&) {
  ReportHeldUp();
}

void ExecOperation::BeginWatched(const execution::Request& request) {
  const topology::SlotMap* map = executor().access().map();
  const topology::Shard* shard = map == nullptr ? nullptr : map->ShardOf(watch_->slot());
  // A redirect has led to the node before the map knew of it; only a newer map may contradict.
  const bool moved = map == nullptr || (map->version() != watch_->map_version() &&
                                        (shard == nullptr ||
                                         shard->primary.endpoint != watch_->node()));
  if (watch_->lost() || !watch_->connected() || moved) {
    DeliverNil();
    return;
  }
  replies_left_ = requests_;
  if (watch_->version() != request.version) {
    std::string hello;
    const std::string_view words[] = {"HELLO", request.version == resp::Version::kResp3 ? "3" : "2"};
    execution::AppendRequest(words, &hello);
    block_.insert(0, hello);
    ++replies_left_;
  }
  in_doubt_ = !transaction_->only_reads();
  watch_->Send(request.database, replies_left_, std::exchange(block_, {}), this);
}

void ExecOperation::OnWatchReply(std::string_view reply, char type) {
  const bool error = type == '-' || type == '!';
  if (--replies_left_ > 0) {
    if (error && first_error_.empty()) first_error_ = reply;
    return;
  }
  in_doubt_ = false;
  const net::Endpoint node = watch_->node();
  // One that was switched to another version is not what another client expects.
  if (watch_->version() == version()) watch_->Return();
  watch_.reset();
  if (type == '*' && !reply.starts_with("*-1")) {
    // Not earlier: what has not been executed is not known to Redis.
    if (transaction_->keeps_scripts()) SpreadScripts();
    Compose(reply);
    return;
  }
  if (!error) {
    DeliverNil();
    return;
  }
  const std::string text = first_error_.empty() ? std::string(reply) : first_error_;
  using Kind = execution::Redirect::Kind;
  const Kind kind = execution::ReadRedirect(text, node).kind;
  if (kind != Kind::kNone) executor().access().RequestRefresh();
  if (kind == Kind::kNone || kind == Kind::kUnsettled) {
    DeliverAbort(ErrorOf(text));
  } else {
    DeliverNil();
  }
}

void ExecOperation::OnWatchFailure(backend::Failure failure, std::string_view detail) {
  executor().access().RequestRefresh();
  watch_.reset();
  const bool unknown = backend::MayHaveExecuted(failure) && first_error_.empty() && in_doubt_;
  in_doubt_ = false;
  if (unknown) {
    DeliverError(execution::UncertainText(detail), Outcome::kUncertain);
  } else if (failure == backend::Failure::kHandshake || failure == backend::Failure::kQueueFull) {
    DeliverError(execution::ProxyErrorText(detail), Outcome::kUnreachable);
  } else {
    DeliverNil();
  }
}

void ExecOperation::EndMulti() {
  if (alone_) session_.client().multi = -1;
}

void ExecOperation::DeliverNil() {
  watch_.reset();
  EndMulti();
  OutputBuffer out;
  resp::ReplyWriter(out, version()).NullArray();
  Deliver(std::move(out), Outcome::kOk);
}

void ExecOperation::DeliverAbort(std::string_view error) {
  EndMulti();
  DeliverError(error.starts_with("EXECABORT ") ? std::string(error) : AbortText(error),
               Outcome::kError);
}

// The reply
// ---------------------------------------------------------------------------------

void ExecOperation::Compose(std::string_view reply) {
  if (!transaction_->has_own_parts() && !transaction_->keeps_scripts() && requests_ - 2 == static_cast<int>(transaction_->size())) {
    Deliver(reply, Outcome::kOk);
    return;
  }
  const size_t header = reply.find("\r\n");
  if (header != std::string_view::npos) elements_ = reply.substr(header + 2);
  silent = false;
  if (!muted_) resp::ReplyWriter(out_).ArrayHeader(transaction_->size());
  Continue();
}

void ExecOperation::Continue() {
  composing_ = true;
  while (deferred_ == nullptr && next_ < transaction_->size()) {
    Transaction::Queued& queued = transaction_->queue()[next_++];
    if (queued.source != Source::kLocal) TakeElement(queued);
    if (queued.source == Source::kLocal || queued.source == Source::kVersion) RunLocal(queued);
  }
  composing_ = false;
  if (deferred_ != nullptr) return;
  EndMulti();
  Deliver(std::move(out_), Outcome::kOk);
}

void ExecOperation::TakeElement(Transaction::Queued& queued) {
  const std::string_view rest = std::string_view(elements_).substr(position_);
  resp::ReplyParser parser;
  if (parser.Next(rest) != resp::ReplyParser::Outcome::kReply) {
    LOG(DFATAL) << "a shard's reply to EXEC has too few elements";
    return;
  }
  position_ += parser.length();
  const bool error = parser.type() == '-' || parser.type() == '!';
  if (!error && !queued.script.empty()) {
    const auto added = executor().scripts().Add(queued.script);
    if (added.script != nullptr) added.script->compiled = true;
  }
  if (queued.source == Source::kDatabase && !error) session_.client().database = queued.number;
  if (queued.source == Source::kVersion || muted_) return;
  const std::string_view element = rest.substr(0, parser.length());
  if (queued.source == Source::kDatabase && error) {
    resp::ReplyWriter(out_).Error(SelectErrorText(ErrorOf(element)));
  } else {
    out_.Append(element);
  }
}

void ExecOperation::RunLocal(Transaction::Queued& queued) {
  const std::vector<std::string_view> words(queued.arguments.begin(), queued.arguments.end());
  OutputBuffer written;
  resp::ReplyWriter writer(written, session_.client().version);
  LocalCall call{session_, *queued.command, words, writer};
  call.deferrals = this;
  session_.context().local_commands.Find(*queued.command)(call);
  if (call.deferred) return;
  executor().statistics().CountRequest(queued.command->id,
                                       call.failed ? Outcome::kError : Outcome::kOk, 0);
  if (call.answer_anyway) muted_ = false;
  if (!muted_ && !call.answer_never) out_.AppendBuffer(std::move(written));
  if (session_.client().replies_off) muted_ = true;
}

void ExecOperation::Run(execution::Operation& operation, const execution::Request& request) {
  deferred_ = &operation;
  operation.silent = muted_;
  executor().Start(operation, request, *this);
}

void ExecOperation::OnReply(execution::Operation& operation, std::string_view reply) {
  if (!operation.silent) out_.Append(reply);
  EndDeferral(operation);
}

void ExecOperation::OnReply(execution::Operation& operation, OutputBuffer&& reply) {
  if (!operation.silent) out_.AppendBuffer(std::move(reply));
  EndDeferral(operation);
}

void ExecOperation::EndDeferral(execution::Operation& operation) {
  deferred_ = nullptr;
  executor().Release(operation);
  if (!composing_) Continue();
}

void ExecOperation::OnHeldUp(execution::Operation&) {
  ReportHeldUp();
}

// The end
// ---------------------------------------------------------------------------------

void ExecOperation::Abandon() {
  EndMulti();
  request_.Abandon();
  watch_.reset();
  if (deferred_ == nullptr) return;
  execution::Operation& operation = *std::exchange(deferred_, nullptr);
  executor().Cancel(operation);
  executor().Release(operation);
}

std::string ExecOperation::DeadlineError(Outcome* outcome) {
  const bool executed = deferred_ != nullptr;
  const bool in_doubt = in_doubt_ || executed || request_.in_doubt();
  if (!in_doubt && watch_ == nullptr) return request_.DeadlineError(outcome);
  const std::string cause = execution::DeadlineCause(
      executed ? std::string()
               : net::ToString(watch_ != nullptr ? watch_->node() : request_.node()),
      executor().access().options().deadline_ms);
  *outcome = in_doubt ? Outcome::kUncertain : Outcome::kDeadline;
  return in_doubt ? execution::UncertainText(cause) : execution::ProxyErrorText(cause);
}

void ExecOperation::Recycle() {
  delete this;
}

}  // namespace keyway::proxy::session
