#include "proxy/execution/timeout.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace keyway::proxy::execution {
namespace {

// As much as Redis reads of a long double.
constexpr size_t kMaxFloatBytes = 5 * 1024;
// What it cannot tell from forever, and has no room to add the time of day to.
constexpr long double kMaxMillis = 9.2e18L;

std::optional<long double> ParseFloat(std::string_view text) {
  if (text.empty() || text.size() >= kMaxFloatBytes ||
      std::isspace(static_cast<unsigned char>(text[0])) != 0) {
    return std::nullopt;
  }
  const std::string copy(text);
  errno = 0;
  char* end = nullptr;
  const long double value = std::strtold(copy.c_str(), &end);
  const bool overflow = errno == ERANGE && (std::isinf(value) || std::fpclassify(value) == FP_ZERO);
  if (end != copy.c_str() + copy.size() || std::isnan(value) || overflow) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> ParseTimeout(std::string_view text, bool in_millis) {
  if (in_millis) {
    int64_t millis = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), millis);
    if (error != std::errc() || end != text.data() + text.size() || millis < 0) return std::nullopt;
    return millis;
  }
  const std::optional<long double> seconds = ParseFloat(text);
  if (!seconds) return std::nullopt;
  const long double millis = std::ceil(*seconds * 1000.0L);
  if (millis < 0 || millis > kMaxMillis) return std::nullopt;
  return static_cast<int64_t>(millis);
}

std::string FormatTimeout(int64_t millis, bool in_millis) {
  millis = std::max<int64_t>(millis, 1);
  if (in_millis) return std::to_string(millis);
  const std::string fraction = std::to_string(millis % 1000);
  return std::to_string(millis / 1000) + "." + std::string(3 - fraction.size(), '0') + fraction;
}

}  // namespace keyway::proxy::execution
