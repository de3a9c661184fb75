#include "shard/cluster/nodes_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "shard/cluster/describe.h"
#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster {
namespace {

using gossip::Node;

// As a node of redis-server 7.0.15 has written it.
constexpr const char* kRedisFile =
    "7866566cb4cac153381d3df8f30dc6ce11d9d8cf 127.0.0.1:20102@38217,host2.example.com master - 0 "
    "1795229664000 3 connected 10001-16383\n"
    "5f99946328cfd97d9331cf51e8f63bf021743dd9 127.0.0.1:20100@39585 master - 0 1795229663655 6 "
    "connected 0 2-5000\n"
    "84ee90be9c6e97cc394bd76eeba2eb31c8591854 127.0.0.1:20101@53013,host1.example.com "
    "myself,master - 0 1795229664000 2 connected 5001-10000 "
    "[1-<-5f99946328cfd97d9331cf51e8f63bf021743dd9] "
    "[5001->-7866566cb4cac153381d3df8f30dc6ce11d9d8cf]\n"
    "ada8226357ff832ec2be8447fd5169787cf9b220 127.0.0.1:20103@44885 slave,fail "
    "5f99946328cfd97d9331cf51e8f63bf021743dd9 1795229664100 1795229664163 6 disconnected\n"
    "vars currentEpoch 6 lastVoteEpoch 5\n";

class NodesFileTest : public testing::Test {
 protected:
  NodesFileTest() {
    folder_ = testing::TempDir() + "nodes-file-test-XXXXXX";
    EXPECT_NE(mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/nodes.conf";
  }
  ~NodesFileTest() override {
    for (const char* name : {"/nodes.conf", "/nodes.conf.tmp", "/link.conf"}) {
      (void)unlink((folder_ + name).c_str());
    }
    (void)rmdir(folder_.c_str());
  }

  std::string OnDisk() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  ManualClock clock_;
  std::string folder_;
  std::string path_;
};

TEST_F(NodesFileTest, ReadsWhatRedisWrites) {
  auto parsed = ParseNodesFile(kRedisFile, clock_);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  gossip::NodeTable& table = *parsed;
  EXPECT_EQ(table.size(), 4u);
  EXPECT_EQ(table.current_epoch, 6u);
  EXPECT_EQ(table.last_vote_epoch, 5u);
  const Node& me = table.myself();
  EXPECT_EQ(me.id.view(), "84ee90be9c6e97cc394bd76eeba2eb31c8591854");
  EXPECT_EQ(me.flags, gossip::kMyself | gossip::kPrimary);
  EXPECT_EQ(me.hostname, "host1.example.com");
  EXPECT_EQ(me.port, 20101);
  EXPECT_EQ(me.bus_port, 53013);
  EXPECT_EQ(me.config_epoch, 2u);
  EXPECT_EQ(me.slots, Slots(5001, 10000));
  Node* first = table.Find(*NodeId::Parse("5f99946328cfd97d9331cf51e8f63bf021743dd9"));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->slots, Slots(0, 0) | Slots(2, 5000));
  EXPECT_EQ(table.ImportingFrom(1), first);
  EXPECT_EQ(table.MigratingTo(5001)->port, 20102);
  ASSERT_EQ(first->replicas.size(), 1u);
  EXPECT_EQ(first->replicas[0]->flags, gossip::kReplica | gossip::kFail);
  EXPECT_EQ(first->replicas[0]->failed_ms, clock_.MonotonicMillis());
  EXPECT_EQ(table.Owner(1), nullptr);
}

TEST_F(NodesFileTest, RoundTrip) {
  auto table = ParseNodesFile(kRedisFile, clock_);
  ASSERT_TRUE(table.ok());
  const std::string text = FormatNodesFile(*table, clock_);
  auto again = ParseNodesFile(text, clock_);
  ASSERT_TRUE(again.ok()) << again.error().message;
  for (const Node* node : table->nodes()) {
    const Node* copy = again->Find(node->id);
    ASSERT_NE(copy, nullptr);
    EXPECT_EQ(DescribeNode(*again, *copy, clock_), DescribeNode(*table, *node, clock_));
  }
}

TEST_F(NodesFileTest, Writes) {
  gossip::NodeTable table(Id('m'), clock_.MonotonicMillis());
  table.AddSlot(table.myself(), 5);
  Node& peer = table.Add(Id('p'), gossip::kPrimary | gossip::kPfail, 1);
  peer.ip = "::1";
  peer.port = 7;
  peer.bus_port = 8;
  peer.ping_sent_ms = clock_.MonotonicMillis();
  table.Add(Id('h'), gossip::kHandshake, 1);  // nothing to remember
  table.current_epoch = 9;
  EXPECT_EQ(FormatNodesFile(table, clock_),
            std::string(40, 'm') + " :0@0 myself,master - 0 0 0 connected 5\n" +
                std::string(40, 'p') + " ::1:7@8 master,fail? - 1700000000000 0 0 disconnected\n" +
                "vars currentEpoch 9 lastVoteEpoch 0\n");
}

TEST_F(NodesFileTest, OldAndOddFilesAreUnderstood) {
  const std::string me = std::string(40, 'm');
  // Without a bus port, with a variable of another version, a line for a primary that comes later.
  auto table = ParseNodesFile(me + " 127.0.0.1:7000 myself,slave " + std::string(40, 'p') +
                                  " 0 0 1 connected\n\n" + std::string(40, 'p') +
                                  " 127.0.0.1:7001 master - 0 0 1 connected 0-3\n"
                                  "vars shiny 1 currentEpoch 1",
                              clock_);
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->myself().bus_port, 17000);
  EXPECT_EQ(table->myself().primary->slot_count, 4);
}

