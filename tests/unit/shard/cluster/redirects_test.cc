#include "shard/cluster/redirects.h"

#include <gtest/gtest.h>

#include "common/base/output_buffer.h"
#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster {
namespace {

using gossip::kPrimary;
using gossip::Node;

class RedirectsTest : public testing::Test {
 protected:
  RedirectsTest() : table_(Id('m'), 1), peer_(table_.Add(Id('p'), kPrimary, 1)) {
    options_.node_timeout_ms = 1000;
    peer_.ip = "10.0.0.2";
    peer_.port = 7002;
    peer_.hostname = "peer.example.com";
    // "a" is in 15495, "b" in 3300, "c" in 7365.
    for (int slot = 0; slot < kSlotCount; ++slot) {
      table_.AddSlot(slot < 10'000 ? table_.myself() : peer_, slot);
    }
    (void)state_.Update(table_, options_, 1);
    (void)state_.Update(table_, options_, 10'000);
    EXPECT_TRUE(state_.ok());
  }

  // What the client gets; empty when the command is admitted.
  std::string Reply(std::vector<std::string_view> words) {
    const command::Lookup lookup = command::LookupCommand(words);
    EXPECT_EQ(lookup.status, command::Lookup::Status::kFound);
    std::vector<command::KeyPosition> keys;
    EXPECT_TRUE(command::FindKeys(*lookup.command, words, &keys).ok());
    OutputBuffer out;
    resp::ReplyWriter reply(out);
    const Redirects redirects(table_, state_, options_, keys_);
    const bool admitted =
        redirects.Admit({*lookup.command, words, keys, asking_, readonly_, 0}, reply);
    EXPECT_EQ(admitted, out.empty());
    const std::string text = out.ToString();
    return text.substr(0, text.find("\r\n"));
  }

  void FailCluster() {
    peer_.flags |= gossip::kFail;
    (void)state_.Update(table_, options_, 20'000);
    EXPECT_FALSE(state_.ok());
  }

  gossip::NodeTable table_;
  Node& peer_;
  State state_;
  ClusterOptions options_;
  FakeKeys keys_;
  bool asking_ = false;
  bool readonly_ = false;
};

TEST_F(RedirectsTest, OwnSlots) {
  EXPECT_EQ(Reply({"get", "b"}), "");
  EXPECT_EQ(Reply({"mset", "{b}1", "x", "{b}2", "y"}), "");
}

TEST_F(RedirectsTest, OthersSlots) {
  EXPECT_EQ(Reply({"get", "a"}), "-MOVED 15495 10.0.0.2:7002");
  options_.preferred_endpoint = PreferredEndpoint::kHostname;
  EXPECT_EQ(Reply({"get", "a"}), "-MOVED 15495 peer.example.com:7002");
  peer_.hostname.clear();
  EXPECT_EQ(Reply({"get", "a"}), "-MOVED 15495 ?:7002");
  options_.preferred_endpoint = PreferredEndpoint::kUnknown;
  EXPECT_EQ(Reply({"get", "a"}), "-MOVED 15495 :7002");
}

TEST_F(RedirectsTest, SeveralSlots) {
  EXPECT_EQ(Reply({"mget", "b", "c"}), "-CROSSSLOT Keys in request don't hash to the same slot");
  EXPECT_EQ(Reply({"mget", "b", "a"}), "-CROSSSLOT Keys in request don't hash to the same slot");
}

TEST_F(RedirectsTest, SlotOfNobody) {
  table_.RemoveSlot(15495);
  EXPECT_EQ(Reply({"get", "a"}), "-CLUSTERDOWN Hash slot not served");
  EXPECT_EQ(Reply({"mget", "a", "b"}), "-CLUSTERDOWN Hash slot not served");
}

TEST_F(RedirectsTest, ClusterDown) {
  FailCluster();
  EXPECT_EQ(Reply({"get", "b"}), "-CLUSTERDOWN The cluster is down");
  EXPECT_EQ(Reply({"get", "a"}), "-CLUSTERDOWN The cluster is down");
  EXPECT_EQ(Reply({"spublish", "b", "x"}), "");
  options_.allow_pubsubshard_when_down = false;
  EXPECT_EQ(Reply({"spublish", "b", "x"}), "-CLUSTERDOWN The cluster is down");
  options_.allow_reads_when_down = true;
  EXPECT_EQ(Reply({"get", "b"}), "");
  EXPECT_EQ(Reply({"set", "b", "1"}),
            "-CLUSTERDOWN The cluster is down and only accepts read commands");
  EXPECT_EQ(Reply({"get", "a"}), "-MOVED 15495 10.0.0.2:7002");
}

TEST_F(RedirectsTest, SlotThatLeaves) {
  table_.SetMigratingTo(3300, &peer_);
  EXPECT_EQ(Reply({"get", "b"}), "-ASK 3300 10.0.0.2:7002");
  keys_.keys = {"b"};
  EXPECT_EQ(Reply({"get", "b"}), "");
  EXPECT_EQ(Reply({"mget", "b", "b"}), "");
  EXPECT_EQ(Reply({"mget", "b", "{b}1"}),
            "-TRYAGAIN Multiple keys request during rehashing of slot");
  EXPECT_EQ(Reply({"mget", "{b}2", "{b}1"}), "-ASK 3300 10.0.0.2:7002");
  EXPECT_EQ(Reply({"spublish", "{b}1", "x"}), "");
  EXPECT_EQ(Reply({"migrate", "10.0.0.2", "7002", "{b}1", "0", "1000"}), "");
  EXPECT_EQ(Reply({"get", "c"}), "");  // of another slot
}

TEST_F(RedirectsTest, SlotThatArrives) {
  table_.SetImportingFrom(15495, &peer_);
  EXPECT_EQ(Reply({"get", "a"}), "-MOVED 15495 10.0.0.2:7002");
  asking_ = true;
  EXPECT_EQ(Reply({"get", "a"}), "");
  EXPECT_EQ(Reply({"mget", "a", "a"}), "");
  EXPECT_EQ(Reply({"mget", "a", "{a}1"}),
            "-TRYAGAIN Multiple keys request during rehashing of slot");
  keys_.keys = {"a", "{a}1"};
  EXPECT_EQ(Reply({"mget", "a", "{a}1"}), "");
  // ASKING opens no slot that does not arrive.
  EXPECT_EQ(Reply({"get", "{x}"}).substr(0, 6), "-MOVED");
  asking_ = false;
  EXPECT_EQ(Reply({"restore-asking", "a", "0", "x"}), "");
}

TEST_F(RedirectsTest, ReadsFromAReplica) {
  Node& me = table_.myself();
  table_.RemoveAllSlots(me);
  for (int slot = 0; slot < 10'000; ++slot) table_.AddSlot(peer_, slot);
  table_.MakeReplica(me, &peer_);
  EXPECT_EQ(Reply({"get", "a"}), "-MOVED 15495 10.0.0.2:7002");
  readonly_ = true;
  EXPECT_EQ(Reply({"get", "a"}), "");
  EXPECT_EQ(Reply({"set", "a", "1"}), "-MOVED 15495 10.0.0.2:7002");
  // Channels are served by every node of the shard.
  EXPECT_EQ(Reply({"spublish", "a", "x"}), "");
  readonly_ = false;
  EXPECT_EQ(Reply({"ssubscribe", "a"}), "");
  readonly_ = true;
  // Of another primary's slot.
  Node& other = table_.Add(Id('o'), kPrimary, 1);
  table_.RemoveSlot(15495);
  table_.AddSlot(other, 15495);
  EXPECT_EQ(Reply({"get", "a"}).substr(0, 6), "-MOVED");
}

}  // namespace
}  // namespace keyway::shard::cluster
