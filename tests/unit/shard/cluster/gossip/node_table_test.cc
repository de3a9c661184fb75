#include "shard/cluster/gossip/node_table.h"

#include <gtest/gtest.h>

#include "tests/unit/shard/cluster/fakes.h"

namespace keyway::shard::cluster::gossip {
namespace {

TEST(NodeTableTest, SlotsHaveOneOwner) {
  NodeTable table(Id('m'), 1);
  Node& peer = table.Add(Id('a'), kPrimary, 1);
  EXPECT_TRUE(table.AddSlot(table.myself(), 5));
  EXPECT_FALSE(table.AddSlot(peer, 5));
  EXPECT_FALSE(table.AddSlot(table.myself(), 5));
  EXPECT_EQ(table.Owner(5), &table.myself());
  EXPECT_EQ(table.assigned_slots(), 1);
  EXPECT_TRUE(table.RemoveSlot(5));
  EXPECT_FALSE(table.RemoveSlot(5));
  EXPECT_TRUE(table.AddSlot(peer, 5));
  EXPECT_TRUE(table.AddSlot(peer, 16383));
  EXPECT_EQ(table.RemoveAllSlots(peer), 2);
  EXPECT_EQ(peer.slot_count, 0);
  EXPECT_EQ(table.assigned_slots(), 0);
}

TEST(NodeTableTest, RemovedNodesLeaveNoTrace) {
  NodeTable table(Id('m'), 1);
  Node& a = table.Add(Id('a'), kPrimary, 1);
  Node& b = table.Add(Id('b'), kPrimary, 1);
  Node& c = table.Add(Id('c'), kPrimary, 1);
  table.AddSlot(a, 1);
  table.MakeReplica(b, &a);
  b.reports.push_back({&a, 1});
  table.SetMigratingTo(2, &a);
  table.SetImportingFrom(3, &a);
  table.SetImportingFrom(4, &c);
  table.Remove(a);
  EXPECT_EQ(table.Find(Id('a')), nullptr);
  EXPECT_EQ(table.Owner(1), nullptr);
  EXPECT_EQ(b.primary, nullptr);
  EXPECT_TRUE(b.reports.empty());
  EXPECT_EQ(table.MigratingTo(2), nullptr);
  EXPECT_EQ(table.ImportingFrom(3), nullptr);
  EXPECT_EQ(table.ImportingFrom(4), &c);
  EXPECT_EQ(table.size(), 3u);
  table.Remove(b);
  table.CloseAllMigrations();
  EXPECT_FALSE(table.HasMigrations());
}

TEST(NodeTableTest, Rename) {
  NodeTable table(Id('m'), 1);
  Node& a = table.Add(Id('a'), kHandshake, 1);
  table.Rename(a, Id('b'));
  EXPECT_EQ(table.Find(Id('b')), &a);
  EXPECT_EQ(table.Find(Id('a')), nullptr);
  EXPECT_EQ(a.id, Id('b'));
}

TEST(NodeTableTest, Roles) {
  NodeTable table(Id('m'), 1);
  Node& a = table.Add(Id('a'), kPrimary, 1);
  Node& b = table.Add(Id('b'), kPrimary, 1);
  Node& c = table.Add(Id('c'), kPrimary, 1);
  EXPECT_FALSE(table.MakePrimary(a));
  table.MakeReplica(b, &a);
  table.MakeReplica(b, &a);
  EXPECT_EQ(a.replicas.size(), 1u);
  EXPECT_EQ(NodeTable::PrimaryOf(b), &a);
  EXPECT_EQ(NodeTable::PrimaryOf(a), &a);
  EXPECT_TRUE(a.is(kMigrateTo));
  table.MakeReplica(b, &c);
  EXPECT_TRUE(a.replicas.empty());
  EXPECT_FALSE(a.is(kMigrateTo));
  // A replica of itself, or of nobody, has no primary.
  table.MakeReplica(b, &b);
  EXPECT_EQ(b.primary, nullptr);
  table.MakeReplica(b, nullptr);
  EXPECT_EQ(NodeTable::PrimaryOf(b), nullptr);
  EXPECT_TRUE(table.MakePrimary(b));
  // Where there are replicas, a primary that comes into use wants one.
  table.MakeReplica(b, &a);
  table.AddSlot(c, 1);
  EXPECT_TRUE(c.is(kMigrateTo));
}

TEST(NodeTableTest, NodeIds) {
  EXPECT_FALSE(NodeId::Parse("abc"));
  EXPECT_FALSE(NodeId::Parse(std::string(40, 'A')));
  EXPECT_FALSE(NodeId::Parse(std::string(39, 'a') + "\n"));
  EXPECT_TRUE(NodeId().null());
  EXPECT_EQ(NodeId().view(), "");
  EXPECT_LT(Id('a'), Id('b'));
}

}  // namespace
}  // namespace keyway::shard::cluster::gossip
