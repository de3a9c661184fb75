// What a large value on a shared connection must not do: be kept as a whole where it can be passed on, and
// hold up the requests of others.
#include <utility>

#include "proxy/backend/connection.h"

namespace keyway::proxy::backend {
namespace {

// From here on a reply that is not complete is passed on as it comes: about what one read brings.
constexpr size_t kPassOnBytes = 32 * 1024;

}  // namespace

// Returns how many of the first bytes are done with.
size_t Connection::TakePart(std::string_view incomplete) {
  const size_t so_far = passed_on_ + incomplete.size();
  if (so_far < kPassOnBytes || pending_.empty()) return 0;
  Pending& pending = pending_.front();
  if (pending.kind != Kind::kRequest || parser_.type() == 0 || parser_.type() == '>') return 0;
  if (so_far >= kLargeBytes) {
    large_reply_ = true;
    HoldUp();
  }
  if (!in_parts_) {
    if (pending.replies > 1 || pending.fenced) return 0;
    if (pending.call != nullptr) {
      if (!pending.call->TakesParts()) return 0;
      ++pool_.stats.replies_in_parts;
    }
    in_parts_ = true;
  }
  const size_t settled = parser_.settled();
  if (settled == 0) return 0;
  parser_.Forget(settled);
  passed_on_ += settled;
  if (pending.call == nullptr || pending.call->OnPart(incomplete.substr(0, settled))) return settled;
  stopped_ = was_stopped_ = true;
  stopped_since_ = pool_.loop.NowMicros();
  stream_->PauseReading();
  large_reply_ = true;
  HoldUp();
  return settled;
}

void Connection::HoldUp() {
  // One large reply after the other is one delay for who waits behind all of them.
  if (pending_.first() >= delayed_end_) {
    delayed_end_ = pending_.end();
    delayed_since_ = pool_.loop.NowMicros();
  }
  if (held_up_ || leased_) return;
  held_up_ = true;
  for (uint64_t i = pending_.first(), end = pending_.end(); i != end; ++i) {
    if (Call* call = pending_.At(i).call; call != nullptr) call->OnOvertakable();
  }
  for (uint64_t i = held_.first(), end = held_.end(); i != end; ++i) {
    if (Call* call = held_.At(i).call; call != nullptr) call->OnOvertakable();
  }
}

// The front of pending_ has its reply.
void Connection::EndLarge(bool large_request) {
  if (large_request) --large_requests_;
  in_parts_ = large_reply_ = was_stopped_ = false;
  passed_on_ = 0;
  held_up_ = large_requests_ > 0;
  Resume();
}

void Connection::Resume() {
  if (!std::exchange(stopped_, false)) return;
  // It is for its client to take, or not, that the node was silent.
  last_byte_ = pool_.loop.NowMicros();
  stream_->ResumeReading();
}

void Connection::ResumeParts(Call* call) {
  if (stopped_ && pending_.front().call == call) Resume();
}

int64_t Connection::stopped_micros() {
  if (!stopped_ || pending_.front().call == nullptr) return 0;
  return pool_.loop.NowMicros() - stopped_since_;
}

void Connection::GiveUpReply(std::string_view why) {
  Call* call = std::exchange(pending_.front().call, nullptr);
  if (call == nullptr) return;
  --live_calls_;
  Unmark(call);
  Fail(call, Failure::kConnectionLost, std::make_shared<const std::string>(why));
  if (live_calls_ > 0) Resume();
}

bool Connection::DelaysOthers() {
  const void* waiter = pending_.front().call->waiter();
  for (uint64_t i = pending_.first() + 1; i != pending_.end(); ++i) {
    Call* call = pending_.At(i).call;
    if (call != nullptr && (waiter == nullptr || call->waiter() != waiter)) return true;
  }
  return held_.size() > 0;
}

void Connection::TickLarge(int64_t now) {
  if (!in_parts_ || pending_.front().call == nullptr) return;
  const auto passed = [now](int64_t since, int64_t millis) {
    return now - since >= millis * kMicrosPerMilli;
  };
  if (!stopped_ && passed(last_byte_, pool_.options.reply_silence_ms)) {
    GiveUpReply(name_ + " has stopped in the middle of a reply");
  } else if (was_stopped_ && passed(delayed_since_, pool_.options.stalled_ms) && DelaysOthers()) {
    pending_.front().call->OnDelaysOthers();
  }
}

}  // namespace keyway::proxy::backend
