#include "proxy/topology/zones.h"

#include <gtest/gtest.h>

namespace keyway::proxy::topology {
namespace {

Node MakeNode(std::string host, uint16_t port, std::string hostname = "") {
  Node node;
  node.endpoint = {std::move(host), port};
  node.hostname = std::move(hostname);
  return node;
}

TEST(ZonesTest, OfNodesByAddressAndName) {
  Zones zones;
  zones.of_nodes =
      *ParseNodeZones("10.0.0.1:7001=a, 10.0.0.1=b ,[::1]:7003=c,redis-4=d,redis-5:7005=e");
  EXPECT_EQ(zones.Of(MakeNode("10.0.0.1", 7001)), "a");
  EXPECT_EQ(zones.Of(MakeNode("10.0.0.1", 7002)), "b");
  EXPECT_EQ(zones.Of(MakeNode("::1", 7003)), "c");
  EXPECT_EQ(zones.Of(MakeNode("10.0.0.4", 7004, "redis-4")), "d");
  EXPECT_EQ(zones.Of(MakeNode("10.0.0.5", 7005, "redis-5")), "e");
  EXPECT_EQ(zones.Of(MakeNode("10.0.0.6", 7006, "redis-6")), "");
}

TEST(ZonesTest, OfHostnames) {
  Zones zones;
  zones.hostname_label = 2;
  const auto zone = [&zones](const char* hostname) {
    return std::string(zones.Of(MakeNode("10.0.0.1", 7001, hostname)));
  };
  EXPECT_EQ(zone("redis-1.eu-west-1a.example"), "eu-west-1a");
  EXPECT_EQ(zone("redis-1.eu-west-1a"), "eu-west-1a");
  EXPECT_EQ(zone("redis-1"), "");
  EXPECT_EQ(zone(""), "");
  zones.hostname_label = 1;
  EXPECT_EQ(zone("redis-1"), "redis-1");
  // What the flag says counts first.
  zones.of_nodes = *ParseNodeZones("10.0.0.1=x");
  EXPECT_EQ(zone("redis-1"), "x");
}

TEST(ZonesTest, OwnZone) {
  Zones zones;
  // Neither the node nor the proxy is anywhere: that is no common zone.
  EXPECT_FALSE(zones.IsOwn(MakeNode("10.0.0.1", 7001)));
  zones.own = "a";
  EXPECT_FALSE(zones.IsOwn(MakeNode("10.0.0.1", 7001)));
  zones.of_nodes = *ParseNodeZones("10.0.0.1=a,10.0.0.2=b");
  EXPECT_TRUE(zones.IsOwn(MakeNode("10.0.0.1", 7001)));
  EXPECT_FALSE(zones.IsOwn(MakeNode("10.0.0.2", 7001)));
}

TEST(ZonesTest, MalformedItems) {
  EXPECT_TRUE(ParseNodeZones("")->empty());
  for (const char* text : {"a", "a=", "=a", "a=b,,c=d", ","}) {
    EXPECT_FALSE(ParseNodeZones(text).ok()) << text;
  }
}

}  // namespace
}  // namespace keyway::proxy::topology
