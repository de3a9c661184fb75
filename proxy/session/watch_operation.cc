#include "proxy/session/watch_operation.h"

#include <utility>

#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/redirect.h"
#include "proxy/session/session.h"
#include "proxy/session/transaction.h"

namespace keyway::proxy::session {

using execution::Outcome;
using execution::Redirect;

WatchOperation::WatchOperation(Session& session, std::vector<std::string> keys)
    : session_(session),
      watch_(session.transaction()->watch()),
      keys_(std::move(keys)),
      retry_timer_(session.context().loop, [this] { Locate(); }) {
  std::vector<std::string_view> words = {"WATCH"};
  words.insert(words.end(), keys_.begin(), keys_.end());
  execution::AppendRequest(words, &bytes_);
}

void WatchOperation::Begin(const execution::Request& request) {
  database_ = request.database;
  if (watch_->connected()) {
    watch_->Send(database_, 1, bytes_, this);
  } else {
    Locate();
  }
}

void WatchOperation::Locate() {
  execution::ShardAccess& access = executor().access();
  const topology::SlotMap* map = access.map();
  if (map == nullptr) {
    return TryLater(execution::NoTopologyText("none of " + access.options().startup_nodes +
                                              " has answered"));
  }
  const topology::Shard* shard = map->ShardOf(watch_->slot());
  if (shard == nullptr) {
    access.RequestRefresh();
    return TryLater(execution::kSlotNotServed);
  }
  Ask(shard->primary.endpoint);
}

void WatchOperation::Ask(const net::Endpoint& node) {
  watch_->Connect(executor().access().pool(), node, version());
  watch_->Send(database_, 1, bytes_, this);
}

void WatchOperation::OnWatchReply(std::string_view reply, char type) {
  if (type == '+') {
    const topology::SlotMap* map = executor().access().map();
    watch_->AddKeys(keys_, map == nullptr ? 0 : map->version());
    Deliver(reply, Outcome::kOk);
    return;
  }
  if (type != '-') {
    DeliverFailure(execution::ProxyErrorText("WATCH got a reply that is none"), Outcome::kError);
    return;
  }
  execution::ShardAccess& access = executor().access();
  Redirect redirect = execution::ReadRedirect(reply, watch_->node());
  if (redirect.kind != Redirect::Kind::kNone) access.RequestRefresh();
  const std::string text(reply.substr(1, reply.size() - 3));
  switch (redirect.kind) {
    case Redirect::Kind::kMoved:
      access.statistics().moved.Add(1);
      if (LoseEarlier()) return;
      if (++redirects_ > access.options().max_redirects) {
        TryLater(text);
      } else {
        Ask(redirect.node);
      }
      return;
    case Redirect::Kind::kAsk:
      // A transaction cannot be asked of a shard that is about to get the slot (see ShardRequest).
      access.statistics().asked.Add(1);
      if (!LoseEarlier()) TryLater(text);
      return;
    case Redirect::Kind::kTryAgain:
      if (!LoseEarlier()) TryLater(text);
      return;
    case Redirect::Kind::kUnsettled:
      if (!LoseEarlier()) TryLater(text);
      return;
    case Redirect::Kind::kNone:
      break;
  }
  DeliverFailure(text, Outcome::kError);
}

void WatchOperation::OnWatchFailure(backend::Failure failure, std::string_view detail) {
  executor().access().RequestRefresh();
  const std::string text(detail);
  if (LoseEarlier()) return;
  if (failure == backend::Failure::kHandshake || failure == backend::Failure::kQueueFull) {
    DeliverFailure(execution::ProxyErrorText(text), Outcome::kUnreachable);
  } else {
    TryLater(text);
  }
}

bool WatchOperation::LoseEarlier() {
  if (watch_->keys().empty()) return false;
  watch_->Lose();
  Deliver("+OK\r\n", Outcome::kOk);
  return true;
}

void WatchOperation::TryLater(std::string_view cause) {
  const execution::AccessOptions& options = executor().access().options();
  cause_ = cause;
  watch_->Cancel();
  if (attempts_++ >= options.max_attempts()) {
    DeliverFailure(execution::ProxyErrorText(cause_), Outcome::kUnreachable);
    return;
  }
  retry_timer_.Start(static_cast<uint64_t>(options.retry_interval_ms));
}

void WatchOperation::DeliverFailure(std::string_view text, Outcome outcome) {
  const std::string error(text);
  // Earlier keys stay watched.
  if (watch_->keys().empty()) session_.transaction()->TakeWatch().reset();
  DeliverError(error, outcome);
}

void WatchOperation::Abandon() {
  retry_timer_.Stop();
  // The shard may or may not watch them.
  if (watch_->keys().empty()) {
    session_.transaction()->TakeWatch().reset();
  } else {
    watch_->Lose();
  }
}

std::string WatchOperation::DeadlineError(Outcome* outcome) {
  *outcome = Outcome::kDeadline;
  std::string cause = execution::DeadlineCause(net::ToString(watch_->node()),
                                               executor().access().options().deadline_ms);
  if (!cause_.empty()) cause += ": " + cause_;
  return execution::ProxyErrorText(cause);
}

void WatchOperation::Recycle() {
  delete this;
}

}  // namespace keyway::proxy::session
