// Who of one worker's clients listens to what, and the subscriptions at the shards that this takes:
// one a worker and name, however many clients.
//
// Subscriptions (subscriptions.h) are what one client has. Whoever wants to become a subscriber pins
// the topic, waits until it is ready (Waiter), and joins. Topics say where they are subscribed
// (topic.h), links carry that out (link.h), on connections of their own.
//
// When a node is lost, a slot moves or the map changes, all that is concerned is subscribed anew at the
// right nodes, without the clients' noticing. What is published between is lost to them, as it is for
// a client that loses its connection to Redis.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <glog/logging.h>

#include "common/base/random.h"
#include "common/net/event_loop.h"
#include "proxy/execution/audience.h"
#include "proxy/execution/intrusive_list.h"
#include "proxy/execution/shard_access.h"
#include "proxy/pubsub/census.h"
#include "proxy/pubsub/push_message.h"
#include "proxy/pubsub/statistics.h"
#include "proxy/pubsub/topic.h"

namespace keyway::proxy::pubsub {

struct WaitingTag {};

// Waits until topics are settled. Pins those that it waits for if it wants to join them.
class Waiter : private execution::ListLink<WaitingTag> {
 public:
  virtual ~Waiter() { CHECK(topics_.empty()) << "it still waits"; }
  // All topics have been settled since the wait began, or the hub's patience has ended. Never called
  // inside a call to the hub. It waits no more, but what it has pinned stays pinned.
  virtual void OnSettled() = 0;

 private:
  friend class Hub;
  template <typename T, typename Tag>
  friend class execution::IntrusiveList;

  std::unordered_set<Topic*> topics_;  // still waited for
  int64_t give_up_at_ = 0;      // 0: never
};

class Hub final : public execution::Audience {
 public:
  // All must outlive the hub.
  Hub(execution::ShardAccess& access, Census& census, Statistics& statistics);
  // All clients have left.
  ~Hub() override;
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // The topic, which stays until it is unpinned at least.
  Topic& Pin(Kind kind, std::string_view name);
  void Unpin(Topic& topic);
  // `subscriber` receives messages from now on, until it leaves.
  std::list<Subscriber*>::iterator Join(Topic& topic, Subscriber& subscriber);
  void Leave(Topic& topic, std::list<Subscriber*>::iterator place);
  // nullptr: nobody of this worker has anything to do with it.
  Topic* Find(Kind kind, std::string_view name) const;

  // Calls `waiter` when all of `topics` that are not settled have been. False: all are. `patience_ms`
  // 0: until it is stopped.
  bool Wait(Waiter& waiter, const std::vector<Topic*>& topics, int patience_ms);
  void StopWaiting(Waiter& waiter);
  // Why a topic is not ready, for an error: names the node.
  std::string Cause(const Topic& topic) const;

  // The map of the ShardAccess is a new one.
  void OnMap();

  int64_t Receivers(bool shard, std::string_view channel, int64_t counted) const override;
  int64_t Subscribers(bool shard, std::string_view channel, int64_t counted) const override;
  bool Await(const net::Endpoint& node, Fence* fence) override;
  void Forget(Fence* fence) override;

  execution::ShardAccess& access() { return access_; }
  Statistics& statistics() { return statistics_; }
  const Census& census() const { return census_; }

  // For links ------------------------------------------------------------------------------------

  // `push` is `message`, which came over `link`.
  void Deliver(Link& link, const PushMessage& message, std::string_view push);
  // The place of `topic` at `link` has another state. May destroy the topic.
  void OnPlaceChanged(Topic& topic, Link& link);
  // Calls Flush of all links that need it, at the end of this pass.
  void ScheduleFlush(Link& link);
  // `fence` is called at the end of this pass.
  void Release(Fence* fence);
  // Looks after retries for as long as there are some.
  void StartTicking();
  Random& random() { return random_; }

 private:
  struct Hash {
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  // By name, a view into the topic.
  using Topics = std::unordered_map<std::string_view, std::unique_ptr<Topic>, Hash>;

  // Makes places wanted and unwanted, as the need and the map say.
  void Arrange(Topic& topic);
  void Want(Topic& topic, Link& link);
  void Abandon(Topic& topic, Place& place);
  Link& LinkTo(const net::Endpoint& node);
  // Drops places that are over, counts, tells waiters; destroys the topic when it is over.
  void Review(Topic& topic);
  void Count(Topic& topic);
  void TellWaiters(Topic& topic);
  bool IsHome(const Link& link, std::string_view channel) const;
  void AtEndOfPass();
  void ScheduleEndOfPass();
  void Tick();

  execution::ShardAccess& access_;
  Census& census_;
  Statistics& statistics_;
  std::array<Topics, kKinds> topics_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<Link*> to_flush_;
  execution::IntrusiveList<Waiter, WaitingTag> waiting_;
  std::vector<Waiter*> settled_;  // to be told at the end of the pass
  std::vector<Fence*> released_;  // likewise
  std::string room_;              // for messages
  Random random_ = Random::FromEntropy();
  bool end_of_pass_scheduled_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  net::Timer ticker_;
};

}  // namespace keyway::proxy::pubsub
