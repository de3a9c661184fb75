#include "common/config/file_text.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace keyway::config {

namespace {
constexpr size_t kMostBytes = 64 << 20;
}

Expected<std::string> ReadText(int fd) {
  std::string text;
  char block[16 * 1024];
  while (true) {
    ssize_t got = read(fd, block, sizeof(block));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return text;
    if (got > 0) text.append(block, static_cast<size_t>(got));
    if (text.size() > kMostBytes) errno = EFBIG;
    if (got < 0 || text.size() > kMostBytes) return Error{std::strerror(errno)};
  }
}

Expected<std::string> ReadFileText(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return Error{std::strerror(errno)};
  Expected<std::string> text = ReadText(fd);
  int error = errno;
  close(fd);
  errno = error;
  return text;
}

std::string_view Trim(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace keyway::config
