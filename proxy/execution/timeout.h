// The time-out of a blocking command, as a client writes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyway::proxy::execution {

// Milliseconds, rounded up; 0: forever. `in_millis`: an integer of milliseconds, else seconds with a
// fraction, as Redis reads floats (strtold's words). None: Redis answers it with an error.
std::optional<int64_t> ParseTimeout(std::string_view text, bool in_millis);

// The other way round, for a time that is not over: never 0, which would be forever.
std::string FormatTimeout(int64_t millis, bool in_millis);

}  // namespace keyway::proxy::execution
