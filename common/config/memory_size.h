// Amounts of memory as redis.conf writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyway::config {

// Digits and an optional unit in any case: b, k (1000), kb (1024), m, mb, g, gb. No sign, no
// fraction, no blank; no digits at all are 0. More than 2^64-1 is taken as 2^64-1.
std::optional<uint64_t> ParseMemory(std::string_view text);

// The largest unit of gb, mb, kb that divides `bytes`; else the plain number.
std::string FormatMemory(uint64_t bytes);

}  // namespace keyway::config
