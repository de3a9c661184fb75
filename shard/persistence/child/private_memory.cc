#include "shard/persistence/child/private_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

namespace keyway::shard::persistence {

uint64_t ParsePrivateDirty(std::string_view rollup) {
  constexpr std::string_view kName = "\nPrivate_Dirty:";
  const size_t found = rollup.find(kName);
  if (found == std::string_view::npos) return 0;
  rollup.remove_prefix(found + kName.size());
  const size_t digits = rollup.find_first_not_of(' ');
  if (digits == std::string_view::npos) return 0;
  rollup.remove_prefix(digits);
  uint64_t kilobytes = 0;
  std::from_chars(rollup.data(), rollup.data() + rollup.size(), kilobytes);
  return kilobytes * 1024;
}

uint64_t PrivateDirtyBytes() {
  const int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  std::array<char, 4096> text;
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t bytes = read(fd, text.data() + size, text.size() - size);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes <= 0) break;
    size += static_cast<size_t>(bytes);
  }
  close(fd);
  return ParsePrivateDirty({text.data(), size});
}

}  // namespace keyway::shard::persistence
