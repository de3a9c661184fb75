#include "proxy/session/cluster_view.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace keyway::proxy::session {
namespace {

TEST(ClusterViewTest, OneProxyOwnsAllSlots) {
  const ClusterView view = MakeClusterView({}, {"127.0.0.1", 6379});
  ASSERT_EQ(view.members.size(), 1u);
  EXPECT_EQ(view.members[0].endpoint, (net::Endpoint{"127.0.0.1", 6379}));
  EXPECT_EQ(view.members[0].slots, (SlotRange{0, 16383}));
  EXPECT_EQ(view.self, 0u);
}

TEST(ClusterViewTest, SlotsAreDividedWithoutGapOrOverlap) {
  for (size_t count : {2u, 3u, 7u, 1000u, 16384u, 20000u}) {
    std::vector<net::Endpoint> proxies;
    for (size_t i = 0; i < count; ++i) {
      proxies.push_back({"10.0.0." + std::to_string(i / 1000), static_cast<uint16_t>(i % 1000 + 1)});
    }
    const ClusterView view = MakeClusterView(proxies, proxies[1]);
    int next = 0;
    for (const ClusterMember& member : view.members) {
      EXPECT_EQ(member.slots.first, next);
      EXPECT_GE(member.slots.last, member.slots.first);
      next = member.slots.last + 1;
    }
    EXPECT_EQ(next, kSlotCount);
    EXPECT_EQ(view.self, 1u);
  }
}

TEST(ClusterViewTest, KnowsItself) {
  const std::vector<net::Endpoint> proxies = {{"one", 1}, {"10.0.0.1", 2}, {"10.0.0.2", 2}};
  EXPECT_EQ(MakeClusterView(proxies, {"10.0.0.2", 2}).self, 2u);
  EXPECT_EQ(MakeClusterView(proxies, {"192.168.0.1", 2}).self, 1u);
  EXPECT_EQ(MakeClusterView(proxies, {"192.168.0.1", 9}).self, 0u);
}

TEST(ClusterViewTest, IdsAreStableAndDiffer) {
  // Written down: a proxy of another release must have the same.
  EXPECT_EQ(NodeId({"127.0.0.1", 7920}), "103ce80b4c1f4c220cff1950983d851569e3c0b2");
  std::set<std::string> ids;
  for (int port = 1; port <= 5000; ++port) {
    const std::string id = NodeId({"127.0.0.1", static_cast<uint16_t>(port)});
    EXPECT_EQ(id.size(), 40u);
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 5000u);
  const ClusterView view = MakeClusterView({}, {"::1", 5});
  EXPECT_EQ(view.Find(view.members[0].id), view.members.data());
  EXPECT_EQ(view.Find("x"), nullptr);
}

}  // namespace
}  // namespace keyway::proxy::session
