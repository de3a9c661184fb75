#include "shard/server/lifecycle.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/random.h"

namespace keyway::shard {
namespace {

class LifecycleTest : public testing::Test {
 protected:
  Random random_ = Random::FromEntropy();
  Lifecycle lifecycle_{SystemClock::Instance(), random_, "/nowhere/keyway-shard"};
};

TEST_F(LifecycleTest, GoesOnWhenTheEndCannotBePrepared) {
  int asked = 0;
  bool works = false;
  Lifecycle::ShutdownOptions seen;
  lifecycle_.set_on_shutdown([&](const Lifecycle::ShutdownOptions& options) {
    ++asked;
    seen = options;
    return works;
  });
  EXPECT_FALSE(lifecycle_.Shutdown({.save = true, .force = true}));
  EXPECT_FALSE(lifecycle_.shutdown_requested());
  EXPECT_TRUE(seen.save && seen.force);
  EXPECT_FALSE(seen.nosave || seen.now);
  works = true;
  EXPECT_TRUE(lifecycle_.Shutdown({}));
  EXPECT_TRUE(lifecycle_.shutdown_requested());
  EXPECT_EQ(asked, 2);
  EXPECT_TRUE(lifecycle_.Shutdown({})) << "it has been decided";
  EXPECT_EQ(asked, 2);
}

TEST_F(LifecycleTest, OnlyWhatIsScheduledCanBeAborted) {
  EXPECT_FALSE(lifecycle_.AbortShutdown());
  lifecycle_.ScheduleShutdown();
  EXPECT_TRUE(lifecycle_.AbortShutdown());
  EXPECT_FALSE(lifecycle_.AbortShutdown());
}

TEST_F(LifecycleTest, CannotBecomeAProgramThatIsNotThere) {
  EXPECT_FALSE(lifecycle_.MayRestart());
  lifecycle_.set_arguments({"keyway-shard"});
  EXPECT_FALSE(lifecycle_.MayRestart());
}

}  // namespace
}  // namespace keyway::shard
