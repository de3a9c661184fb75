// One client request at work, from its start to its one reply.
//
// Life: Executor::Create makes it; its sink puts it in its queue and calls Executor::Start; exactly
// one OnReply follows, possibly inside Start, unless the sink gives up with Executor::Cancel. After
// either the sink returns it with Executor::Release, inside OnReply if it likes. Operations are
// recycled: one that was released must not be touched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/output_buffer.h"
#include "common/command/table.h"
#include "common/resp/reply_writer.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/execution/outcome.h"
#include "proxy/execution/read_from.h"
#include "proxy/routing/plan.h"

namespace keyway::proxy::execution {

class Executor;
class Operation;

// Where replies go: a client's session.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // The reply of `operation`, complete. `reply` is valid during the call.
  virtual void OnReply(Operation& operation, std::string_view reply) = 0;
  virtual void OnReply(Operation& operation, OutputBuffer&& reply) = 0;
  // `operation` is held up behind the proxy's back (its shard is away). A later request of the same
  // client would overtake it; the client must be served no further before all it asked is answered.
  virtual void OnHeldUp(Operation& operation) = 0;

  // A large reply may come in parts, if the sink takes them; OnReply has the last one.
  virtual bool TakesParts(const Operation& operation) const {
    (void)operation;
    return false;
  }
  // False: no more is to come before Operation::ResumeParts.
  virtual bool OnPart(Operation& operation, std::string_view part) {
    (void)operation, (void)part;
    return true;
  }
  // The rest will not come. True: the parts are forgotten, the reply may come anew. False: they are
  // on their way to the client; OnReply has an error.
  virtual bool TakeBackParts(Operation& operation) {
    (void)operation;
    return true;
  }
  // Requests of others wait behind this reply, which the sink has stopped. Called again and again.
  virtual void OnDelaysOthers(Operation& operation) { (void)operation; }
};

// A request as a client sent it. The views are valid during Executor::Start only.
struct Request {
  const command::Command* command = nullptr;
  std::span<const std::string_view> arguments;
  // The same as a RESP array of bulk strings, with whatever line ends the client has given it.
  std::string_view bytes;
  const routing::Plan* plan = nullptr;
  resp::Version version = resp::Version::kResp2;
  int database = 0;
  uint64_t client =
      0;  // requests without a key of one client go to one shard, as long as it is there
  bool subscriber = false;  // the client listens to channels
  ReadFrom read_from = ReadFrom::kPrimary;  // another one only for what may be asked of replicas
};

// One that outlives the bytes it came in.
class StoredRequest {
 public:
  explicit StoredRequest(const Request& request)
      : words_(request.arguments.begin(), request.arguments.end()),
        arguments_(words_.begin(), words_.end()),
        bytes_(request.bytes),
        plan_(*request.plan),
        request_(request) {
    request_.arguments = arguments_;
    request_.bytes = bytes_;
    request_.plan = &plan_;
  }
  StoredRequest(const StoredRequest&) = delete;
  StoredRequest& operator=(const StoredRequest&) = delete;

  const Request& request() const { return request_; }

 private:
  const std::vector<std::string> words_;
  const std::vector<std::string_view> arguments_;
  const std::string bytes_;
  const routing::Plan plan_;
  Request request_;
};

struct DeadlineTag {};

class Operation : private ListLink<DeadlineTag> {
 public:
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  Outcome outcome() const { return outcome_; }

  // CLIENT UNBLOCK: ends a wait as if its time had passed, or (`error`) with -UNBLOCKED. `answer` is
  // called once, now or later, with whether that is how it ended: not when it does not wait, or was
  // just being served. The reply may be delivered inside.
  virtual void Unblock(bool error, std::function<void(bool unblocked)> answer) {
    (void)error;
    answer(false);
  }
  // Whether its request may be sent once more, behind later ones of the same client. Until it is
  // answered only requests for the same script may follow it. Known once it has begun.
  virtual bool may_be_sent_again() const { return false; }
  // Whether the client is not to be served any further before the reply is there, as Redis blocks it.
  // Known once it has begun.
  virtual bool blocks_client() const { return false; }
  // Of one that blocks its client: whether the wait has begun, as far as the proxy can tell. Who sees
  // that may rely on its place among those who wait.
  virtual bool waits() const { return true; }

  // After a part that the sink answered with false.
  virtual void ResumeParts() {}
  // The client has seen some of the reply: no error can take its place any more.
  void DropDeadline() { Unlink(); }

  // For the sink: its place in the queue of replies, and the reply while it waits there.
  Operation* next_in_queue = nullptr;
  bool done = false;
  bool silent = false;  // the client does not want the reply
  bool only_reads = false;     // others that do may overtake it
  bool at_replicas = false;    // it may be overtaken, as it goes another way than writes
  size_t request_bytes = 0;
  std::string held_reply;
  OutputBuffer held_buffer;
  size_t parts_bytes = 0;  // of a reply that comes in parts: those that have come
  bool unbounded = false;  // its parts are not stopped any more

 protected:
  Operation() = default;

  Executor& executor() { return *executor_; }
  resp::Version version() const { return version_; }
  const command::Command& command() const { return *command_; }

  // Begins the work. The reply may be delivered inside; then `this` must not be touched after.
  virtual void Begin(const Request& request) = 0;
  // Stops all work under way. Called before the reply too, when the deadline passes.
  virtual void Abandon() = 0;
  // The error for a deadline that passes now.
  virtual std::string DeadlineError(Outcome* outcome) = 0;
  // Back to where it came from, empty.
  virtual void Recycle() = 0;
  // Whether it may wait for as long as its client wishes: the executor sets it no deadline. Asked once,
  // before Begin.
  virtual bool is_patient() const { return false; }
  // Whether it asks all shards: it does not begin before the map names one for every slot.
  virtual bool asks_all_shards(const Request& request) const {
    (void)request;
    return false;
  }

  // The one reply. `this` may be recycled inside: nothing of it may be touched after.
  void Deliver(std::string_view reply, Outcome outcome);
  void Deliver(OutputBuffer&& reply, Outcome outcome);
  // `text` without the '-'.
  void DeliverError(std::string_view text, Outcome outcome);
  void ReportHeldUp() { sink_->OnHeldUp(*this); }
  ReplySink& sink() const { return *sink_; }

 private:
  friend class Executor;
  template <typename T, typename Tag>
  friend class IntrusiveList;

  void Finish(Outcome outcome);

  Executor* executor_ = nullptr;
  ReplySink* sink_ = nullptr;
  const command::Command* command_ = nullptr;
  resp::Version version_ = resp::Version::kResp2;
  Outcome outcome_ = Outcome::kOk;
  bool running_ = false;
  std::unique_ptr<StoredRequest> postponed_;  // it has not begun
  int64_t started_micros_ = 0;
};

}  // namespace keyway::proxy::execution
