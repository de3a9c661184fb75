// How a session ends when the proxy does, so that its client loses nothing: with nothing outstanding.
//
// That a client has everything it asked for does not say that it asks for nothing more: it may be
// sending the next part of a pipeline. One that sends nothing while its last reply is held back waits
// for that reply. It gets it together with the end of the stream, and finds, if it looks before it
// uses its connection again, that it has to make another.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <utility>

#include "proxy/session/session.h"
#include "proxy/session/transaction.h"

namespace keyway::proxy::session {
namespace {

// For the client to close its side, too. Until then what it may have sent meanwhile is read, as the
// answer of the system to it, a reset, could overtake the reply.
constexpr int kLingerMs = 500;

}  // namespace

bool Session::between_requests() const {
  if (state_ != State::kOpen || !queue_.empty() || held_by_pause_ || paused_ || held_back_ ||
      presenting_ || client_.multi >= 0 || subscriptions_ != nullptr ||
      (transaction_ != nullptr && transaction_->watch() != nullptr)) {
    return false;
  }
  if (stream_->retained_input_bytes() > 0) return false;
  int unread = 0;
  return ioctl(stream_->fd(), FIONREAD, &unread) == 0 && unread == 0;
}

void Session::HoldLastReply(bool hold, const net::StreamOptions& options) {
  if (std::exchange(holds_last_reply_, hold) == hold) return;
  if (hold) {
    // Now, as setting TCP_NODELAY anew would send what is held back.
    net::StreamOptions lingering = options;
    lingering.linger_ms = kLingerMs;
    stream_->SetOptions(lingering);
  }
  // The system keeps the last bytes back, for 200 ms at most, and then sends them in one segment with
  // the end of the stream.
  const int on = hold ? 1 : 0;
  setsockopt(stream_->fd(), IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
}

}  // namespace keyway::proxy::session
