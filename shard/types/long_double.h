// The numbers of INCRBYFLOAT: 80-bit floats, read and printed as Redis does on x86-64.
#pragma once

#include <string>
#include <string_view>

namespace keyway::shard::types {

// What strtold reads, without blanks around it ("inf" and "0x1p3" included). Returns false for
// anything else: not a number, NaN, too large, too small, or as long as 5 KB.
bool ParseLongDouble(std::string_view text, long double* value);

// With at most 17 digits behind the point and no zeros at their end; never with an exponent.
std::string FormatLongDouble(long double value);

}  // namespace keyway::shard::types
