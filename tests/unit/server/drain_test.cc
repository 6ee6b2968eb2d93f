#include "sidecar/server/drain.h"

#include <gtest/gtest.h>

#include "sidecar/base/hash.h"

namespace pillion::server {
namespace {

using std::chrono::seconds;

constexpr Time kStart = Time{} + std::chrono::hours(5);

DrainSchedule schedule(Options::DrainStrategy strategy) {
  return {kStart, seconds(600), strategy};
}

TEST(DrainSchedule, GradualCloseIsAsLikelyAsTheShareOfTimeThatHasPassed) {
  auto drain = schedule(Options::DrainStrategy::kGradual);
  for (int percent : {0, 10, 50, 90, 100}) {
    Time now = kStart + seconds(6 * percent);
    int closed = 0;
    for (uint64_t i = 0; i < 100000; ++i)
      if (drain.should_close(now, mix(i + 1))) ++closed;
    EXPECT_NEAR(closed, 1000 * percent, 500) << percent << " % of the drain time";
  }
}

TEST(DrainSchedule, ImmediateClosesFromTheStart) {
  EXPECT_TRUE(schedule(Options::DrainStrategy::kImmediate).should_close(kStart, UINT64_MAX));
}

TEST(DrainSchedule, NothingOutlivesTheDrainTime) {
  auto drain = schedule(Options::DrainStrategy::kGradual);
  EXPECT_FALSE(drain.over(kStart + seconds(599)));
  EXPECT_TRUE(drain.over(kStart + seconds(600)));
  EXPECT_TRUE(drain.should_close(kStart + seconds(601), UINT64_MAX));
}

TEST(DrainSchedule, ZeroDrainTimeClosesAtOnce) {
  DrainSchedule drain{kStart, seconds(0), Options::DrainStrategy::kGradual};
  EXPECT_TRUE(drain.should_close(kStart, UINT64_MAX));
}

TEST(Lifecycle, StartsUnreadyAndBecomesLive) {
  Lifecycle life;
  EXPECT_EQ(state_name(life.shown()), "PRE_INITIALIZING");
  life.set_initializing();
  EXPECT_EQ(state_name(life.shown()), "INITIALIZING");
  life.set_live();
  EXPECT_EQ(state_name(life.shown()), "LIVE");
  EXPECT_FALSE(life.failing_health_checks());
}

TEST(Lifecycle, FailedHealthChecksShowAsDrainingUntilTheyAreMended) {
  Lifecycle life;
  life.set_live();
  life.fail_health_checks(true);
  EXPECT_EQ(life.shown(), State::kDraining);
  EXPECT_TRUE(life.failing_health_checks());
  EXPECT_FALSE(life.draining());
  life.fail_health_checks(false);
  EXPECT_EQ(life.shown(), State::kLive);
}

TEST(Lifecycle, SecondDrainDoesNotMoveTheFirst) {
  Lifecycle life;
  life.set_live();
  EXPECT_TRUE(life.begin_drain(schedule(Options::DrainStrategy::kGradual)));
  EXPECT_FALSE(life.begin_drain(schedule(Options::DrainStrategy::kImmediate)));
  EXPECT_EQ(life.drain()->strategy, Options::DrainStrategy::kGradual);
  EXPECT_TRUE(life.draining());
  EXPECT_EQ(life.shown(), State::kDraining);
}

}  // namespace
}  // namespace pillion::server
