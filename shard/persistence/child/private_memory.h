// How much memory a forked child has for itself because it, or its parent, has written to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keyway::shard::persistence {

// Of this process: Private_Dirty of /proc/self/smaps_rollup
// (https://docs.kernel.org/filesystems/proc.html); 0 when it cannot be read. The kernel looks at
// every page of the process for that, which takes milliseconds for gigabytes.
uint64_t PrivateDirtyBytes();
// The same from the text of that file.
uint64_t ParsePrivateDirty(std::string_view rollup);

}  // namespace keyway::shard::persistence
