// EXEC: has the shard execute what was queued, in one piece, and makes the reply of what it says and
// of what the proxy answers by itself.
//
// Without watched keys the block goes over the connection that all clients share. One that was
// surely not executed is sent again, until the deadline; one whose fate is unknown never is.
// With watched keys it goes, once, over the connection on which they are watched. A block that the
// shard cannot judge any more - the connection was lost before it was sent, or the slot is served
// elsewhere - is answered with nil, as if a key had changed. To have the shard notice that a slot
// leaves it although no key of the block does, the watched keys are asked for within the block.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/execution/operation.h"
#include "proxy/execution/shard_request.h"
#include "proxy/session/local_commands.h"
#include "proxy/session/transaction.h"

namespace keyway::proxy::session {

class ExecOperation final : public execution::Operation,
                            private execution::ShardRequest::Owner,
                            private execution::ReplySink,
                            private Watch::User,
                            private LocalCall::Deferrals {
 public:
  // `session` runs it. `transaction` is not torn apart, nor has it failed.
  ExecOperation(Session& session, std::unique_ptr<Transaction> transaction);

  // What is sent to the shard; moved away when it starts.
  std::string_view block() const { return block_; }

 private:
  void Begin(const execution::Request& request) override;
  void Abandon() override;
  std::string DeadlineError(execution::Outcome* outcome) override;
  void Recycle() override;

  // Has the other shards learn the scripts that this one is sent.
  void SpreadScripts();
  void BeginWatched(const execution::Request& request);
  void OnShardReply(execution::ShardRequest& request, std::string_view reply, char type,
                    execution::Outcome outcome) override;
  void OnShardAway(execution::ShardRequest& request) override;
  void OnWatchReply(std::string_view reply, char type) override;
  void OnWatchFailure(backend::Failure failure, std::string_view detail) override;
  // What a local command has deferred.
  void Run(execution::Operation& operation, const execution::Request& request) override;
  void OnReply(execution::Operation& operation, std::string_view reply) override;
  void OnReply(execution::Operation& operation, OutputBuffer&& reply) override;
  void OnHeldUp(execution::Operation& operation) override;

  // The client queues no more, unless it has begun to queue anew.
  void EndMulti();
  void DeliverNil();
  // An error of the shard, of one of the requests of the block.
  void DeliverAbort(std::string_view error);
  // The shard has executed the block: `reply` is its array, empty when it was not asked.
  void Compose(std::string_view reply);
  // Goes on until all replies are there, or one of them is deferred.
  void Continue();
  void TakeElement(Transaction::Queued& queued);
  void RunLocal(Transaction::Queued& queued);
  void EndDeferral(execution::Operation& operation);

  Session& session_;
  std::unique_ptr<Transaction> transaction_;
  const bool alone_;  // Transaction::delays_others
  int requests_ = 0;
  std::string block_;
  execution::ShardRequest request_;
  std::unique_ptr<Watch> watch_;
  int replies_left_ = 0;
  std::string first_error_;
  bool in_doubt_ = false;

  // While the reply is composed.
  bool composing_ = false;
  bool muted_ = false;  // CLIENT REPLY
  std::string elements_;
  size_t position_ = 0;
  size_t next_ = 0;
  OutputBuffer out_;
  execution::Operation* deferred_ = nullptr;
};

// "EXECABORT Transaction discarded because of: ..." as Redis makes it of an error.
std::string AbortText(std::string_view error);

}  // namespace keyway::proxy::session
