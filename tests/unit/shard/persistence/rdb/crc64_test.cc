#include "shard/persistence/rdb/crc64.h"

#include <string>

#include <gtest/gtest.h>

namespace keyway::shard::rdb {
namespace {

TEST(Crc64, KnownValues) {
  EXPECT_EQ(Crc64(0, ""), 0u);
  EXPECT_EQ(Crc64(0, "123456789"), 0xe9c6d914c4b8d9cau);
}

TEST(Crc64, GoesOnAnywhere) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += static_cast<char>(i * 37);
  const uint64_t whole = Crc64(0, bytes);
  for (size_t split = 0; split <= bytes.size(); ++split) {
    const std::string_view view(bytes);
    EXPECT_EQ(Crc64(Crc64(0, view.substr(0, split)), view.substr(split)), whole) << split;
  }
}

}  // namespace
}  // namespace keyway::shard::rdb
