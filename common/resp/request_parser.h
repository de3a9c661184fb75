// Finds the requests in what a client sent: RESP arrays of bulk strings, and inline commands.
// Limits and error texts are those of Redis 7.0.15.
//
// Incremental: the caller keeps the bytes that are not consumed yet in one contiguous buffer and
// passes all of them to each call; the parser remembers how far it has looked, so any split of the
// bytes costs no more than one pass. Zero-copy: arguments are views into that buffer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keyway::resp {

struct RequestLimits {
  size_t max_inline_bytes = 64 * 1024;         // an inline request, or a *N / $N line
  int64_t max_arguments = INT32_MAX;           // *N
  int64_t max_bulk_bytes = 512 * 1024 * 1024;  // $N: proto-max-bulk-len
  // While the client still has to authenticate.
  int64_t max_arguments_unauthenticated = 10;
  int64_t max_bulk_bytes_unauthenticated = 16 * 1024;
};

enum class ParseOutcome : uint8_t {
  kNeedMore,  // no complete request yet
  kRequest,   // arguments() holds at least one argument
  kError,     // error() says why; the connection cannot go on
};

class RequestParser {
 public:
  explicit RequestParser(const RequestLimits& limits = {}) : limits_(limits) {}

  void set_limits(const RequestLimits& limits) { limits_ = limits; }
  // Until true is set, the limits for unauthenticated clients hold. Starts as true.
  void set_authenticated(bool authenticated) { authenticated_ = authenticated; }

  // `bytes`: everything received and not consumed, beginning where the last request ended; when the
  // last call said kNeedMore, the same bytes as then (they may have moved) with more behind them.
  // Empty requests ("\r\n", "*0\r\n", "*-1\r\n") are skipped; what was skipped counts as consumed
  // even with kNeedMore, and the caller drops it.
  ParseOutcome Next(std::string_view bytes);

  // After kRequest: the arguments, the command name first. Views into the `bytes` of that call; for
  // an inline request with quotes, views into the parser, valid until the next call of Next.
  std::span<const std::string_view> arguments() const { return arguments_; }
  // How many of the bytes of the last call are done with: the request and what was skipped before
  // it.
  size_t consumed() const { return consumed_; }
  // After kNeedMore: at least how many more bytes than were given the request needs (0 = unknown).
  // For sizing the read buffer when a large bulk string arrives.
  size_t missing() const { return missing_; }
  // After kError: "Protocol error: ..." without the "ERR " in front.
  const std::string& error() const { return error_; }

 private:
  struct Range {
    size_t offset;
    size_t length;
  };
  enum class Step : uint8_t { kNeedMore, kDone, kSkip, kError };

  void BeginRequest();
  Step ReadInline(std::string_view request);
  Step ReadArrayHeader(std::string_view request);
  Step ReadBulkStrings(std::string_view request);
  // Reads the number of the *N or $N line that begins at position_; position_ is then behind it.
  // `valid` is false when it is no number as Redis understands it.
  Step ReadLengthLine(std::string_view request, const char* too_big, int64_t* value, bool* valid);
  bool SplitInline(std::string_view line);
  bool Unquote(std::string_view line, size_t word, size_t* at);
  Step Fail(std::string text);

  RequestLimits limits_;
  bool authenticated_ = true;
  std::vector<std::string_view> arguments_;
  std::vector<Range> ranges_;        // arguments found so far, relative to the start of the request
  std::string unquoted_;             // what the quotes of an inline request held
  int64_t expected_arguments_ = -1;  // of the array being read; -1: between requests
  int64_t expected_bulk_ = -1;       // of the bulk string being read; -1: before its $N line
  // Relative to the start of the request being read, as the bytes in front of it are consumed.
  size_t position_ = 0;  // next byte to look at; of a line: its first
  size_t scanned_ = 0;   // of an incomplete line: no end of it before here
  size_t consumed_ = 0;
  size_t missing_ = 0;
  std::string error_;
};

}  // namespace keyway::resp
