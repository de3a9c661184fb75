// reply     = attribute* value
// value     = "+" text CRLF | "-" text CRLF | ":" integer CRLF | "," double CRLF | "(" text CRLF
//           | "#" ("t" | "f") CRLF | "_" CRLF | ("$" | "!" | "=") length CRLF bytes CRLF | "$-1"
//           CRLF | ("*" | "~" | ">") count CRLF element* | "%" count CRLF (element element)* |
//           "*-1" CRLF
// element   = attribute* value, but no push
// attribute = "|" count CRLF (element element)*
//
// Everything is checked down to the digits: a reply that is passed on to a client must not be able
// to put its connection out of step. A big number may be any text: a script gives what it likes.
#include "common/resp/reply_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "common/resp/number.h"

namespace keyway::resp {
namespace {

constexpr size_t kLineEndBytes = 2;
constexpr size_t kVerbatimPrefixBytes = 4;
constexpr size_t kKeptLevels = 16;

constexpr std::array<bool, 256> kIsType = [] {
  std::array<bool, 256> table{};
  for (const char type : std::string_view("+-:$*_,#!=(%~>|"))
    table[static_cast<uint8_t>(type)] = true;
  return table;
}();

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view WithoutSign(std::string_view text) {
  return text.substr(!text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0);
}

bool IsInteger(std::string_view text) {
  int64_t value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

bool IsDouble(std::string_view text) {
  const std::string_view number = WithoutSign(text);
  if (number == "inf" || number == "nan") return true;
  return !number.empty() && std::all_of(number.begin(), number.end(), [](char c) {
    return IsDigit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-';
  });
}

// Why `text` cannot stand behind `type` on a line of its own; nullptr when it can.
const char* WrongScalar(char type, std::string_view text) {
  switch (type) {
    case '+':
    case '-':
    case '(':
      return nullptr;
    case ':':
      return IsInteger(text) ? nullptr : "invalid integer";
    case ',':
      return IsDouble(text) ? nullptr : "invalid double";
    case '#':
      return text == "t" || text == "f" ? nullptr : "invalid boolean";
    case '_':
      return text.empty() ? nullptr : "invalid null";
    default:
      return "unknown reply type";
  }
}

}  // namespace

ReplyParser::Step ReplyParser::Fail(const char* reason) {
  error_ = reason;
  return Step::kError;
}

ReplyParser::Outcome ReplyParser::Next(std::string_view bytes) {
  if (length_ > 0) type_ = 0;
  length_ = 0;
  missing_ = 0;
  seen_ = bytes.size();
  if (!error_.empty()) return Outcome::kError;
  do {
    const Step step = ReadElement(bytes);
    if (step == Step::kNeedMore) return Outcome::kNeedMore;
    if (step == Step::kError) return Outcome::kError;
  } while (!open_.empty());
  length_ = position_;
  position_ = 0;
  scanned_ = 0;
  has_root_ = false;
  if (open_.capacity() > kKeptLevels) std::vector<int64_t>().swap(open_);
  return Outcome::kReply;
}

size_t ReplyParser::settled() const {
  if (expected_bulk_ < 0) return position_;
  // Not its CRLF, which is looked at as one. A verbatim string has shown its prefix when it is '$'.
  if (element_ == '=') return bulk_start_;
  return std::min(seen_, bulk_start_ + static_cast<size_t>(expected_bulk_));
}

void ReplyParser::Forget(size_t bytes) {
  if (expected_bulk_ >= 0 && bytes > bulk_start_) {
    expected_bulk_ -= static_cast<int64_t>(bytes - bulk_start_);
    bulk_start_ = 0;
  } else if (expected_bulk_ >= 0) {
    bulk_start_ -= bytes;
  }
  position_ -= std::min(position_, bytes);
  scanned_ -= std::min(scanned_, bytes);
  seen_ -= bytes;
}

// Reads one scalar, or the header of one aggregate, and closes the levels that end with it.
ReplyParser::Step ReplyParser::ReadElement(std::string_view bytes) {
  if (expected_bulk_ >= 0) return ReadBulk(bytes);
  if (position_ >= bytes.size()) return Step::kNeedMore;
  const char type = bytes[position_];
  if (!kIsType[static_cast<uint8_t>(type)]) return Fail("unknown reply type");
  if (type == '>' && !open_.empty()) return Fail("push inside of a reply");
  std::string_view text;
  if (const Step step = ReadLine(bytes, &text); step != Step::kElement) return step;
  if (type != '|' && AtTop()) type_ = type;

  switch (type) {
    case '*':
    case '~':
    case '%':
    case '>':
    case '|':
      return OpenAggregate(type, text);
    case '$':
      if (text == "-1") break;
      [[fallthrough]];
    case '!':
    case '=': {
      int64_t length = 0;
      if (!ParseLength(text, &length) || length < 0 || length > kMaxBulkBytes) {
        return Fail("invalid bulk length");
      }
      if (type == '=' && length < static_cast<int64_t>(kVerbatimPrefixBytes)) {
        return Fail("invalid verbatim string");
      }
      element_ = type;
      bulk_start_ = position_;
      expected_bulk_ = length;
      return ReadBulk(bytes);
    }
    default:
      if (const char* reason = WrongScalar(type, text); reason != nullptr) return Fail(reason);
  }
  return CloseLevels();
}

// The line that begins at position_, without its type and its CRLF; position_ is then behind it.
ReplyParser::Step ReplyParser::ReadLine(std::string_view bytes, std::string_view* line) {
  const size_t from = std::max(position_, scanned_);
  const size_t window = std::min(bytes.size(), position_ + kMaxLineBytes + 1);
  const void* found = std::memchr(bytes.data() + from, '\n', window - from);
  if (found == nullptr) {
    if (window - position_ > kMaxLineBytes) return Fail("line too long");
    scanned_ = window;
    return Step::kNeedMore;
  }
  const auto newline = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
  if (bytes[newline - 1] != '\r') return Fail("line without CR");
  *line = bytes.substr(position_ + 1, newline - position_ - kLineEndBytes);
  if (line->find('\r') != std::string_view::npos) return Fail("CR inside of a line");
  position_ = newline + 1;
  return Step::kElement;
}

ReplyParser::Step ReplyParser::ReadBulk(std::string_view bytes) {
  const auto length = static_cast<size_t>(expected_bulk_);
  const size_t there = bytes.size() - bulk_start_;
  if (element_ == '=' && there >= kVerbatimPrefixBytes) {
    if (bytes[bulk_start_ + kVerbatimPrefixBytes - 1] != ':') return Fail("invalid verbatim string");
    element_ = '$';
  }
  if (there < length + kLineEndBytes) {
    missing_ = length + kLineEndBytes - there;
    return Step::kNeedMore;
  }
  if (bytes.compare(bulk_start_ + length, kLineEndBytes, "\r\n") != 0) {
    return Fail("bulk string without CRLF");
  }
  position_ = bulk_start_ + length + kLineEndBytes;
  expected_bulk_ = -1;
  return CloseLevels();
}

ReplyParser::Step ReplyParser::OpenAggregate(char type, std::string_view digits) {
  int64_t count = 0;
  if (type == '*' && digits == "-1") return CloseLevels();
  const int64_t each = type == '%' || type == '|' ? 2 : 1;
  if (!ParseLength(digits, &count) || count < 0 || count > kMaxElements / each) {
    return Fail("invalid element count");
  }
  count *= each;
  if (type == '|') {
    if (open_.empty()) {
      open_.push_back(1);
      has_root_ = true;
    }
    if (count == 0) return Step::kElement;
    ++open_.back();
  }
  if (count == 0) return CloseLevels();
  if (open_.size() >= max_depth_) return Fail("reply nested too deeply");
  open_.push_back(count);
  return Step::kElement;
}

ReplyParser::Step ReplyParser::CloseLevels() {
  while (!open_.empty() && --open_.back() == 0) open_.pop_back();
  return Step::kElement;
}

}  // namespace keyway::resp
