#include "proxy/execution/wait.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/execution/encode.h"
#include "proxy/execution/error_text.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/fan_out.h"
#include "proxy/execution/timeout.h"

namespace keyway::proxy::execution {

WaitOperation::Part::~Part() {
  if (pending()) Cancel();
}

void WaitOperation::Part::OnReply(std::string_view reply, char type) {
  // The reply of PING comes first.
  if (pending()) return wait->OnBegun(*this);
  wait->OnPart(*this, reply, type);
}

void WaitOperation::Part::OnFailure(backend::Failure, std::string_view detail) {
  // Its successor, if there is one, cannot say what it had.
  wait->EndWithError(ErrorReply(ProxyErrorText(detail)), Outcome::kUnreachable);
}

void WaitOperation::Begin(const Request& request) {
  ShardAccess& access = executor().access();
  std::string error;
  if (!CoversAll(access.map(), access.options(), &error)) {
    DeliverError(error, Outcome::kNoTopology);
    return;
  }
  timer_ = std::make_unique<net::Timer>(access.loop(), [this] {
    Outcome outcome = Outcome::kDeadline;
    EndWithError(ErrorReply(DeadlineError(&outcome)), outcome);
  });
  // Should a shard not keep the time.
  const std::optional<int64_t> millis = ParseTimeout(request.arguments[2], true);
  if (millis.value_or(0) > 0 && *millis < INT64_MAX / 2) {
    timer_->Start(static_cast<uint64_t>(*millis) +
                  static_cast<uint64_t>(access.options().deadline_ms));
  }
  const std::string_view ping[] = {"PING"};
  std::string bytes;
  AppendRequest(ping, &bytes);
  AppendRequest(request.arguments, &bytes);
  const std::string_view requests[] = {bytes};
  for (const topology::Shard& shard : access.map()->shards()) {
    Part& part = *parts_.emplace_back(std::make_unique<Part>());
    part.wait = this;
    part.lease = access.pool().Borrow(shard.primary.endpoint, version(), &part);
    part.lease->Send({.version = version(), .database = request.database, .replies = 2}, requests,
                     &part);
  }
  outstanding_ = parts_.size();
}

void WaitOperation::OnBegun(Part& part) {
  part.begun = true;
  ++begun_;
  if (unblocked_) UnblockPart(part);
}

void WaitOperation::OnPart(Part& part, std::string_view reply, char type) {
  part.ended = true;
  part.unblocker.Release(std::move(part.lease));
  part.unblocker.Finish(true);
  if (type != ':') return EndWithError(reply, Outcome::kError);
  int64_t replicas = 0;
  std::from_chars(reply.data() + 1, reply.data() + reply.size(), replicas);
  least_ = std::min(least_, replicas);
  if (--outstanding_ > 0) return;
  End();
  Deliver(":" + std::to_string(least_) + "\r\n", Outcome::kOk);
}

void WaitOperation::Unblock(bool error, std::function<void(bool)> answer) {
  if (std::exchange(unblocked_, true)) return answer(false);
  answer(true);
  if (error) return EndWithError(ErrorReply(kUnblockedText), Outcome::kError);
  // How many there are by now the primaries say. One that does not has no more time than for any request.
  timer_->Start(static_cast<uint64_t>(executor().access().options().deadline_ms));
  for (const std::unique_ptr<Part>& part : parts_) UnblockPart(*part);
}

void WaitOperation::UnblockPart(Part& part) {
  // Before it waits there, nobody would be unblocked.
  if (!part.begun || part.ended) return;
  part.unblocker.Start(executor().access().pool(), *part.lease, false, [](bool) {});
}

void WaitOperation::End() {
  timer_->Stop();
  for (const std::unique_ptr<Part>& part : parts_) {
    if (part->pending()) part->Cancel();
    part->lease.reset();
    part->unblocker.Finish(true);
  }
}

void WaitOperation::EndWithError(std::string_view reply, Outcome outcome) {
  const std::string kept(reply);
  End();
  Deliver(kept, outcome);
}

std::string WaitOperation::DeadlineError(Outcome* outcome) {
  *outcome = Outcome::kDeadline;
  return ProxyErrorText(DeadlineCause({}, executor().access().options().deadline_ms));
}

}  // namespace keyway::proxy::execution
