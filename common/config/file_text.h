// Whole small files as text, and the trimming that redis.conf lines get.
#pragma once

#include <string>
#include <string_view>

#include "common/base/expected.h"

namespace keyway::config {

// At most 64 MiB. Error: the reason alone, with errno set (EFBIG when it is larger).
Expected<std::string> ReadFileText(const std::string& path);
// The same of a descriptor, until its end. Does not close it.
Expected<std::string> ReadText(int fd);

// Without blanks, tabs and line ends on both sides.
std::string_view Trim(std::string_view line);

}  // namespace keyway::config
