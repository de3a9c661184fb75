// A worker thread's connections to shard nodes, shared by all its clients.
//
// For each node and RESP version there is one connection, and one for scripts, opened on first use and again after a
// loss. Requests of many clients are pipelined on it in the order of Send; everything sent within a
// pass of the loop leaves in one write. The reply of a node is passed on as bytes, a large one in parts
// while it comes, if its call can take that. A connection on which a large value is on its way is
// *retired* when somebody else has a request: that one goes over another connection, while the retired
// one ends what it was sent before, and then waits to be used again.
// What would change or hold up a shared connection (WATCH, blocking commands, subscriptions) leases one
// for itself.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/address.h"
#include "common/net/event_loop.h"
#include "common/resp/reply_writer.h"

namespace keyway::proxy::backend {

class Connection;

enum class Failure : uint8_t {
  kConnect,         // no connection could be made: nothing was sent
  kHandshake,       // the node refused AUTH, HELLO or SELECT: nothing was sent
  kQueueFull,       // too many bytes or requests wait for this node: nothing was sent
  kNotSent,         // the connection was lost before the request reached the socket
  kConnectionLost,  // lost after the request was (partly) written: it may have been executed
};

// Whether the node may have executed a request that failed so.
constexpr bool MayHaveExecuted(Failure failure) {
  return failure == Failure::kConnectionLost;
}

// One request on its way to a node and its reply on the way back. Owned by the plan that sends it;
// reusable after it ended. Exactly one of OnReply and OnFailure is called for each Send, never
// inside Send itself, unless Cancel came before. With SendOptions::replies > 1 OnReply is called that
// often, pending() until the last time; a failure may come after some of them.
class Call {
 public:
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  // Asserts that nothing is pending.
  virtual ~Call();

  bool pending() const { return connection_ != nullptr; }
  // Gives up interest. What was not written yet is still sent; the reply is awaited and dropped,
  // and the connection goes on serving the others.
  void Cancel();

  // `reply`: one complete reply, valid during the call. `type`: its first byte
  // (resp/reply_parser.h). May Send this or other calls, or destroy this one.
  virtual void OnReply(std::string_view reply, char type) = 0;
  // `detail` names the node and the cause, for the error that the client sees and the log. May come
  // after parts of the reply.
  virtual void OnFailure(Failure failure, std::string_view detail) = 0;

  // A large reply may come in parts: whether this call takes them. Asked when some of it is there; with
  // no it is asked again, and the reply is kept until it is complete.
  virtual bool TakesParts() { return false; }
  // The next part, valid during the call; OnReply has the last one. No part of an error comes so. False:
  // nothing more is to be read from the connection before ResumeParts. Must not Send.
  virtual bool OnPart(std::string_view part) {
    (void)part;
    return true;
  }
  // Others have waited behind this reply for BackendOptions::stalled_ms, although it was stopped at
  // least once (OnPart). Called again and again.
  virtual void OnDelaysOthers() {}
  // Requests that are sent to this node from now on may overtake this one. Must not Send.
  virtual void OnOvertakable() {}
  // Who waits for it: calls of the same one are not "others". nullptr: nobody else.
  virtual const void* waiter() const { return nullptr; }

 protected:
  void ResumeParts();

