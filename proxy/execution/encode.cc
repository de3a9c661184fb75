#include "proxy/execution/encode.h"

#include <charconv>

namespace keyway::proxy::execution {
namespace {

void AppendLength(char type, size_t length, std::string* out) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), length);
  out->push_back(type);
  out->append(digits, end);
  out->append("\r\n");
}

}  // namespace

void AppendArrayHeader(size_t count, std::string* out) {
  AppendLength('*', count, out);
}

void AppendBulk(std::string_view bytes, std::string* out) {
  AppendLength('$', bytes.size(), out);
  out->append(bytes);
  out->append("\r\n");
}

void AppendRequest(std::span<const std::string_view> arguments, std::string* out) {
  AppendArrayHeader(arguments.size(), out);
  for (std::string_view argument : arguments) AppendBulk(argument, out);
}

}  // namespace keyway::proxy::execution
