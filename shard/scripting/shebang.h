// The first line of a script or a library, "#!lua flags=no-writes" or "#!lua name=mylib", which
// says what the rest is (https://redis.io/docs/manual/programmability/eval-intro, "Script flags").
//
//   shebang := "#!" engine (blank word)* "\n"      words quoted as in redis.conf
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway::shard::scripting {

struct Shebang {
  enum class Status : uint8_t {
    kNone,       // the code does not begin with "#!"
    kEndless,    // the line has no end
    kMalformed,  // a quote stays open, or is followed by something
    kOk,
  };
  Status status = Status::kNone;
  // kOk: not empty, the first is "#!lua"; the others are the options.
  std::vector<std::string> words;
  // What is to be compiled: `code` from the end of the line on, the line's end included, so that
  // lines keep their numbers. All of `code` with kNone.
  std::string_view body;
};

// `code` outlives the result.
Shebang ReadShebang(std::string_view code);

// The declaration of a script that EVAL takes.
struct ScriptDeclaration {
  uint32_t flags;         // ScriptFlag: kScriptEvalCompat alone without "#!"
  std::string_view body;  // as in Shebang
};
// Reads it. The error is what Redis replies, with its "ERR ".
Expected<ScriptDeclaration> ReadScriptDeclaration(std::string_view code);

}  // namespace keyway::shard::scripting
