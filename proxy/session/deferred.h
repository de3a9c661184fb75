// Operations of local commands whose answer is not at hand: from other threads, or from shards.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/execution/operation.h"
#include "proxy/execution/shard_request.h"

namespace keyway::proxy::session {

// Is answered from outside, by whoever holds the ticket; nothing happens if nobody waits any more.
class DeferredOperation final : public execution::Operation {
 public:
  class Ticket {
   public:
    // On the operation's thread. Only the first answer counts.
    void Answer(OutputBuffer&& reply);

   private:
    friend class DeferredOperation;
    DeferredOperation* operation_ = nullptr;
  };

  // `start` is called when the operation starts, and keeps the ticket.
  explicit DeferredOperation(std::function<void(std::shared_ptr<Ticket>)> start);

 private:
  void Begin(const execution::Request& request) override;
  void Abandon() override;
  std::string DeadlineError(execution::Outcome* outcome) override;
  void Recycle() override;

  std::function<void(std::shared_ptr<Ticket>)> start_;
  std::shared_ptr<Ticket> ticket_;
};

// A shard's error for SELECT, without its marks, in the words of a standalone Redis.
std::string_view SelectErrorText(std::string_view error);

// Asks a shard to serve a request on a database: OK, or the shard's words for why there is none.
class SelectOperation final : public execution::Operation, private execution::ShardRequest::Owner {
 private:
  void Begin(const execution::Request& request) override;
  void Abandon() override;
  std::string DeadlineError(execution::Outcome* outcome) override;
  void Recycle() override;
  void OnShardReply(execution::ShardRequest& request, std::string_view reply, char type,
                    execution::Outcome outcome) override;
  void OnShardAway(execution::ShardRequest& request) override;

  execution::ShardRequest request_;
};

}  // namespace keyway::proxy::session
