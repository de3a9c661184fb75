#include "proxy/pubsub/topic.h"

#include <algorithm>

namespace keyway::proxy::pubsub {

bool IsKeyspaceChannel(std::string_view channel) {
  return channel.starts_with("__keyspace@") || channel.starts_with("__keyevent@");
}

Topic::Topic(Kind topic_kind, std::string_view topic_name)
    : kind(topic_kind),
      name(topic_name),
      everywhere(kind == Kind::kPattern || (kind == Kind::kChannel && IsKeyspaceChannel(name))) {}

bool Topic::ready() const {
  if (!placed) return false;
  if (!everywhere) {
    return source == home && std::any_of(places.begin(), places.end(), [this](const Place& place) {
             return place.link == home && place.state == Place::State::kThere;
           });
  }
  return std::all_of(places.begin(), places.end(), [](const Place& place) {
    return !place.wanted || place.state == Place::State::kThere;
  });
}

Place* Topic::PlaceAt(const Link* link) {
  for (Place& place : places) {
    if (place.link == link) return &place;
  }
  return nullptr;
}

}  // namespace keyway::proxy::pubsub
