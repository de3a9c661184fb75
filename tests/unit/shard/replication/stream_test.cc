#include "shard/replication/stream.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/shard/server/client_rig.h"

namespace keyway::shard::replication {
namespace {

constexpr size_t kKeepBytes = 64 * 1024;
const std::string kNoId(40, '0');
const std::string kOtherId(40, 'a');
const std::string kThirdId(40, 'b');

std::string Request(const std::vector<std::string_view>& words) {
  std::string text = "*" + std::to_string(words.size()) + "\r\n";
  for (std::string_view word : words) {
    text += "$" + std::to_string(word.size()) + "\r\n" + std::string(word) + "\r\n";
  }
  return text;
}

// Takes all that is there.
std::string Take(Backlog::Reader& reader) {
  std::string all;
  while (reader.behind() != 0) {
    const std::string part(reader.Next());
    reader.Advance(part.size());
    all += part;
  }
  return all;
}

class StreamTest : public testing::Test {
 protected:
  StreamTest()
      : effects_(rig_.keyspace, rig_.config), stream_(effects_, rig_.services.random, kKeepBytes) {
    rig_.services.effects = &effects_;
    peer_ = rig_.Connect();
  }
  ~StreamTest() override { peer_.reset(); }

  std::unique_ptr<Backlog::Reader> Continue(std::string_view id, int64_t offset) {
    return stream_.Continue(id, offset);
  }

