// Who listens to which channel, and the delivery of messages.
//
// A Topic is a channel, a pattern or a shard channel that has subscribers; it lives as long as it
// has some. What one client listens to is its ClientState kSubscriptions (subscriptions.h), which
// exists while the client listens to anything: that is what makes it a subscriber for CLIENT LIST,
// for client-output-buffer-limit and for the commands that a RESP2 client may send.
//
// A message goes to the subscribers of its channel in the order in which they subscribed, then to
// those of each matching pattern, patterns in the order in which they came up: the cost is that of
// the receivers and of matching each pattern once. Delivering only appends to outputs; a client
// that is over its limit by that is closed at the end of the pass, so nothing that is walked over
// changes meanwhile.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/slot/slot.h"
#include "shard/cluster/cluster.h"
#include "shard/types/encodings/hash_bytes.h"

namespace keyway::shard {
class Client;
}

namespace keyway::shard::pubsub {

class Subscriptions;

enum class Kind : uint8_t { kChannel, kPattern, kShardChannel };
inline constexpr size_t kKinds = 3;

struct Topic {
  const std::string name;
  const Kind kind;
  std::list<Client*> subscribers;  // in the order in which they came; never empty
};

class PubSub final : public cluster::Subscribers {
 public:
  PubSub() = default;
  // Every client has let go of its subscriptions.
  ~PubSub() override = default;
  PubSub(const PubSub&) = delete;
  PubSub& operator=(const PubSub&) = delete;

  // False when the client is subscribed already.
  bool Subscribe(Client& client, Kind kind, std::string_view name);
  // False when it was not subscribed. `name` may be that of the Topic.
  bool Unsubscribe(Client& client, Kind kind, std::string_view name);
  // The first of what the client listens to, in the order in which it subscribed; nullptr: nothing.
  static const Topic* FirstOf(const Client& client, Kind kind);
  // What SUBSCRIBE and its relatives tell: the client's channels and patterns, or, for
  // kShardChannel, its shard channels.
  static size_t CountFor(const Client& client, Kind kind);

  // To the clients of this process. Returns how many times the message was delivered.
  size_t Publish(std::string_view channel, std::string_view message);
  size_t PublishShard(std::string_view channel, std::string_view message);

  // Topics of a kind, and the subscribers of one.
  size_t count(Kind kind) const { return topics(kind).size(); }
  size_t CountSubscribers(Kind kind, std::string_view name) const;
  // Whether nobody listens to channels or patterns: a Publish would do nothing.
  bool idle() const { return count(Kind::kChannel) == 0 && count(Kind::kPattern) == 0; }
  const std::list<Topic>& topics(Kind kind) const { return topics_[static_cast<size_t>(kind)]; }

  // cluster::Subscribers: what other nodes have published, and slots that are served elsewhere now,
  // whose channels nobody can listen to here any more.
  void OnPublished(std::string_view channel, std::string_view message, bool shard) override;
  void OnSlotsLost(const SlotSet& slots) override;

 private:
  friend class Subscriptions;

  struct NameHash {
    size_t operator()(std::string_view name) const { return types::HashBytes(name); }
  };
  // By name, a view into the topic.
  using Index = std::unordered_map<std::string_view, std::list<Topic>::iterator, NameHash>;

  Index& index(Kind kind) { return index_[static_cast<size_t>(kind)]; }
  const Index& index(Kind kind) const { return index_[static_cast<size_t>(kind)]; }
  const Topic* Find(Kind kind, std::string_view name) const;
  Topic& FindOrAdd(Kind kind, std::string_view name);
  void Leave(Topic& topic, std::list<Client*>::iterator subscriber);

  std::array<std::list<Topic>, kKinds> topics_;  // in the order in which they came up
  std::array<Index, kKinds> index_;
};

}  // namespace keyway::shard::pubsub
