#include "proxy/execution/shard_request.h"

#include <utility>

#include <glog/logging.h>

#include "proxy/execution/error_text.h"
#include "proxy/execution/redirect.h"

namespace keyway::proxy::execution {

ShardRequest::~ShardRequest() {
  Abandon();
}

void ShardRequest::Start(ShardAccess& access, Owner* owner, Slot slot, const Terms& terms) {
  DCHECK(state_ == State::kIdle);
  access_ = &access;
  owner_ = owner;
  slot_ = slot;
  terms_ = terms;
  redirected_ = asking_ = only_there_ = false;
  redirects_ = attempts_ = 0;
  last_error_.clear();
  Send();
}

void ShardRequest::StartAt(ShardAccess& access, Owner* owner, const net::Endpoint& node,
                           const Terms& terms) {
  DCHECK(state_ == State::kIdle);
  access_ = &access;
  owner_ = owner;
  terms_ = terms;
  node_ = node;
  only_there_ = redirected_ = true;
  asking_ = false;
  redirects_ = attempts_ = 0;
  last_error_.clear();
  Send();
}

void ShardRequest::Abandon() {
  if (state_ == State::kWaiting) access_->StopWaiting(*this);
  if (pending()) Cancel();
  state_ = State::kIdle;
  in_parts_ = false;
}

std::string ShardRequest::DeadlineError(Outcome* outcome) const {
  if (last_error_.empty() || in_doubt()) {
    return DeadlineText(net::ToString(node_), access_->options().deadline_ms, in_doubt(), outcome);
  }
  *outcome = Outcome::kError;
  return last_error_.substr(1, last_error_.find('\r') - 1);
}

void ShardRequest::Send() {
  if (!redirected_) {
    const topology::SlotMap* map = access_->map();
    if (map == nullptr) {
      FinishError(NoTopologyText("none of " + access_->options().startup_nodes + " has answered"),
                  Outcome::kNoTopology);
      return;
    }
    const topology::Shard* shard = map->ShardOf(slot_);
    if (shard == nullptr) {
      access_->RequestRefresh();
      FinishError(kSlotNotServed, Outcome::kNoTopology);
      return;
    }
    node_ = shard->primary.endpoint;
  }
  state_ = State::kSent;
  replies_left_ = terms_.requests;
  first_error_.clear();
  const std::string_view parts[] = {bytes_};
  access_->pool().Send(node_,
                       {.version = terms_.version,
                        .database = terms_.database,
                        .asking = std::exchange(asking_, false),
                        .scripts = terms_.scripts,
                        .replies = terms_.requests},
                       parts, this);
}

bool ShardRequest::OnPart(std::string_view part) {
  in_parts_ = true;
  return owner_->OnShardPart(part);
}

void ShardRequest::OnReply(std::string_view reply, char type) {
  in_parts_ = false;
  if (--replies_left_ > 0) {
    if (type == '-' && first_error_.empty()) first_error_ = reply;
  } else if (type == '-' && !first_error_.empty()) {
    const std::string error = std::exchange(first_error_, {});
    OnWholeReply(error, type);
  } else {
    OnWholeReply(reply, type);
  }
}

void ShardRequest::OnWholeReply(std::string_view reply, char type) {
  if (type != '-') {
    Finish(reply, type, Outcome::kOk);
    return;
  }
  Redirect redirect = ReadRedirect(reply, node_);
  switch (redirect.kind) {
    case Redirect::Kind::kNone:
      Finish(reply, type, Outcome::kError);
      return;
    case Redirect::Kind::kTryAgain:
      access_->RequestRefresh();
      if (terms_.reports_tryagain) {
        Finish(reply, type, Outcome::kError);
        return;
      }
      state_ = State::kIdle;
      redirected_ = false;
      // Every attempt may be sent on to where the slot goes, and be told there to wait.
      redirects_ = 0;
      last_error_.assign(reply);
      WaitForShard("the keys of slot " + std::to_string(slot_) + " are on their way", Outcome::kError);
      return;
    case Redirect::Kind::kUnsettled:
      access_->RequestRefresh();
      Finish(reply, type, Outcome::kError);
      return;
    case Redirect::Kind::kMoved:
      access_->statistics().moved.Add(1);
      access_->RequestRefresh();
      Follow(std::move(redirect.node), false);
      return;
    case Redirect::Kind::kAsk:
      access_->statistics().asked.Add(1);
      if (terms_.requests > 1) {
        // ASKING counts for one request, and would itself be queued: it waits until the slot has moved.
        state_ = State::kIdle;
        access_->RequestRefresh();
        WaitForShard("slot " + std::to_string(slot_) + " is on its way to another shard",
                     Outcome::kUnreachable);
        return;
      }
      Follow(std::move(redirect.node), true);
      return;
  }
}

void ShardRequest::Follow(net::Endpoint node, bool asking) {
  state_ = State::kIdle;
  if (++redirects_ > access_->options().max_redirects) {
    FinishError(ProxyErrorText("gave up after " + std::to_string(access_->options().max_redirects) +
                               " redirects, the last one to " + net::ToString(node)),
                Outcome::kRedirects);
    return;
  }
  node_ = std::move(node);
  redirected_ = true;
  asking_ = asking;
  if (access_->anyone_waiting()) {
    WaitForShard("other requests wait before it", Outcome::kOverloaded);
  } else {
    Send();
  }
}

void ShardRequest::OnFailure(backend::Failure failure, std::string_view detail) {
  state_ = State::kIdle;
  last_error_.clear();
  access_->RequestRefresh();
  if (std::exchange(in_parts_, false) && !owner_->TakeBackParts()) {
    FinishError(ProxyErrorText(detail), Outcome::kUnreachable);
    return;
  }
  switch (failure) {
    case backend::Failure::kQueueFull:
      FinishError(
          ProxyErrorText("too much waits for " + net::ToString(node_) + ": " + std::string(detail)),
          Outcome::kOverloaded);
      return;
    case backend::Failure::kHandshake:
      FinishError(ProxyErrorText(detail), Outcome::kUnreachable);
      return;
    case backend::Failure::kConnectionLost:
      if (!terms_.repeatable) {
        FinishError(UncertainText(detail), Outcome::kUncertain);
        return;
      }
      break;
    case backend::Failure::kConnect:
    case backend::Failure::kNotSent:
      break;
  }
  if (only_there_) {
    FinishError(ProxyErrorText(detail), Outcome::kUnreachable);
    return;
  }
  // The node may be gone for good, and the redirect that led to it with it. Or it is away, and every
  // attempt is sent on to it.
  redirected_ = false;
  redirects_ = 0;
  WaitForShard(detail, Outcome::kUnreachable);
}

void ShardRequest::WaitForShard(std::string_view cause, Outcome outcome) {
  if (attempts_ >= access_->options().max_attempts()) {
    FinishError(ProxyErrorText(cause), outcome);
    return;
  }
  if (!access_->Wait(*this, attempts_++ == 0)) {
    FinishError(
        ProxyErrorText("too many requests wait for shards that are away: " + std::string(cause)),
        Outcome::kOverloaded);
    return;
  }
  state_ = State::kWaiting;
  owner_->OnShardAway(*this);
}

void ShardRequest::Finish(std::string_view reply, char type, Outcome outcome) {
  state_ = State::kIdle;
  owner_->OnShardReply(*this, reply, type, outcome);
}

void ShardRequest::FinishError(std::string_view text, Outcome outcome) {
  Finish(ErrorReply(text), '-', outcome);
}

}  // namespace keyway::proxy::execution
