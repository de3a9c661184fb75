// Words and quotes as in redis.conf and inline commands.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keyway::config {

// Splits at blanks. "..." may hold \n \r \t \b \a \xHH and escaped quotes, '...' only \'. A closing
// quote must be followed by a blank or the end; nullopt if not, or if a quote stays open.
std::optional<std::vector<std::string>> SplitWords(std::string_view line);

// `text` in double quotes, so that SplitWords gives it back: \n \r \t \a \b \\ \" and \xHH for what
// is not printable ASCII.
std::string Quote(std::string_view text);

}  // namespace keyway::config
