#include "shard/persistence/rdb/lzf.h"

#include <limits>

#include <liblzf/lzf.h>

namespace keyway::shard::rdb {
namespace {

constexpr size_t kLeastSaved = 4;
constexpr size_t kLargeBytes = 16 * 1024 * 1024;
constexpr size_t kLookedAt = 4 * 1024 * 1024;
// Two bytes can stand for at most 8, three for at most 264.
constexpr size_t kMostBytesOfOne = 264 / 3 + 1;
// What cannot be compressed takes a byte more for every 32, and the library wants some room at the
// end. It may write a byte past what it is given.
constexpr size_t MostBytesOf(size_t bytes) {
  return bytes + bytes / 32 + 8;
}

constexpr size_t kMaxBytes = std::numeric_limits<unsigned int>::max();

}  // namespace

bool LzfCompressor::Compress(std::string_view bytes) {
  if (scratch_ == nullptr) {
    scratch_ = std::make_unique_for_overwrite<char[]>(MostBytesOf(kPieceBytes) + 1);
  }
  pieces_.clear();
  if (bytes.size() > kPieceBytes) return CompressLarge(bytes);
  if (bytes.size() <= kLeastSaved) return false;
  size_ = lzf_compress(bytes.data(), static_cast<unsigned int>(bytes.size()), scratch_.get(),
                       static_cast<unsigned int>(bytes.size() - kLeastSaved));
  return size_ != 0;
}

bool LzfCompressor::CompressLarge(std::string_view bytes) {
  const size_t whole = bytes.size();
  const bool is_very_large = whole > kLargeBytes;
  const size_t limit = is_very_large ? whole / 2 : whole - kLeastSaved;
  size_ = 0;
  while (!bytes.empty()) {
    const size_t seen = whole - bytes.size();
    if (is_very_large && seen >= kLookedAt && size_ > seen / 4 * 3) break;
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    bytes.remove_prefix(piece.size());
    const size_t length =
        lzf_compress(piece.data(), static_cast<unsigned int>(piece.size()), scratch_.get(),
                     static_cast<unsigned int>(MostBytesOf(piece.size())));
    size_ += length;
    if (length == 0 || size_ > limit) break;
    pieces_.emplace_back(scratch_.get(), length);
    if (bytes.empty()) return true;
  }
  pieces_.clear();
  return false;
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
