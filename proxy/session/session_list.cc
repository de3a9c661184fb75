#include "proxy/session/session_list.h"

#include <utility>

#include "common/log/log.h"

namespace keyway::proxy::session {
namespace {

constexpr uint64_t kIdleCheckMs = 1000;

}  // namespace

SessionList::SessionList(SessionContext& context)
    : context_(context),
      idle_timer_(context.loop, [this] { CloseIdle(); }),
      pause_(context.loop,
             [this] { sessions_.ForEach([](Session& session) { session.ResumeAfterPause(); }); }) {
  if (context.options.idle_timeout_seconds > 0 || context.hub != nullptr) {
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
  session->Start();
}

void SessionList::ForEach(const std::function<void(Session&)>& visit) {
  sessions_.ForEach(visit);
}

void SessionList::FinishAll() {
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
  if (timeout == 0 && !subscribers) return;
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

}  // namespace keyway::proxy::session
