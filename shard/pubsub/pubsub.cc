#include "shard/pubsub/pubsub.h"

#include <memory>
#include <vector>

#include <glog/logging.h>

#include "common/base/glob.h"
#include "common/resp/reply_writer.h"
#include "shard/config/shard_config.h"
#include "shard/pubsub/subscriptions.h"
#include "shard/server/client.h"

namespace keyway::shard::pubsub {
namespace {

Subscriptions* Of(const Client& client) {
  return client.state<Subscriptions>(StateKind::kSubscriptions);
}

void DeliverMessage(Client& client, std::string_view kind, std::string_view channel,
                    std::string_view message) {
  resp::ReplyWriter out = client.Push();
  out.PushHeader(3);
  out.Bulk(kind);
  out.Bulk(channel);
  out.Bulk(message);
  client.PushDone();
}

void DeliverByPattern(Client& client, std::string_view pattern, std::string_view channel,
                      std::string_view message) {
  resp::ReplyWriter out = client.Push();
  out.PushHeader(4);
  out.Bulk("pmessage");
  out.Bulk(pattern);
  out.Bulk(channel);
  out.Bulk(message);
  client.PushDone();
}

}  // namespace

// --- What one client listens to -------------------------------------------------------------

Subscriptions::~Subscriptions() {
  for (OfKind& kind : kinds_) {
    for (const Subscription& subscription : kind.order) {
      pubsub_.Leave(*subscription.topic, subscription.place);
    }
  }
}

bool Subscriptions::Add(Topic& topic, Client& client) {
  OfKind& kind = of(topic.kind);
  const auto [entry, is_new] = kind.by_topic.try_emplace(&topic);
  if (!is_new) return false;
  topic.subscribers.push_back(&client);
  kind.order.push_back({&topic, std::prev(topic.subscribers.end())});
  entry->second = std::prev(kind.order.end());
  name_bytes_ += topic.name.size();
  return true;
}

bool Subscriptions::Remove(Topic& topic) {
  OfKind& kind = of(topic.kind);
  const auto entry = kind.by_topic.find(&topic);
  if (entry == kind.by_topic.end()) return false;
  const std::list<Client*>::iterator place = entry->second->place;
  name_bytes_ -= topic.name.size();
  kind.order.erase(entry->second);
  kind.by_topic.erase(entry);
  pubsub_.Leave(topic, place);
  return true;
}

bool Subscriptions::empty() const {
  for (const OfKind& kind : kinds_) {
    if (!kind.order.empty()) return false;
  }
  return true;
}

void Subscriptions::Describe(ClientDescription& description) const {
  description.pubsub = true;
  description.channels = count(Kind::kChannel);
  description.patterns = count(Kind::kPattern);
  description.shard_channels = count(Kind::kShardChannel);
}

size_t Subscriptions::Memory() const {
  // The nodes of three containers, each with two pointers or a little more of its own.
  constexpr size_t kEach = sizeof(Subscription) + sizeof(Client*) + 10 * sizeof(void*);
  size_t subscriptions = 0;
  for (const OfKind& kind : kinds_) subscriptions += kind.order.size();
  return sizeof(*this) + name_bytes_ + subscriptions * kEach;
}

// --- Topics ---------------------------------------------------------------------------------

const Topic* PubSub::Find(Kind kind, std::string_view name) const {
  const auto found = index(kind).find(name);
  return found == index(kind).end() ? nullptr : &*found->second;
}

Topic& PubSub::FindOrAdd(Kind kind, std::string_view name) {
  const auto found = index(kind).find(name);
  if (found != index(kind).end()) return *found->second;
  std::list<Topic>& topics = topics_[static_cast<size_t>(kind)];
  topics.push_back({std::string(name), kind, {}});
  const auto added = std::prev(topics.end());
  index(kind).emplace(added->name, added);
  return *added;
}

void PubSub::Leave(Topic& topic, std::list<Client*>::iterator subscriber) {
  topic.subscribers.erase(subscriber);
  if (!topic.subscribers.empty()) return;
  const auto found = index(topic.kind).find(topic.name);
  CHECK(found != index(topic.kind).end());
  const std::list<Topic>::iterator place = found->second;
  const Kind kind = topic.kind;
  index(kind).erase(found);
  topics_[static_cast<size_t>(kind)].erase(place);
}

bool PubSub::Subscribe(Client& client, Kind kind, std::string_view name) {
  if (Of(client) == nullptr) {
    client.set_state(StateKind::kSubscriptions, std::make_unique<Subscriptions>(*this));
    client.set_output_class(kClassPubsub);
  }
  return Of(client)->Add(FindOrAdd(kind, name), client);
}

bool PubSub::Unsubscribe(Client& client, Kind kind, std::string_view name) {
  Subscriptions* subscriptions = Of(client);
  if (subscriptions == nullptr) return false;
  const auto found = index(kind).find(name);
  if (found == index(kind).end() || !subscriptions->Remove(*found->second)) return false;
  if (subscriptions->empty()) {
    client.set_state(StateKind::kSubscriptions, nullptr);
    client.set_output_class(kClassNormal);
  }
  return true;
}

const Topic* PubSub::FirstOf(const Client& client, Kind kind) {
  const Subscriptions* subscriptions = Of(client);
  return subscriptions == nullptr ? nullptr : subscriptions->first(kind);
}

size_t PubSub::CountFor(const Client& client, Kind kind) {
  const Subscriptions* subscriptions = Of(client);
  if (subscriptions == nullptr) return 0;
  if (kind == Kind::kShardChannel) return subscriptions->count(kind);
  return subscriptions->count(Kind::kChannel) + subscriptions->count(Kind::kPattern);
}

size_t PubSub::CountSubscribers(Kind kind, std::string_view name) const {
  const Topic* topic = Find(kind, name);
  return topic == nullptr ? 0 : topic->subscribers.size();
}

// --- Messages -------------------------------------------------------------------------------

size_t PubSub::Publish(std::string_view channel, std::string_view message) {
  size_t receivers = 0;
  if (const Topic* topic = Find(Kind::kChannel, channel)) {
    for (Client* client : topic->subscribers) DeliverMessage(*client, "message", channel, message);
    receivers += topic->subscribers.size();
  }
  for (const Topic& pattern : topics(Kind::kPattern)) {
    if (!ChannelMatches(pattern.name, channel)) continue;
    for (Client* client : pattern.subscribers) {
      DeliverByPattern(*client, pattern.name, channel, message);
    }
    receivers += pattern.subscribers.size();
  }
  return receivers;
}

size_t PubSub::PublishShard(std::string_view channel, std::string_view message) {
  const Topic* topic = Find(Kind::kShardChannel, channel);
  if (topic == nullptr) return 0;
  for (Client* client : topic->subscribers) DeliverMessage(*client, "smessage", channel, message);
  return topic->subscribers.size();
}

void PubSub::OnPublished(std::string_view channel, std::string_view message, bool shard) {
  if (shard) {
    (void)PublishShard(channel, message);
  } else {
    (void)Publish(channel, message);
  }
}

void PubSub::OnSlotsLost(const SlotSet& slots) {
  std::vector<std::string> lost;
  for (const Topic& topic : topics(Kind::kShardChannel)) {
    if (slots.test(KeySlot(topic.name))) lost.push_back(topic.name);
  }
  for (const std::string& name : lost) {
    while (const Topic* topic = Find(Kind::kShardChannel, name)) {
      Client& client = *topic->subscribers.front();
      (void)Unsubscribe(client, Kind::kShardChannel, name);
      resp::ReplyWriter out = client.Push();
      out.PushHeader(3);
      out.Bulk("sunsubscribe");
      out.Bulk(name);
      out.Integer(static_cast<int64_t>(CountFor(client, Kind::kShardChannel)));
      client.PushDone();
    }
  }
}

}  // namespace keyway::shard::pubsub
