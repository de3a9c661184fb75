// What one client listens to.
#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/pubsub/hub.h"
#include "proxy/pubsub/topic.h"

namespace keyway::proxy::pubsub {

class Subscriptions {
 public:
  // Both outlive it.
  Subscriptions(Hub& hub, Subscriber& subscriber);
  // Leaves everything.
  ~Subscriptions();
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  // False: it is there already.
  bool Add(Topic& topic);
  // False: it is not there. The topic may be gone afterwards.
  bool Remove(Kind kind, std::string_view name);

  bool empty() const;
  size_t count(Kind kind) const { return of(kind).order.size(); }
  // What SUBSCRIBE and its relatives tell: channels and patterns, or, for kShardChannel, those alone.
  size_t CountFor(Kind kind) const;
  // The oldest; nullptr: none.
  const Topic* First(Kind kind) const;

 private:
  struct Subscription {
    Topic* topic;
    std::list<Subscriber*>::iterator place;
  };
  struct OfKind {
    std::list<Subscription> order;
    std::unordered_map<std::string_view, std::list<Subscription>::iterator> by_name;
  };
  OfKind& of(Kind kind) { return kinds_[static_cast<size_t>(kind)]; }
  const OfKind& of(Kind kind) const { return kinds_[static_cast<size_t>(kind)]; }

  Hub& hub_;
  Subscriber& subscriber_;
  std::array<OfKind, kKinds> kinds_;
};

}  // namespace keyway::proxy::pubsub
