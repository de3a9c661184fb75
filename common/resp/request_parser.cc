// What is accepted is exactly what Redis 7.0.15 accepts, its oddities included, because a client
// must not be able to tell the difference: the two bytes that end a bulk string and the LF of a
// length line are never looked at, and a NUL byte hides the rest of a line until it is too long.
#include "common/resp/request_parser.h"

#include <algorithm>
#include <cstring>

#include "common/resp/number.h"

namespace keyway::resp {
namespace {

// A parser keeps no more than this many arguments' worth of memory between requests.
constexpr size_t kKeptArguments = 1024;
constexpr size_t kKeptUnquotedBytes = 4096;
constexpr size_t kLineEndBytes = 2;

// isspace of the C locale.
bool IsSpace(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Inside a word vertical tabs and form feeds are ordinary, in front of it they are blanks.
bool EndsWord(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

}  // namespace

void RequestParser::BeginRequest() {
  position_ = 0;
  scanned_ = 0;
  expected_arguments_ = -1;
  expected_bulk_ = -1;
  ranges_.clear();
  if (ranges_.capacity() > kKeptArguments) std::vector<Range>().swap(ranges_);
}

RequestParser::Step RequestParser::Fail(std::string text) {
  error_ = "Protocol error: " + std::move(text);
  return Step::kError;
}

ParseOutcome RequestParser::Next(std::string_view bytes) {
  consumed_ = 0;
  missing_ = 0;
  if (!error_.empty()) return ParseOutcome::kError;
  arguments_.clear();
  if (arguments_.capacity() > kKeptArguments) std::vector<std::string_view>().swap(arguments_);
  for (;;) {
    const std::string_view request = bytes.substr(consumed_);
    if (request.empty()) return ParseOutcome::kNeedMore;
    Step step = Step::kDone;
    if (request.front() == '*') {
      if (expected_arguments_ < 0) step = ReadArrayHeader(request);
      if (step == Step::kDone) step = ReadBulkStrings(request);
    } else {
      step = ReadInline(request);
    }
    if (step == Step::kNeedMore) return ParseOutcome::kNeedMore;
    if (step == Step::kError) return ParseOutcome::kError;
    consumed_ += position_;
    BeginRequest();
    if (step == Step::kDone) return ParseOutcome::kRequest;
  }
}

RequestParser::Step RequestParser::ReadLengthLine(std::string_view request, const char* too_big,
                                                  int64_t* value, bool* valid) {
  const char* begin = request.data();
  const char* end = begin + request.size();
  const char* line = begin + position_;
  if (const char* stop = ParseShortLength(line + 1, end, value); stop != nullptr) {
    position_ = static_cast<size_t>(stop - begin) + kLineEndBytes;
    *valid = true;
    return Step::kDone;
  }
  const bool full = request.size() - position_ > limits_.max_inline_bytes;
  const char* last = full ? line + limits_.max_inline_bytes + 1 : end;
  const char* stop = begin + std::max(position_, scanned_);
  while (stop < last && *stop != '\r' && *stop != '\0') ++stop;
  scanned_ = static_cast<size_t>(stop - begin);
  if (stop == last || *stop == '\0') return full ? Fail(too_big) : Step::kNeedMore;
  if (end - stop < 2) return Step::kNeedMore;
  *valid = stop > line && ParseLength({line + 1, static_cast<size_t>(stop - line - 1)}, value);
  position_ = scanned_ + kLineEndBytes;
  return Step::kDone;
}

RequestParser::Step RequestParser::ReadArrayHeader(std::string_view request) {
  int64_t count = 0;
  bool valid = false;
  const Step step = ReadLengthLine(request, "too big mbulk count string", &count, &valid);
  if (step != Step::kDone) return step;
  if (!valid || count > limits_.max_arguments) return Fail("invalid multibulk length");
  if (!authenticated_ && count > limits_.max_arguments_unauthenticated) {
    return Fail("unauthenticated multibulk length");
  }
  if (count <= 0) return Step::kSkip;
  expected_arguments_ = count;
  return Step::kDone;
}

RequestParser::Step RequestParser::ReadBulkStrings(std::string_view request) {
  while (ranges_.size() < static_cast<size_t>(expected_arguments_)) {
    if (expected_bulk_ < 0) {
      if (position_ >= request.size()) return Step::kNeedMore;
      const char marker = request[position_];
      int64_t length = 0;
      bool valid = false;
      const Step step = ReadLengthLine(request, "too big bulk count string", &length, &valid);
      if (step != Step::kDone) return step;
      if (marker != '$') return Fail(std::string("expected '$', got '") + marker + "'");
      if (!valid || length < 0 || length > limits_.max_bulk_bytes) {
        return Fail("invalid bulk length");
      }
      if (!authenticated_ && length > limits_.max_bulk_bytes_unauthenticated) {
        return Fail("unauthenticated bulk length");
      }
      expected_bulk_ = length;
    }
    const auto length = static_cast<size_t>(expected_bulk_);
    const size_t there = request.size() - position_;
    if (there < length + kLineEndBytes) {
      missing_ = length + kLineEndBytes - there;
      return Step::kNeedMore;
    }
    ranges_.push_back({position_, length});
    position_ += length + kLineEndBytes;
    expected_bulk_ = -1;
  }
  arguments_.reserve(ranges_.size());
  for (const Range& range : ranges_)
    arguments_.emplace_back(request.data() + range.offset, range.length);
  return Step::kDone;
}

RequestParser::Step RequestParser::ReadInline(std::string_view request) {
  const size_t limit = limits_.max_inline_bytes;
  const size_t window = std::min(request.size(), limit + 1);
  const char* from = request.data() + scanned_;
  const size_t left = window - std::min(scanned_, window);
  const void* newline = left == 0 ? nullptr : std::memchr(from, '\n', left);
  const size_t line =
      newline == nullptr ? left : static_cast<size_t>(static_cast<const char*>(newline) - from);
  const void* nul = line == 0 ? nullptr : std::memchr(from, '\0', line);
  if (newline == nullptr || nul != nullptr) {
    if (request.size() > limit) return Fail("too big inline request");
    // From a NUL byte on nothing is an end; staying on it finds it again at once.
    scanned_ += nul == nullptr ? left : static_cast<size_t>(static_cast<const char*>(nul) - from);
    return Step::kNeedMore;
  }
  const size_t end = scanned_ + line;
  position_ = end + 1;
  const size_t length = end > 0 && request[end - 1] == '\r' ? end - 1 : end;
  if (!SplitInline(request.substr(0, length))) return Fail("unbalanced quotes in request");
  return arguments_.empty() ? Step::kSkip : Step::kDone;
}

// Words are separated by blanks; a word may end in a part in "double quotes" with backslash escapes
// or in 'single quotes', behind which a blank or the end must follow.
bool RequestParser::SplitInline(std::string_view line) {
  unquoted_.clear();
  if (unquoted_.capacity() > kKeptUnquotedBytes) std::string().swap(unquoted_);
  size_t at = 0;
  for (;;) {
    while (at < line.size() && IsSpace(line[at])) ++at;
    if (at == line.size()) return true;
    const size_t word = at;
    while (at < line.size() && !EndsWord(line[at]) && line[at] != '"' && line[at] != '\'') ++at;
    if (at == line.size() || EndsWord(line[at])) {
      arguments_.push_back(line.substr(word, at - word));
    } else if (!Unquote(line, word, &at)) {
      return false;
    }
  }
}

// The word beginning at `word` has a quote at `*at`, which is moved behind the closing one.
bool RequestParser::Unquote(std::string_view line, size_t word, size_t* at) {
  // No word becomes longer without its quotes, so views into unquoted_ stay where they are.
  if (unquoted_.capacity() < line.size()) unquoted_.reserve(line.size());
  const size_t start = unquoted_.size();
  unquoted_.append(line.substr(word, *at - word));
  const char quote = line[*at];
  size_t i = *at + 1;
  for (; i < line.size() && line[i] != quote; ++i) {
    const std::string_view rest = line.substr(i);
    if (rest[0] != '\\' || rest.size() < 2) {
      unquoted_ += rest[0];
    } else if (quote == '\'') {
      if (rest[1] == '\'') ++i;
      unquoted_ += line[i];
    } else if (rest[1] == 'x' && rest.size() >= 4 && HexDigit(rest[2]) >= 0 &&
               HexDigit(rest[3]) >= 0) {
      unquoted_ += static_cast<char>(HexDigit(rest[2]) * 16 + HexDigit(rest[3]));
      i += 3;
    } else {
      unquoted_ += Escaped(rest[1]);
      ++i;
    }
  }
  if (i >= line.size()) return false;
  ++i;
  if (i < line.size() && !IsSpace(line[i])) return false;
  arguments_.emplace_back(unquoted_.data() + start, unquoted_.size() - start);
  *at = i;
  return true;
}

}  // namespace keyway::resp
