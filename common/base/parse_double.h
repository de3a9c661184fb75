// Doubles in arguments, as Redis reads them.
#pragma once

#include <string_view>

namespace keyway {

// What strtod reads, without a blank before it ("inf" and "0x1p3" included). Returns false for
// anything else: not a number, NaN, too large, too small.
bool ParseDouble(std::string_view text, double* value);

}  // namespace keyway
