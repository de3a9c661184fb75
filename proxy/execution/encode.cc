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

std::string WithArgument(std::string_view request, int index, std::string_view argument) {
  size_t at = request.find("\r\n") + 2;
  // Where the bulk string at `position` ends.
  const auto end_of_bulk = [request](size_t position) {
    size_t length = 0;
    const size_t line_end = request.find("\r\n", position);
    std::from_chars(request.data() + position + 1, request.data() + line_end, length);
    return line_end + 2 + length + 2;
  };
  for (int i = 0; i < index; ++i) at = end_of_bulk(at);
  std::string changed(request.substr(0, at));
  AppendBulk(argument, &changed);
  changed += request.substr(end_of_bulk(at));
  return changed;
}

}  // namespace keyway::proxy::execution
