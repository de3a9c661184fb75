#include "proxy/pubsub/census.h"

#include <gtest/gtest.h>

namespace keyway::proxy::pubsub {
namespace {

TEST(CensusTest, CorrectsWhatAShardCounts) {
  Census census;
  EXPECT_EQ(census.CorrectionForChannel("ch"), 0);
  // Two workers with three clients and one: a shard counts two.
  census.Enter(Kind::kChannel, "ch", 3);
  census.Enter(Kind::kChannel, "ch", 1);
  EXPECT_EQ(census.Correction(Kind::kChannel, "ch"), 2);
  EXPECT_EQ(census.Correction(Kind::kShardChannel, "ch"), 0);
  census.Change(Kind::kChannel, "ch", 5);
  EXPECT_EQ(census.Correction(Kind::kChannel, "ch"), 7);
  census.Leave(Kind::kChannel, "ch", 8);
  EXPECT_EQ(census.Correction(Kind::kChannel, "ch"), 0);
  EXPECT_EQ(census.Count(Kind::kChannel), 1u);
  census.Leave(Kind::kChannel, "ch", 1);
  EXPECT_EQ(census.Count(Kind::kChannel), 0u);
}

TEST(CensusTest, PatternsCountForEveryChannelThatTheyMatch) {
  Census census;
  census.Enter(Kind::kChannel, "news", 2);
  census.Enter(Kind::kPattern, "n*", 4);
  census.Enter(Kind::kPattern, "?ews", 1);
  census.Enter(Kind::kPattern, "x*", 9);
  EXPECT_EQ(census.CorrectionForChannel("news"), 1 + 3);
  EXPECT_EQ(census.CorrectionForChannel("nothing"), 3);
  EXPECT_EQ(census.Correction(Kind::kChannel, "news"), 1);
  EXPECT_EQ(census.Count(Kind::kPattern), 3u);
}

// A worker that a shard counts although the last of its clients has gone.
TEST(CensusTest, AWorkerWithoutClientsCountsForNone) {
  Census census;
  census.Enter(Kind::kChannel, "ch", 1);
  census.Change(Kind::kChannel, "ch", -1);
  EXPECT_EQ(census.Correction(Kind::kChannel, "ch"), -1);
  census.Leave(Kind::kChannel, "ch", 0);
  EXPECT_EQ(census.Correction(Kind::kChannel, "ch"), 0);
}

}  // namespace
}  // namespace keyway::proxy::pubsub
