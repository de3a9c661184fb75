// One shared, pipelined connection to a node: its states, and whose turn the next reply is.
//
// Private to proxy/backend; the rest of the proxy sees Pool and Call. What concerns large values is in
// connection_large.cc.
//
//   kIdle --Send--> kConnecting --> kHandshake --HELLO, READONLY are answered--> kReady
//     ^                 |               |                                         |
//     +-----------------+---------------+------------ failure or close -----------+
//
// A request is in exactly one of three rings:
//   held_     not yet in the stream's output: the connection is not ready, or a database that this
//             connection has not seen is being selected; nothing of it can have reached the node
//   pending_  in the stream's output or on the node, in the order in which the replies come; our
//   own
//             SELECT, ASKING, PING stand there too
//   failing_  ended, OnFailure is still to be called (it never is inside Send)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "common/net/event_loop.h"
#include "common/net/stream.h"
#include "common/resp/reply_parser.h"
#include "proxy/backend/backend.h"
#include "proxy/backend/call_ring.h"

namespace keyway::proxy::backend {

constexpr int64_t kMicrosPerMilli = 1000;
// A value of this size holds up what is behind it for as long as a few hundred small ones.
constexpr size_t kLargeBytes = 1024 * 1024;

// What the connections of one pool share.
struct PoolContext {
  PoolContext(net::EventLoop& event_loop, const BackendOptions& backend_options)
      : loop(event_loop), options(backend_options), random(Random::FromEntropy()) {}
  virtual ~PoolContext() = default;
  // `connection` has begun to have failures to report.
  virtual void ScheduleReport(Connection* connection) = 0;
  // A leased `connection` has no owner any more. `spare`: it is fit for another one.
  virtual void EndLease(Connection* connection, bool spare) = 0;
  // A retired `connection` has answered all that it was sent. False: it is not needed any more.
  virtual bool KeepRetired(Connection* connection) = 0;

  net::EventLoop& loop;
  const BackendOptions options;
  BackendStats stats;
  Random random;
  bool shutting_down = false;
};

class Connection final : public net::StreamHandler {
 public:
  Connection(PoolContext& pool, const net::Endpoint& node, resp::Version version, bool readonly);
  ~Connection() override;

  void Send(const SendOptions& options, std::span<const std::string_view> parts, Call* call);
  void Cancel(Call* call);

  // Leasing: while a connection has an owner it tells it of pushes and of its end, is not closed for
  // being idle, and does not connect a second time.
  void BeginLease(LeaseOwner* owner);
  void EndLease(bool spare);
  int64_t client_id() const { return client_id_; }
  bool lost() const { return lost_; }

  // Whether the node is in the newest map; if not, the connection closes when nobody waits on it.
  void set_retained(bool retained) { retained_ = retained; }
  bool retained() const { return retained_; }
  const net::Endpoint& node() const { return node_; }
  resp::Version version() const { return version_; }

  // A large value is on its way: what is sent now would wait for it. Those who have sent before have
  // been told that they may be overtaken.
  bool held_up() const { return held_up_; }
  // While it is retired it gets nothing new, and tells the pool when everything is answered.
  void set_retired(bool retired) { retired_ = retired; }
  // For how long its client has stopped the reply that is on its way; 0: it has not, or has gone.
  int64_t stopped_micros();
  // Gives up the reply that is on its way.
  void GiveUpReply(std::string_view why);
  void ResumeParts(Call* call);

  // Looks after time-outs, probes and idleness; called every few moments.
  void Tick();
  // Closed, nothing to report, and of no use any more.
  bool removable() const;
  // Ends everything with kNotSent or kConnectionLost.
  void Shutdown();
  // Calls OnFailure of the calls that have failed by now.
  void ReportFailures();
  // Forgets the calls whose failures nobody can be told of any more.
  void DropFailures();

  bool open() const { return state_ == State::kReady; }
  size_t queued_bytes() const;
  // For how long the node has been silent although something waits for a reply; 0: nothing does.
  int64_t waited_micros() const;
  // The same in every state, as far as somebody still waits.
  int64_t silent_micros() const;
  // Whether calls wait for something that the node may not have executed yet. Also those whose end is
  // still to be told; not the one whose reply is coming in parts.
  bool has_calls() const {
    const bool in_parts = in_parts_ && !pending_.empty() && pending_.front().call != nullptr;
    return live_calls_ > (in_parts ? 1u : 0u) || !failing_.empty();
  }
  bool readonly() const { return readonly_; }
  int64_t last_byte_micros() const { return last_byte_; }
  // Ends what waits, as a lost connection does.
  void GiveUp(std::string_view detail) { Close(Failure::kNotSent, std::string(detail)); }
  size_t waiting_requests() const { return held_.size() + pending_.size(); }

