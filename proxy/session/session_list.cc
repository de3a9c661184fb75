#include "proxy/session/session_list.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"

namespace keyway::proxy::session {
namespace {

constexpr uint64_t kIdleCheckMs = 1000;
constexpr uint64_t kMemoryCountMs = 100;
// Less than the system holds a reply back.
constexpr int64_t kHoldMicros = 50'000;

}  // namespace

SessionList::SessionList(SessionContext& context)
    : context_(context),
      idle_timer_(context.loop, [this] { CloseIdle(); }),
      memory_timer_(context.loop, [this] { CountMemory(); }),
      share_(context.memory == nullptr ? nullptr : &context.memory->Add()),
      pause_(context.loop,
             [this] { sessions_.ForEach([](Session& session) { session.ResumeAfterPause(); }); }) {
  if (context.options.idle_timeout_seconds > 0 || context.options.output_limit.soft > 0 ||
      context.hub != nullptr) {
    idle_timer_.Start(kIdleCheckMs, kIdleCheckMs);
  }
}

SessionList::~SessionList() {
  RemoveAll();
}

void SessionList::Accept(std::unique_ptr<net::Stream> stream, execution::ReadFrom read_from) {
  const bool admitted = context_.directory.Enter();
  (admitted ? context_.statistics.accepted : context_.statistics.rejected).Add(1);
  auto* session = new Session(context_, context_.directory.NextId(), std::move(stream), admitted);
  session->client().read_from = read_from;
  sessions_.PushBack(*session);
  ++size_;
  if (share_ != nullptr && !memory_timer_.active()) {
    memory_timer_.Start(kMemoryCountMs, kMemoryCountMs);
  }
  session->Start();
}

void SessionList::ForEach(const std::function<void(Session&)>& visit) {
  sessions_.ForEach(visit);
}

void SessionList::CloseSilent(int64_t micros) {
  sessions_.ForEach([this, micros](Session& session) {
    const bool held = session.holds_last_reply();
    if (session.silent_micros() < (held ? std::min(micros, kHoldMicros) : micros)) return;
    if (!session.between_requests() || !session.stream().output().empty()) return;
    (held ? context_.statistics.drained_replied : context_.statistics.drained_idle).Add(1);
    session.Finish();
  });
}

void SessionList::HoldLastReplies(const net::StreamOptions& options) {
  if (std::exchange(holds_last_replies_, true)) return;
  // Before the replies of a pass are written.
  context_.loop.EveryPass([this, options] {
    sessions_.ForEach([&options](Session& session) {
      if (session.stream().output().empty()) return;
      session.HoldLastReply(session.between_requests(), options);
    });
  });
}

void SessionList::FinishAll() {
  context_.statistics.drained_at_limit.Add(size_);
  sessions_.ForEach([](Session& session) {
    session.Finish();
    // As by a failover: whoever waits is told, and nothing that was taken for him gets lost.
    session.Unblock(true, [](bool) {});
  });
}

void SessionList::Remove(Session& session) {
  static_cast<execution::ListLink<SessionTag>&>(session).Unlink();
  --size_;
  delete &session;
}

void SessionList::RemoveLater(Session& session) {
  static_cast<execution::ListLink<SessionTag>&>(session).Unlink();
  if (doomed_.empty()) context_.loop.AtEndOfPass([this] { RemoveDoomed(); });
  doomed_.PushBack(session);
}

void SessionList::RemoveAll() {
  doomed_.Splice(sessions_);
  RemoveDoomed();
}

void SessionList::RemoveDoomed() {
  while (!doomed_.empty()) Remove(doomed_.front());
}

void SessionList::CloseIdle() {
  const int timeout = context_.options.idle_timeout_seconds;
  const bool subscribers =
      context_.hub != nullptr && context_.hub->statistics().subscribers.Get() > 0;
  if (timeout == 0 && !subscribers && context_.options.output_limit.soft == 0) return;
  sessions_.ForEach([this, timeout](Session& session) {
    session.CheckOutput();
    session.NoteSentBytes();
    // As in Redis, a client that waits for a reply or for messages is not idle.
    if (timeout == 0 || session.busy() || session.subscriptions() != nullptr) return;
    if (session.idle_seconds() <= timeout) return;
    KEYWAY_VERBOSE() << "Closing idle client";
    context_.statistics.closed_for_idleness.Add(1);
    session.Doom();
  });
}

void SessionList::OnGrowth(Session& session) {
  if (share_ == nullptr) return;
  const size_t bytes = session.memory();
  share_->bytes.fetch_add(bytes - session.counted_memory(), std::memory_order_relaxed);
  session.set_counted_memory(bytes);
  if (!context_.memory->exceeded() || std::exchange(count_scheduled_, true)) return;
  context_.loop.AtEndOfPass([this] {
    count_scheduled_ = false;
    CountMemory();
  });
}

void SessionList::CountMemory() {
  size_t sum = 0;
  size_t largest = 0;
  sessions_.ForEach([&](Session& session) {
    const size_t bytes = session.memory();
    session.set_counted_memory(bytes);
    sum += bytes;
    if (!session.client().no_evict) largest = std::max(largest, bytes);
  });
  share_->bytes.store(sum, std::memory_order_relaxed);
  share_->largest.store(largest, std::memory_order_relaxed);
  if (context_.memory->exceeded()) CloseLargest();
  if (size_ == 0) memory_timer_.Stop();
}

// One after the other, as long as ours is the largest of all workers.
void SessionList::CloseLargest() {
  while (context_.memory->exceeded()) {
    Session* largest = nullptr;
    size_t second = 0;
    sessions_.ForEach([&](Session& session) {
      if (session.client().no_evict) return;
      if (largest == nullptr || session.counted_memory() > largest->counted_memory()) {
        if (largest != nullptr) second = largest->counted_memory();
        largest = &session;
      } else {
        second = std::max(second, session.counted_memory());
      }
    });
    if (largest == nullptr || !context_.memory->IsLargest(*share_, largest->counted_memory())) {
      return;
    }
    context_.statistics.closed_for_memory.Add(1);
    KEYWAY_WARNING() << "Evicting client: " << largest->Describe();
    share_->bytes.fetch_sub(largest->counted_memory(), std::memory_order_relaxed);
    share_->largest.store(second, std::memory_order_relaxed);
    largest->Doom();
  }
}

}  // namespace keyway::proxy::session
