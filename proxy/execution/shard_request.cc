#include "proxy/execution/shard_request.h"

#include <algorithm>
#include <utility>

#include <glog/logging.h>

#include "proxy/execution/error_text.h"
#include "proxy/execution/redirect.h"

namespace keyway::proxy::execution {

ShardRequest::~ShardRequest() {
  Abandon();
}

void ShardRequest::Start(ShardAccess& access, Owner* owner, Slot slot, const Terms& terms) {
  Begin(access, owner, terms);
  slot_ = slot;
  redirected_ = only_there_ = false;
  Send();
}

void ShardRequest::StartAt(ShardAccess& access, Owner* owner, const net::Endpoint& node,
                           const Terms& terms) {
  Begin(access, owner, terms);
  node_ = node;
  only_there_ = redirected_ = true;
  Send();
}

void ShardRequest::Begin(ShardAccess& access, Owner* owner, const Terms& terms) {
  DCHECK(state_ == State::kIdle);
  access_ = &access;
  owner_ = owner;
  terms_ = terms;
  asking_ = maybe_executed_ = parked_ = left_replica_ = false;
  redirects_ = attempts_ = 0;
  ticket_ = access.NextTicket();
  if (!last_error_.empty()) last_error_.clear();
  if (!why_.empty()) why_.clear();
}

void ShardRequest::Abandon() {
  if (state_ == State::kWaiting) {
    access_->statistics().given_up[static_cast<int>(cause_)].Add(1);
    access_->StopWaiting(*this);
  }
  if (state_ == State::kSent) EndScout();
  if (pending()) Cancel();
  state_ = State::kIdle;
  in_parts_ = false;
}

std::string ShardRequest::DeadlineError(Outcome* outcome) const {
  const int deadline_ms = access_->options().deadline_ms;
  if (in_doubt() || last_error_.empty()) {
    std::string text = DeadlineText(net::ToString(node_), deadline_ms, in_doubt(), outcome);
    if (!in_doubt() && !why_.empty()) text += ": " + why_;
    return text;
  }
  *outcome = cause_ == AwayCause::kNoShard ? Outcome::kNoTopology : Outcome::kError;
  return last_error_.substr(1, last_error_.find('\r') - 1);
}

void ShardRequest::Send() {
  at_replica_ = false;
  if (!redirected_) {
    const topology::SlotMap* map = access_->map();
    const topology::Shard* shard = map == nullptr ? nullptr : map->ShardOf(slot_);
    if (shard == nullptr) {
      last_error_ = ErrorReply(map == nullptr ? NoTopologyText("none of " + access_->options().startup_nodes +
                                                               " has answered")
                                              : std::string(kSlotNotServed));
      access_->RequestRefresh();
      return WaitForShard(ShardAccess::Await::kMap, AwayCause::kNoShard, last_error_);
    }
    if (!ChooseNode(*map, *shard)) return;
  }
  if (!only_there_ && !at_replica_ && !access_->MayGo(*this, node_)) {
    const WaitingRoom::Gate& gate = *access_->FindGate(node_);
    return WaitForShard(ShardAccess::Await::kNode, gate.cause, gate.detail);
  }
  if (parked_) access_->statistics().retries[static_cast<int>(cause_)].Add(1);
  state_ = State::kSent;
  (at_replica_ ? access_->statistics().to_replicas : access_->statistics().to_primaries).Add(1);
  replies_left_ = terms_.requests;
  first_error_.clear();
  const std::string_view parts[] = {bytes_};
  access_->pool().Send(node_,
                       {.version = terms_.version,
                        .database = terms_.database,
                        .asking = std::exchange(asking_, false),
                        .readonly = at_replica_,
                        .scripts = terms_.scripts,
                        .replies = terms_.requests},
                       parts, this);
}

bool ShardRequest::ChooseNode(const topology::SlotMap& map, const topology::Shard& shard) {
  node_ = shard.primary.endpoint;
  // A replica says nil for keys that have left with their slot, and gives no ASK.
  if (!terms_.from_replicas() || left_replica_ || access_->IsMoving(slot_)) return true;
  const auto choice = access_->node_choice().Choose(map, shard, terms_.read_from, terms_.client);
  if (!choice) {
    WaitForReplica("no replica of " + net::ToString(node_) + " is fit to be read from");
    return false;
  }
  node_ = *choice->endpoint;
  at_replica_ = choice->replica;
  return true;
}

void ShardRequest::LeaveReplica(AwayCause cause) {
  state_ = State::kIdle;
  access_->RequestRefresh();
  access_->node_choice().MarkUnfit(node_);
  access_->statistics().retries[static_cast<int>(cause)].Add(1);
  Send();
}

void ShardRequest::OnReplicaRedirect() {
  state_ = State::kIdle;
  access_->RequestRefresh();
  if (terms_.read_from == ReadFrom::kReplica) {
    // The new map will name the replicas of the other shard.
    return WaitForReplica("slot " + std::to_string(slot_) + " is not that of the replica " +
                          net::ToString(node_));
  }
  left_replica_ = true;
  Send();
}

void ShardRequest::WaitForReplica(const std::string& why) {
  last_error_ = ErrorReply(ProxyErrorText(why));
  WaitForShard(ShardAccess::Await::kSlot, AwayCause::kNoReplica, why);
}

void ShardRequest::SendAgain() {
  state_ = State::kIdle;
  Send();
}

void ShardRequest::EndScout() {
  if (!only_there_) access_->EndScout(node_, *this);
}

bool ShardRequest::OnPart(std::string_view part) {
  if (!std::exchange(in_parts_, true)) {
    EndScout();
    access_->NoteAnswer(node_);
  }
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
  EndScout();
  if (type != '-') {
    access_->NoteAnswer(node_);
    Finish(reply, type, Outcome::kOk);
    return;
  }
  Redirect redirect = ReadRedirect(reply, node_);
  if (redirect.kind != Redirect::Kind::kUnsettled) access_->NoteAnswer(node_);
  if (at_replica_ && redirect.kind != Redirect::Kind::kNone &&
      redirect.kind != Redirect::Kind::kUnsettled) {
    return OnReplicaRedirect();
  }
  switch (redirect.kind) {
    case Redirect::Kind::kNone:
      Finish(reply, type, Outcome::kError);
      return;
    case Redirect::Kind::kTryAgain:
      access_->RequestRefresh();
      access_->NoteMoving(slot_);
      if (terms_.reports_tryagain) {
        Finish(reply, type, Outcome::kError);
        return;
      }
      state_ = State::kIdle;
      ForgetRedirect();
      // Every attempt may be sent on to where the slot goes, and be told there to wait.
      redirects_ = 0;
      last_error_.assign(reply);
      WaitForShard(ShardAccess::Await::kSlot, AwayCause::kMoving,
                   "the keys of slot " + std::to_string(slot_) + " are on their way");
      return;
    case Redirect::Kind::kUnsettled:
      OnUnsettled(reply);
      return;
    case Redirect::Kind::kMoved:
      access_->statistics().moved.Add(1);
      access_->RequestRefresh();
      Follow(std::move(redirect.node), false);
      return;
    case Redirect::Kind::kAsk:
      access_->statistics().asked.Add(1);
      access_->NoteMoving(slot_);
      if (terms_.requests > 1) {
        // ASKING counts for one request, and would itself be queued: it waits until the slot has moved.
        state_ = State::kIdle;
        access_->RequestRefresh();
        WaitForShard(ShardAccess::Await::kSlot, AwayCause::kMoving,
                     "slot " + std::to_string(slot_) + " is on its way to another shard");
        return;
      }
      Follow(std::move(redirect.node), true);
      return;
  }
}

void ShardRequest::OnUnsettled(std::string_view reply) {
  access_->RequestRefresh();
  if (only_there_) {
    Finish(reply, '-', Outcome::kError);
    return;
  }
  state_ = State::kIdle;
  ForgetRedirect();
  redirects_ = 0;
  last_error_.assign(reply);
  const std::string_view text = std::string_view(last_error_).substr(1, last_error_.size() - 3);
  if (text.starts_with("CLUSTERDOWN Hash slot") && !at_replica_) {
    access_->NoteAnswer(node_);
    return WaitForShard(ShardAccess::Await::kSlot, AwayCause::kClusterDown, text);
  }
  const AwayCause cause = text.starts_with("LOADING")       ? AwayCause::kLoading
                          : text.starts_with("CLUSTERDOWN") ? AwayCause::kClusterDown
                                                            : AwayCause::kMasterDown;
  if (at_replica_) return LeaveReplica(cause);
  access_->NoteAway(node_, cause, text);
  WaitForShard(ShardAccess::Await::kNode, cause, text);
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
  Send();
}

void ShardRequest::OnFailure(backend::Failure failure, std::string_view detail) {
  EndScout();
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
      if (at_replica_) break;
      FinishError(ProxyErrorText(detail), Outcome::kUnreachable);
      return;
    case backend::Failure::kConnectionLost:
      if (!terms_.repeatable) {
        FinishError(UncertainText(detail), Outcome::kUncertain);
        return;
      }
      maybe_executed_ = true;
      break;
    case backend::Failure::kConnect:
    case backend::Failure::kNotSent:
      break;
  }
  if (only_there_) {
    FinishError(ProxyErrorText(detail), Outcome::kUnreachable);
    return;
  }
  const AwayCause cause =
      failure == backend::Failure::kConnect ? AwayCause::kConnect : AwayCause::kLost;
  if (at_replica_) return LeaveReplica(cause);
  access_->NoteAway(node_, cause, detail);
  // The node may be gone for good, and the redirect that led to it with it. Or it is away, and every
  // attempt is sent on to it.
  redirects_ = 0;
  ForgetRedirect();
  const topology::Shard* shard = access_->map() == nullptr ? nullptr : access_->map()->ShardOf(slot_);
  if (shard != nullptr && shard->primary.endpoint == node_ && !terms_.from_replicas()) {
    WaitForShard(ShardAccess::Await::kNode, cause, detail);
  } else {
    access_->statistics().retries[static_cast<int>(cause)].Add(1);
    Send();
  }
}

