// The sessions of one worker: accepts them, watches their idleness, and buries them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "common/net/event_loop.h"
#include "common/net/stream.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/session/pause.h"
#include "proxy/session/session.h"

namespace keyway::proxy::session {

class SessionList {
 public:
  // `context` refers to this list, and must outlive it.
  explicit SessionList(SessionContext& context);
  ~SessionList();

  // A new client, of a listener with this policy. Over the limit of clients it gets Redis's error and
  // is closed.
  void Accept(std::unique_ptr<net::Stream> stream,
              execution::ReadFrom read_from = execution::ReadFrom::kPrimary);
  size_t size() const { return size_; }

  // `visit` must not destroy sessions; it may doom them.
  void ForEach(const std::function<void(Session&)>& visit);
  // Destroys all sessions; what they have under way is cancelled.
  void RemoveAll();

  // The end of the proxy, in these steps:
  // Closes the clients that are between two requests and have been silent for so long.
  void CloseSilent(int64_t micros);
  // From now on a client that gets a reply, behind which nothing is under way, has to be silent for a
  // moment only before CloseSilent closes it, and sees the end of the stream with that reply.
  // `options`: of the clients' streams.
  void HoldLastReplies(const net::StreamOptions& options);
  // No session takes further requests; each closes when what it has asked is answered.
  void FinishAll();

  // CLIENT PAUSE, of this worker's clients.
  Pause& pause() { return pause_; }

  // For Session ----------------------------------------------------------------------------------

  // It holds much more memory than counted before.
  static constexpr size_t kMuchMemory = 1024 * 1024;
  void OnGrowth(Session& session);
  // Destroys it now. Only from its OnClosed.
  void Remove(Session& session);
  // Destroys it at the end of the pass.
  void RemoveLater(Session& session);

 private:
  void RemoveDoomed();
  void CloseIdle();
  void CountMemory();
  void CloseLargest();

  SessionContext& context_;
  execution::IntrusiveList<Session, SessionTag> sessions_;
  execution::IntrusiveList<Session, SessionTag> doomed_;
  size_t size_ = 0;
  net::Timer idle_timer_;
  net::Timer memory_timer_;
  ClientMemory::Share* share_ = nullptr;
  bool count_scheduled_ = false;
  Pause pause_;
  bool holds_last_replies_ = false;
};

}  // namespace keyway::proxy::session
