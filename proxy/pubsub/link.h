// One worker's subscriber connection to one node.
//
// Changes are sent in batches: one batch under way at a time, ended by the reply to a PING behind it.
// What a batch asked for and was not confirmed by then was refused, and is asked for again, as all is
// after a loss: after a pause that grows, and with a newer map on its way.
//
// Private to proxy/pubsub.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/net/address.h"
#include "proxy/backend/backend.h"
#include "proxy/execution/audience.h"
#include "proxy/pubsub/topic.h"

namespace keyway::proxy::pubsub {

class Hub;

class Link final : private backend::LeaseOwner, private backend::Call {
 public:
  Link(Hub& hub, net::Endpoint node) : hub_(hub), node_(std::move(node)) {}
  ~Link() override;

  const net::Endpoint& node() const { return node_; }
  // The topic gets, or has, a place here.
  void Add(Topic& topic);
  void Remove(Topic& topic);
  // Its place here is not as it is wanted.
  void Enqueue(Topic& topic);

  // False: there is no connection that anything could come from.
  bool Await(execution::Audience::Fence* fence);
  void Forget(execution::Audience::Fence* fence);

  // Sends what is queued, unless a batch is under way or it is too early.
  void Flush();
  // Whether Flush has to be called again some time.
  bool waits_to_retry() const { return !pending() && !queue_.empty(); }
  bool unused() const { return topics_.empty() && !pending() && fences_.empty(); }
  // When it began to be unused; 0 when it is in use.
  int64_t unused_since = 0;

  // Why the last thing that failed did.
  const std::string& last_error() const { return last_error_; }

 private:
  void OnPush(std::string_view message) override;
  void OnLeaseLost(std::string_view detail) override;
  void OnReply(std::string_view reply, char type) override;
  void OnFailure(backend::Failure failure, std::string_view detail) override;

  // Appends the commands of a batch to text_.
  void WriteBatch();
  void EndBatch();
  void OnLost(std::string_view detail);
  void BackOff();
  void ReleaseFences(std::vector<execution::Audience::Fence*>* fences);

  Hub& hub_;
  const net::Endpoint node_;
  std::unique_ptr<backend::Lease> lease_;
  std::unordered_set<Topic*> topics_;  // that have a place here
  std::unordered_set<Topic*> queue_;   // whose place is not as it is wanted
  std::vector<Topic*> batch_;          // that the batch under way is about
  std::vector<execution::Audience::Fence*> fences_;        // that wait for the next batch's end
  std::vector<execution::Audience::Fence*> batch_fences_;  // and for that of the one under way
  std::string text_;
  std::string last_error_;
  int failures_ = 0;  // in a row
  int64_t retry_at_ = 0;
};

}  // namespace keyway::proxy::pubsub
