// Words among the arguments of connection and server commands.
#pragma once

#include <strings.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/resp/number.h"

namespace keyway::shard::commands {

// Whether `argument` is `word`, in any case.
inline bool Is(std::string_view argument, std::string_view word) {
  return argument.size() == word.size() &&
         strncasecmp(argument.data(), word.data(), word.size()) == 0;
}

// A decimal number as Redis takes it from a client: no blanks, no plus sign, no leading zeros.
inline bool ParseNumber(std::string_view argument, int64_t* value) {
  return resp::ParseLength(argument, value);
}

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNoCluster = "ERR This instance has cluster support disabled";

// "ERR unknown subcommand or wrong number of arguments for 'pause'. Try CLIENT HELP."
inline std::string SubcommandSyntaxError(std::string_view container, std::string_view subcommand) {
  return "ERR unknown subcommand or wrong number of arguments for '" +
         std::string(subcommand.substr(0, 128).substr(0, subcommand.find('\0'))) + "'. Try " +
         std::string(container) + " HELP.";
}

}  // namespace keyway::shard::commands
