// Finds where a RESP2 or RESP3 reply ends, without building a tree: a proxy passes the bytes on
// untouched. Incremental as RequestParser is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway::resp {

class ReplyParser {
 public:
  enum class Outcome : uint8_t { kNeedMore, kReply, kError };

  // What a peer may not exceed: levels of aggregates inside each other, bytes of a line, elements
  // of an aggregate (keys and values of a map counted singly), bytes of a bulk string. Scripts give
  // the deepest replies (Redis's own limit is some 8000 levels) and the longest lines.
  static constexpr size_t kMaxDepth = 8192;
  static constexpr size_t kMaxLineBytes = 32 * 1024 * 1024;
  static constexpr int64_t kMaxElements = INT32_MAX;
  static constexpr int64_t kMaxBulkBytes = 4ll * 1024 * 1024 * 1024;

  // `max_depth`: at most kMaxDepth.
  explicit ReplyParser(size_t max_depth = kMaxDepth) : max_depth_(max_depth) {}

  // `bytes`: everything received and not consumed, beginning where the last reply ended. A reply in
  // RESP3 includes the attribute (|) in front of it. After kNeedMore: the same bytes, which may
  // have moved, with more behind them. Streamed aggregates and strings ($? *? ;), which no Redis
  // sends, are an error.
  Outcome Next(std::string_view bytes);

  // For who passes a large reply on while it comes. After kNeedMore: how many of the first bytes are
  // sure to belong to it as they stand. Forget: that many of them, or fewer, are gone; the next call of
  // Next begins behind them, and length() counts from there.
  size_t settled() const;
  void Forget(size_t bytes);

  // After kReply: its length in bytes, and its first byte after any attribute: one of
  // + - : $ * _ , # ! = ( % ~ >   A push (>) is not the answer to a request. The type is known after
  // kNeedMore, too, unless it is 0.
  size_t length() const { return length_; }
  char type() const { return type_; }
  // After kNeedMore: at least how many more bytes it needs (0 = unknown).
  size_t missing() const { return missing_; }
  // After kError: what was wrong, for the log. The connection cannot go on.
  const std::string& error() const { return error_; }

 private:
  enum class Step : uint8_t { kNeedMore, kElement, kError };

  Step ReadElement(std::string_view bytes);
  Step ReadLine(std::string_view bytes, std::string_view* line);
  Step ReadBulk(std::string_view bytes);
  // Counts the element just read, and every aggregate that it completes.
  Step CloseLevels();
  Step OpenAggregate(char type, std::string_view digits);
  Step Fail(const char* reason);
  bool AtTop() const { return open_.empty() || (has_root_ && open_.size() == 1); }

  size_t max_depth_;
  // How many elements are still to come on each open level. An attribute counts as one more element
  // of the level that it stands on.
  std::vector<int64_t> open_;
  bool has_root_ = false;       // open_[0] waits for the reply itself, behind an attribute
  int64_t expected_bulk_ = -1;  // of the bulk string being read; -1: before its length line
  size_t bulk_start_ = 0;
  char element_ = 0;     // type of the bulk string being read
  size_t seen_ = 0;      // how many bytes Next was shown last
  size_t position_ = 0;  // next byte to look at; of a line: its first
  size_t scanned_ = 0;   // of an incomplete line: no end of it before here
  size_t length_ = 0;
  size_t missing_ = 0;
  char type_ = 0;
  std::string error_;
};

// A reply as a tree, for the few places that look inside one (cluster topology, tests). Strings are
// views into the parsed bytes. Its depth is bounded by kMaxTreeDepth, as it is built and destroyed
// by recursion.
constexpr size_t kMaxTreeDepth = 128;
struct ReplyValue {
  char type = 0;          // as ReplyParser::type(); '_' for every null, RESP2's included
  std::string_view text;  // + - $ ! ( , : and #: the bytes between the markers; =: without "txt:"
  int64_t integer = 0;    // : and # (1 or 0)
  std::vector<ReplyValue> elements;  // * ~ > and %: for a map, keys and values in turn

  bool is_error() const { return type == '-' || type == '!'; }
  bool is_null() const { return type == '_'; }
  // In a map, or an array of name and value in turn (how RESP2 writes a map): the value that
  // follows the string `key`; nullptr when there is none.
  const ReplyValue* Find(std::string_view key) const;
};

// `bytes` is exactly one reply, as ReplyParser delimits it. Attributes are left out.
Expected<ReplyValue> ParseReplyTree(std::string_view bytes);

}  // namespace keyway::resp
