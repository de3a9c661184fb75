// How much memory the process uses: what the allocator says (jemalloc, or libc in sanitized
// builds), and what the kernel says.
#pragma once

#include <cstdint>
#include <string>

namespace keyway::shard {

struct MemoryUsage {
  uint64_t allocated = 0;  // bytes handed out to the program, those in the threads' caches included
  uint64_t active = 0;     // in pages that hold some of them
  uint64_t resident = 0;   // held by the allocator in all
};

// A few microseconds with jemalloc: for cron and INFO, not for each command. What the program uses,
// without caches, and at no cost, tells AllocatedBytes() of common/base/allocated_bytes.h: that is
// Redis's used_memory.
MemoryUsage ReadMemoryUsage();
// Resident set size of the process, from /proc/self/statm; 0 when it cannot be read.
uint64_t ReadResidentBytes();
// Memory of the machine.
uint64_t TotalSystemMemory();
// "jemalloc-5.3.0" or "libc".
const std::string& AllocatorName();
// Gives free pages back to the kernel, if the allocator can be told to.
void PurgeAllocator();
// Whether the allocator returns memory from a thread of its own, if it has such.
void SetAllocatorThread(bool on);
// DEBUG MALLCTL: an integer of the allocator, by jemalloc's name for it; set first unless `set` is
// nullptr. Returns 0 or an error number.
int AllocatorNumber(const std::string& name, const int64_t* set, int64_t* value);
// The same for a text, which is not set.
int AllocatorText(const std::string& name, std::string* value);
// What the allocator prints about itself; empty if it does not.
std::string AllocatorStatistics();

}  // namespace keyway::shard
