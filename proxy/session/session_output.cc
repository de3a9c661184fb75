// What a client has not read yet: replies that come in parts, when the client holds up others, and when it is
// closed for what it holds.
//
// The parts of the reply whose turn it is go to the client's output as they come; when that is full they are
// stopped, until it has drained. Those of a later reply are kept, a bounded number of bytes, until their turn.
// While a reply is half written nothing else may be: messages wait behind it.
#include <utility>

#include "common/log/log.h"
#include "proxy/session/session.h"
#include "proxy/session/session_list.h"
#include "proxy/session/transaction.h"

namespace keyway::proxy::session {
namespace {

// Of replies whose turn has not come, together.
constexpr size_t kKeptPartsBytes = 1024 * 1024;

}  // namespace

bool Session::TakesParts(const execution::Operation&) const {
  return state_ != State::kDoomed;
}

bool Session::OnPart(execution::Operation& operation, std::string_view part) {
  if (state_ == State::kDoomed) return false;
  operation.parts_bytes += part.size();
  if (!operation.silent) context_.statistics.output_bytes.Add(part.size());
  queue_.AddPart(operation, part, stream_->output());
  const bool its_turn = queue_.front() == &operation;
  if (its_turn) operation.DropDeadline();
  AfterOutput();
  if (operation.unbounded || state_ == State::kDoomed) return true;
  return its_turn ? !output_full_ : queue_.held_bytes() < kKeptPartsBytes;
}

bool Session::TakeBackParts(execution::Operation& operation) {
  if (WritingParts() && queue_.front() == &operation) return false;
  queue_.DropParts(operation);
  return true;
}

void Session::OnDelaysOthers(execution::Operation& operation) {
  if (operation.unbounded || state_ == State::kDoomed) return;
  if (queue_.front() == &operation && stream_->bytes_sent() == sent_when_full_) {
    const int64_t stalled = context_.loop.NowMicros() - full_since_;
    const int64_t limit = int64_t{context_.options.stalled_client_timeout_ms} * 1000;
    // What they have waited for until now were the replies of others.
    if (stalled < limit / 2) return StopNoMore(operation);
    if (stalled < limit) return;
    context_.statistics.closed_for_stalling.Add(1);
    KEYWAY_WARNING() << "Client " << Describe()
                     << " closed: it does not read a reply that others wait behind.";
    Doom();
    return;
  }
  // It reads, if slowly, or the reply waits for another one.
  StopNoMore(operation);
}

// From here on only the limits say how much of the reply may be kept for the client.
void Session::StopNoMore(execution::Operation& operation) {
  operation.unbounded = true;
  operation.ResumeParts();
}

bool Session::WritingParts() const {
  const execution::Operation* front = queue_.front();
  return front != nullptr && front->parts_bytes > 0 && !front->silent;
}

// The reply at the head of the queue is another one than before.
void Session::BeginFront() {
  execution::Operation* front = queue_.front();
  if (front == nullptr || front->parts_bytes == 0) return;
  queue_.WriteParts(stream_->output());
  front->DropDeadline();
  front->ResumeParts();
}

void Session::OnOutputFull() {
  output_full_ = true;
  full_since_ = context_.loop.NowMicros();
  sent_when_full_ = stream_->bytes_sent();
  UpdateReading();
}

void Session::OnDrained() {
  output_full_ = false;
  if (execution::Operation* front = queue_.front(); front != nullptr) front->ResumeParts();
  UpdateReading();
  // What could not end while it was paused may end now.
  AfterOutput();
}

bool Session::OverOutputLimit(size_t bytes) {
  const OutputLimit& limit = subscriptions_ == nullptr ? context_.options.output_limit
                                                       : context_.options.pubsub_output_limit;
  if (limit.hard > 0 && bytes >= limit.hard) return true;
  if (limit.soft == 0 || bytes < limit.soft) {
    soft_limit_since_ = 0;
    return false;
  }
  const int64_t now = context_.loop.NowMicros();
  if (soft_limit_since_ == 0) soft_limit_since_ = now;
  return now - soft_limit_since_ > int64_t{limit.seconds} * 1'000'000;
}

void Session::CheckOutput() {
  if (soft_limit_since_ != 0) AfterOutput();
}

size_t Session::memory() const {
  return sizeof(Session) + stream_->input_memory() + stream_->output().memory() +
         held_messages_.memory() + queue_.held_bytes() + queue_.request_bytes() +
         (transaction_ == nullptr ? 0 : transaction_->bytes());
}

void Session::NoteGrowth() {
  // Far more often than it matters: a look at what changes fast will do.
  const size_t fast = stream_->input_memory() + stream_->output().memory() +
                      queue_.held_bytes() + queue_.request_bytes();
  if (fast > counted_memory_ + SessionList::kMuchMemory) context_.sessions.OnGrowth(*this);
}

}  // namespace keyway::proxy::session
