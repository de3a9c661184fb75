// The inside of a Stream. Private to common/net.
//
// The socket is watched with a uv_poll_t and read and written here, because the bounds a pass, the
// shared read buffer and writing straight from the blocks of an OutputBuffer all need the system
// call itself. Which events are watched is computed from the state in one place, UpdateInterest.
//
// Lifetime: the Stream, an open uv_poll_t, a name being resolved and every callback on the stack
// hold one reference each; the last one deletes. Whatever calls the handler must look at `phase`
// afterwards, because the owner may have destroyed the Stream in there.
#pragma once

#include <sys/socket.h>
#include <uv.h>

#include <memory>
#include <string>
#include <vector>

#include "common/net/input_buffer.h"
#include "common/net/loop_impl.h"
#include "common/net/stream.h"

namespace keyway::net {

struct Stream::State {
  enum class Phase : uint8_t {
    kResolving,
    kConnecting,
    kOpen,
    kLingering,  // everything is written; waits for the peer to close its side
    kClosed,
  };
  // A paused stream keeps watching for readability until something arrives, so that a short pause
  // costs no system call.
  enum class Quiet : uint8_t {
    kReadable,  // nothing has arrived
    kHangup,    // unread bytes are there: watch for the peer's end only
    kNothing,   // the peer has ended behind unread bytes: nothing is left to be watched
  };
  enum class WriteResult : uint8_t { kDone, kMore, kBlocked, kFailed };
  enum class PollHandle : uint8_t { kNone, kOpen, kClosing };

  class Reference {
   public:
    explicit Reference(State* state) : state_(state) { ++state_->references; }
    ~Reference() { state_->Release(); }
    Reference(const Reference&) = delete;
    Reference& operator=(const Reference&) = delete;

   private:
    State* state_;
  };

  State(EventLoop& event_loop, const StreamOptions& stream_options, StreamHandler* stream_handler);
  void Release() {
    if (--references == 0) delete this;
  }
  // The Stream goes: no more callbacks.
  void Detach();

  // stream_connect.cc
  void Open(const Endpoint& endpoint);
  void Resolve(const std::string& host);
  void OnResolved(int status, const addrinfo* found);
  void ConnectNext();
  int TryConnect(const sockaddr_storage& address);
  bool ConnectIsDecided() const;
  void OnConnectResult();
  bool Watch(int socket);
  void ApplySocketOptions();
  const Endpoint& Local();

  // stream.cc
  void OnEvents(int status, int events);
  void UpdateInterest();
  void OnDeadline();
  void StartDeadline(uint64_t milliseconds);
  void DropWork();
  void CloseSocket();
  void Close(CloseReason reason, std::string_view detail);
  void CloseWithError(CloseReason reason, int error);
  // Close from inside a call of the owner: reported at the end of the pass.
  void CloseLater(CloseReason reason, int error);
  void RunPresentation();

  // stream_io.cc
  bool Reading() const {
    return phase == Phase::kOpen && started && !paused && !draining && !ended && !failed;
  }
  void Read();
  bool Deliver(std::string_view bytes, size_t new_bytes);
  void OnPausedEvent(bool hangup);
  void EndOfInput();
  WriteResult WriteStep();
  void FlushNow();
  void RunWrite();
  void Flushed();
  void Discard();

  EventLoop& loop;
  StreamHandler* handler;
  StreamOptions options;
  OutputBuffer output;
  InputBuffer input;

  uv_poll_t poll;
  PollHandle poll_handle = PollHandle::kNone;
  int interest = 0;  // the UV_READABLE ... that are watched
  int fd = -1;
  int references = 1;

  Phase phase = Phase::kOpen;
  Quiet quiet = Quiet::kReadable;
  bool started = false;
  bool paused = false;
  bool delivering = false;  // OnBytes is on the stack
  bool ended = false;       // the peer sends no more, the owner wants to write still
  bool blocked = false;     // the kernel refused bytes
  bool full = false;        // OnOutputFull was called and OnDrained not yet
  bool draining = false;    // CloseAfterFlush
  bool unix_socket = false;

  bool failed = false;  // CloseLater
  CloseReason failure = CloseReason::kPeerClosed;
  int failure_error = 0;
  int write_error = 0;
  size_t discarded = 0;

  uint64_t bytes_received = 0;
  uint64_t bytes_sent = 0;

  PassItem write_item;
  PassItem presentation_item;
  std::unique_ptr<Timer> deadline;

  struct Connecting {
    uv_getaddrinfo_t request;
    std::vector<sockaddr_storage> addresses;
    size_t next = 0;
    int error = 0;
  };
  std::unique_ptr<Connecting> connecting;

  Endpoint peer;
  Endpoint local;
};

}  // namespace keyway::net
