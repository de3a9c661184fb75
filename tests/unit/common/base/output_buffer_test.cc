#include "common/base/output_buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "common/base/random.h"

namespace keyway {
namespace {

std::string Pattern(size_t bytes, int salt = 0) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i)
    text[i] = static_cast<char>((i * 31 + i / 251 + static_cast<size_t>(salt)) & 0xff);
  return text;
}

std::string Gathered(const OutputBuffer& buffer) {
  std::vector<iovec> vectors(1024);
  const int count = buffer.Gather(vectors.data(), static_cast<int>(vectors.size()));
  std::string text;
  for (int i = 0; i < count; ++i) {
    EXPECT_GT(vectors[i].iov_len, 0u);
    text.append(static_cast<const char*>(vectors[i].iov_base), vectors[i].iov_len);
  }
  return text;
}

TEST(OutputBufferTest, EmptyHoldsNothing) {
  OutputBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(buffer.memory(), 0u);
  EXPECT_EQ(Gathered(buffer), "");
  buffer.Append(std::string_view());
  buffer.Consume(0);
  buffer.Clear();
  EXPECT_TRUE(buffer.empty());
}

TEST(OutputBufferTest, AppendAcrossBlocks) {
  OutputBuffer buffer;
  std::string expected;
  for (size_t bytes : {1u, 100u, 16'000u, 16'384u, 16'385u, 0u, 200'000u, 3u}) {
    const std::string piece = Pattern(bytes, static_cast<int>(bytes));
    buffer.Append(piece);
    expected += piece;
  }
  buffer.Append(std::string_view());
  buffer.Append('x');
  expected += 'x';
  EXPECT_EQ(buffer.size(), expected.size());
  EXPECT_EQ(buffer.ToString(), expected);
  EXPECT_EQ(Gathered(buffer), expected);
  EXPECT_GE(buffer.memory(), expected.size());
  EXPECT_LE(buffer.memory(), expected.size() + 4 * OutputBuffer::kBlockBytes);
}

TEST(OutputBufferTest, GatherStopsAtItsMaximum) {
  OutputBuffer buffer;
  for (int i = 0; i < 8; ++i) buffer.Append(Pattern(OutputBuffer::kBlockBytes, i));
  iovec vectors[2];
  EXPECT_EQ(buffer.Gather(vectors, 2), 2);
  EXPECT_EQ(buffer.Gather(vectors, 0), 0);
}

TEST(OutputBufferTest, ReserveAndCommit) {
  OutputBuffer buffer;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    const std::string text = std::to_string(i);
    std::memcpy(buffer.Reserve(32), text.data(), text.size());
    buffer.Commit(text.size());
    expected += text;
  }
  buffer.Reserve(OutputBuffer::kBlockBytes);
  buffer.Commit(0);
  EXPECT_EQ(buffer.ToString(), expected);
}

