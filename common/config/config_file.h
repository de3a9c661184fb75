// Reads redis.conf: a directive a line, words separated by blanks, "..." with escapes and '...' for
// words with blanks, # comments, `include <file or glob>`.
#pragma once

#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "common/config/registry.h"

namespace keyway::config {

// Where a configuration comes from. Later parts override earlier ones.
struct Sources {
  std::string file;         // empty: none; with * ? or [ a glob, whose files are read in order
  bool from_stdin = false;  // then what stdin says, until its end
  std::string options;      // then these lines
};

// Sets what the sources say. Bounds: files of 64 MiB, includes 16 deep, 1000
// files in all.
// Error: the complete text for stderr, as redis-server prints it:
//   "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n
//   >>> 'port abc'\nargument couldn't be parsed into an integer\n",
// or "Fatal error, can't open config file '...': ...\n". The registry is then half set: exit.
Status Load(Registry& registry, const Sources& sources);

// The same text for an error that is found after all lines are read and belongs to none.
Error FatalConfigError(std::string_view reason);

}  // namespace keyway::config