  ClientRig rig_;
  Effects effects_;
  ReplicationStream stream_;
  decltype(rig_.Connect()) peer_;
};

TEST_F(StreamTest, StandsStillUntilSomebodyWantsIt) {
  EXPECT_EQ(stream_.id().size(), 40u);
  EXPECT_EQ(stream_.second_id(), kNoId);
  EXPECT_EQ(stream_.second_offset(), -1);
  peer_->Call("SET a 1");
  stream_.AppendCommand(std::vector<std::string_view>{"PING"});
  EXPECT_EQ(stream_.offset(), 0u);
  EXPECT_FALSE(stream_.active());
  EXPECT_FALSE(effects_.wanted());
}

TEST_F(StreamTest, HasTheEffectsOfCommandsWithTheirDatabase) {
  const auto reader = stream_.ReadFromHere();
  EXPECT_EQ(reader->offset(), 1u);
  peer_->Call("SET a 1");
  peer_->Call("SET b 2");
  peer_->Call("GET b");
  const std::string expected =
      Request({"SELECT", "0"}) + Request({"SET", "a", "1"}) + Request({"SET", "b", "2"});
  EXPECT_EQ(stream_.offset(), expected.size());
  EXPECT_EQ(Take(*reader), expected);
  // A replica that begins with a full sync knows no database.
  const auto second = stream_.ReadFromHere();
  peer_->Call("SET c 3");
  EXPECT_EQ(Take(*second), Request({"SELECT", "0"}) + Request({"SET", "c", "3"}));
}

TEST_F(StreamTest, CommandsBesideTheEffectsHaveNoSelect) {
  const auto reader = stream_.ReadFromHere();
  stream_.AppendCommand(std::vector<std::string_view>{"REPLCONF", "GETACK", "*"});
  EXPECT_EQ(Take(*reader), Request({"REPLCONF", "GETACK", "*"}));
}

TEST_F(StreamTest, OnAReplicaOnlyWhatThePrimarySendsCounts) {
  stream_.Adopt(kOtherId, 1000);
  stream_.set_follows(true);
  const auto reader = stream_.ReadFromHere();
  peer_->Call("SET a 1");
  stream_.AppendCommand(std::vector<std::string_view>{"PING"});
  EXPECT_EQ(stream_.offset(), 1000u);
  stream_.AppendBytes("\n*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(reader->offset(), 1001u);
  EXPECT_EQ(Take(*reader), "\n*1\r\n$4\r\nPING\r\n");
}

TEST_F(StreamTest, CountsWithoutKeeping) {
  stream_.set_follows(true);
  stream_.AppendBytes("12345");
  EXPECT_EQ(stream_.offset(), 5u);
  stream_.Activate();
  EXPECT_EQ(stream_.backlog()->begin(), 6u);
  stream_.AppendBytes("678");
  EXPECT_EQ(stream_.offset(), 8u);
  stream_.Deactivate();
  EXPECT_EQ(stream_.offset(), 8u);
}

TEST_F(StreamTest, APrimaryThatKeepsNothingAnyMoreTakesANewId) {
  const std::string id = stream_.id();
  stream_.Activate();
  peer_->Call("SET a 1");
  const uint64_t offset = stream_.offset();
  stream_.Shift();
  stream_.Deactivate();
  EXPECT_NE(stream_.id(), id);
  EXPECT_EQ(stream_.second_id(), kNoId);
  EXPECT_EQ(stream_.second_offset(), -1);
  EXPECT_EQ(stream_.offset(), offset);
  EXPECT_FALSE(effects_.wanted());
  stream_.Deactivate();

  stream_.Adopt(kOtherId, 5);
  stream_.set_follows(true);
  stream_.Activate();
  stream_.Deactivate();
  EXPECT_EQ(stream_.id(), kOtherId) << "it is the primary's";
}

TEST_F(StreamTest, WhoHasAllBeforeGoesOn) {
  stream_.Activate();
  peer_->Call("SET a 1");
  const auto end = static_cast<int64_t>(stream_.offset());
  for (int64_t offset = 1; offset <= end + 1; ++offset) {
    const auto reader = Continue(stream_.id(), offset);
    ASSERT_NE(reader, nullptr) << offset;
    EXPECT_EQ(reader->behind(), static_cast<uint64_t>(end + 1 - offset));
  }
  for (const int64_t offset : {int64_t{0}, int64_t{-1}, INT64_MIN, end + 2, INT64_MAX}) {
    EXPECT_EQ(Continue(stream_.id(), offset), nullptr) << offset;
  }
  EXPECT_EQ(Continue(kOtherId, 1), nullptr);
  EXPECT_EQ(Continue("?", -1), nullptr);
  EXPECT_EQ(Continue("", 1), nullptr);
  // No second id is none that anybody could know.
  EXPECT_EQ(Continue(kNoId, 1), nullptr);
  EXPECT_EQ(Continue(kNoId, -1), nullptr);
}

TEST_F(StreamTest, NothingIsKeptNothingGoesOn) {
  EXPECT_EQ(Continue(stream_.id(), 1), nullptr);
  EXPECT_EQ(Continue(stream_.id(), 0), nullptr);
}

TEST_F(StreamTest, AReplicaThatBecomesAPrimaryGoesOnWithTheHistoryOfBoth) {
  stream_.Adopt(kOtherId, 100);
  stream_.set_follows(true);
  stream_.Activate();
  stream_.AppendBytes("0123456789");
  stream_.set_follows(false);
  stream_.ForgetDatabase();
  stream_.Shift();
  EXPECT_EQ(stream_.second_id(), kOtherId);
  EXPECT_EQ(stream_.second_offset(), 111);
  EXPECT_EQ(stream_.offset(), 110u);
  const std::string id = stream_.id();
  EXPECT_NE(id, kOtherId);
  peer_->Call("SET a 1");
  const std::string own = Request({"SELECT", "0"}) + Request({"SET", "a", "1"});

  const auto behind = Continue(kOtherId, 105);
  ASSERT_NE(behind, nullptr);
  EXPECT_EQ(Take(*behind), "456789" + own);
  const auto level = Continue(kOtherId, 111);
  ASSERT_NE(level, nullptr);
  EXPECT_EQ(Take(*level), own);
  // It has bytes of the old primary that this server never had.
  EXPECT_EQ(Continue(kOtherId, 112), nullptr);
  const auto ours = Continue(id, 112);
  ASSERT_NE(ours, nullptr);
  EXPECT_EQ(ours->behind(), own.size() - 1);
  EXPECT_EQ(Continue(kOtherId, 100), nullptr) << "before what is kept";

  stream_.Shift();
  EXPECT_EQ(stream_.second_id(), id) << "there are but two";
  EXPECT_EQ(Continue(kOtherId, 111), nullptr);
}

TEST_F(StreamTest, ThePrimarysIdChanges) {
  stream_.Adopt(kOtherId, 10);
  stream_.set_follows(true);
  stream_.Activate();
  stream_.AppendBytes("abc");
  stream_.Rename(kThirdId);
  EXPECT_EQ(stream_.id(), kThirdId);
  EXPECT_EQ(stream_.second_id(), kOtherId);
  EXPECT_EQ(stream_.second_offset(), 14);
  EXPECT_EQ(stream_.offset(), 13u);
  EXPECT_NE(Continue(kOtherId, 11), nullptr);
  EXPECT_NE(Continue(kThirdId, 14), nullptr);
}

TEST_F(StreamTest, AFullSyncDropsWhatWasKept) {
  stream_.Activate();
  peer_->Call("SET a 1");
  stream_.Shift();
  stream_.Adopt(kOtherId, 7000);
  EXPECT_TRUE(stream_.active());
  EXPECT_EQ(stream_.offset(), 7000u);
  EXPECT_EQ(stream_.id(), kOtherId);
  EXPECT_EQ(stream_.second_id(), kNoId);
  EXPECT_EQ(stream_.backlog()->begin(), 7001u);
  EXPECT_EQ(Continue(kOtherId, 7000), nullptr);
  EXPECT_NE(Continue(kOtherId, 7001), nullptr);
}

TEST_F(StreamTest, ChangedIdsFitNobody) {
  stream_.Activate();
  peer_->Call("SET a 1");
  const std::string first = stream_.id();
  stream_.Shift();
  const std::string second = stream_.id();
  stream_.ChangeId();
  EXPECT_EQ(Continue(first, 1), nullptr);
  EXPECT_EQ(Continue(second, 1), nullptr);
  EXPECT_NE(Continue(stream_.id(), 1), nullptr);
}

TEST_F(StreamTest, APrimaryThatStartsAgainHasTheHistoryOfItsFile) {
  stream_.Activate();
  stream_.AdoptAsSecond(kOtherId, 500);
  EXPECT_EQ(stream_.offset(), 500u);
  EXPECT_EQ(stream_.second_offset(), 501);
  EXPECT_NE(Continue(kOtherId, 501), nullptr);
  EXPECT_EQ(Continue(kOtherId, 500), nullptr);
  EXPECT_EQ(Continue(kOtherId, 502), nullptr);
  EXPECT_NE(Continue(stream_.id(), 501), nullptr);
}

TEST_F(StreamTest, KeepsWhatItIsToldTo) {
  stream_.Activate();
  stream_.set_follows(true);
  const std::string bytes(1024 * 1024, 'x');
  stream_.AppendBytes(bytes);
  const Backlog& backlog = *stream_.backlog();
  EXPECT_GE(backlog.end() - backlog.begin(), kKeepBytes);
  EXPECT_LE(backlog.end() - backlog.begin(), kKeepBytes + Backlog::kBlockBytes);
  stream_.set_keep_bytes(16 * 1024);
  EXPECT_LE(backlog.end() - backlog.begin(), 2 * Backlog::kBlockBytes);
  stream_.Deactivate();
  stream_.Activate();
  stream_.AppendBytes(bytes);
  EXPECT_LE(stream_.backlog()->end() - stream_.backlog()->begin(), 2 * Backlog::kBlockBytes);
}

}  // namespace
}  // namespace keyway::shard::replication
