#include "shard/replication/sync_receiver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "tests/support/files/memory_file_system.h"

namespace keyway::shard::replication {
namespace {

using Outcome = SyncReceiver::Outcome;
using Target = SyncReceiver::Target;

const std::string kMark(40, 'm');

class SyncReceiverTest : public testing::Test {
 protected:
  std::unique_ptr<SyncReceiver> Open(Target target) {
    return SyncReceiver::Open(files_, clock_, target);
  }

  // Hands over `data` in pieces, as a stream does: what is not consumed comes again, with more behind.
  Outcome Feed(SyncReceiver& receiver, std::string_view data, size_t piece, std::string* left) {
    std::string pending;
    Outcome outcome = Outcome::kMore;
    while (outcome == Outcome::kMore && !data.empty()) {
      pending += data.substr(0, piece);
      data.remove_prefix(std::min(piece, data.size()));
      size_t consumed = 0;
      outcome = receiver.Take(pending, &consumed);
      EXPECT_LE(consumed, pending.size());
      pending.erase(0, consumed);
    }
    *left = pending + std::string(data);
    return outcome;
  }

  size_t FileCount() {
    auto names = files_.List(".");
    return names.ok() ? names->size() : 0;
  }

  ManualClock clock_;
  persistence::MemoryFileSystem files_;
};

TEST_F(SyncReceiverTest, TakesACountedPayloadInPiecesOfAnySize) {
  const std::string payload = "REDIS0010 and so on\n$5\r\n" + std::string(1000, 'x');
  const std::string data =
      "\n\n$" + std::to_string(payload.size()) + "\r\n" + payload + "*1\r\n$4\r\nPING\r\n";
  for (size_t piece = 1; piece < 60; ++piece) {
    auto receiver = Open(Target::kMemory);
    std::string left;
    EXPECT_EQ(Feed(*receiver, data, piece, &left), Outcome::kComplete);
    EXPECT_EQ(left, "*1\r\n$4\r\nPING\r\n");
    EXPECT_FALSE(receiver->has_mark());
    EXPECT_EQ(receiver->total_bytes(), static_cast<int64_t>(payload.size()));
    EXPECT_EQ(receiver->received_bytes(), receiver->total_bytes());
    EXPECT_EQ(receiver->TakeMemory(), payload);
  }
}

TEST_F(SyncReceiverTest, FindsTheMarkWhereverThePiecesEnd) {
  // With beginnings of the mark in the middle.
  const std::string payload =
      "REDIS" + kMark.substr(0, 39) + "x" + kMark.substr(0, 20) + "y" + std::string(500, 'z') + "n";
  const std::string data = "\n$EOF:" + kMark + "\r\n" + payload + kMark + "behind";
  for (size_t piece = 1; piece < 130; ++piece) {
    auto receiver = Open(Target::kFile);
    ASSERT_NE(receiver, nullptr);
    std::string left;
    EXPECT_EQ(Feed(*receiver, data, piece, &left), Outcome::kComplete);
    EXPECT_EQ(left, "behind");
    EXPECT_TRUE(receiver->has_mark());
    EXPECT_EQ(receiver->total_bytes(), 0);
    EXPECT_EQ(receiver->received_bytes(), static_cast<int64_t>(payload.size()));
    ASSERT_TRUE(receiver->Finish());
    EXPECT_EQ(*persistence::ReadWhole(files_, receiver->path(), 1 << 20), payload);
  }
}

TEST_F(SyncReceiverTest, RemovesAFileThatNobodyHasTaken) {
  clock_.SetWallMicros(1700000000000000);
  {
    auto receiver = Open(Target::kFile);
    EXPECT_TRUE(receiver->path().starts_with("temp-1700000000."));
    EXPECT_TRUE(receiver->path().ends_with(".rdb"));
    auto second = Open(Target::kFile);
    EXPECT_TRUE(second->path().starts_with("temp-1700000001."));
    EXPECT_EQ(FileCount(), 2u);
  }
  EXPECT_EQ(FileCount(), 0u);
  {
    auto receiver = Open(Target::kFile);
    std::string left;
    EXPECT_EQ(Feed(*receiver, "$3\r\nabc", 100, &left), Outcome::kComplete);
    ASSERT_TRUE(receiver->Finish());
    ASSERT_TRUE(files_.Rename(receiver->path(), "dump.rdb").ok());
    receiver->FileIsTaken();
  }
  EXPECT_EQ(FileCount(), 1u);
}

TEST_F(SyncReceiverTest, AnEmptyPayloadIsComplete) {
  auto receiver = Open(Target::kMemory);
  std::string left;
  EXPECT_EQ(Feed(*receiver, "$0\r\nabc", 100, &left), Outcome::kComplete);
  EXPECT_EQ(left, "abc");
}

TEST_F(SyncReceiverTest, RefusesWhatIsNoPayload) {
  for (const std::string& data :
       {std::string("-ERR no\r\n"), std::string("+OK\r\n"), std::string("\nx\n"),
        std::string(3000, '\n') + "*1\r\n", "$" + std::string(3000, '1')}) {
    auto receiver = Open(Target::kMemory);
    std::string left;
    EXPECT_EQ(Feed(*receiver, data, 4096, &left), Outcome::kFailed) << data.substr(0, 20);
  }
}

TEST_F(SyncReceiverTest, MakesNoRoomForWhatIsPromised) {
  auto receiver = Open(Target::kMemory);
  std::string left;
  EXPECT_EQ(Feed(*receiver, "$9223372036854775807\r\nabc", 100, &left), Outcome::kMore);
  EXPECT_EQ(receiver->total_bytes(), INT64_MAX);
  EXPECT_EQ(receiver->received_bytes(), 3);
}

TEST_F(SyncReceiverTest, AShortMarkIsALength) {
  auto receiver = Open(Target::kMemory);
  std::string left;
  EXPECT_EQ(Feed(*receiver, "$EOF:abc\r\nxyz", 100, &left), Outcome::kComplete);
  EXPECT_EQ(receiver->received_bytes(), 0);
}

}  // namespace
}  // namespace keyway::shard::replication
