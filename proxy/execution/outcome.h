// How a request ended, for metrics and for the operations that act on it.
#pragma once

#include <cstdint>
#include <string_view>

namespace keyway::proxy::execution {

enum class Outcome : uint8_t {
  kOk,
  kError,        // an error reply of a shard, or of a command that the proxy answers itself
  kRefused,      // unknown, malformed or unsupported: no shard was asked
  kNoTopology,   // the proxy knows no shard for it
  kUnreachable,  // the shard could not be reached; not executed
  kOverloaded,   // a bound of the proxy was reached; not executed
  kRedirects,    // redirected more often than allowed
  kDeadline,     // no reply in time; not executed, or a read
  kUncertain,    // a write that may or may not have been executed
  kCancelled,    // the client went away
};
inline constexpr int kOutcomes = 10;

constexpr std::string_view OutcomeName(Outcome outcome) {
  constexpr std::string_view kNames[kOutcomes] = {
      "ok",         "error",     "refused",  "no_topology", "unreachable",
      "overloaded", "redirects", "deadline", "uncertain",   "cancelled",
  };
  return kNames[static_cast<int>(outcome)];
}

}  // namespace keyway::proxy::execution