  size_t OnBytes(std::string_view bytes) override;
  void OnConnected() override;
  void OnClosed(net::CloseReason reason, std::string_view detail) override;

 private:
  enum class State : uint8_t { kIdle, kConnecting, kHandshake, kReady };
  enum class Kind : uint8_t {
    kRequest,
    kHello,
    kReadonly,
    kSelect,       // of a database that worked before on this connection
    kFirstSelect,  // of one that may not exist: what is meant for it is held until the answer
    kAsking,
    kPing,
  };
  struct Pending {
    Call* call = nullptr;  // nullptr: cancelled, or one of ours
    uint64_t offset = 0;   // of its first byte in what this stream sends
    Kind kind = Kind::kRequest;
    int replies = 1;  // still to come
    bool fenced = false;  // any number, up to a PONG
    bool large = false;   // the request
  };
  struct Held {
    Call* call = nullptr;
    bool dropped = false;
    SendOptions options;
    std::string bytes;
  };
  using Detail = std::shared_ptr<const std::string>;
  struct Failed {
    Call* call = nullptr;
    Failure failure = Failure::kNotSent;
    Detail detail;
  };
  // The ring that a pending Call is in: the two upper bits of its sequence_.
  enum class Place : uint64_t { kPending = 0, kHeld = 1, kFailing = 2 };
  static constexpr int kPlaceShift = 62;

  void Connect();
  void FlushHeld();
  void Write(const SendOptions& options, std::span<const std::string_view> parts, Call* call);
  void WriteOwn(Kind kind, std::span<const std::string_view> words);
  void WriteSelect(Kind kind, int database);
  bool TakeReply(std::string_view reply, char type);
  bool TakeOwnReply(Kind kind, std::string_view reply, bool ok);
  void TakeFirstSelect(std::string_view reply, bool ok);
  // Closes the stream. What was held fails with `held_failure`, what was written by how far it got.
  void Close(Failure held_failure, std::string detail);
  void BackOff();
  void Fail(Call* call, Failure failure, const Detail& detail);
  void Mark(Call* call, Place place, uint64_t sequence);
  static void Unmark(Call* call);
  void ClearStream();
  bool Unneeded() const;
  size_t TakePart(std::string_view incomplete);
  void HoldUp();
  void EndLarge(bool large_request);
  void Resume();
  bool DelaysOthers();
  void TickLarge(int64_t now);

  PoolContext& pool_;
  const net::Endpoint node_;
  const std::string name_;  // of the node, for details
  const resp::Version version_;
  const bool readonly_;

  State state_ = State::kIdle;
  std::unique_ptr<net::Stream> stream_;
  resp::ReplyParser parser_;
  CallRing<Pending> pending_;
  CallRing<Held> held_;
  CallRing<Failed> failing_;
  size_t held_bytes_ = 0;
  size_t live_calls_ = 0;         // in pending_ or held_, not cancelled
  uint64_t appended_ = 0;         // bytes given to this stream
  int database_ = 0;              // selected by the last SELECT written
  int highest_database_ = 0;      // that a SELECT has succeeded for; those below exist too
  std::optional<int> selecting_;  // database of the kFirstSelect under way
  int database_before_ = 0;       //   and the one that stays selected if it fails

  LeaseOwner* owner_ = nullptr;
  bool leased_ = false;  // has, or had, an owner
  bool lost_ = false;
  bool tell_owner_ = false;  // of the loss
  int64_t client_id_ = 0;

  bool in_parts_ = false;     // the reply that is coming is passed on, or dropped, as it comes
  bool large_reply_ = false;  // it is one that holds others up
  bool stopped_ = false;      // not read on, by the call that the parts go to
  bool was_stopped_ = false;
  bool held_up_ = false;
  bool retired_ = false;
  size_t large_requests_ = 0;  // in pending_
  size_t passed_on_ = 0;       // bytes of the reply that is coming
  int64_t stopped_since_ = 0;
  // Requests before this place in pending_ have been behind large values since that time.
  uint64_t delayed_end_ = 0;
  int64_t delayed_since_ = 0;

  bool retained_ = true;
  bool probing_ = false;
  bool report_scheduled_ = false;
  int64_t state_since_ = 0;  // all times: NowMicros of the loop
  int64_t last_byte_ = 0;
  int64_t last_send_ = 0;
  int64_t waiting_since_ = 0;  // when a request was written while none waited
  int64_t probe_sent_ = 0;
  int64_t retry_at_ = 0;     // no connecting before
  int failed_connects_ = 0;  // in a row
  Detail last_failure_;
};

}  // namespace keyway::proxy::backend
