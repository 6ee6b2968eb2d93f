#include "sidecar/server/drain.h"

#include <gtest/gtest.h>

namespace pillion::server {
namespace {

using std::chrono::seconds;
using Strategy = Options::DrainStrategy;

constexpr Time kStart = Time{} + std::chrono::hours(5);
constexpr uint64_t kAll = DrainSchedule::kAll;

class LifecycleTest : public ::testing::Test {
 protected:
  [[nodiscard]] uint64_t share() const { return process_.drain_close_share.load(); }
  proxy::ProcessState process_;
  Lifecycle life_{process_};
  DrainSchedule gradual_{kStart, seconds(600), Strategy::kGradual};
};

TEST(DrainSchedule, GradualShareIsThatOfTheTimeThatHasPassed) {
  DrainSchedule drain{kStart, seconds(600), Strategy::kGradual};
  EXPECT_EQ(drain.close_share(kStart), 0u);
  EXPECT_EQ(drain.close_share(kStart + seconds(150)), kAll / 4);
  EXPECT_EQ(drain.close_share(kStart + seconds(450)), kAll / 4 * 3);
  EXPECT_EQ(drain.close_share(kStart + seconds(600)), kAll);
  EXPECT_EQ(drain.close_share(kStart + seconds(9999)), kAll);
}

TEST(DrainSchedule, ImmediateClosesAllFromTheStart) {
  DrainSchedule drain{kStart, seconds(600), Strategy::kImmediate};
  EXPECT_EQ(drain.close_share(kStart), kAll);
}

TEST(DrainSchedule, EndsWhenItsTimeIsOver) {
  DrainSchedule drain{kStart, seconds(600), Strategy::kGradual};
  EXPECT_FALSE(drain.over(kStart + seconds(599)));
  EXPECT_TRUE(drain.over(kStart + seconds(600)));
  DrainSchedule none{kStart, seconds(0), Strategy::kGradual};
  EXPECT_EQ(none.close_share(kStart), kAll);
}

TEST_F(LifecycleTest, StartsUnreadyAndBecomesLive) {
  EXPECT_EQ(state_name(life_.shown()), "PRE_INITIALIZING");
  life_.set_initializing();
  EXPECT_EQ(state_name(life_.shown()), "INITIALIZING");
  life_.set_live();
  EXPECT_EQ(state_name(life_.shown()), "LIVE");
  EXPECT_EQ(share(), 0u);
}

TEST_F(LifecycleTest, FailedHealthChecksDrainConnectionsUntilTheyAreMended) {
  life_.set_live();
  life_.fail_health_checks(true, kStart);
  EXPECT_EQ(life_.shown(), State::kDraining);
  EXPECT_TRUE(process_.health_check_failed.load());
  EXPECT_FALSE(process_.draining.load());
  EXPECT_EQ(share(), kAll);
  life_.fail_health_checks(false, kStart);
  EXPECT_EQ(life_.shown(), State::kLive);
  EXPECT_FALSE(process_.health_check_failed.load());
  EXPECT_EQ(share(), 0u);
}

TEST_F(LifecycleTest, DrainOfListenersTellsWorkersTheShareAndDoesNotShow) {
  life_.set_live();
  EXPECT_TRUE(life_.begin_drain(gradual_));
  life_.update(kStart + seconds(300));
  EXPECT_EQ(share(), kAll / 2);
  EXPECT_EQ(life_.shown(), State::kLive);
  EXPECT_FALSE(process_.draining.load());
}

TEST_F(LifecycleTest, SecondDrainDoesNotMoveTheFirst) {
  EXPECT_TRUE(life_.begin_drain(gradual_));
  EXPECT_FALSE(life_.begin_drain({kStart + seconds(60), seconds(600), Strategy::kImmediate}));
  EXPECT_EQ(life_.drain()->start, kStart);
  EXPECT_EQ(life_.drain()->strategy, Strategy::kGradual);
}

TEST_F(LifecycleTest, ShutdownReplacesADrainAndClosesEveryConnection) {
  life_.set_live();
  EXPECT_TRUE(life_.begin_drain(gradual_));
  life_.begin_shutdown({kStart + seconds(60), seconds(600), Strategy::kGradual});
  EXPECT_EQ(life_.shown(), State::kDraining);
  EXPECT_TRUE(life_.shutting_down());
  EXPECT_TRUE(process_.draining.load());
  EXPECT_EQ(share(), kAll);
  EXPECT_FALSE(life_.drain()->over(kStart + seconds(600)));
  EXPECT_TRUE(life_.drain()->over(kStart + seconds(660)));
}

}  // namespace
}  // namespace pillion::server
