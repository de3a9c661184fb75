// How much memory the process uses: what the allocator says (jemalloc, or libc in sanitized
// builds), and what the kernel says.
#pragma once

#include <cstdint>
#include <string>

namespace keyway::shard {

struct MemoryUsage {
  uint64_t allocated = 0;  // bytes handed out to the program: Redis's used_memory
  uint64_t active = 0;     // in pages that hold some of them
  uint64_t resident = 0;   // held by the allocator in all
};

// A few microseconds with jemalloc: for cron and INFO, not for each command.
MemoryUsage ReadMemoryUsage();
// Resident set size of the process, from /proc/self/statm; 0 when it cannot be read.
uint64_t ReadResidentBytes();
// Memory of the machine.
uint64_t TotalSystemMemory();
// "jemalloc-5.3.0" or "libc".
const std::string& AllocatorName();

}  // namespace keyway::shard
