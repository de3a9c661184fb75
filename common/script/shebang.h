// The first line of a script or a library, "#!lua flags=no-writes" or "#!lua name=mylib", which
// says what the rest is (https://redis.io/docs/manual/programmability/eval-intro, "Script flags"),
// and what its flags mean for the command that runs it.
//
//   shebang := "#!" engine (blank word)* "\n"      words quoted as in redis.conf
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/expected.h"

namespace keyway::script {

// What the author of a script or a function has declared about it, with Redis's bits.
enum ScriptFlag : uint32_t {
  kScriptNoWrites = 1u << 0,
  kScriptAllowOom = 1u << 1,
  kScriptAllowStale = 1u << 2,
  kScriptNoCluster = 1u << 3,
  kScriptEvalCompat = 1u << 4,  // EVAL of a script without "#!": Redis 6 knew no flags
  kScriptAllowCrossSlotKeys = 1u << 5,
};
// "no-writes" ...; 0: there is no such flag.
uint32_t ScriptFlagByName(std::string_view name);

// command::Flag: what a command with `command_flags` counts as that runs something with
// `script_flags`. Without declared flags (kScriptEvalCompat) it is what its row says.
uint32_t CommandFlagsOf(uint32_t command_flags, uint32_t script_flags);

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

}  // namespace keyway::script
