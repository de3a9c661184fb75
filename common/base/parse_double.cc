#include "common/base/parse_double.h"

#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

namespace keyway {
namespace {

// Most numbers; everything that is rare is left to strtod.
bool ParsePlain(std::string_view text, double* value) {
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *value);
  return result.ec == std::errc() && result.ptr == end && !std::isnan(*value);
}

}  // namespace

bool ParseDouble(std::string_view text, double* value) {
  if (ParsePlain(text, value)) return true;
  if (text.empty() || std::isspace(static_cast<unsigned char>(text.front())) != 0) return false;
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  const double parsed = std::strtod(terminated.c_str(), &end);
  if (end != terminated.c_str() + terminated.size()) return false;
  if (errno == ERANGE && (std::isinf(parsed) || parsed == 0)) return false;
  if (std::isnan(parsed)) return false;
  *value = parsed;
  return true;
}

}  // namespace keyway
