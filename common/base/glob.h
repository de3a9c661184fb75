// Redis's glob patterns, as KEYS, SCAN, CONFIG GET, PSUBSCRIBE and ACL rules use them.
#pragma once

#include <string_view>

namespace keyway {

// Whether all of `text` matches `pattern`: * any bytes, ? one byte, [ab], [a-z] and [^a] one byte
// of a class, \x the byte x. As in Redis 7.0, every pattern means something: a class that is not
// closed ends with the pattern, a range may be written backwards, a last backslash stands for
// itself. An empty text matches "" and "*", as for KEYS and SCAN, but not "**".
// `ignore_case` concerns ASCII letters.
// Time at most proportional to pattern length times text length, whatever the pattern.
bool GlobMatch(std::string_view pattern, std::string_view text, bool ignore_case = false);

// The same for channels, of which the empty one matches the empty pattern alone, not even "*".
inline bool ChannelMatches(std::string_view pattern, std::string_view channel) {
  return channel.empty() ? pattern.empty() : GlobMatch(pattern, channel);
}

}  // namespace keyway
