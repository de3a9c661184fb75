#include "proxy/pubsub/push_message.h"

#include <array>
#include <charconv>

namespace keyway::proxy::pubsub {
namespace {

struct Word {
  std::string_view text;
  PushMessage::Event event;
  Kind kind;
};

using Event = PushMessage::Event;
constexpr std::array<Word, 9> kWords = {{
    {"message", Event::kMessage, Kind::kChannel},
    {"pmessage", Event::kMessage, Kind::kPattern},
    {"smessage", Event::kMessage, Kind::kShardChannel},
    {"subscribe", Event::kSubscribed, Kind::kChannel},
    {"psubscribe", Event::kSubscribed, Kind::kPattern},
    {"ssubscribe", Event::kSubscribed, Kind::kShardChannel},
    {"unsubscribe", Event::kUnsubscribed, Kind::kChannel},
    {"punsubscribe", Event::kUnsubscribed, Kind::kPattern},
    {"sunsubscribe", Event::kUnsubscribed, Kind::kShardChannel},
}};

// Takes "$<length>\r\n<bytes>\r\n" from the front of `rest`.
bool TakeBulk(std::string_view* rest, std::string_view* bytes) {
  if (rest->empty() || rest->front() != '$') return false;
  const size_t line = rest->find('\n');
  if (line == std::string_view::npos) return false;
  size_t length = 0;
  const char* digits = rest->data() + 1;
  if (std::from_chars(digits, rest->data() + line, length).ec != std::errc()) return false;
  if (rest->size() < line + 1 + length + 2) return false;
  *bytes = rest->substr(line + 1, length);
  rest->remove_prefix(line + 1 + length + 2);
  return true;
}

}  // namespace

std::optional<PushMessage> ParsePush(std::string_view push) {
  const size_t header = push.find('\n');
  if (push.empty() || push[0] != '>' || header == std::string_view::npos) return std::nullopt;
  std::string_view rest = push.substr(header + 1);
  std::string_view kind;
  PushMessage message{};
  if (!TakeBulk(&rest, &kind) || !TakeBulk(&rest, &message.name)) return std::nullopt;
  for (const Word& word : kWords) {
    if (word.text != kind) continue;
    message.event = word.event;
    message.kind = word.kind;
    message.channel = message.name;
    if (word.event == Event::kMessage && word.kind == Kind::kPattern &&
        !TakeBulk(&rest, &message.channel)) {
      return std::nullopt;
    }
    return message;
  }
  return std::nullopt;
}

}  // namespace keyway::proxy::pubsub
