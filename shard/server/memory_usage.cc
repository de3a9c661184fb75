#include "shard/server/memory_usage.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

// Weak: the allocator is chosen when the program is linked.
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                       size_t new_size) __attribute__((weak));
extern "C" void malloc_stats_print(void (*write)(void* context, const char* text), void* context,
                                   const char* options) __attribute__((weak));
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

void PurgeAllocator() {
  // 4096 stands for all arenas.
  if (mallctl != nullptr) mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}

void SetAllocatorThread(bool on) {
  if (mallctl != nullptr) mallctl("background_thread", nullptr, nullptr, &on, sizeof(on));
}

int AllocatorNumber(const std::string& name, const int64_t* set, int64_t* value) {
  if (mallctl == nullptr) return ENOTSUP;
  int64_t written = set == nullptr ? 0 : *set;
  // The names do not tell how wide their integers are.
  int error = EINVAL;
  for (size_t size = sizeof(int64_t); error == EINVAL && size > 0; size /= 2) {
    int64_t read = 0;
    size_t read_size = size;
    error = mallctl(name.c_str(), &read, &read_size, set == nullptr ? nullptr : &written,
                    set == nullptr ? 0 : size);
    if (error == 0) *value = read;
  }
  return error;
}

int AllocatorText(const std::string& name, std::string* value) {
  if (mallctl == nullptr) return ENOTSUP;
  // What is no text must not be read as one.
  constexpr std::array<std::string_view, 7> kTexts = {
      "version", "config.malloc_conf", "opt.dss", "opt.junk", "opt.metadata_thp",
      "opt.percpu_arena", "opt.thp"};
  if (std::find(kTexts.begin(), kTexts.end(), name) == kTexts.end()) return ENOENT;
  const char* text = nullptr;
  size_t size = sizeof(text);
  const int error = mallctl(name.c_str(), static_cast<void*>(&text), &size, nullptr, 0);
  if (error == 0 && text != nullptr) *value = text;
  return error;
}

std::string AllocatorStatistics() {
  std::string text;
  if (malloc_stats_print == nullptr) return text;
  malloc_stats_print(
      [](void* context, const char* part) { static_cast<std::string*>(context)->append(part); },
      &text, nullptr);
  return text;
}

}  // namespace keyway::shard
