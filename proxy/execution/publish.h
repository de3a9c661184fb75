// PUBLISH, SPUBLISH and PUBSUB.
//
// A channel has its home at the primary that serves the slot of its name, as a key has: there the
// proxies subscribe to it and publish to it, so that the number of receivers means something.
// Patterns are subscribed at all primaries, so that every home counts them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/execution/audience.h"
#include "proxy/execution/gather.h"
#include "proxy/execution/operation.h"
#include "proxy/execution/shard_request.h"

namespace keyway::proxy::execution {

// A subscriber that publishes to itself has the message before the reply, as with Redis.
class PublishOperation final : public Operation,
                               private ShardRequest::Owner,
                               private Audience::Fence {
 private:
  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  void OnShardReply(ShardRequest& request, std::string_view reply, char type,
                    Outcome outcome) override;
  void OnShardAway(ShardRequest& request) override;
  void OnDelivered() override;

  void DeliverCount();

  ShardRequest request_;
  std::string channel_;
  int64_t counted_ = 0;
  bool shard_ = false;
  bool by_subscriber_ = false;
  bool awaiting_ = false;
};

// PUBSUB's subcommands: the names that any primary knows, the subscribers that a channel's home
// counts, the patterns, which every primary has.
class PubsubOperation final : public Operation, private Gather::Owner {
 public:
  enum class Question : uint8_t { kNames, kSubscribers, kShardSubscribers, kPatterns };
  explicit PubsubOperation(Question question) : question_(question) {}

 private:
  void Begin(const Request& request) override;
  void Abandon() override;
  std::string DeadlineError(Outcome* outcome) override;
  void Recycle() override;
  bool asks_all_shards(const Request&) const override { return true; }
  void OnGathered(Gather& gather) override;
  void OnShardAway(Gather& gather) override;

  void AskHomes(const Request& request, const topology::SlotMap& map);
  // False: a shard's answer is not what it should be.
  bool MergeNames(resp::ReplyWriter& reply);
  bool MergeSubscribers(resp::ReplyWriter& reply);
  bool MergePatterns(resp::ReplyWriter& reply);

  struct Channel {
    std::string name;
    size_t part;
    size_t place;  // among those that the part asks for
  };

  const Question question_;
  Gather gather_;
  std::vector<Channel> channels_;  // in the order of the request
};

}  // namespace keyway::proxy::execution
