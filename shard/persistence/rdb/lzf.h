// LZF compression (liblzf), as RDB files use it for strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keyway::shard::rdb {

// Writes to `out` what `bytes` are compressed, if that is at least 4 bytes less than they are.
bool LzfCompress(std::string_view bytes, std::string* out);

// The opposite; any bytes will do. False when they are not what `length` bytes were compressed to.
// Allocates no more than `bytes` can stand for.
bool LzfDecompress(std::string_view bytes, size_t length, std::string* out);

}  // namespace keyway::shard::rdb
