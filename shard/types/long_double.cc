#include "shard/types/long_double.h"

#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace keyway::shard::types {
namespace {

constexpr size_t kMaxTextBytes = 5 * 1024;

}  // namespace

bool ParseLongDouble(std::string_view text, long double* value) {
  if (text.empty() || text.size() >= kMaxTextBytes) return false;
  if (std::isspace(static_cast<unsigned char>(text.front())) != 0) return false;
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  const long double parsed = std::strtold(terminated.c_str(), &end);
  if (end != terminated.c_str() + terminated.size()) return false;
  if (errno == ERANGE && (std::isinf(parsed) || parsed == 0)) return false;
  if (errno == EINVAL || std::isnan(parsed)) return false;
  *value = parsed;
  return true;
}

std::string FormatLongDouble(long double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[kMaxTextBytes];
  const int length = std::snprintf(text, sizeof(text), "%.17Lf", value);
  std::string_view digits(text, static_cast<size_t>(length));
  // There is a point: what is cut are digits behind it.
  digits = digits.substr(0, digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.remove_suffix(1);
  return digits == "-0" ? "0" : std::string(digits);
}

}  // namespace keyway::shard::types