TEST_F(NodesFileTest, AReplicasLineDoesNotTellItsOwnEpoch) {
  auto table = ParseNodesFile(kRedisFile, clock_);
  ASSERT_TRUE(table.ok()) << table.error().message;
  const gossip::Node* replica =
      table->Find(*NodeId::Parse("ada8226357ff832ec2be8447fd5169787cf9b220"));
  ASSERT_NE(replica, nullptr);
  // The 6 in its line is its primary's. Were it taken for its own, a lower one that it tells later,
  // as a primary, would never be believed.
  EXPECT_EQ(replica->config_epoch, 0u);
  EXPECT_EQ(replica->primary->config_epoch, 6u);
}

TEST_F(NodesFileTest, NorDoesTheOwnLineOfAReplica) {
  const std::string primary = std::string(40, 'p');
  auto table = ParseNodesFile(std::string(40, 'm') + " 127.0.0.1:7000@17000 myself,slave " + primary +
                                  " 0 0 6 connected\n" + primary +
                                  " 127.0.0.1:7001@17001 master - 0 0 6 connected 0-3\n"
                                  "vars currentEpoch 6 lastVoteEpoch 0\n",
                              clock_);
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->myself().config_epoch, 0u);
  EXPECT_EQ(table->myself().primary->config_epoch, 6u);
  EXPECT_EQ(table->current_epoch, 6u);
}

TEST_F(NodesFileTest, RefusesDamage) {
  const std::string good =
      std::string(40, 'm') + " 127.0.0.1:1@2 myself,master - 0 0 1 connected 5-6\n";
  ASSERT_TRUE(ParseNodesFile(good, clock_).ok());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::string second = std::string(40, 's') + " 127.0.0.1:1@2 master - 0 0 1 connected 6\n";
  for (const std::string& text : {std::string("x"),
                                  std::string("vars a"),
                                  std::string(40, 'm') + " 127.0.0.1:1@2 myself - 0 0 1\n",
                                  with("mmmm", "m m"),
                                  with("127.0.0.1:1@2", "127.0.0.1"),
                                  with(":1@", ":65536@"),
                                  with("@2", "@"),
                                  with("127.0.0.1", "127;0"),
                                  with("@2", "@2,host_name"),
                                  with("master", "master,slave"),
                                  with("master", "king"),
                                  with(" - ", " x "),
                                  with(" 1 conn", " -1 conn"),
                                  with("5-6", "6-5"),
                                  with("5-6", "16384"),
                                  with("5-6", "[5-"),
                                  with("5-6", "[5-x-" + std::string(40, 'm') + "]"),
                                  good + good,
                                  good + second,
                                  good + "vars currentEpoch -1\n",
                                  second}) {
    EXPECT_FALSE(ParseNodesFile(text, clock_).ok()) << text;
  }
  const auto error = ParseNodesFile(good + "rubbish\n", clock_).error();
  EXPECT_EQ(error.message, "line 2: too few words");
}

TEST_F(NodesFileTest, DamagedFilesNeverCrash) {
  Random random(3);
  for (int round = 0; round < 5000; ++round) {
    std::string text = kRedisFile;
    for (uint64_t i = random.Below(6); i < 6; ++i) {
      const size_t at = random.Below(text.size());
      if (random.Below(3) == 0) {
        text.erase(at, random.Below(60));
      } else {
        text[at] = "0123456789 \n-[]<>,:@am"[random.Below(22)];
      }
      if (text.empty()) break;
    }
    auto table = ParseNodesFile(text, clock_);
    if (table.ok()) {
      EXPECT_TRUE(ParseNodesFile(FormatNodesFile(*table, clock_), clock_).ok()) << text;
    }
  }
}

TEST_F(NodesFileTest, IsCreatedLockedAndReplaced) {
  auto file = NodesFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(*(*file)->Read(), "");
  for (int i = 0; i < 3; ++i) {
    const std::string text = "text " + std::to_string(i) + "\n";
    ASSERT_TRUE((*file)->Write(text).ok());
    EXPECT_EQ(OnDisk(), text);
    EXPECT_EQ(*(*file)->Read(), text);
    const auto second = NodesFile::Open(path_);
    ASSERT_FALSE(second.ok());
    EXPECT_NE(second.error().message.find("already used by a different Redis Cluster node"),
              std::string::npos);
  }
  EXPECT_NE(access((path_ + ".tmp").c_str(), F_OK), 0);
  file->reset();
  EXPECT_TRUE(NodesFile::Open(path_).ok());
}

TEST_F(NodesFileTest, FollowsALink) {
  { std::ofstream(path_) << "x\n"; }
  const std::string link = folder_ + "/link.conf";
  ASSERT_EQ(symlink(path_.c_str(), link.c_str()), 0);
  auto file = NodesFile::Open(link);
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Write("y\n").ok());
  EXPECT_EQ(OnDisk(), "y\n");
}

TEST_F(NodesFileTest, KeepsTheOldFileWhenItCannotWrite) {
  if (geteuid() != 0) {
    auto file = NodesFile::Open(path_);
    ASSERT_TRUE((*file)->Write("old\n").ok());
    ASSERT_EQ(chmod(folder_.c_str(), 0500), 0);
    EXPECT_FALSE((*file)->Write("new\n").ok());
    ASSERT_EQ(chmod(folder_.c_str(), 0700), 0);
    EXPECT_EQ(OnDisk(), "old\n");
  }
  EXPECT_FALSE(NodesFile::Open(folder_ + "/missing/nodes.conf").ok());
}

}  // namespace
}  // namespace keyway::shard::cluster
