// Operations of local commands whose answer is not at hand: from other threads, or from shards.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/execution/gather.h"
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

// Gathers "INFO keyspace" of all primaries. `finish` makes the reply of the sum of their "db" lines
// ("db0:keys=3,expires=1,avg_ttl=50\r\n..."), or of nothing when a shard did not answer.
class KeyspaceOperation final : public execution::Operation, private execution::Gather::Owner {
 public:
  using FinishReply = std::function<OutputBuffer(std::string_view keyspace_lines, bool complete)>;
  explicit KeyspaceOperation(FinishReply finish) : finish_(std::move(finish)) {}

 private:
  void Begin(const execution::Request& request) override;
  void Abandon() override;
  std::string DeadlineError(execution::Outcome* outcome) override;
  void Recycle() override;
  void OnGathered(execution::Gather& gather) override;
  void OnShardAway(execution::Gather& gather) override;

  FinishReply finish_;
  execution::Gather gather_;
};

// The sum of several nodes' "db" lines: keys and expires added, avg_ttl weighted by expires.
std::string MergeKeyspace(std::span<const std::string_view> sections);

}  // namespace keyway::proxy::session
