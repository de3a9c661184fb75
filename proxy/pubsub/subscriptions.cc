#include "proxy/pubsub/subscriptions.h"

#include <iterator>

namespace keyway::proxy::pubsub {
namespace {

void Change(execution::SingleWriterCell& cell, int64_t difference) {
  cell.Set(cell.Get() + static_cast<uint64_t>(difference));
}

}  // namespace

Subscriptions::Subscriptions(Hub& hub, Subscriber& subscriber)
    : hub_(hub), subscriber_(subscriber) {}

Subscriptions::~Subscriptions() {
  for (OfKind& kind : kinds_) {
    while (!kind.order.empty()) {
      const Topic& topic = *kind.order.front().topic;
      Remove(topic.kind, topic.name);
    }
  }
}

bool Subscriptions::Add(Topic& topic) {
  OfKind& kind = of(topic.kind);
  const auto [entry, is_new] = kind.by_name.try_emplace(topic.name);
  if (!is_new) return false;
  if (empty()) Change(hub_.statistics().subscribers, 1);
  Change(hub_.statistics().subscriptions, 1);
  kind.order.push_back({&topic, hub_.Join(topic, subscriber_)});
  entry->second = std::prev(kind.order.end());
  return true;
}

bool Subscriptions::Remove(Kind topic_kind, std::string_view name) {
  OfKind& kind = of(topic_kind);
  const auto entry = kind.by_name.find(name);
  if (entry == kind.by_name.end()) return false;
  const Subscription subscription = *entry->second;
  kind.order.erase(entry->second);
  kind.by_name.erase(entry);
  Change(hub_.statistics().subscriptions, -1);
  if (empty()) Change(hub_.statistics().subscribers, -1);
  hub_.Leave(*subscription.topic, subscription.place);
  return true;
}

bool Subscriptions::empty() const {
  for (const OfKind& kind : kinds_) {
    if (!kind.order.empty()) return false;
  }
  return true;
}

size_t Subscriptions::CountFor(Kind kind) const {
  if (kind == Kind::kShardChannel) return count(kind);
  return count(Kind::kChannel) + count(Kind::kPattern);
}

const Topic* Subscriptions::First(Kind kind) const {
  const OfKind& wanted = of(kind);
  return wanted.order.empty() ? nullptr : wanted.order.front().topic;
}

}  // namespace keyway::proxy::pubsub
