// Any bytes, in one piece and in two: the reply parser sees the same replies, and what it calls a
// reply is one for the tree builder too. How to run: driver.cc.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/resp/reply_parser.h"

namespace {

using keyway::resp::ParseReplyTree;
using keyway::resp::ReplyParser;

void Check(bool right) {
  if (!right) std::abort();
}

size_t Drain(ReplyParser* parser, std::string_view bytes, std::string* seen, bool* failed) {
  size_t consumed = 0;
  for (;;) {
    const std::string_view rest = bytes.substr(consumed);
    switch (parser->Next(rest)) {
      case ReplyParser::Outcome::kNeedMore:
        return consumed;
      case ReplyParser::Outcome::kError:
        *failed = true;
        *seen += "!" + parser->error();
        return consumed;
      case ReplyParser::Outcome::kReply:
        break;
    }
    Check(parser->length() > 0 && parser->length() <= rest.size());
    const auto tree = ParseReplyTree(rest.substr(0, parser->length()));
    // A tree may be less deep than a reply.
    Check(tree.ok() || tree.error().message == "reply nested too deeply");
    if (tree.ok()) Check(tree->type == parser->type() || tree->is_null());
    *seen += parser->type() + std::to_string(parser->length()) + " ";
    consumed += parser->length();
  }
}

std::string See(std::string_view bytes, size_t split) {
  ReplyParser parser;
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
