// Any bytes, in one piece and in two: the request parser sees the same requests, and its views lie
// where they should. How to run: driver.cc.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/resp/request_parser.h"

namespace {

using keyway::resp::ParseOutcome;
using keyway::resp::RequestParser;

void Check(bool right) {
  if (!right) std::abort();
}

// Appends what the parser sees in `bytes` to `seen`; returns how many it consumed. `failed` ends
// it.
size_t Drain(RequestParser* parser, std::string_view bytes, std::string* seen, bool* failed) {
  size_t consumed = 0;
  for (;;) {
    const ParseOutcome outcome = parser->Next(bytes.substr(consumed));
    Check(parser->consumed() <= bytes.size() - consumed);
    if (outcome == ParseOutcome::kError) {
      *failed = true;
      *seen += "!" + parser->error();
      return consumed;
    }
    consumed += parser->consumed();
    if (outcome == ParseOutcome::kNeedMore) return consumed;
    Check(!parser->arguments().empty());
    Check(parser->consumed() > 0);
    for (const std::string_view argument : parser->arguments()) {
      seen->append(argument).push_back('\1');
    }
    seen->push_back('\2');
  }
}

std::string See(std::string_view bytes, size_t split) {
  RequestParser parser;
  std::string seen;
  bool failed = false;
  const size_t consumed = Drain(&parser, bytes.substr(0, split), &seen, &failed);
  if (!failed) Drain(&parser, bytes.substr(consumed), &seen, &failed);
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = See(bytes, size);
  const size_t split = size == 0 ? 0 : (data[0] * 131u + data[size - 1] + size) % size;
  Check(See(bytes, split) == whole);
  return 0;
}