void ShardRequest::WaitForShard(ShardAccess::Await await, AwayCause cause, std::string_view why) {
  cause_ = cause;
  why_.assign(why);
  Statistics& statistics = access_->statistics();
  if (attempts_++ >= access_->options().max_attempts()) {
    statistics.given_up[static_cast<int>(cause)].Add(1);
    Outcome outcome = Outcome::kUnreachable;
    const bool known = !last_error_.empty() || in_doubt();
    const std::string text = known ? DeadlineError(&outcome) : ProxyErrorText(why_);
    FinishError(text, outcome);
    return;
  }
  if (!access_->Wait(*this, await)) {
    statistics.given_up[static_cast<int>(cause)].Add(1);
    if (maybe_executed_ && !terms_.only_reads()) {
      FinishError(UncertainText(why_), Outcome::kUncertain);
    } else {
      FinishError(ProxyErrorText("too many requests wait for shards that are away: " + why_),
                  Outcome::kOverloaded);
    }
    return;
  }
  state_ = State::kWaiting;
  if (!std::exchange(parked_, true)) {
    parked_micros_ = access_->loop().NowMicros();
    statistics.parked[static_cast<int>(cause)].Add(1);
  }
  owner_->OnShardAway(*this);
}

void ShardRequest::Finish(std::string_view reply, char type, Outcome outcome) {
  state_ = State::kIdle;
  if (parked_) {
    access_->statistics().request_wait.Observe(static_cast<uint64_t>(
        std::max<int64_t>(0, access_->loop().NowMicros() - parked_micros_)));
  }
  owner_->OnShardReply(*this, reply, type, outcome);
}

void ShardRequest::FinishError(std::string_view text, Outcome outcome) {
  Finish(ErrorReply(text), '-', outcome);
}

}  // namespace keyway::proxy::execution
