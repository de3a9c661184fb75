// Words of requests are compared as Redis does it: upper and lower case of ASCII are the same.
#pragma once

#include <algorithm>
#include <string_view>

namespace keyway::proxy::routing {

inline bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  const auto upper = [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [upper](char x, char y) { return upper(x) == upper(y); });
}

}  // namespace keyway::proxy::routing
