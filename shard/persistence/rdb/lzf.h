// LZF compression (liblzf), as RDB files use it for strings.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keyway::shard::rdb {

// Compresses one string after the other.
class LzfCompressor {
 public:
  // Whether `bytes` can be compressed to at least 4 bytes less than they are; those of more than
  // 16 MB to half of it, because the result is kept in memory, and not if their first 4 MB hardly can.
  bool Compress(std::string_view bytes);

  // Of what was compressed last; valid until the next Compress.
  size_t size() const { return size_; }
  template <typename Visit>
  void ForEachPiece(Visit&& visit) {
    if (pieces_.empty()) visit(std::string_view(scratch_.get(), size_));
    for (const std::string& piece : pieces_) visit(std::string_view(piece));
    pieces_.clear();
  }

 private:
  // LZF refers back by 8 KB at most, so compressing a large string in pieces costs next to nothing.
  static constexpr size_t kPieceBytes = 256 * 1024;

  bool CompressLarge(std::string_view bytes);

  std::unique_ptr<char[]> scratch_;
  std::vector<std::string> pieces_;  // of a large string
  size_t size_ = 0;
};

// The opposite; any bytes will do. False when they are not what `length` bytes were compressed to.
// Allocates no more than `bytes` can stand for.
bool LzfDecompress(std::string_view bytes, size_t length, std::string* out);

}  // namespace keyway::shard::rdb
