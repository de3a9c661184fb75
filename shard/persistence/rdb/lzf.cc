#include "shard/persistence/rdb/lzf.h"

#include <limits>

#include <liblzf/lzf.h>

namespace keyway::shard::rdb {
namespace {

constexpr size_t kLeastSaved = 4;
// Two bytes can stand for at most 8, three for at most 264.
constexpr size_t kMostBytesOfOne = 264 / 3 + 1;
constexpr size_t kMaxBytes = std::numeric_limits<unsigned int>::max();

}  // namespace

bool LzfCompress(std::string_view bytes, std::string* out) {
  if (bytes.size() <= kLeastSaved || bytes.size() > kMaxBytes) return false;
  const size_t room = bytes.size() - kLeastSaved;
  // Room for the byte that the library may write past what it reports.
  out->resize(room + 1);
  const unsigned int length = lzf_compress(bytes.data(), static_cast<unsigned int>(bytes.size()),
                                           out->data(), static_cast<unsigned int>(room));
  out->resize(length);
  return length != 0;
}

bool LzfDecompress(std::string_view bytes, size_t length, std::string* out) {
  if (bytes.size() > kMaxBytes || length > kMaxBytes) return false;
  if (length / kMostBytesOfOne > bytes.size()) return false;
  out->resize(length);
  // As Redis takes it, whatever the bytes are.
  if (length == 0) return true;
  if (bytes.empty()) return false;
  return lzf_decompress(bytes.data(), static_cast<unsigned int>(bytes.size()), out->data(),
                        static_cast<unsigned int>(length)) == length;
}

}  // namespace keyway::shard::rdb
