#include "shard/server/memory_usage.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

// Weak: the allocator is chosen when the program is linked.
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                       size_t new_size) __attribute__((weak));
// The address sanitizer has an allocator of its own, of which mallinfo2 knows nothing.
extern "C" size_t __sanitizer_get_current_allocated_bytes() __attribute__((weak));
extern "C" size_t __sanitizer_get_heap_size() __attribute__((weak));

namespace keyway::shard {
namespace {

uint64_t JemallocNumber(const char* name) {
  size_t value = 0;
  size_t size = sizeof(value);
  return mallctl(name, &value, &size, nullptr, 0) == 0 ? value : 0;
}

}  // namespace

MemoryUsage ReadMemoryUsage() {
  MemoryUsage usage;
  if (mallctl != nullptr) {
    // jemalloc's figures are those of the last epoch.
    uint64_t epoch = 1;
    size_t size = sizeof(epoch);
    mallctl("epoch", &epoch, &size, &epoch, size);
    usage.allocated = JemallocNumber("stats.allocated");
    usage.active = JemallocNumber("stats.active");
    usage.resident = JemallocNumber("stats.resident");
  } else if (__sanitizer_get_current_allocated_bytes != nullptr) {
    usage.allocated = usage.active = __sanitizer_get_current_allocated_bytes();
    usage.resident = __sanitizer_get_heap_size();
  } else {
    const struct mallinfo2 info = mallinfo2();
    usage.allocated = info.uordblks + info.hblkhd;
    usage.active = usage.allocated;
    usage.resident = info.arena + info.hblkhd;
  }
  return usage;
}

uint64_t ReadResidentBytes() {
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[128];
  const ssize_t length = read(file, text, sizeof(text) - 1);
  close(file);
  if (length <= 0) return 0;
  text[length] = '\0';
  unsigned long long total = 0;
  unsigned long long resident = 0;
  if (std::sscanf(text, "%llu %llu", &total, &resident) != 2) return 0;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t TotalSystemMemory() {
  return static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

const std::string& AllocatorName() {
  static const std::string name = [] {
    const char* version = nullptr;
    size_t size = sizeof(version);
    if (mallctl == nullptr || mallctl("version", &version, &size, nullptr, 0) != 0) {
      return std::string("libc");
    }
    return "jemalloc-" + std::string(version, std::strcspn(version, "-"));
  }();
  return name;
}

}  // namespace keyway::shard
