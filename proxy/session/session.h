// One client connection: reads its requests, has them executed, writes the replies in their order.
//
// Everything is bounded: requests under way and their bytes (reading pauses), unsent output (above the stream's
// high mark reading pauses, and so do large replies that are on their way; the connection is closed above the
// limit), the size of one request (Redis's limits), what all clients hold together (session/client_memory.h).
//
// Order: requests of one client reach a shard in the order in which they were sent, because all go
// through the same connection to a node. Where that would not hold - the slot map has changed, or
// an earlier request is held up - the session waits until all earlier ones are answered.
//
//   kOpen --QUIT, protocol error, drain--> kFinishing --all is answered--> kFlushing --> gone
//     |                                        |
//     +---- output limit, CLIENT KILL ---------+--> kDoomed: destroyed at the end of the pass
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/command/table.h"
#include "common/net/stream.h"
#include "common/resp/request_parser.h"
#include "proxy/execution/executor.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/pubsub/subscriptions.h"
#include "proxy/routing/router.h"
#include "proxy/session/client.h"
#include "proxy/session/client_directory.h"
#include "proxy/session/client_memory.h"
#include "proxy/session/identity.h"
#include "proxy/session/late_writes.h"
#include "proxy/session/reply_queue.h"
#include "proxy/session/session_statistics.h"