 private:
  friend class Connection;
  Connection* connection_ = nullptr;
  uint64_t sequence_ = 0;
};

struct SendOptions {
  resp::Version version = resp::Version::kResp2;  // of the reply
  int database = 0;     // a SELECT is sent in front when the connection is on another one
  bool asking = false;  // an ASKING is sent in front
  bool readonly =
      false;  // the node is a replica: the connection is in READONLY mode (its own connection)
  // A script, or what must keep its order among scripts: these have a connection of their own, since a
  // node reads nothing more from a connection whose script is running.
  bool scripts = false;
  int replies = 1;  // of the bytes sent: several requests that must not be torn apart (MULTI ... EXEC)
  // The bytes end with a PING. How many replies come before its own is not known (SUBSCRIBE answers
  // with pushes, or with an error): OnReply has each of them, pending() until the PONG.
  bool fenced = false;
};

struct BackendOptions {
  std::string username;
  std::string password;
  int connect_timeout_ms = 2000;
  int reconnect_min_ms = 20;    // after a failed connect; doubles, with jitter, up to
  int reconnect_max_ms = 200;   //   this; until then Send fails with kConnect at once
  size_t max_queued_bytes = 64 * 1024 * 1024;  // unsent, of one connection
  size_t max_pending_requests =
      1'000'000;  // sent or unsent, without a reply yet, of one connection
  size_t max_reply_bytes = 1024ull * 1024 * 1024;
  int idle_probe_ms = 5000;     // an idle connection is probed with PING this often; 0: never
  int probe_timeout_ms = 5000;  // no byte from the node for this long while a PING waits: closed
  int stuck_ms = 500;           // of silence while others answer, until a node counts as stuck; 0: never
  int idle_close_ms = 60'000;   // to a node that is in no map any more, or unused
  int stalled_ms = 1000;  // for so long a reply that its client does not take may hold up others
  int reply_silence_ms = 10'000;  // no byte in the middle of a large reply for so long: it fails
};

// Totals of one worker, read on its thread.
struct BackendStats {
  uint64_t connects = 0;
  uint64_t connect_failures = 0;
  uint64_t connections_lost = 0;
  uint64_t requests = 0;
  uint64_t replies = 0;
  uint64_t queue_full = 0;
  size_t open_connections = 0;
  size_t queued_bytes = 0;      // unsent now
  size_t pending_requests = 0;  // waiting for a reply now
  size_t leases = 0;            // connections that serve one owner alone now
  size_t spare_leases = 0;      // connections that have been returned, for the next owner
  uint64_t replies_in_parts = 0;
  uint64_t retirements = 0;
  size_t retired_connections = 0;  // that end what they were sent before others took their place
};

// Is told of nodes that hang.
class NodeWatcher {
 public:
  virtual ~NodeWatcher() = default;
  // `node` has been silent for BackendOptions::stuck_ms although a request waits for it, while other
  // nodes have answered. Called again and again for as long as that is so.
  virtual void OnNodeStuck(const net::Endpoint& node) = 0;
};

// Who has leased a connection.
class LeaseOwner {
 public:
  virtual ~LeaseOwner() = default;
  // A push message of RESP3 (its first byte is '>'), valid during the call. The owner may destroy the
  // lease inside.
  virtual void OnPush(std::string_view message) { (void)message; }
  // The connection is gone, and with it its state; calls that were under way have had their OnFailure.
  // Nothing can be sent on it any more. Never called inside Send. Not called when there was no
  // connection yet: then the calls' failures say so.
  virtual void OnLeaseLost(std::string_view detail) { (void)detail; }
};

// A connection to a node that serves one owner alone, from Pool::Borrow until it is destroyed, which
// closes it, or returned.
class Lease {
 public:
  // Closes the connection, also while the node is at work on it: what blocks there is unblocked. All
  // calls must have ended or been cancelled.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  // As Pool::Send. `options.version` and `options.readonly` are the lease's own.
  void Send(const SendOptions& options, std::span<const std::string_view> parts, Call* call);
  // The connection is as it was when it was new (but for its database): the next owner may have it.
  static void Return(std::unique_ptr<Lease> lease);

  const net::Endpoint& node() const;
  // What CLIENT ID would answer on it; 0 until the first reply has come.
  int64_t client_id() const;
  bool lost() const;

 private:
  friend class Pool;
  explicit Lease(Connection* connection) : connection_(connection) {}
  Connection* connection_;
};

class Pool {
 public:
  Pool(net::EventLoop& loop, const BackendOptions& options);
  // Fails what is pending with kNotSent or kConnectionLost.
  ~Pool();

  // Queues one request for `node`. The concatenation of `parts` is one complete RESP request (an
  // array of bulk strings); it is copied. `call` must stay alive until it ends or is cancelled.
  void Send(const net::Endpoint& node, const SendOptions& options,
            std::span<const std::string_view> parts, Call* call);

  // A connection of its own, made with the first Send unless a spare one is there. `owner` must outlive
  // the lease, which must not outlive the pool.
  std::unique_ptr<Lease> Borrow(const net::Endpoint& node, resp::Version version,
                                LeaseOwner* owner);

  // The nodes of the newest map: connections to others close when nothing is pending on them.
  void RetainOnly(std::span<const net::Endpoint> nodes);

  // nullptr: nobody. `watcher` must outlive the pool or its own being set here.
  void set_watcher(NodeWatcher* watcher);
  // Whether calls on shared connections wait for `node` that are for a primary (SendOptions::readonly).
  bool HasCalls(const net::Endpoint& node) const;
  // Ends the calls on those shared connections to `node` that it has sent no byte on for `silence_micros`, with
  // kConnectionLost or kNotSent. False: others, for a primary, still wait, and will be answered.
  bool GiveUp(const net::Endpoint& node, int64_t silence_micros, std::string_view detail);

  const BackendStats& stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace keyway::proxy::backend
