// The bytes of a Stream: receiving into the loop's buffer or the stream's own, and sending from the
// blocks of the OutputBuffer.
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <glog/logging.h>

#include "common/net/stream_state.h"

namespace keyway::net {
namespace {

// What one stream may do in a pass before the others have their turn.
constexpr size_t kReadBytesPerPass = 512 * 1024;
constexpr size_t kWriteBytesPerStep = 1024 * 1024;
constexpr int kWriteVectors = 64;
constexpr int kFlushNowSteps = 16;

// Up to here retained bytes are copied to the front of the shared buffer, so that the next read
// still takes as much as an ordinary one; above it the read goes straight behind them.
constexpr size_t kCopyToShared = 4096;
constexpr size_t kOwnRead = 16 * 1024;

// A peer that keeps sending after the last reply is cut off.
constexpr size_t kDiscardLimit = 16 * 1024 * 1024;

void Bump(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

ssize_t Receive(int fd, char* room, size_t bytes, int flags = 0) {
  ssize_t received = 0;
  do {
    received = recv(fd, room, bytes, flags | MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  return received;
}

bool WouldBlock(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

}  // namespace

void Stream::State::Read() {
  char* const shared = loop.impl_->read_buffer.get();
  size_t total = 0;
  // A presentation that is due comes first, then what lies in the kernel.
  while (Reading() && !presentation_item.queued()) {
    const size_t retained = input.size();
    const bool own = retained > kCopyToShared;
    char* room = nullptr;
    size_t bytes = 0;
    if (own) {
      room = input.Reserve(kOwnRead);
      if (room == nullptr) {
        Close(CloseReason::kInputLimit, "not enough memory");
        return;
      }
      bytes = std::min(input.room(), kReadBytesPerPass);
    } else {
      if (retained > 0) std::memcpy(shared, input.view().data(), retained);
      room = shared + retained;
      bytes = EventLoop::Impl::kReadBufferBytes - retained;
    }
    const ssize_t received = Receive(fd, room, bytes);
    Bump(loop.reads_);
    if (received < 0) {
      if (!WouldBlock(errno)) CloseWithError(CloseReason::kReadError, errno);
      return;
    }
    if (received == 0) {
      // Replies to what came before leave at the end of this pass; the end is seen again in the
      // next.
      if (total == 0) EndOfInput();
      return;
    }
    const auto size = static_cast<size_t>(received);
    bytes_received += size;
    total += size;
    if (own) {
      input.Commit(size);
      if (!Deliver(input.view(), 0)) return;
    } else {
      if (!Deliver({shared, retained + size}, size)) return;
    }
    if (size < bytes || total >= kReadBytesPerPass) return;
  }
}

// Hands `bytes` to the owner and keeps what is left over. The last `new_bytes` of them lie in the
// shared buffer only; the others are in `input` already. Returns false when the stream is closed.
bool Stream::State::Deliver(std::string_view bytes, size_t new_bytes) {
  delivering = true;
  const size_t consumed = handler->OnBytes(bytes);
  delivering = false;
  if (phase != Phase::kOpen || draining) {
    input.Clear();
    return phase == Phase::kOpen;
  }
  CHECK_LE(consumed, bytes.size()) << "more bytes consumed than there are";
  const size_t retained = bytes.size() - new_bytes;
  input.Consume(std::min(consumed, retained));
  if (new_bytes > 0) {
    const std::string_view left = bytes.substr(std::max(consumed, retained));
    if (!input.Append(left)) {
      Close(CloseReason::kInputLimit, "not enough memory");
      return false;
    }
  }
  if (options.input_limit_bytes > 0 && input.size() > options.input_limit_bytes) {
    Close(CloseReason::kInputLimit, "too much input without a complete request");
    return false;
  }
  return true;
}

void Stream::State::OnPausedEvent(bool hangup) {
  char byte = 0;
  const ssize_t received = Receive(fd, &byte, 1, MSG_PEEK);
  if (received == 0) {
    EndOfInput();
    return;
  }
  if (received < 0) {
    if (!WouldBlock(errno)) CloseWithError(CloseReason::kReadError, errno);
    return;
  }
  quiet = hangup ? Quiet::kNothing : Quiet::kHangup;
  UpdateInterest();
}

void Stream::State::EndOfInput() {
  if (handler->OnEndOfInput()) {
    if (phase != Phase::kOpen) return;
    ended = true;
    UpdateInterest();
  } else if (phase == Phase::kOpen) {
    Close(CloseReason::kPeerClosed, "connection closed by peer");
  }
}

Stream::State::WriteResult Stream::State::WriteStep() {
  iovec vectors[kWriteVectors];
  const int count = output.Gather(vectors, kWriteVectors);
  size_t offered = 0;
  int used = 0;
  while (used < count && offered < kWriteBytesPerStep) {
    vectors[used].iov_len = std::min(vectors[used].iov_len, kWriteBytesPerStep - offered);
    offered += vectors[used++].iov_len;
  }
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = static_cast<size_t>(used);
  ssize_t sent = 0;
  do {
    sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  Bump(loop.writes_);
  if (sent < 0) {
    if (!WouldBlock(errno)) {
      write_error = errno;
      return WriteResult::kFailed;
    }
    blocked = true;
    return WriteResult::kBlocked;
  }
  output.Consume(static_cast<size_t>(sent));
  bytes_sent += static_cast<uint64_t>(sent);
  if (static_cast<size_t>(sent) < offered) {
    blocked = true;
    return WriteResult::kBlocked;
  }
  return output.empty() ? WriteResult::kDone : WriteResult::kMore;
}

void Stream::State::FlushNow() {
  loop.PrepareWrites();
  for (int step = 0; step < kFlushNowSteps; ++step) {
    if (phase != Phase::kOpen || blocked || failed || output.empty()) return;
    if (WriteStep() == WriteResult::kFailed) CloseLater(CloseReason::kWriteError, write_error);
  }
}

// At the end of a pass.
void Stream::State::RunWrite() {
  if (failed || phase == Phase::kClosed || phase == Phase::kLingering) return;
  Reference reference(this);
  if (phase == Phase::kOpen && !blocked && !output.empty()) {
    const WriteResult result = WriteStep();
    if (result == WriteResult::kFailed) {
      CloseWithError(CloseReason::kWriteError, write_error);
      return;
    }
    // The other streams write their part first.
    if (result == WriteResult::kMore) loop.impl_->writes.Add(&write_item);
  }
  if (!full && output.size() > options.output_high_bytes) {
    full = true;
    if (handler != nullptr) handler->OnOutputFull();
  } else if (full && output.size() <= options.output_low_bytes) {
    full = false;
    if (handler != nullptr) handler->OnDrained();
  }
  if (phase != Phase::kOpen) return;
  if (draining && output.empty()) {
    Flushed();
    return;
  }
  UpdateInterest();
}

void Stream::State::Flushed() {
  if (options.linger_ms > 0 && !ended) {
    phase = Phase::kLingering;
    shutdown(fd, SHUT_WR);
    StartDeadline(static_cast<uint64_t>(options.linger_ms));
    UpdateInterest();
    return;
  }
  // Bytes left unread would turn the close into a reset, which can overtake the last reply.
  phase = Phase::kLingering;
  Discard();
  if (phase != Phase::kClosed) Close(CloseReason::kFlushed, "");
}

void Stream::State::Discard() {
  char* const shared = loop.impl_->read_buffer.get();
  size_t total = 0;
  while (total < kReadBytesPerPass) {
    const ssize_t received = Receive(fd, shared, EventLoop::Impl::kReadBufferBytes);
    if (received < 0 && WouldBlock(errno)) return;
    if (received <= 0) {
      Close(CloseReason::kFlushed, "");
      return;
    }
    total += static_cast<size_t>(received);
  }
  discarded += total;
  if (discarded > kDiscardLimit) Close(CloseReason::kFlushed, "");
}

}  // namespace keyway::net
