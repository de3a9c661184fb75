// How many bytes the program holds from its allocator, cheap enough to be asked before each
// command.
//
// jemalloc counts, a thread, the bytes that it has ever allocated and freed, sizes rounded up as it
// hands them out, in two words that may be read without a call. The sum of their differences over
// all threads that count is what is in use: always up to date, without the allocator's own caches
// and fragmentation, as Redis's used_memory. With another allocator (sanitized builds) the figure
// is that of the whole process and costs more.
#pragma once

#include <cstdint>

namespace keyway {

// Lets the calling thread's allocations count from now on and, when the thread ends, those that
// outlive it. To be called by every thread that frees what others have allocated, or the other way
// round, before it does so. At most 64 threads at a time; more do not count. Such a thread must be
// joined by the one that calls AllocatedBytes, so that its counters are not read while it ends.
void CountAllocationsOfThisThread();

// Bytes in use by the threads that count; the calling thread becomes one of them.
uint64_t AllocatedBytes();

}  // namespace keyway
