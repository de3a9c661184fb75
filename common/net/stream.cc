#include "common/net/stream.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/net/stream_state.h"

namespace keyway::net {

Stream::State::State(EventLoop& event_loop, const StreamOptions& stream_options,
                     StreamHandler* stream_handler)
    : loop(event_loop),
      handler(stream_handler),
      options(stream_options),
      write_item([](void* state) { static_cast<State*>(state)->RunWrite(); }, this),
      presentation_item([](void* state) { static_cast<State*>(state)->RunPresentation(); }, this) {}

void Stream::State::Detach() {
  handler = nullptr;
  if (phase == Phase::kResolving) uv_cancel(reinterpret_cast<uv_req_t*>(&connecting->request));
  phase = Phase::kClosed;
  DropWork();
  CloseSocket();
  Release();
}

void Stream::State::DropWork() {
  write_item.Remove();
  presentation_item.Remove();
  output.Clear();
  // The owner looks at these bytes still.
  if (!delivering) input.Clear();
}

void Stream::State::CloseSocket() {
  if (poll_handle != PollHandle::kOpen) return;
  poll_handle = PollHandle::kClosing;
  interest = 0;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll), [](uv_handle_t* handle) {
    auto* state = static_cast<State*>(handle->data);
    state->poll_handle = PollHandle::kNone;
    if (state->phase == Phase::kConnecting) state->ConnectNext();
    state->Release();
  });
  close(fd);
  fd = -1;
}

void Stream::State::Close(CloseReason reason, std::string_view detail) {
  if (phase == Phase::kClosed) return;
  if (phase == Phase::kResolving) uv_cancel(reinterpret_cast<uv_req_t*>(&connecting->request));
  phase = Phase::kClosed;
  DropWork();
  CloseSocket();
  deadline.reset();
  if (handler != nullptr) handler->OnClosed(reason, detail);
}

void Stream::State::CloseWithError(CloseReason reason, int error) {
  char text[128];
  Close(reason, uv_strerror_r(-error, text, sizeof(text)));
}

void Stream::State::CloseLater(CloseReason reason, int error) {
  if (failed) return;
  failed = true;
  failure = reason;
  failure_error = error;
  loop.impl_->presentations.Add(&presentation_item);
}

void Stream::State::RunPresentation() {
  Reference reference(this);
  if (failed) {
    CloseWithError(failure, failure_error);
  } else if (phase == Phase::kOpen && started && !paused && !draining && !input.empty()) {
    Deliver(input.view(), 0);
  }
}

void Stream::State::StartDeadline(uint64_t milliseconds) {
  if (deadline == nullptr) deadline = std::make_unique<Timer>(loop, [this] { OnDeadline(); });
  deadline->Start(milliseconds);
}

void Stream::State::OnDeadline() {
  Reference reference(this);
  // When the loop was held up, timers come before the sockets that have been ready meanwhile.
  switch (phase) {
    case Phase::kConnecting:
      if (!draining && ConnectIsDecided()) {
        // For the next address, if this one has failed.
        StartDeadline(static_cast<uint64_t>(options.connect_timeout_ms));
        OnConnectResult();
        break;
      }
      [[fallthrough]];
    case Phase::kResolving:
      CloseWithError(CloseReason::kConnectFailed, ETIMEDOUT);
      break;
    case Phase::kOpen:
      blocked = false;
      FlushNow();
      if (output.empty()) {
        Flushed();
      } else {
        CloseWithError(CloseReason::kWriteError, ETIMEDOUT);
      }
      break;
    case Phase::kLingering:
      Close(CloseReason::kFlushed, "");
      break;
    case Phase::kClosed:
      break;
  }
}

void Stream::State::UpdateInterest() {
  if (poll_handle != PollHandle::kOpen) return;
  int wanted = 0;
  if (phase == Phase::kConnecting) wanted = UV_WRITABLE;
  if (phase == Phase::kLingering) wanted = UV_READABLE;
  if (phase == Phase::kOpen) {
    if (started && !draining && !ended) {
      if (!paused || quiet == Quiet::kReadable) {
        wanted = UV_READABLE;
      } else if (quiet == Quiet::kHangup) {
        wanted = UV_DISCONNECT;
      }
    }
    if (blocked) wanted |= UV_WRITABLE;
  }
  if (wanted == interest) return;
  interest = wanted;
  if (wanted == 0) {
    uv_poll_stop(&poll);
    return;
  }
  uv_poll_start(&poll, wanted, [](uv_poll_t* handle, int status, int events) {
    static_cast<State*>(handle->data)->OnEvents(status, events);
  });
}

