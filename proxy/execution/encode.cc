#include "proxy/execution/encode.h"

#include <charconv>
#include <cstdint>

#include <glog/logging.h>

#include "common/resp/request_parser.h"

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

std::vector<std::string_view> ArgumentsOf(std::string_view request) {
  // How long an argument may be has been judged when it came.
  resp::RequestParser parser({.max_bulk_bytes = INT64_MAX});
  CHECK(parser.Next(request) == resp::ParseOutcome::kRequest) << "what was accepted is no request";
  return {parser.arguments().begin(), parser.arguments().end()};
}

std::string WithArgument(std::string_view request, int index, std::string_view argument) {
  std::vector<std::string_view> arguments = ArgumentsOf(request);
  arguments[static_cast<size_t>(index)] = argument;
  std::string changed;
  AppendRequest(arguments, &changed);
  return changed;
}

}  // namespace keyway::proxy::execution