namespace keyway::proxy::session {

enum class InMulti : uint8_t;
class LocalCommands;
class OwnSettings;
class SessionList;
class Transaction;

// When a client that does not read is closed: at once above `hard` bytes of unsent output, after
// `seconds` above `soft`. 0: no such limit.
struct OutputLimit {
  size_t hard = 0;
  size_t soft = 0;
  int seconds = 0;
};

struct SessionOptions {
  std::string password;  // of the user "default"; empty: none
  resp::RequestLimits request_limits;
  size_t max_requests_in_flight = 1024;
  size_t max_request_bytes_in_flight = 16 * 1024 * 1024;
  OutputLimit output_limit = {1024ull * 1024 * 1024, 0, 0};
  OutputLimit pubsub_output_limit = {32ull * 1024 * 1024, 8ull * 1024 * 1024, 60};
  int idle_timeout_seconds = 0;  // 0: never
  // A client that takes no byte of a large reply for so long, while others wait behind it, is closed.
  int stalled_client_timeout_ms = 1000;
  bool allow_debug = false;      // DEBUG
  // CONFIG GET's answers about the proxy itself; everything else is asked of the shards.
  std::vector<std::pair<std::string, std::string>> config;
  // Of what one client may queue between MULTI and EXEC.
  size_t max_transaction_commands = 1'000'000;
  size_t max_transaction_bytes = 1024ull * 1024 * 1024;
};

// What the sessions of one worker share. Everything outlives them. The options may change between
// two passes of the loop.
struct SessionContext {
  net::EventLoop& loop;
  execution::Executor& executor;
  const LocalCommands& local_commands;
  ClientDirectory& directory;
  SessionList& sessions;
  LateWrites& late_writes;
  SessionStatistics& statistics;
  const Identity& identity;
  const SessionOptions& options;
  pubsub::Hub* hub = nullptr;  // not null where clients may subscribe
  OwnSettings* own_settings = nullptr;  // not null where CONFIG SET may change the options
  ClientMemory* memory = nullptr;  // nullptr: it is not counted
  // Room that is used again for every request.
  routing::Router router{};
  routing::Plan plan{};
  std::string encoded{};
  OutputBuffer scratch{};
};

struct SessionTag {};

class Session final : public net::StreamHandler,
                      public execution::ReplySink,
                      public pubsub::Subscriber,
                      private LateWriter,
                      private execution::ListLink<SessionTag> {
 public:
  // `admitted`: counted by the directory. One that is not is told so and closed.
  Session(SessionContext& context, uint64_t id, std::unique_ptr<net::Stream> stream, bool admitted);
  ~Session() override;
  // Begins to read. Once.
  void Start();

  const Client& client() const { return client_; }
  Client& client() { return client_; }
  net::Stream& stream() { return *stream_; }
  SessionContext& context() { return context_; }
  int64_t idle_seconds() const;
  // Whether it waits for a reply, or its request for the end of CLIENT PAUSE.
  bool busy() const { return !queue_.empty() || held_by_pause_; }
  // Looks whether bytes have been sent since the last time: who takes a long reply slowly is not idle.
  void NoteSentBytes();
  // One line of CLIENT LIST, without the line end.
  std::string Describe() const;

  // For local commands ---------------------------------------------------------------------------

  // Puts `operation` in the queue and starts it; its reply is the reply of the command being run.
  // `scripts`: it goes the way of scripts (Plan::scripts).
  void RunOperation(execution::Operation& operation, const execution::Request& request,
                    bool scripts = false);
  // SELECT: `operation` finds out whether `database` exists; if so it is the client's from then on.
  void RunSelect(execution::Operation& operation, const execution::Request& request, int database);
  // Later requests wait until those before are answered: what they mean is about to change.
  void WaitForEarlier() { must_drain_ = in_flight_ > 0; }
  // Whether `password` is right for the user "default". Authenticates the client if so.
  bool Authenticate(std::string_view user, std::string_view password);
  void Deauthenticate();
  // CLIENT UNBLOCK of this client: as Operation::Unblock.
  void Unblock(bool error, std::function<void(bool unblocked)> done);
  // The pause is over that held a request of this client.
  void ResumeAfterPause();
  // Appends `message`, which no request asked for (a message of a channel, an invalidation), behind the
  // replies that are written by now.
  void Push(std::string_view message);
  // What the client listens to; nullptr: nothing, it is no subscriber.
  const pubsub::Subscriptions* subscriptions() const { return subscriptions_.get(); }
  // The same, to be changed. ForgetIfEmpty has to follow.
  pubsub::Subscriptions& MakeSubscriptions();
  void ForgetIfEmpty();
  void UnsubscribeFromAll();
  // Whether it may send hardly any commands: a subscriber in RESP2, where messages and replies cannot
  // be told apart.
  bool restricted() const {
    return subscriptions_ != nullptr && client_.version == resp::Version::kResp2;
  }
  // Closes it if it has had too much unsent output for too long.
  void CheckOutput();
  // Bytes that the proxy keeps for it.
  size_t memory() const;
  // Of these: what the list has counted by now.
  size_t counted_memory() const { return counted_memory_; }
  void set_counted_memory(size_t bytes) { counted_memory_ = bytes; }
  // What the client has queued and watches; nullptr when it does neither.
  Transaction* transaction() { return transaction_.get(); }
  Transaction& MakeTransaction();
  // Forgets all that is queued and watched.
  void EndTransaction();
  // Hands the transaction to an operation that executes it, for `command`.
  void RunExec(const command::Command& command);
  // For the end of the proxy (session_drain.cc): whether the client waits for nothing and has nothing
  // under way, not even a request in the socket; unsent replies do not count.
  bool between_requests() const;
  // Since something was received, or written for it.
  int64_t silent_micros() const { return context_.loop.NowMicros() - active_micros_; }
  // Whether what is written last is held back (for a moment only), so that the client sees it together
  // with the end of the stream. `options`: of clients' streams.
  void HoldLastReply(bool hold, const net::StreamOptions& options);
  bool holds_last_reply() const { return holds_last_reply_; }
  // Reads no more; closes when all replies are written.
  void Finish();
  // Destroys the session at the end of this pass, without writing anything more.
  void Doom();

  // net::StreamHandler
  size_t OnBytes(std::string_view bytes) override;
  void OnClosed(net::CloseReason reason, std::string_view detail) override;
  bool OnEndOfInput() override;
  void OnOutputFull() override;
  void OnDrained() override;
  // pubsub::Subscriber
  void OnMessage(pubsub::Message& message) override;
  // execution::ReplySink
  void OnReply(execution::Operation& operation, std::string_view reply) override;
  void OnReply(execution::Operation& operation, OutputBuffer&& reply) override;
  void OnHeldUp(execution::Operation& operation) override;
  bool TakesParts(const execution::Operation& operation) const override;
  bool OnPart(execution::Operation& operation, std::string_view part) override;
  bool TakeBackParts(execution::Operation& operation) override;
  void OnDelaysOthers(execution::Operation& operation) override;

 private:
  void WriteNow() override { stream_->ScheduleWrite(); }
  friend class SessionList;
  friend class LateWrites;
  template <typename T, typename Tag>
  friend class execution::IntrusiveList;

  enum class State : uint8_t { kOpen, kFinishing, kFlushing, kDoomed };

  // `raw`: the bytes of the request as received, when they are a RESP array; else empty. False: it has
  // to wait until earlier ones are answered, and is to be shown again then.
  bool Dispatch(std::span<const std::string_view> arguments, std::string_view raw);
  // The same between MULTI and EXEC, for a `command` that is known.
  bool DispatchQueueing(const command::Command& command,
                        std::span<const std::string_view> arguments);
  // Sets `error` when the transaction cannot hold it.
  void Enqueue(const command::Command& command, InMulti kind,
               std::span<const std::string_view> arguments, std::string* error);
  // Replies with an error before anything is executed, which a transaction does not survive.
  // `command` is nullptr when it is unknown.
  void Refuse(const command::Command* command, std::string_view text);
  // False: a subscriber, or between MULTI and EXEC, one may not send it.
  bool FitsState(const command::Command& command) const;
  void RejectUnknown(const command::Lookup& lookup, std::span<const std::string_view> arguments);
  // Whether it uses another connection than the client's earlier requests, which it would overtake, or
  // might be overtaken by one of them that is sent again.
  bool NeedsQuiet(const command::Command& command, std::span<const std::string_view> arguments,
                  const routing::Plan& plan, execution::ReadFrom read_from) const;
  bool TouchesMovingSlot(const routing::Plan& plan) const;
  // From where the request is to be read, as the listener says and what is under way allows.
  execution::ReadFrom ReadFromFor(const command::Command& command, const routing::Plan& plan) const;
  void Forward(const command::Command& command, std::span<const std::string_view> arguments,
               std::string_view raw, execution::ReadFrom read_from);
  void RunLocal(const command::Command& command, std::span<const std::string_view> arguments,
                bool silent);
  void ReplyError(std::string_view text);
  execution::Request MakeRequest(const command::Command& command,
                                 std::span<const std::string_view> arguments, std::string_view raw);
  void OnProtocolError();
  bool MayDispatch() const;
  // How many requests may be under way: as many as their replies, by their average size so far, fit
  // in what one client may have waiting. Begins small, as nothing is known then.
  size_t Window() const;
  void LearnReplySize(size_t bytes);
  // Pauses or resumes reading, as the bounds say.
  void UpdateReading();
  template <typename Reply>
  void TakeReply(execution::Operation& operation, Reply&& reply);
  void AfterOutput();
  bool OverOutputLimit(size_t bytes);
  // Whether the reply at the head of the queue is half written.
  bool WritingParts() const;
  void BeginFront();
  static void StopNoMore(execution::Operation& operation);
  void NoteGrowth();
  void CloseIfFinished();

  SessionContext& context_;
  Client client_;
  std::unique_ptr<net::Stream> stream_;
  resp::RequestParser parser_;
  std::unique_ptr<Transaction> transaction_;
  ReplyQueue queue_;  // behind what its operations refer to
  const bool admitted_;
  State state_ = State::kOpen;
  bool in_on_bytes_ = false;
  bool paused_ = false;       // reading, by UpdateReading
  bool held_back_ = false;    // what has been read waits in the stream
  bool input_ended_ = false;  // the client sends no more, but wants its replies
  bool held_by_pause_ = false;  // a request that has been read, until CLIENT PAUSE is over
  bool presenting_ = false;   // the stream is about to show what it has kept
  bool output_full_ = false;
  bool holds_last_reply_ = false;
  bool must_drain_ = false;
  bool running_silently_ = false;  // the command being dispatched
  size_t in_flight_ = 0;           // operations that have not replied
  size_t reads_in_flight_ = 0;     // of those, the ones that only read
  size_t replicas_in_flight_ = 0;  // of those, the ones that replicas may have
  bool scripts_in_flight_ = false;  // those under way have gone the way of scripts (Plan::scripts)
  size_t script_sent_again_ = 0;    // hash of the only script that may follow; 0: any
  size_t window_;                  // grows with every reply
  size_t average_reply_bytes_ = 0;
  uint64_t map_version_ = 0;  // when the oldest of them was sent
  execution::Operation* select_ = nullptr;
  execution::Operation* starting_ = nullptr;
  execution::Operation* blocked_ = nullptr;  // the client waits for it, and is served no further
  // An EXEC whose parts are executed one by one. What it subscribes to is heard behind its reply.
  execution::Operation* composed_ = nullptr;
  OutputBuffer held_messages_;  // for composed_, and while WritingParts
  int selecting_ = 0;
  const command::Command* last_command_ = nullptr;
  std::unique_ptr<pubsub::Subscriptions> subscriptions_;
  int64_t soft_limit_since_ = 0;  // above it; 0: it is not
  int64_t full_since_ = 0;        // output_full_, and bytes_sent() then
  uint64_t sent_when_full_ = 0;
  size_t counted_memory_ = 0;
  int64_t created_micros_;
  int64_t active_micros_;  // when something was received, or written for it
  uint64_t bytes_sent_ = 0;  // at the last NoteSentBytes
};

}  // namespace keyway::proxy::session
