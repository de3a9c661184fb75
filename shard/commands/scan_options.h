// The arguments of SCAN, HSCAN, SSCAN and ZSCAN. A function that returns false, or nullptr, has
// written the reply.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "shard/keyspace/record.h"
#include "shard/server/command_context.h"

namespace keyway::shard::commands {

struct ScanOptions {
  // Whether MATCH lets it pass.
  bool Matches(std::string_view text) const;

  size_t count = 10;  // at least 1
  std::optional<std::string_view> pattern;
  std::optional<std::string_view> type;
};

// What strtoul reads without blanks before it: "-1" is the largest cursor, "" is 0.
bool ReadScanCursor(CommandContext& context, std::string_view argument, uint64_t* cursor);
// The options from argument `first` on. `with_type`: TYPE is one of them.
bool ReadScanOptions(CommandContext& context, size_t first, bool with_type, ScanOptions* options);
// What HSCAN, SSCAN and ZSCAN have in common: reads the arguments and finds the record, which is of
// that type.
const keyspace::Record* BeginElementScan(CommandContext& context, keyspace::Type type,
                                         uint64_t* cursor, ScanOptions* options);
// The two elements of the reply's array are this cursor and the array that the caller writes next.
void ReplyScanCursor(CommandContext& context, uint64_t cursor);

}  // namespace keyway::shard::commands
