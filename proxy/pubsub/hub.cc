#include "proxy/pubsub/hub.h"

#include <algorithm>
#include <utility>

#include "common/slot/slot.h"
#include "proxy/pubsub/link.h"

namespace keyway::proxy::pubsub {
namespace {

constexpr uint64_t kTickMs = 20;
// A connection that nobody needs is kept for so long: who unsubscribes often subscribes again.
constexpr int64_t kUnusedMicros = 1'000'000;

}  // namespace

Hub::Hub(execution::ShardAccess& access, Census& census, Statistics& statistics)
    : access_(access), census_(census), statistics_(statistics), ticker_(access.loop(), [this] {
        Tick();
      }) {}

Hub::~Hub() {
  *alive_ = false;
  for (const Topics& topics : topics_) {
    for (const auto& [name, topic] : topics) {
      CHECK(!topic->needed()) << "somebody still listens to " << name;
      if (topic->counted) census_.Leave(topic->kind, topic->name, 0);
    }
  }
}

// Topics
// ------------------------------------------------------------------------------------------

Topic* Hub::Find(Kind kind, std::string_view name) const {
  const Topics& topics = topics_[static_cast<size_t>(kind)];
  const auto found = topics.find(name);
  return found == topics.end() ? nullptr : found->second.get();
}

Topic& Hub::Pin(Kind kind, std::string_view name) {
  Topic* topic = Find(kind, name);
  if (topic == nullptr) {
    auto created = std::make_unique<Topic>(kind, name);
    topic = created.get();
    topics_[static_cast<size_t>(kind)].emplace(topic->name, std::move(created));
    statistics_.topics.Add(1);
  }
  const bool needed = topic->needed();
  ++topic->pins;
  if (!needed) Arrange(*topic);
  return *topic;
}

void Hub::Unpin(Topic& topic) {
  --topic.pins;
  if (!topic.needed()) Arrange(topic);
}

std::list<Subscriber*>::iterator Hub::Join(Topic& topic, Subscriber& subscriber) {
  topic.subscribers.push_back(&subscriber);
  if (topic.counted) census_.Change(topic.kind, topic.name, 1);
  return std::prev(topic.subscribers.end());
}

void Hub::Leave(Topic& topic, std::list<Subscriber*>::iterator place) {
  topic.subscribers.erase(place);
  if (topic.counted) census_.Change(topic.kind, topic.name, -1);
  if (!topic.needed()) Arrange(topic);
}

Link& Hub::LinkTo(const net::Endpoint& node) {
  for (const auto& link : links_) {
    if (link->node() == node) return *link;
  }
  links_.push_back(std::make_unique<Link>(*this, node));
  return *links_.back();
}

void Hub::Want(Topic& topic, Link& link) {
  Place* place = topic.PlaceAt(&link);
  if (place == nullptr) {
    topic.places.push_back({.link = &link});
    place = &topic.places.back();
    link.Add(topic);
  }
  place->wanted = true;
  if (place->state == Place::State::kAbsent) link.Enqueue(topic);
}

void Hub::Abandon(Topic& topic, Place& place) {
  place.wanted = false;
  if (place.state == Place::State::kThere) place.link->Enqueue(topic);
}

void Hub::Arrange(Topic& topic) {
  if (!topic.needed()) {
    for (Place& place : topic.places) Abandon(topic, place);
    Review(topic);
    return;
  }
  const topology::SlotMap* map = access_.map();
  if (topic.everywhere) {
    std::vector<const Link*> homes;
    if (map != nullptr) {
      for (const topology::Shard& shard : map->shards()) {
        Link& link = LinkTo(shard.primary.endpoint);
        homes.push_back(&link);
        Want(topic, link);
      }
    }
    topic.placed = !homes.empty();
    for (Place& place : topic.places) {
      const bool home = std::find(homes.begin(), homes.end(), place.link) != homes.end();
      if (!home) Abandon(topic, place);
    }
  } else {
    const topology::Shard* shard =
        map == nullptr ? nullptr : map->ShardOf(KeySlot(topic.name));
    topic.placed = shard != nullptr;
    if (shard != nullptr) {
      Link& home = LinkTo(shard->primary.endpoint);
      if (topic.source != nullptr && topic.source != &home && topic.home != &home) {
        statistics_.resubscriptions.Add(1);
      }
      topic.home = &home;
      Want(topic, home);
      OnPlaceChanged(topic, home);
      return;
    }
  }
  Review(topic);
}

void Hub::OnPlaceChanged(Topic& topic, Link& link) {
  const Place* place = topic.PlaceAt(&link);
  if (!topic.everywhere && topic.home == &link && place != nullptr && place->wanted &&
      place->state == Place::State::kThere) {
    topic.source = &link;
  }
  // Until the new home has confirmed, messages come from the old one, if it is there still.
  if (!topic.everywhere) {
    const bool arrived = topic.source == topic.home;
    for (Place& other : topic.places) {
      if (other.link == topic.home) continue;
      if (arrived || other.state == Place::State::kAbsent) Abandon(topic, other);
    }
  }
  Review(topic);
}

void Hub::Review(Topic& topic) {
  std::erase_if(topic.places, [&topic](const Place& place) {
    if (place.wanted || place.state != Place::State::kAbsent) return false;
    place.link->Remove(topic);
    if (topic.source == place.link) topic.source = nullptr;
    if (topic.home == place.link) topic.home = nullptr;
    return true;
  });
  Count(topic);
  if (topic.settled()) TellWaiters(topic);
  if (topic.needed() || !topic.places.empty()) return;
  statistics_.topics.Set(statistics_.topics.Get() - 1);
  Topics& topics = topics_[static_cast<size_t>(topic.kind)];
  topics.erase(topics.find(topic.name));
}

void Hub::Count(Topic& topic) {
  const bool counted = std::any_of(topic.places.begin(), topic.places.end(),
                                   [](const Place& place) { return place.counted(); });
  if (counted == topic.counted) return;
  topic.counted = counted;
  const auto clients = static_cast<int64_t>(topic.subscribers.size());
  if (counted) {
    census_.Enter(topic.kind, topic.name, clients);
  } else {
    census_.Leave(topic.kind, topic.name, clients);
  }
}

void Hub::OnMap() {
  for (Topics& topics : topics_) {
    std::vector<Topic*> needed;
    for (const auto& [name, topic] : topics) {
      if (topic->needed()) needed.push_back(topic.get());
    }
    for (Topic* topic : needed) Arrange(*topic);
  }
}

// Waiting
// ------------------------------------------------------------------------------------------

bool Hub::Wait(Waiter& waiter, const std::vector<Topic*>& topics, int patience_ms) {
  for (Topic* topic : topics) {
    if (topic->settled() || !waiter.topics_.insert(topic).second) continue;
    topic->waiters.push_back(&waiter);
  }
  if (waiter.topics_.empty()) return false;
  waiting_.PushBack(waiter);
  waiter.give_up_at_ = 0;
  if (patience_ms > 0) {
    waiter.give_up_at_ = access_.loop().NowMicros() + int64_t{patience_ms} * 1000;
    StartTicking();
  }
  return true;
}

void Hub::StopWaiting(Waiter& waiter) {
  for (Topic* topic : std::exchange(waiter.topics_, {})) std::erase(topic->waiters, &waiter);
  static_cast<execution::ListLink<WaitingTag>&>(waiter).Unlink();
  std::replace(settled_.begin(), settled_.end(), &waiter, static_cast<Waiter*>(nullptr));
}

void Hub::TellWaiters(Topic& topic) {
  for (Waiter* waiter : std::exchange(topic.waiters, {})) {
    waiter->topics_.erase(&topic);
    if (!waiter->topics_.empty()) continue;
    static_cast<execution::ListLink<WaitingTag>&>(*waiter).Unlink();
    settled_.push_back(waiter);
    ScheduleEndOfPass();
  }
}

std::string Hub::Cause(const Topic& topic) const {
  if (!topic.placed) return "no shard is known for '" + topic.name + "'";
  for (const Place& place : topic.places) {
    if (!place.wanted || place.state == Place::State::kThere) continue;
    std::string cause = net::ToString(place.link->node()) + " has not confirmed the subscription";
    if (!place.link->last_error().empty()) cause += ": " + place.link->last_error();
    return cause;
  }
  return "the subscription is not confirmed";
}

// Messages
// ------------------------------------------------------------------------------------------

bool Hub::IsHome(const Link& link, std::string_view channel) const {
  const topology::SlotMap* map = access_.map();
  const topology::Shard* shard = map == nullptr ? nullptr : map->ShardOf(KeySlot(channel));
  return shard != nullptr && shard->primary.endpoint == link.node();
}

void Hub::Deliver(Link& link, const PushMessage& message, std::string_view push) {
  Topic* topic = Find(message.kind, message.name);
  if (topic == nullptr || !topic->Accepts(&link)) return;
  // Every node has told of it, all but the events of its keys.
  if (message.kind == Kind::kPattern && !IsKeyspaceChannel(message.channel) &&
      !IsHome(link, message.channel)) {
    return;
  }
  statistics_.messages.Add(1);
  statistics_.deliveries.Add(topic->subscribers.size());
  Message bytes(push, &room_);
  for (Subscriber* subscriber : topic->subscribers) subscriber->OnMessage(bytes);
}

int64_t Hub::Receivers(bool shard, std::string_view channel, int64_t counted) const {
  const int64_t correction = shard ? census_.Correction(Kind::kShardChannel, channel)
                                   : census_.CorrectionForChannel(channel);
  return std::max<int64_t>(0, counted + correction);
}

int64_t Hub::Subscribers(bool shard, std::string_view channel, int64_t counted) const {
  const Kind kind = shard ? Kind::kShardChannel : Kind::kChannel;
  return std::max<int64_t>(0, counted + census_.Correction(kind, channel));
}

bool Hub::Await(const net::Endpoint& node, Fence* fence) {
  for (const auto& link : links_) {
    if (link->node() == node) return link->Await(fence);
  }
  return false;
}

void Hub::Forget(Fence* fence) {
  for (const auto& link : links_) link->Forget(fence);
  std::replace(released_.begin(), released_.end(), fence, static_cast<Fence*>(nullptr));
}

void Hub::Release(Fence* fence) {
  released_.push_back(fence);
  ScheduleEndOfPass();
}

// Time
// ------------------------------------------------------------------------------------------

void Hub::ScheduleFlush(Link& link) {
  if (std::find(to_flush_.begin(), to_flush_.end(), &link) == to_flush_.end()) {
    to_flush_.push_back(&link);
  }
  ScheduleEndOfPass();
}

void Hub::ScheduleEndOfPass() {
  if (std::exchange(end_of_pass_scheduled_, true)) return;
  access_.loop().AtEndOfPass([this, alive = alive_] {
    if (*alive) AtEndOfPass();
  });
}

void Hub::AtEndOfPass() {
  // Who is told may go away, or make others go away.
  for (size_t i = 0; i < settled_.size(); ++i) {
    if (Waiter* waiter = std::exchange(settled_[i], nullptr)) waiter->OnSettled();
  }
  settled_.clear();
  for (size_t i = 0; i < released_.size(); ++i) {
    if (Fence* fence = std::exchange(released_[i], nullptr)) fence->OnDelivered();
  }
  released_.clear();
  for (Link* link : std::exchange(to_flush_, {})) link->Flush();
  end_of_pass_scheduled_ = false;
  if (!settled_.empty() || !released_.empty() || !to_flush_.empty()) ScheduleEndOfPass();
}

void Hub::StartTicking() {
  if (!ticker_.active()) ticker_.Start(kTickMs, kTickMs);
}

void Hub::Tick() {
  const int64_t now = access_.loop().NowMicros();
  bool more = !waiting_.empty();
  for (const auto& link : links_) {
    if (link->waits_to_retry()) link->Flush();
    if (!link->unused()) {
      link->unused_since = 0;
    } else if (link->unused_since == 0) {
      link->unused_since = now;
    }
    more = more || link->waits_to_retry() || link->unused();
  }
  std::erase_if(links_, [now](const auto& link) {
    return link->unused() && now - link->unused_since > kUnusedMicros;
  });
  waiting_.ForEach([this, now](Waiter& waiter) {
    if (waiter.give_up_at_ == 0 || now < waiter.give_up_at_) return;
    StopWaiting(waiter);
    settled_.push_back(&waiter);
    ScheduleEndOfPass();
  });
  if (!more) ticker_.Stop();
}

}  // namespace keyway::proxy::pubsub
