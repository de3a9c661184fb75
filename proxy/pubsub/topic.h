// A channel, a pattern or a shard channel that clients of one worker listen to, and where it is
// subscribed.
//
// A channel and a shard channel have one home, the primary that serves the slot of the name. Patterns,
// and channels of keyspace events, which a node tells only to its own subscribers, are subscribed at
// all primaries. Where a message could come more than once it counts from one node only (Accepts).
//
// A place is where the topic is, or is to be, subscribed:
//
//   kAbsent --sent--> kAsked --confirmed--> kThere --sent--> kLeaving --answered--> kAbsent
//
// and becomes kAbsent whenever its connection is lost. A topic is needed while it has a subscriber
// or somebody waits to become one; once it is not, and no place is left, it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace keyway::proxy::pubsub {

class Link;
class Message;
class Waiter;

enum class Kind : uint8_t { kChannel, kPattern, kShardChannel };
inline constexpr size_t kKinds = 3;

// A client that listens.
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  // May not change any subscription.
  virtual void OnMessage(Message& message) = 0;
};

struct Place {
  enum class State : uint8_t { kAbsent, kAsked, kThere, kLeaving };

  Link* link = nullptr;
  State state = State::kAbsent;
  bool wanted = true;

  // Whether the node may count us.
  bool counted() const { return state == State::kThere || state == State::kLeaving; }
};

struct Topic {
  Topic(Kind topic_kind, std::string_view topic_name);
  Topic(const Topic&) = delete;
  Topic& operator=(const Topic&) = delete;

  bool needed() const { return pins > 0 || !subscribers.empty(); }
  // Whether what is published from now on arrives.
  bool ready() const;
  // Whether nothing is to be done: ready, or gone from everywhere.
  bool settled() const { return needed() ? ready() : places.empty(); }
  Place* PlaceAt(const Link* link);
  // Whether a message that `link` brought counts.
  bool Accepts(const Link* link) const { return everywhere || link == source; }

  const Kind kind;
  const std::string name;
  const bool everywhere;  // at all primaries
  std::list<Subscriber*> subscribers;  // in the order in which they came
  int pins = 0;                        // who waits for it to be ready
  std::vector<Waiter*> waiters;
  std::vector<Place> places;
  bool placed = false;           // the map has a node for each place that it should have
  const Link* home = nullptr;    // not everywhere: where it is to be
  const Link* source = nullptr;  //   and where messages count: the last home that has confirmed
  bool counted = false;          // the census knows of it
};

// Whether messages of `channel` are events of keys, which each node tells for itself.
bool IsKeyspaceChannel(std::string_view channel);

}  // namespace keyway::proxy::pubsub
