#include "shard/cluster/bus/frame_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/unit/shard/cluster/bus/golden.h"

namespace keyway::shard::cluster::bus {
namespace {

// Feeds `stream` in pieces as a connection would; returns the types of the messages found.
std::vector<MessageType> ReadAll(const std::string& stream, Random& random) {
  FrameReader reader;
  std::vector<MessageType> types;
  std::string kept;
  size_t at = 0;
  while (at < stream.size()) {
    const size_t piece = std::min<size_t>(stream.size() - at, 1 + random.Below(3000));
    kept += stream.substr(at, piece);
    at += piece;
    size_t consumed = 0;
    while (true) {
      const auto step = reader.Next(std::string_view(kept).substr(consumed));
      EXPECT_TRUE(step.ok());
      if (!step.ok()) return types;
      consumed += step->consumed;
      if (step->complete) {
        const auto message = Decode(step->frame);
        EXPECT_TRUE(message.ok());
        types.push_back(message->type);
      } else if (step->consumed == 0) {
        break;
      }
    }
    kept.erase(0, consumed);
  }
  EXPECT_TRUE(kept.empty());
  return types;
}

TEST(FrameReaderTest, CutsAnySplitOfAStream) {
  std::string stream;
  std::vector<MessageType> expected;
  for (const char* name : kGoldenNames) {
    stream += Golden(name);
    expected.push_back(Decode(Golden(name))->type);
  }
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    EXPECT_EQ(ReadAll(stream, random), expected);
  }
}

TEST(FrameReaderTest, SkipsHugeBodiesWithoutKeepingThem) {
  std::string publish = Golden("publish").substr(0, kHeaderBytes);
  publish[4] = '\x70';  // 1.8 GB
  FrameReader reader;
  auto step = reader.Next(publish);
  ASSERT_TRUE(step.ok());
  EXPECT_TRUE(step->complete);
  EXPECT_EQ(step->consumed, kHeaderBytes);
  const auto total = DecodePreamble(publish)->total_bytes;
  uint64_t left = total - kHeaderBytes;
  const std::string junk(1 << 20, 'x');
  while (left > 0) {
    const std::string_view piece(junk.data(),
                                 static_cast<size_t>(std::min<uint64_t>(left, junk.size())));
    step = reader.Next(piece);
    ASSERT_TRUE(step.ok());
    EXPECT_FALSE(step->complete);
    ASSERT_EQ(step->consumed, piece.size());
    left -= piece.size();
  }
  const std::string fail = Golden("fail");
  step = reader.Next(fail);
  ASSERT_TRUE(step.ok());
  EXPECT_EQ(step->frame, fail);
}

TEST(FrameReaderTest, UnknownTypesAreSkipped) {
  std::string later = Golden("fail");
  later[13] = 99;
  FrameReader reader;
  auto step = reader.Next(later);
  ASSERT_TRUE(step.ok());
  ASSERT_TRUE(step->complete);
  EXPECT_EQ(Decode(step->frame).error(), DropCause::kUnknownType);
  const std::string rest = later.substr(step->consumed) + Golden("meet");
  step = reader.Next(rest);
  ASSERT_TRUE(step.ok());
  EXPECT_EQ(step->frame, Golden("meet"));
}

TEST(FrameReaderTest, WrongSignatureIsSeenAtOnce) {
  EXPECT_EQ(FrameReader().Next("GET / HTTP/1.0").error(), DropCause::kBadSignature);
  EXPECT_EQ(FrameReader().Next("RX").error(), DropCause::kBadSignature);
  EXPECT_EQ(FrameReader().Next("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n").error(),
            DropCause::kBadSignature);
  const auto step = FrameReader().Next("RC");
  ASSERT_TRUE(step.ok());
  EXPECT_FALSE(step->complete);
}

TEST(FrameReaderTest, LengthsAreBounded) {
  std::string ping = Golden("meet");
  ping[5] = 1;  // 66 KB: not yet there, not refused
  EXPECT_TRUE(FrameReader().Next(ping).ok());
  ping[4] = 1;  // 16 MB: no message is as long
  EXPECT_EQ(FrameReader().Next(ping).error(), DropCause::kLength);
  std::string small = Golden("meet");
  small[6] = small[7] = 0;
  EXPECT_EQ(FrameReader().Next(small).error(), DropCause::kLength);

  // A stranger's bound is lower than that of a node.
  std::string large = Golden("meet");
  large[5] = 0x10;  // 1 MB
  EXPECT_EQ(FrameReader().Next(large).error(), DropCause::kLength);
  FrameReader trusting;
  trusting.TrustPeer();
  EXPECT_TRUE(trusting.Next(large).ok());
}

}  // namespace
}  // namespace keyway::shard::cluster::bus
