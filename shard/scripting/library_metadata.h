// What a library says about itself in its first line.
//
//   line := "#!" engine " " "name=" name "\n"      words quoted as in redis.conf
//
// The engine is Lua, in any case.
#pragma once

#include <string>
#include <string_view>

#include "common/base/expected.h"

namespace keyway::shard::scripting {

struct LibraryMetadata {
  std::string name;
  // What is to be compiled: the rest of `code`, with the line's end, so that lines keep their
  // numbers.
  std::string_view body;
};

// `code` outlives the result. The error is what Redis replies.
Expected<LibraryMetadata> ReadLibraryMetadata(std::string_view code);

}  // namespace keyway::shard::scripting
