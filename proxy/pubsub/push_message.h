// The push messages of RESP3 that a shard sends to a subscriber, read in place:
//
//   >3 message <channel> <text>              >4 pmessage <pattern> <channel> <text>
//   >3 smessage <shard channel> <text>
//   >3 subscribe <channel> <count>           and psubscribe, ssubscribe, unsubscribe,
//                                            punsubscribe, sunsubscribe, the name of which may be null
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/pubsub/topic.h"

namespace keyway::proxy::pubsub {

struct PushMessage {
  enum class Event : uint8_t { kMessage, kSubscribed, kUnsubscribed };
  Event event;
  Kind kind;
  std::string_view name;     // channel or pattern
  std::string_view channel;  // of a message: the channel it was published to
};

// `push`: one complete push. Nothing: it is of another kind, or malformed.
std::optional<PushMessage> ParsePush(std::string_view push);

// A message on its way to many subscribers, as each protocol version writes it: apart from the first
// byte they are the same.
class Message {
 public:
  // Both outlive it.
  Message(std::string_view push, std::string* room) : push_(push), room_(room) {}
  std::string_view resp3() const { return push_; }
  std::string_view resp2() {
    if (!written_) {
      room_->assign(push_);
      (*room_)[0] = '*';
      written_ = true;
    }
    return *room_;
  }

 private:
  std::string_view push_;
  std::string* room_;
  bool written_ = false;
};

}  // namespace keyway::proxy::pubsub
