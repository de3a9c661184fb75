// Builds the tree of a reply. ReplyParser has checked the bytes before, so nothing is checked twice
// here, and the depth of recursion is bounded by kMaxTreeDepth.
#include <charconv>

#include "common/resp/reply_parser.h"

namespace keyway::resp {
namespace {

constexpr size_t kVerbatimPrefixBytes = 4;

class TreeBuilder {
 public:
  explicit TreeBuilder(std::string_view bytes) : rest_(bytes) {}

  ReplyValue Element() {
    while (rest_.front() == '|') SkipAttribute();
    ReplyValue value;
    value.type = rest_.front();
    const std::string_view line = TakeLine();
    switch (value.type) {
      case '*':
      case '~':
      case '>':
        Elements(Count(line), &value);
        break;
      case '%':
        Elements(Count(line) * 2, &value);
        break;
      case '$':
      case '!':
      case '=':
        Bulk(Count(line), &value);
        break;
      case ':':
        value.text = line;
        value.integer = Count(line);
        break;
      case '#':
        value.text = line;
        value.integer = line == "t" ? 1 : 0;
        break;
      default:
        value.text = line;
    }
    return value;
  }

 private:
  static int64_t Count(std::string_view digits) {
    int64_t value = 0;
    if (digits.starts_with('+')) digits.remove_prefix(1);
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }

  std::string_view TakeLine() {
    const size_t end = rest_.find('\r');
    const std::string_view line = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 2);
    return line;
  }

  void Elements(int64_t count, ReplyValue* value) {
    if (count < 0) {
      value->type = '_';
      return;
    }
    value->elements.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) value->elements.push_back(Element());
  }

  void SkipAttribute() {
    const int64_t count = Count(TakeLine()) * 2;
    for (int64_t i = 0; i < count; ++i) Element();
  }

  void Bulk(int64_t length, ReplyValue* value) {
    if (length < 0) {
      value->type = '_';
      return;
    }
    const auto size = static_cast<size_t>(length);
    value->text = rest_.substr(0, size);
    if (value->type == '=') value->text.remove_prefix(kVerbatimPrefixBytes);
    rest_.remove_prefix(size + 2);
  }

  std::string_view rest_;
};

}  // namespace

const ReplyValue* ReplyValue::Find(std::string_view key) const {
  for (size_t i = 0; i + 1 < elements.size(); i += 2) {
    if (elements[i].text == key && elements[i].elements.empty()) return &elements[i + 1];
  }
  return nullptr;
}

Expected<ReplyValue> ParseReplyTree(std::string_view bytes) {
  ReplyParser parser(kMaxTreeDepth);
  switch (parser.Next(bytes)) {
    case ReplyParser::Outcome::kNeedMore:
      return Error{"incomplete reply"};
    case ReplyParser::Outcome::kError:
      return Error{parser.error()};
    case ReplyParser::Outcome::kReply:
      break;
  }
  if (parser.length() != bytes.size()) return Error{"bytes behind the reply"};
  return TreeBuilder(bytes).Element();
}

}  // namespace keyway::resp
