#include "shard/replication/backlog.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace keyway::shard::replication {
namespace {

constexpr size_t kBlock = Backlog::kBlockBytes;

// Byte number `offset` of the stream of these tests.
char ByteAt(uint64_t offset) {
  return static_cast<char>(offset * 131 + (offset >> 8));
}

std::string Bytes(uint64_t offset, size_t count) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = ByteAt(offset + i);
  return bytes;
}

TEST(Backlog, GivesWhatWasAppended) {
  Backlog backlog(1, 1024);
  EXPECT_EQ(backlog.begin(), 1u);
  EXPECT_EQ(backlog.end(), 1u);
  auto reader = backlog.Read(1);
  ASSERT_NE(reader, nullptr);
  EXPECT_EQ(reader->Next(), "");
  backlog.Append("PING");
  backlog.Append("");
  backlog.Append("PONG");
  EXPECT_EQ(backlog.end(), 9u);
  EXPECT_EQ(reader->Next(), "PINGPONG");
  EXPECT_EQ(reader->behind(), 8u);
  reader->Advance(3);
  EXPECT_EQ(reader->offset(), 4u);
  EXPECT_EQ(reader->Next(), "GPONG");
  reader->Advance(5);
  EXPECT_EQ(reader->Next(), "");
}

TEST(Backlog, KeepsTheLastBytesOnly) {
  Backlog backlog(1000, 2 * kBlock);
  backlog.Append(Bytes(1000, 10 * kBlock + 5));
  EXPECT_EQ(backlog.end(), 1000 + 10 * kBlock + 5);
  EXPECT_GE(backlog.end() - backlog.begin(), 2 * kBlock);
  EXPECT_LT(backlog.end() - backlog.begin(), 3 * kBlock);
  EXPECT_LE(backlog.AllocatedBytes(), 4 * kBlock);
  EXPECT_EQ(backlog.Read(backlog.begin() - 1), nullptr);
  EXPECT_EQ(backlog.Read(backlog.end() + 1), nullptr);
  EXPECT_NE(backlog.Read(backlog.begin()), nullptr);
  EXPECT_NE(backlog.Read(backlog.end()), nullptr);
}

TEST(Backlog, KeepsWhatAReaderLacks) {
  Backlog backlog(1, kBlock);
  auto slow = backlog.Read(1);
  backlog.Append(Bytes(1, 20 * kBlock));
  EXPECT_EQ(backlog.begin(), 1u);
  EXPECT_EQ(slow->behind(), 20 * kBlock);
  slow->Advance(kBlock);
  slow->Advance(4 * kBlock);
  EXPECT_EQ(backlog.begin(), 1 + 5 * kBlock);
  slow.reset();
  EXPECT_EQ(backlog.begin(), 1 + 19 * kBlock);
}

TEST(Backlog, ASmallerSizeHoldsAtOnce) {
  Backlog backlog(1, 100 * kBlock);
  backlog.Append(Bytes(1, 50 * kBlock));
  EXPECT_EQ(backlog.begin(), 1u);
  backlog.set_keep_bytes(0);
  EXPECT_EQ(backlog.begin(), backlog.end());
  EXPECT_EQ(backlog.AllocatedBytes(), 0u);
  auto reader = backlog.Read(backlog.end());
  backlog.Append("x");
  EXPECT_EQ(reader->Next(), "x");
}

TEST(Backlog, ManyReadersAtRandom) {
  Random random(7);
  Backlog backlog(1, 3 * kBlock);
  std::vector<std::unique_ptr<Backlog::Reader>> readers;
  for (int step = 0; step < 20000; ++step) {
    switch (random.Below(4)) {
      case 0:
        backlog.Append(Bytes(backlog.end(), random.Below(2 * kBlock)));
        break;
      case 1:
        if (readers.size() < 5) {
          const uint64_t range = backlog.end() - backlog.begin() + 1;
          readers.push_back(backlog.Read(backlog.begin() + random.Below(range)));
          ASSERT_NE(readers.back(), nullptr);
        }
        break;
      case 2:
        if (!readers.empty() && random.Below(8) == 0) {
          readers.erase(readers.begin() + static_cast<int64_t>(random.Below(readers.size())));
        }
        break;
      default:
        for (auto& reader : readers) {
          const std::string_view next = reader->Next();
          ASSERT_EQ(next.empty(), reader->behind() == 0);
          ASSERT_EQ(next, Bytes(reader->offset(), next.size()));
          reader->Advance(random.Below(next.size() + 1));
        }
    }
    uint64_t oldest = backlog.end();
    for (const auto& reader : readers) oldest = std::min(oldest, reader->offset());
    ASSERT_LE(backlog.begin(), oldest);
    const uint64_t kept = backlog.end() - backlog.begin();
    ASSERT_LE(kept, std::max<uint64_t>(3 * kBlock, backlog.end() - oldest) + kBlock);
  }
  readers.clear();
}

}  // namespace
}  // namespace keyway::shard::replication
