#include "proxy/execution/blocking.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/redirect.h"
#include "proxy/execution/timeout.h"

namespace keyway::proxy::execution {
namespace {

constexpr int64_t kMicrosPerMilli = 1000;
constexpr int64_t kFirstPauseMillis = 1;
constexpr int64_t kPauseSteps = 8;  // the longest pause, in retry intervals
// A node that has lost a slot tells those who wait there itself, within a second or so. One that has
// not by then is cut off, or hangs.
constexpr int64_t kElsewhereMicros = 3'000'000;
constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

uint64_t MillisUntil(int64_t micros, int64_t now) {
  return static_cast<uint64_t>(std::max<int64_t>(0, micros - now + kMicrosPerMilli - 1) /
                               kMicrosPerMilli);
}

}  // namespace

std::string_view TimeoutReply(resp::Version version) {
  return version == resp::Version::kResp3 ? "_\r\n" : "*-1\r\n";
}

void LeaseUnblocker::Start(backend::Pool& pool, const backend::Lease& lease, bool error,
                           Answer answer) {
  answer_ = std::move(answer);
  started_ = true;
  tries_ = 0;
  pool_ = &pool;
  node_ = lease.node();
  const std::string id = std::to_string(lease.client_id());
  const std::string_view words[] = {"CLIENT", "UNBLOCK", id, error ? "ERROR" : "TIMEOUT"};
  request_.clear();
  AppendRequest(words, &request_);
  Ask();
}

void LeaseUnblocker::Ask() {
  ++tries_;
  const std::string_view parts[] = {request_};
  pool_->Send(node_, {}, parts, this);
}

void LeaseUnblocker::Finish(bool unblocked) {
  if (pending()) Cancel();
  if (!unblocked) started_ = false;
  if (answer_ != nullptr) std::exchange(answer_, nullptr)(unblocked);
}

void LeaseUnblocker::Release(std::unique_ptr<backend::Lease> lease) {
  if (!pending()) backend::Lease::Return(std::move(lease));
}

void LeaseUnblocker::OnReply(std::string_view reply, char) {
  // By ":1" the reply of what waited is on its way.
  const bool unblocked = reply == ":1\r\n";
  if (!unblocked && tries_ < kMaxTries) return Ask();
  Finish(unblocked);
}

void LeaseUnblocker::OnFailure(backend::Failure, std::string_view) {
  Finish(false);
}

void BlockingOperation::Begin(const Request& request) {
  const routing::Plan& plan = *request.plan;
  bytes_.assign(request.bytes);
  // Without a key it is malformed: any shard says how.
  slot_ = plan.keys.empty() ? executor().AnySlot(request.client) : plan.slot;
  database_ = request.database;
  timeout_index_ = plan.timeout;
  timeout_in_millis_ = plan.timeout_in_millis;
  repeatable_ = request.command->spec->is(command::kReadonly);
  if (timeout_index_ != 0) {
    const std::string_view text = request.arguments[static_cast<size_t>(timeout_index_)];
    const std::optional<int64_t> millis = ParseTimeout(text, timeout_in_millis_);
    const int64_t now = executor().now_micros();
    if (millis.value_or(0) > 0 && *millis < (INT64_MAX - now) / kMicrosPerMilli) {
      ends_micros_ = now + *millis * kMicrosPerMilli;
    }
  }
  timer_ = std::make_unique<net::Timer>(executor().access().loop(), [this] { OnTimer(); });
  begun_.operation = this;
  executor().access().Watch(*this);
  Send();
}

bool BlockingOperation::TimeIsOver() {
  return ends_micros_ != 0 && executor().now_micros() >= ends_micros_;
}

void BlockingOperation::Send() {
  ShardAccess& access = executor().access();
  if (!redirected_) {
    const topology::SlotMap* map = access.map();
    const topology::Shard* shard = map == nullptr ? nullptr : map->ShardOf(slot_);
    if (shard == nullptr) {
      if (map != nullptr) access.RequestRefresh();
      const std::string text =
          map != nullptr
              ? std::string(kSlotNotServed)
              : NoTopologyText("none of " + access.options().startup_nodes + " has answered");
      return Pause(ErrorReply(text), Outcome::kNoTopology);
    }
    node_ = shard->primary.endpoint;
  }
  if (lease_ == nullptr || lease_->lost() || lease_->node() != node_) {
    // It has answered, and nothing is left behind on it.
    if (lease_ != nullptr) unblocker_.Release(std::move(lease_));
    lease_ = access.pool().Borrow(node_, version(), this);
  }
  if (sent_before_ && ends_micros_ != 0) {
    const int64_t left = (ends_micros_ - executor().now_micros()) / kMicrosPerMilli;
    bytes_ = WithArgument(bytes_, timeout_index_, FormatTimeout(left, timeout_in_millis_));
  }
  sent_before_ = true;
  state_ = State::kSent;
  sent_micros_ = executor().now_micros();
  elsewhere_since_micros_ = 0;
  if (unblock_answer_ != nullptr && !begun_.pending()) {
    const std::string_view ping[] = {kPing};
    lease_->Send({.version = version(), .database = database_}, ping, &begun_);
  }
  const std::string_view parts[] = {bytes_};
  by_ask_ = asking_;
  lease_->Send({.version = version(),
                .database = database_,
                .asking = std::exchange(asking_, false)},
               parts, this);
  ArmTimer();
}

BlockingOperation::Begun::~Begun() {
  if (pending()) Cancel();
}

void BlockingOperation::Begun::OnReply(std::string_view, char) {
  operation->unblocker_.Start(operation->executor().access().pool(), *operation->lease_,
                              operation->unblock_with_error_,
                              std::exchange(operation->unblock_answer_, nullptr));
}

void BlockingOperation::OnReply(std::string_view reply, char type) {
  state_ = State::kIdle;
  if (type == '-') return OnError(reply);
  const bool nothing = type == '_' || reply == TimeoutReply(version());
  unblocker_.Release(std::move(lease_));
  End(nothing);
  Deliver(reply, Outcome::kOk);
}

void BlockingOperation::OnError(std::string_view reply) {
  ShardAccess& access = executor().access();
  Redirect redirect = ReadRedirect(reply, node_);
  switch (redirect.kind) {
    case Redirect::Kind::kMoved:
      access.statistics().moved.Add(1);
      access.RequestRefresh();
      return Follow(std::move(redirect.node), false);
    case Redirect::Kind::kAsk:
      access.statistics().asked.Add(1);
      return Follow(std::move(redirect.node), true);
    case Redirect::Kind::kTryAgain:
    case Redirect::Kind::kUnsettled:
      access.RequestRefresh();
      return Pause(std::string(reply), Outcome::kError);
    case Redirect::Kind::kNone:
      break;
  }
  const bool by_client = reply.substr(1).starts_with(kUnblockedText);
  const bool by_us = by_client && unblocker_.started() && unblock_with_error_;
  // The node is a primary no more; or somebody has looked at its CLIENT LIST, and does not know for
  // whom the connection waits. (There are others: the stream is gone.)
  if ((by_client && !by_us) || reply.starts_with("-UNBLOCKED force unblock")) {
    access.RequestRefresh();
    return Pause(std::string(reply), Outcome::kError);
  }
  unblocker_.Release(std::move(lease_));
  End(by_us);
  Deliver(reply, Outcome::kError);
}

bool BlockingOperation::EndIfUnblocked() {
  // Whoever unblocks it does not find it there any more.
  if (!unblocker_.started() && unblock_answer_ == nullptr) return false;
  const bool error = unblock_with_error_;
  End(true);
  if (error) {
    DeliverError(kUnblockedText, Outcome::kError);
  } else {
    Deliver(TimeoutReply(version()), Outcome::kOk);
  }
  return true;
}

void BlockingOperation::Follow(net::Endpoint node, bool asking) {
  if (EndIfUnblocked()) return;
  // It has waited there, so this is a new journey.
  if (executor().now_micros() - sent_micros_ >= kSettledMicros) redirects_ = 0;
  const int allowed = executor().access().options().max_redirects;
  if (++redirects_ > allowed) {
    EndWith(ErrorReply(ProxyErrorText("gave up after " + std::to_string(allowed) +
                                      " redirects, the last one to " + net::ToString(node))),
            Outcome::kRedirects);
    return;
  }
  node_ = std::move(node);
  redirected_ = true;
  asking_ = asking;
  Send();
}

void BlockingOperation::OnFailure(backend::Failure failure, std::string_view detail) {
  state_ = State::kIdle;
  const std::string cause(detail);
  lease_.reset();
  executor().access().RequestRefresh();
  const bool waited = executor().now_micros() - sent_micros_ >= kSettledMicros;
  switch (failure) {
    case backend::Failure::kQueueFull:
      return EndWith(ErrorReply(ProxyErrorText(cause)), Outcome::kOverloaded);
    case backend::Failure::kHandshake:
      return EndWith(ErrorReply(ProxyErrorText(cause)), Outcome::kUnreachable);
    case backend::Failure::kConnectionLost:
      if (!repeatable_ && !waited) {
        return EndWith(ErrorReply(UncertainText(cause)), Outcome::kUncertain);
      }
      break;
    case backend::Failure::kConnect:
    case backend::Failure::kNotSent:
      break;
  }
  Pause(ErrorReply(ProxyErrorText(cause)), Outcome::kUnreachable);
}

void BlockingOperation::Pause(std::string cause, Outcome outcome) {
  const int64_t now = executor().now_micros();
  // Time that the shard has waited is none that it was away.
  if (sent_micros_ != 0 && now - sent_micros_ >= kSettledMicros) away_since_micros_ = 0;
  const AccessOptions& options = executor().access().options();
  if (away_since_micros_ == 0) {
    away_since_micros_ = now;
    pause_millis_ = 0;
  }
  if (EndIfUnblocked()) return;
  if (now - away_since_micros_ >= int64_t{options.deadline_ms} * kMicrosPerMilli) {
    return EndWith(cause, outcome);
  }
  redirected_ = asking_ = false;
  redirects_ = 0;
  sent_micros_ = 0;
  cause_ = std::move(cause);
  cause_outcome_ = outcome;
  state_ = State::kPausing;
  // Every one of them connects by itself: many are not to ask a dead node all the time. A new map wakes
  // all.
  pause_millis_ = pause_millis_ == 0 ? kFirstPauseMillis
                  : pause_millis_ == kFirstPauseMillis
                      ? options.retry_interval_ms
                      : std::min<int64_t>(2 * pause_millis_, kPauseSteps * options.retry_interval_ms);
  int64_t wake = now + pause_millis_ * kMicrosPerMilli;
  if (ends_micros_ != 0) wake = std::min(wake, ends_micros_);
  timer_->Start(MillisUntil(wake, now));
}

void BlockingOperation::ArmTimer() {
  const int64_t now = executor().now_micros();
  int64_t wake = 0;
  if (ends_micros_ != 0) {
    // The shard is late then.
    wake = ends_micros_ + int64_t{executor().access().options().deadline_ms} * kMicrosPerMilli;
  }
  if (elsewhere_since_micros_ != 0) {
    const int64_t patience = elsewhere_since_micros_ + kElsewhereMicros;
    wake = wake == 0 ? patience : std::min(wake, patience);
  }
  if (wake == 0) {
    timer_->Stop();
  } else {
    timer_->Start(MillisUntil(wake, now));
  }
}

void BlockingOperation::OnTimer() {
  if (state_ == State::kPausing) {
    if (!TimeIsOver()) return Send();
    return EndWith(TimeoutReply(version()), Outcome::kOk);
  }
  const int64_t now = executor().now_micros();
  if (elsewhere_since_micros_ != 0 && now - elsewhere_since_micros_ >= kElsewhereMicros) {
    if (TimeIsOver()) return EndWith(TimeoutReply(version()), Outcome::kOk);
    Cancel();
    lease_.reset();
    redirected_ = false;
    return Send();
  }
  if (ends_micros_ != 0 && TimeIsOver()) {
    Outcome outcome = Outcome::kDeadline;
    const std::string error = DeadlineError(&outcome);
    return EndWith(ErrorReply(error), outcome);
  }
  ArmTimer();
}

void BlockingOperation::OnNewMap() {
  if (state_ == State::kPausing) {
    timer_->Start(0);
    return;
  }
  if (state_ != State::kSent) return;
  const topology::SlotMap& map = *executor().access().map();
  const topology::Shard* shard = map.ShardOf(slot_);
  bool elsewhere = shard == nullptr || shard->primary.endpoint != node_;
  if (by_ask_) {
    // As long as the slot is on its way there, the map says otherwise.
    elsewhere = elsewhere && std::none_of(map.shards().begin(), map.shards().end(),
                                          [this](const topology::Shard& other) {
                                            return other.primary.endpoint == node_;
                                          });
  }
  if (elsewhere == (elsewhere_since_micros_ != 0)) return;
  elsewhere_since_micros_ = elsewhere ? executor().now_micros() : 0;
  ArmTimer();
}

void BlockingOperation::Unblock(bool error, std::function<void(bool)> answer) {
  if (unblocker_.started() || unblock_answer_ != nullptr) return answer(false);
  unblock_with_error_ = error;
  if (state_ == State::kSent && lease_->client_id() != 0) {
    unblocker_.Start(executor().access().pool(), *lease_, error, std::move(answer));
    return;
  }
  if (state_ == State::kSent) {
    // It may be served at once, which the shard has not been asked yet.
    unblock_answer_ = std::move(answer);
    Cancel();
    lease_.reset();
    return Send();
  }
  // Nothing of it has reached a shard.
  End(true);
  answer(true);
  if (error) return DeliverError(kUnblockedText, Outcome::kError);
  Deliver(TimeoutReply(version()), Outcome::kOk);
}

void BlockingOperation::End(bool unblocked) {
  state_ = State::kIdle;
  timer_->Stop();
  if (pending()) Cancel();
  if (begun_.pending()) begun_.Cancel();
  lease_.reset();
  unblocker_.Finish(unblocked);
  if (unblock_answer_ != nullptr) std::exchange(unblock_answer_, nullptr)(unblocked);
}

void BlockingOperation::EndWith(std::string_view reply, Outcome outcome) {
  const std::string kept(reply);
  End(false);
  Deliver(kept, outcome);
}

void BlockingOperation::Abandon() {
  End(false);
}

std::string BlockingOperation::DeadlineError(Outcome* outcome) {
  const std::string cause =
      DeadlineCause(net::ToString(node_), executor().access().options().deadline_ms);
  *outcome = repeatable_ ? Outcome::kDeadline : Outcome::kUncertain;
  return repeatable_ ? ProxyErrorText(cause) : UncertainText(cause);
}

}  // namespace keyway::proxy::execution
