#include "shard/persistence/rdb/lzf.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

namespace keyway::shard::rdb {
namespace {

constexpr size_t kMegabyte = 1'000'000;

std::string Noise(size_t size) {
  std::string noise(size, '\0');
  uint64_t state = 1;
  for (char& byte : noise) byte = static_cast<char>((state = state * 6364136223846793005 + 1) >> 56);
  return noise;
}

std::string Compressed(LzfCompressor& compressor, std::string_view bytes) {
  if (!compressor.Compress(bytes)) return "";
  const size_t size = compressor.size();
  std::string whole;
  compressor.ForEachPiece([&](std::string_view piece) { whole += piece; });
  EXPECT_EQ(whole.size(), size);
  EXPECT_LE(size + 4, bytes.size());
  return whole;
}

void ExpectThereAndBack(LzfCompressor& compressor, std::string_view bytes) {
  const std::string compressed = Compressed(compressor, bytes);
  ASSERT_FALSE(compressed.empty()) << bytes.size();
  std::string back;
  ASSERT_TRUE(LzfDecompress(compressed, bytes.size(), &back)) << bytes.size();
  EXPECT_TRUE(back == bytes) << bytes.size();
}

TEST(Lzf, ThereAndBack) {
  LzfCompressor compressor;
  for (const size_t size : {20, 300, 10'000, 262'143, 262'144, 262'145, 524'288, 3'000'000}) {
    ExpectThereAndBack(compressor, std::string(size, 'a'));
    std::string text;
    while (text.size() < size) text += "some text with number " + std::to_string(text.size()) + "; ";
    if (size >= 300) ExpectThereAndBack(compressor, text);
  }
}

TEST(Lzf, LeavesWhatDoesNotGetShorter) {
  LzfCompressor compressor;
  for (const size_t size : {0, 1, 4, 5, 100, 262'144, 300'000, 1'000'000}) {
    EXPECT_FALSE(compressor.Compress(Noise(size))) << size;
  }
  ExpectThereAndBack(compressor, std::string(100, 'a'));
}

// Noise first, so that its first pieces only get longer.
TEST(Lzf, LooksAtAllOfALargeString) {
  LzfCompressor compressor;
  ExpectThereAndBack(compressor, Noise(kMegabyte) + std::string(kMegabyte, 'a'));
}

TEST(Lzf, KeepsAtMostHalfOfAVeryLargeString) {
  LzfCompressor compressor;
  const std::string zeros(8 * kMegabyte, '0');
  EXPECT_FALSE(compressor.Compress(zeros + Noise(12 * kMegabyte)));
  ExpectThereAndBack(compressor, zeros + Noise(4 * kMegabyte) + zeros);
  // The beginning tells.
  EXPECT_FALSE(compressor.Compress(Noise(5 * kMegabyte) + zeros + zeros));
}

}  // namespace
}  // namespace keyway::shard::rdb
