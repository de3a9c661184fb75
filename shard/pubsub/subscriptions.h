// What one client listens to.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <unordered_map>

#include "shard/pubsub/pubsub.h"
#include "shard/server/client_state.h"

namespace keyway::shard::pubsub {

class Subscriptions final : public ClientState {
 public:
  explicit Subscriptions(PubSub& pubsub) : pubsub_(pubsub) {}
  ~Subscriptions() override;

  // False when it is there already.
  bool Add(Topic& topic, Client& client);
  // The topic may be gone afterwards. False when it is not there.
  bool Remove(Topic& topic);

  size_t count(Kind kind) const { return of(kind).order.size(); }
  bool empty() const;
  const Topic* first(Kind kind) const {
    return of(kind).order.empty() ? nullptr : of(kind).order.front().topic;
  }

  void Describe(ClientDescription& description) const override;
  size_t Memory() const override;

 private:
  struct Subscription {
    Topic* topic;
    std::list<Client*>::iterator place;  // of the client among the topic's subscribers
  };
  struct OfKind {
    std::list<Subscription> order;
    std::unordered_map<const Topic*, std::list<Subscription>::iterator> by_topic;
  };

  OfKind& of(Kind kind) { return kinds_[static_cast<size_t>(kind)]; }
  const OfKind& of(Kind kind) const { return kinds_[static_cast<size_t>(kind)]; }

  PubSub& pubsub_;
  std::array<OfKind, kKinds> kinds_;
  size_t name_bytes_ = 0;
};

}  // namespace keyway::shard::pubsub
