#include "proxy/execution/merge.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "common/resp/reply_parser.h"

namespace keyway::proxy::execution {
namespace {

using command::ResponsePolicy;

Status WrongShape() {
  return Error{"the shards gave replies of different shapes"};
}

// The number of ":12\r\n", "#t\r\n" or the length of "*12\r\n"; `end` is set behind the line.
bool ReadNumber(std::string_view bytes, int64_t* value, size_t* end) {
  const size_t line_end = bytes.find("\r\n");
  if (line_end == std::string_view::npos || line_end < 2) return false;
  *end = line_end + 2;
  if (bytes[0] == '#') {
    *value = bytes[1] == 't' ? 1 : 0;
    return true;
  }
  const char* last = bytes.data() + line_end;
  const auto [parsed, error] = std::from_chars(bytes.data() + 1, last, *value);
  return error == std::errc() && parsed == last;
}

bool IsArray(char type) {
  return type == '*' || type == '~';
}
bool IsNumber(char type) {
  return type == ':' || type == '#';
}

// The elements of an array or set: their number, and their bytes as they stand.
bool OpenArray(const ShardReply& reply, int64_t* count, std::string_view* elements) {
  size_t header = 0;
  if (!IsArray(reply.type) || reply.bytes.empty() || reply.bytes[0] != reply.type ||
      !ReadNumber(reply.bytes, count, &header) || *count < 0) {
    return false;
  }
  *elements = reply.bytes.substr(header);
  return true;
}

int64_t Combine(ResponsePolicy policy, int64_t a, int64_t b) {
  switch (policy) {
    case ResponsePolicy::kAggSum: {
      int64_t sum = 0;
      if (!__builtin_add_overflow(a, b, &sum)) return sum;
      return a < 0 ? INT64_MIN : INT64_MAX;
    }
    case ResponsePolicy::kAggMin:
      return std::min(a, b);
    case ResponsePolicy::kAggMax:
      return std::max(a, b);
    case ResponsePolicy::kAggLogicalAnd:
      return a != 0 && b != 0 ? 1 : 0;
    case ResponsePolicy::kAggLogicalOr:
      return a != 0 || b != 0 ? 1 : 0;
    default:
      return a;
  }
}

std::string WriteNumber(char type, int64_t value) {
  if (type == '#') return value != 0 ? "#t\r\n" : "#f\r\n";
  return std::string(1, type) + std::to_string(value) + "\r\n";
}

Status MergeNumbers(ResponsePolicy policy, std::span<const ShardReply> replies, OutputBuffer* out) {
  int64_t total = 0;
  for (size_t i = 0; i < replies.size(); ++i) {
    int64_t value = 0;
    size_t end = 0;
    if (!IsNumber(replies[i].type) || !ReadNumber(replies[i].bytes, &value, &end)) {
      return WrongShape();
    }
    total = i == 0 ? value : Combine(policy, total, value);
  }
  out->Append(WriteNumber(replies[0].type, total));
  return {};
}

Status MergeNumberArrays(ResponsePolicy policy, std::span<const ShardReply> replies,
                         OutputBuffer* out) {
  std::vector<int64_t> totals;
  char type = ':';
  for (size_t i = 0; i < replies.size(); ++i) {
    int64_t count = 0;
    std::string_view elements;
    if (!OpenArray(replies[i], &count, &elements)) return WrongShape();
    if (i > 0 && static_cast<size_t>(count) != totals.size()) return WrongShape();
    for (int64_t k = 0; k < count; ++k) {
      int64_t value = 0;
      size_t end = 0;
      if (elements.empty() || !IsNumber(elements[0]) || !ReadNumber(elements, &value, &end)) {
        return WrongShape();
      }
      type = elements[0];
      elements.remove_prefix(end);
      if (i == 0) {
        totals.push_back(value);
      } else {
        totals[k] = Combine(policy, totals[k], value);
      }
    }
  }
  out->Append(WriteNumber(replies[0].type, static_cast<int64_t>(totals.size())));
  for (int64_t total : totals) out->Append(WriteNumber(type, total));
  return {};
}

Status Concatenate(std::span<const ShardReply> replies, OutputBuffer* out) {
  int64_t total = 0;
  for (const ShardReply& reply : replies) {
    int64_t count = 0;
    std::string_view elements;
    if (reply.type != replies[0].type || !OpenArray(reply, &count, &elements)) return WrongShape();
    total += count;
  }
  out->Append(WriteNumber(replies[0].type, total));
  for (const ShardReply& reply : replies) {
    int64_t count = 0;
    std::string_view elements;
    OpenArray(reply, &count, &elements);
    out->Append(elements);
  }
  return {};
}

// When all shards fail, the odd one out says more: of NOTBUSY, NOTBUSY, UNKILLABLE the last.
void RarestError(std::span<const ShardReply> replies, OutputBuffer* out) {
  const ShardReply* rarest = &replies[0];
  auto fewest = static_cast<std::ptrdiff_t>(replies.size()) + 1;
  for (const ShardReply& reply : replies) {
    const auto same = std::count_if(replies.begin(), replies.end(), [&](const ShardReply& other) {
      return other.bytes == reply.bytes;
    });
    if (same < fewest) {
      fewest = same;
      rarest = &reply;
    }
  }
  out->Append(rarest->bytes);
}

}  // namespace

Status MergeReplies(ResponsePolicy policy, std::span<const ShardReply> replies, OutputBuffer* out) {
  if (replies.empty()) return WrongShape();
  switch (policy) {
    case ResponsePolicy::kNone:
      return Concatenate(replies, out);
    case ResponsePolicy::kAllSucceeded:
      out->Append(replies[0].bytes);
      return {};
    case ResponsePolicy::kOneSucceeded:
      for (const ShardReply& reply : replies) {
        if (reply.type == '-' || reply.type == '!') continue;
        out->Append(reply.bytes);
        return {};
      }
      RarestError(replies, out);
      return {};
    case ResponsePolicy::kSpecial:
      return Error{"a special response policy has no general merge"};
    default:
      return IsArray(replies[0].type) ? MergeNumberArrays(policy, replies, out)
                                      : MergeNumbers(policy, replies, out);
  }
}

Status MergeByKey(std::span<const ShardReply> replies, std::span<const routing::Plan::Key> keys,
                  OutputBuffer* out) {
  struct Element {
    int index;  // of the key among the arguments
    std::string_view bytes;
  };
  std::vector<Element> merged;
  merged.reserve(keys.size());
  for (const ShardReply& reply : replies) {
    int64_t count = 0;
    std::string_view elements;
    if (!OpenArray(reply, &count, &elements)) return WrongShape();
    for (int64_t i = 0; i < count; ++i) {
      resp::ReplyParser parser;
      if (merged.size() == keys.size() ||
          parser.Next(elements) != resp::ReplyParser::Outcome::kReply) {
        return WrongShape();
      }
      merged.push_back({keys[merged.size()].index, elements.substr(0, parser.length())});
      elements.remove_prefix(parser.length());
    }
  }
  if (merged.size() != keys.size()) return WrongShape();
  std::sort(merged.begin(), merged.end(),
            [](const Element& a, const Element& b) { return a.index < b.index; });
  out->Append(WriteNumber(replies[0].type, static_cast<int64_t>(merged.size())));
  for (const Element& element : merged) out->Append(element.bytes);
  return {};
}

}  // namespace keyway::proxy::execution
