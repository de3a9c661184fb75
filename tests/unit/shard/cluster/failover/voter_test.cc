#include "shard/cluster/failover/voter.h"

#include <gtest/gtest.h>

#include "shard/cluster/nodes_file.h"
#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::failover {
namespace {

// 'r' is a replica of 'p', which has failed; 'm', the node under test, has a slot and so a vote.
class VoterTest : public EngineTest {
 protected:
  void SetUp() override {
    gossip::Node& primary = AddPeer('p');
    table().MakeReplica(AddPeer('r'), &primary);
    table().MakeReplica(AddPeer('s'), &primary);
    table().AddSlot(primary, 1);
    table().AddSlot(me(), 2);
    primary.config_epoch = 3;
    primary.flags |= gossip::kFail;
    table().current_epoch = 5;
  }

  bus::Message Request(char c, uint64_t epoch) {
    bus::Message request = From(c, bus::MessageType::kFailoverAuthRequest);
    request.flags = gossip::kReplica | gossip::kMyself;
    request.replica_of = Id('p');
    request.slots = Slots(1, 1);
    request.config_epoch = 3;
    request.current_epoch = epoch;
    request.body = std::monostate();
    return request;
  }

  bool VotesFor(const bus::Message& request) {
    transport_.sent.clear();
    Receive(request);
    const auto acks = transport_.Of(bus::MessageType::kFailoverAuthAck);
    if (acks.empty()) return false;
    EXPECT_EQ(acks[0].current_epoch, table().current_epoch);
    EXPECT_EQ(table().last_vote_epoch, table().current_epoch);
    return true;
  }
};

TEST_F(VoterTest, VotesOnceAnEpoch) {
  const int saves = host_.saves;
  EXPECT_TRUE(VotesFor(Request('r', 6)));
  EXPECT_GT(host_.saves, saves);
  EXPECT_FALSE(VotesFor(Request('r', 6)));
  EXPECT_FALSE(VotesFor(Request('s', 6)));
  // Nor for the other replica of the same primary, soon after.
  EXPECT_FALSE(VotesFor(Request('s', 7)));
  clock_.AdvanceMillis(kTimeoutMs * Voter::kPauseBetweenVotes);
  EXPECT_TRUE(VotesFor(Request('s', 8)));
}

TEST_F(VoterTest, OldEpoch) {
  EXPECT_FALSE(VotesFor(Request('r', 4)));
}

TEST_F(VoterTest, PrimaryThatIsUp) {
  node('p')->flags = gossip::kPrimary;
  bus::Message request = Request('r', 6);
  EXPECT_FALSE(VotesFor(request));
  request.message_flags = bus::kMessageForceAck;  // a manual failover
  EXPECT_TRUE(VotesFor(request));
}

TEST_F(VoterTest, CandidateThatIsNone) {
  table().MakePrimary(*node('r'));
  EXPECT_FALSE(VotesFor(Request('r', 6)));
  table().MakeReplica(*node('r'), nullptr);
  EXPECT_FALSE(VotesFor(Request('r', 7)));
  EXPECT_FALSE(VotesFor(Request('z', 8)));
}

TEST_F(VoterTest, SlotsThatOthersGotLater) {
  table().AddSlot(*node('p'), 9);
  bus::Message request = Request('r', 6);
  request.config_epoch = 2;
  EXPECT_FALSE(VotesFor(request));
}

TEST_F(VoterTest, NoSlotsNoVote) {
  table().RemoveSlot(2);
  EXPECT_FALSE(VotesFor(Request('r', 6)));
}

TEST_F(VoterTest, NoVoteThatCouldBeForgotten) {
  host_.fail_saves = true;
  EXPECT_FALSE(VotesFor(Request('r', 6)));
  // Nor a second try: half of what was written may be on the disk.
  host_.fail_saves = false;
  clock_.AdvanceMillis(kTimeoutMs * Voter::kPauseBetweenVotes);
  EXPECT_FALSE(VotesFor(Request('s', 6)));
}

TEST_F(VoterTest, SlotsThatTheirOwnerHasGivenUp) {
  table().MarkUnclaimed(1);
  bus::Message request = Request('r', 6);
  request.config_epoch = 2;
  EXPECT_TRUE(VotesFor(request));
}

TEST_F(VoterTest, AReplicaDoesNotVote) {
  table().RemoveSlot(2);
  engine_->roles().Replicate(*node('p'));
  engine_->FinishPass();
  EXPECT_FALSE(VotesFor(Request('r', 6)));
}

// Crashes at any moment: what is on the disk when the vote is sent forbids a second one.
TEST_F(VoterTest, NoSecondVoteAfterACrash) {
  ASSERT_TRUE(VotesFor(Request('r', 6)));
  auto reloaded = ParseNodesFile(FormatNodesFile(table(), clock_), clock_);
  ASSERT_TRUE(reloaded.ok());
  FakeTransport transport;
  FakeHost host;
  gossip::Engine again(std::move(*reloaded), options_, clock_, random_, transport, host, keys_);
  EXPECT_EQ(again.table().last_vote_epoch, 6u);
  EXPECT_EQ(again.table().current_epoch, 6u);
  again.table().Find(Id('p'))->flags |= gossip::kFail;
  again.Tick();
  const auto ask = [&](char c, uint64_t epoch) {
    const gossip::LinkId link = transport.Accept();
    again.OnAccepted(link);
    again.OnMessage(link, Request(c, epoch));
    return !transport.Of(bus::MessageType::kFailoverAuthAck).empty();
  };
  EXPECT_FALSE(ask('s', 6));
  EXPECT_FALSE(ask('r', 6));
  EXPECT_TRUE(ask('s', 7));
}

}  // namespace
}  // namespace keyway::shard::cluster::failover
