// Connections to other servers on which MIGRATE sends keys. They block: the shard executes nothing
// else until the keys have arrived, so every wait has a limit. One is kept for a while after its
// use, because a slot moves by many MIGRATEs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/net/event_loop.h"

namespace keyway::shard {

enum class PeerResult : uint8_t {
  kOk,
  kTimedOut,
  kBroken,  // closed or reset, maybe long ago: another connection may do better
};

class PeerConnection {
 public:
  // What is sent at a time, each piece with the whole time limit.
  static constexpr size_t kPieceBytes = 64 * 1024;
  // What is kept of a line.
  static constexpr size_t kLineBytes = 1023;

  // Takes over the socket, which does not block.
  explicit PeerConnection(int socket) : socket_(socket) {}
  ~PeerConnection();
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  [[nodiscard]] PeerResult Write(std::string_view bytes, int64_t timeout_ms);
  // One line without its end, cut to kLineBytes. An empty one is no reply: kBroken.
  [[nodiscard]] PeerResult ReadLine(std::string* line, int64_t timeout_ms);

  // The database that is selected over there; -1: not known.
  int64_t database = -1;

 private:
  PeerResult Wait(short events, int64_t deadline_micros) const;

  int socket_;
  std::string received_;
  size_t read_ = 0;  // bytes of `received_` that lines were made of
};

class PeerConnections {
 public:
  static constexpr size_t kMostKept = 64;
  static constexpr int64_t kKeptMicros = 10'000'000;

  // All outlive the object.
  PeerConnections(net::EventLoop& loop, const Clock& clock, Random& random);

  // The one kept for this address, or a new one. `host` is an address or a name, which is looked
  // up; `port` a number, and what is none counts as 0. nullptr: there is no connection within the
  // time. Valid until the next call of a method.
  PeerConnection* Find(std::string_view host, std::string_view port, int64_t timeout_ms);
  // Closes it.
  void Drop(std::string_view host, std::string_view port);
  size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    std::unique_ptr<PeerConnection> connection;
    int64_t used_micros;
  };
  void DropUnused();

  const Clock& clock_;
  Random& random_;
  std::map<std::string, Kept, std::less<>> kept_;  // by "host:port"
  net::Timer timer_;                               // runs while there are any
};

}  // namespace keyway::shard
