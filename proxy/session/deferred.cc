#include "proxy/session/deferred.h"

#include <utility>

#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"

namespace keyway::proxy::session {
namespace {

using execution::Outcome;

constexpr std::string_view kOneDatabase = "ERR SELECT is not allowed in cluster mode";
constexpr std::string_view kNoSuchDatabase = "ERR DB index is out of range";
constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

}  // namespace

DeferredOperation::DeferredOperation(std::function<void(std::shared_ptr<Ticket>)> start)
    : start_(std::move(start)), ticket_(std::make_shared<Ticket>()) {
  ticket_->operation_ = this;
}

void DeferredOperation::Ticket::Answer(OutputBuffer&& reply) {
  if (operation_ == nullptr) return;
  std::exchange(operation_, nullptr)->Deliver(std::move(reply), Outcome::kOk);
}

void DeferredOperation::Begin(const execution::Request&) {
  start_(ticket_);
}

void DeferredOperation::Abandon() {
  ticket_->operation_ = nullptr;
}

std::string DeferredOperation::DeadlineError(Outcome* outcome) {
  *outcome = Outcome::kDeadline;
  return execution::ProxyErrorText("the other threads of the proxy did not answer in time");
}

void DeferredOperation::Recycle() {
  delete this;
}

std::string_view SelectErrorText(std::string_view error) {
  return error == kOneDatabase ? kNoSuchDatabase : error;
}

void SelectOperation::Begin(const execution::Request& request) {
  request_.bytes() = kPing;
  request_.Start(executor().access(), this, executor().AnySlot(request.client),
                 {.version = request.version, .database = request.database, .repeatable = true});
}

void SelectOperation::Abandon() {
  request_.Abandon();
}

std::string SelectOperation::DeadlineError(Outcome* outcome) {
  return request_.DeadlineError(outcome);
}

void SelectOperation::Recycle() {
  delete this;
}

void SelectOperation::OnShardReply(execution::ShardRequest&, std::string_view reply, char type,
                                   Outcome outcome) {
  if (type != '-') {
    Deliver("+OK\r\n", Outcome::kOk);
    return;
  }
  // "...: 127.0.0.1:7001 refused SELECT 5: ERR DB index is out of range" (backend::Failure).
  constexpr std::string_view kRefused = " refused SELECT ";
  const size_t refused = reply.find(kRefused);
  const size_t words = refused == std::string_view::npos
                           ? std::string_view::npos
                           : reply.find(": ", refused + kRefused.size());
  if (words == std::string_view::npos) {
    Deliver(reply, outcome);
  } else {
    const std::string_view text = reply.substr(words + 2, reply.size() - words - 4);
    DeliverError(SelectErrorText(text), Outcome::kError);
  }
}

void SelectOperation::OnShardAway(execution::ShardRequest&) {
  ReportHeldUp();
}

}  // namespace keyway::proxy::session