void Stream::State::OnEvents(int status, int events) {
  Reference reference(this);
  loop.NowMicros();
  // libuv stops watching a socket that is in error.
  if (status < 0) interest = 0;
  if (phase == Phase::kConnecting) {
    OnConnectResult();
    return;
  }
  if (phase == Phase::kLingering) {
    Discard();
    UpdateInterest();
    return;
  }
  if (status < 0) {
    int error = 0;
    socklen_t length = sizeof(error);
    // What arrived before the error is delivered first; the read meets the error itself.
    const uint64_t before = bytes_received;
    if (Reading()) Read();
    if (phase != Phase::kOpen) return;
    if (bytes_received == before) {
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
      CloseWithError(CloseReason::kReadError, error == 0 ? ECONNRESET : error);
    } else {
      UpdateInterest();
    }
    return;
  }
  if ((events & UV_WRITABLE) != 0) {
    blocked = false;
    loop.impl_->writes.Add(&write_item);
  }
  if ((events & (UV_READABLE | UV_DISCONNECT)) == 0) return;
  if (Reading()) {
    Read();
  } else if (started && paused && !draining && !ended) {
    OnPausedEvent((events & UV_DISCONNECT) != 0);
  } else {
    UpdateInterest();
  }
}

Stream::Stream(State* state) : state_(state) {}

Stream::~Stream() {
  state_->deadline.reset();
  state_->Detach();
}

std::unique_ptr<Stream> Stream::Connect(EventLoop& loop, const Endpoint& peer,
                                        const StreamOptions& options, StreamHandler* handler) {
  auto* state = new State(loop, options, handler);
  state->Open(peer);
  return std::unique_ptr<Stream>(new Stream(state));
}

std::unique_ptr<Stream> Stream::Adopt(EventLoop& loop, int fd, Endpoint peer, bool unix_socket,
                                      const StreamOptions& options) {
  auto* state = new State(loop, options, nullptr);
  state->peer = std::move(peer);
  state->unix_socket = unix_socket;
  if (!state->Watch(fd)) {
    close(fd);
    state->Release();
    return nullptr;
  }
  state->ApplySocketOptions();
  return std::unique_ptr<Stream>(new Stream(state));
}

void Stream::Start(StreamHandler* handler) {
  state_->handler = handler;
  state_->started = true;
  state_->UpdateInterest();
}

OutputBuffer& Stream::output() {
  return state_->output;
}

void Stream::ScheduleWrite() {
  if (state_->phase == State::Phase::kClosed) {
    state_->output.Clear();
    return;
  }
  state_->loop.impl_->writes.Add(&state_->write_item);
}

void Stream::FlushNow() {
  state_->FlushNow();
  // The rest, and what the marks and CloseAfterFlush ask for, is for the end of the pass.
  ScheduleWrite();
}

void Stream::PauseReading() {
  state_->paused = true;
}

void Stream::ResumeReading() {
  State& state = *state_;
  state.paused = false;
  state.quiet = State::Quiet::kReadable;
  if (state.phase != State::Phase::kOpen) return;
  state.UpdateInterest();
  if (state.delivering || !state.input.empty()) {
    state.loop.impl_->presentations.Add(&state.presentation_item);
  }
}

bool Stream::reading_paused() const {
  return state_->paused;
}

void Stream::CloseAfterFlush(uint64_t timeout_ms) {
  State& state = *state_;
  if (state.draining || state.failed || state.phase == State::Phase::kClosed) return;
  state.draining = true;
  if (!state.delivering) state.input.Clear();
  state.StartDeadline(timeout_ms);
  ScheduleWrite();
}

void Stream::SetOptions(const StreamOptions& options) {
  state_->options = options;
  if (connected()) state_->ApplySocketOptions();
}

bool Stream::connected() const {
  return state_->phase == State::Phase::kOpen;
}

const Endpoint& Stream::peer() const {
  return state_->peer;
}

const Endpoint& Stream::local() const {
  return state_->Local();
}

bool Stream::is_unix_socket() const {
  return state_->unix_socket;
}

int Stream::fd() const {
  return state_->fd;
}

size_t Stream::retained_input_bytes() const {
  return state_->input.size();
}

size_t Stream::input_memory() const {
  return state_->input.memory();
}

uint64_t Stream::bytes_received() const {
  return state_->bytes_received;
}

uint64_t Stream::bytes_sent() const {
  return state_->bytes_sent;
}

bool Stream::write_blocked() const {
  return state_->blocked;
}

}  // namespace keyway::net