TEST(OutputBufferTest, ConsumeInSteps) {
  const std::string bytes = Pattern(100'000);
  for (size_t step : {1u, 7u, 4096u, 16'352u, 99'999u, 100'000u}) {
    OutputBuffer buffer;
    buffer.Append(bytes);
    std::string seen;
    while (!buffer.empty()) {
      iovec first;
      ASSERT_EQ(buffer.Gather(&first, 1), 1);
      const size_t taken = std::min(step, buffer.size());
      seen.append(static_cast<const char*>(first.iov_base), std::min(taken, first.iov_len));
      buffer.Consume(std::min(taken, first.iov_len));
    }
    EXPECT_EQ(seen, bytes);
    EXPECT_EQ(buffer.memory(), 0u);
  }
}

TEST(OutputBufferTest, BytesStayWhereTheyAreWhileOthersAreAppended) {
  OutputBuffer buffer;
  buffer.Append("first");
  iovec first;
  ASSERT_EQ(buffer.Gather(&first, 1), 1);
  const void* where = first.iov_base;
  for (int i = 0; i < 100; ++i) buffer.Append(Pattern(5000));
  ASSERT_EQ(buffer.Gather(&first, 1), 1);
  EXPECT_EQ(first.iov_base, where);
}

TEST(OutputBufferTest, MoveEmptiesTheSource) {
  OutputBuffer a;
  a.Append("hello");
  OutputBuffer b(std::move(a));
  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(a.memory(), 0u);
  EXPECT_EQ(b.ToString(), "hello");
  OutputBuffer c;
  c.Append(Pattern(50'000));
  c = std::move(b);
  EXPECT_EQ(c.ToString(), "hello");
  a.Append("again");
  EXPECT_EQ(a.ToString(), "again");
}

TEST(OutputBufferTest, AppendBufferOfAnySize) {
  for (size_t left : {0u, 1u, 600u, 16'352u, 40'000u}) {
    for (size_t right : {0u, 1u, 512u, 513u, 16'352u, 40'000u}) {
      OutputBuffer a;
      OutputBuffer b;
      a.Append(Pattern(left, 1));
      b.Append(Pattern(right, 2));
      a.AppendBuffer(std::move(b));
      EXPECT_TRUE(b.empty());  // NOLINT(bugprone-use-after-move)
      EXPECT_EQ(b.memory(), 0u);
      a.Append("tail");
      EXPECT_EQ(a.size(), left + right + 4);
      EXPECT_EQ(a.ToString(), Pattern(left, 1) + Pattern(right, 2) + "tail");
      a.Consume(a.size());
      EXPECT_EQ(a.memory(), 0u);
    }
  }
}

TEST(OutputBufferTest, PlacesAreFilledLater) {
  OutputBuffer buffer;
  buffer.Append("<");
  const auto outer = buffer.AppendPlace();
  buffer.Append("a");
  const auto inner = buffer.AppendPlace();
  buffer.Append(Pattern(40'000));
  buffer.FillPlace(inner, std::string(64, 'i'));
  buffer.FillPlace(outer, "outer");
  buffer.Append(">");
  const std::string expected = "<outera" + std::string(64, 'i') + Pattern(40'000) + ">";
  EXPECT_EQ(buffer.size(), expected.size());
  EXPECT_EQ(buffer.ToString(), expected);
  EXPECT_EQ(Gathered(buffer), expected);
}

TEST(OutputBufferTest, PlaceAtTheVeryBeginningAndWithNothingBehind) {
  OutputBuffer buffer;
  const auto place = buffer.AppendPlace();
  buffer.FillPlace(place, "*0\r\n");
  EXPECT_EQ(buffer.ToString(), "*0\r\n");
  buffer.Consume(4);
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.memory(), 0u);
}

TEST(OutputBufferTest, RandomOperationsAgainstAString) {
  Random random(42);
  OutputBuffer buffer;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    switch (random.Below(6)) {
      case 0:
      case 1: {
        const std::string piece = Pattern(random.Below(random.Below(10) == 0 ? 40'000 : 300), i);
        buffer.Append(piece);
        expected += piece;
        break;
      }
      case 2: {
        const size_t bytes = random.Below(64);
        std::memset(buffer.Reserve(64), 'r', bytes);
        buffer.Commit(bytes);
        expected.append(bytes, 'r');
        break;
      }
      case 3: {
        const size_t bytes = random.Below(expected.size() + 1);
        buffer.Consume(bytes);
        expected.erase(0, bytes);
        break;
      }
      case 4: {
        OutputBuffer other;
        const std::string piece = Pattern(random.Below(2000), i);
        other.Append(piece);
        buffer.AppendBuffer(std::move(other));
        expected += piece;
        break;
      }
      default: {
        const auto place = buffer.AppendPlace();
        const std::string piece = Pattern(random.Below(100), i);
        buffer.Append(piece);
        buffer.FillPlace(place, "place");
        expected += "place" + piece;
      }
    }
    ASSERT_EQ(buffer.size(), expected.size());
    if (i % 50 == 0) {
      ASSERT_EQ(buffer.ToString(), expected);
    }
  }
}

}  // namespace
}  // namespace keyway
