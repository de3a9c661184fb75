// What a child has written that did not come to its end.
#pragma once

#include <string>

#include "shard/keyspace/lazy_free.h"
#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {

// The name is gone when this returns; the blocks of a large file, which takes long, are freed by
// the side thread. There may be no such file.
void RemoveTemporaryFile(FileSystem& files, const std::string& path, keyspace::LazyFree& aside);

}  // namespace keyway::shard::persistence
