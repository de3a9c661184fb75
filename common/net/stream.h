// A byte stream to a peer: a TCP connection or a Unix socket (TLS later), on one EventLoop.
//
// Reading: bytes are handed to the owner as one contiguous view of everything not yet consumed. As
// long as the owner consumes all, they lie in a buffer that the loop's streams share, and an idle
// stream holds no memory; what is left over is kept by the stream and presented again with more
// behind it.
// Writing: the owner appends to output() and calls ScheduleWrite(); all that was appended in a pass
// of the loop leaves in one writev at its end, what the kernel does not take waits in output().
// Destroying a Stream closes it without further callbacks, at any time, its own callbacks included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "common/base/output_buffer.h"
#include "common/net/address.h"
#include "common/net/event_loop.h"

namespace keyway::net {

struct StreamOptions {
  bool no_delay = true;
  int keepalive_seconds =
      0;  // 0: off. TCP_KEEPIDLE; interval a third of it, three probes, as Redis
  // Above the high mark of unsent output OnOutputFull is called, below the low mark OnDrained.
  size_t output_high_bytes = 1024 * 1024;
  size_t output_low_bytes = 256 * 1024;
  // Retained input (one incomplete request) above this closes the stream with kInputLimit. 0: no
  // limit.
  size_t input_limit_bytes = 1024ull * 1024 * 1024;
  int connect_timeout_ms = 5000;
  std::string source_host;  // address to connect from; empty: the system's choice
  // After CloseAfterFlush has written everything, wait this long for the peer to close its side and
  // discard what it sends meanwhile, so that a reset does not overtake the last reply. 0: do not
  // wait.
  int linger_ms = 0;
};

enum class CloseReason : uint8_t {
  kPeerClosed,
  kConnectFailed,
  kReadError,
  kWriteError,
  kInputLimit,
  kFlushed,  // CloseAfterFlush has written everything
};

// Called by the loop only, never from inside a call of the owner to its Stream.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // The connection of Stream::Connect stands.
  virtual void OnConnected() {}
  // `bytes`: all that was received and not consumed. Returns how many of the first bytes are done
  // with. The view is valid during the call only. Called again when more arrive, or after
  // ResumeReading, never inside another call of it.
  virtual size_t OnBytes(std::string_view bytes) = 0;
  // The stream is closed and will call nothing more; the owner usually destroys it here. `detail`
  // is for the log ("connection reset by peer"). Not called when the owner destroys the stream.
  virtual void OnClosed(CloseReason reason, std::string_view detail) = 0;
  // The peer has shut down its sending side (`printf ... | nc`). False: the stream closes with
  // kPeerClosed, as Redis does. True: it stays open for writing, so that replies under way still
  // arrive; the owner ends it with CloseAfterFlush.
  virtual bool OnEndOfInput() { return false; }
  // Unsent output went above the high mark / then below the low mark.
  virtual void OnOutputFull() {}
  virtual void OnDrained() {}
};

class Stream {
 public:
  // Starts to connect to a numeric address or, resolved on libuv's thread pool, a name; a host that
  // begins with '/' is the path of a Unix socket. The addresses of a name are tried one by one.
  // Always returns a stream; failure arrives as OnClosed(kConnectFailed), never before this
  // returns. `handler` must outlive the stream. Output may be appended before OnConnected.
  static std::unique_ptr<Stream> Connect(EventLoop& loop, const Endpoint& peer,
                                         const StreamOptions& options, StreamHandler* handler);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Accepted streams get their handler here, and start to read in the next pass.
  void Start(StreamHandler* handler);

  OutputBuffer& output();
  void ScheduleWrite();
  // Writes what it can at once, for the rare case that must not wait for the end of the pass.
  void FlushNow();

  // While paused nothing is received, so the kernel pushes back on the peer. A peer that goes away
  // is still noticed unless bytes that it sent before are unread.
  void PauseReading();
  // Retained bytes, if any, are presented again at the end of this pass, also when reading was not
  // paused: an owner that does a bounded piece of work at a time calls this from OnBytes when it
  // left a complete request behind (not for an incomplete one: that would go round without end).
  void ResumeReading();
  bool reading_paused() const;

  // Reads no more, writes what output() holds, then OnClosed(kFlushed). A peer that does not take
  // it within `timeout_ms` is cut off.
  void CloseAfterFlush(uint64_t timeout_ms = 10'000);

  void SetOptions(const StreamOptions& options);

  bool connected() const;
  // Numeric; of a Unix socket: the path and port 0.
  const Endpoint& peer() const;
  const Endpoint& local() const;
  bool is_unix_socket() const;
  int fd() const;

  size_t retained_input_bytes() const;  // incomplete request kept by the stream
  size_t input_memory() const;          // memory allocated for it
  uint64_t bytes_received() const;
  uint64_t bytes_sent() const;
  // Whether the kernel refused bytes that still wait in output().
  bool write_blocked() const;

 private:
  friend class Listener;
  struct State;
  explicit Stream(State* state);
  // Takes over a connected socket. Null when the loop cannot watch it; `fd` is closed then.
  static std::unique_ptr<Stream> Adopt(EventLoop& loop, int fd, Endpoint peer, bool unix_socket,
                                       const StreamOptions& options);
  State* state_;
};

// Accepts connections on one address.
class Listener {
 public:
  struct Options {
    int backlog = 511;
    // SO_REUSEPORT: several listeners share the port, the kernel spreads clients.
    bool reuse_port = false;
    int unix_mode = 0;  // permissions of a Unix socket; 0: leave them
    StreamOptions stream;
  };
  using AcceptCallback = std::function<void(std::unique_ptr<Stream>)>;

  // Error: "Address already in use" and the like, with the address in front. `endpoint.port` 0
  // picks a free port. The host "*" is 0.0.0.0 and "::*" is ::, as in redis.conf's bind; a name is
  // resolved in place. An IPv6 listener takes IPv6 only.
  static Expected<std::unique_ptr<Listener>> Listen(EventLoop& loop, const Endpoint& endpoint,
                                                    const Options& options,
                                                    AcceptCallback on_accept);
  // Whether one could listen there alone: the address with the port picked, or Listen's error. Nobody can
  // connect meanwhile, and the port is not kept.
  static Expected<Endpoint> FindFree(const Endpoint& endpoint);
  // A file that lies at `path` is replaced, as Redis does; the destructor removes it.
  static Expected<std::unique_ptr<Listener>> ListenUnix(EventLoop& loop, const std::string& path,
                                                        const Options& options,
                                                        AcceptCallback on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The address bound, with the port picked.
  const Endpoint& local() const;
  // For socket options that this class does not know.
  int fd() const;
  // Accepts, in this call, all that have connected by now: closing the socket resets connections that
  // nobody has accepted. Fewer when accept() fails.
  void AcceptWaiting();
  // Accepting is bounded: at most this many connections a pass, so that a storm of connects does
  // not starve the clients that are there. accept() failing for lack of descriptors or memory
  // pauses accepting for 100 ms and is counted in errors().
  static constexpr int kAcceptsPerPass = 1000;
  uint64_t errors() const;

 private:
  struct State;
  explicit Listener(State* state);
  State* state_;
};

}  // namespace keyway::net
