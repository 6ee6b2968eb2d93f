// Load by priority, health and locality. Expected numbers: Envoy's documentation of priority
// levels, degraded endpoints and the panic threshold, and where that rounds differently, its
// integer arithmetic.

#include <gtest/gtest.h>

#include <numeric>

#include "sidecar/upstream/priority_load.h"
#include "tests/unit/upstream/fixtures.h"

namespace pillion::upstream {
namespace {

using Loads = std::vector<uint32_t>;

Loads healthy_loads(const std::vector<PriorityLoad>& loads) {
  Loads out;
  for (const auto& load : loads) out.push_back(load.healthy);
  return out;
}

Loads degraded_loads(const std::vector<PriorityLoad>& loads) {
  Loads out;
  for (const auto& load : loads) out.push_back(load.degraded);
  return out;
}

// Priorities of 100 endpoints each, so many of them healthy.
std::vector<PriorityHealth> priorities(const std::vector<uint32_t>& healthy) {
  std::vector<PriorityHealth> out;
  for (uint32_t h : healthy) out.push_back({.total = 100, .healthy = h, .degraded = 0});
  return out;
}

TEST(SpreadLoad, FailsOverGraduallyBelow72Percent) {
  struct Row {
    std::vector<uint32_t> healthy;
    Loads loads;
  };
  const Row rows[] = {{{100, 100, 100}, {100, 0, 0}}, {{72, 72, 100}, {100, 0, 0}},
                      {{71, 71, 100}, {99, 1, 0}},    {{50, 50, 100}, {70, 30, 0}},
                      {{25, 100, 100}, {35, 65, 0}},  {{25, 25, 100}, {35, 35, 30}},
                      {{0, 100, 0}, {0, 100, 0}}};
  for (const Row& row : rows)
    EXPECT_EQ(healthy_loads(spread_load(priorities(row.healthy), 140, 50)), row.loads);
}

TEST(SpreadLoad, ScalesUpWhenAllTogetherCannotCarryIt) {
  // 28 + 28 of 100: half each, and both below the panic threshold of 50 %.
  auto loads = spread_load(priorities({20, 20}), 140, 0);
  EXPECT_EQ(healthy_loads(loads), (Loads{50, 50}));
  EXPECT_FALSE(loads[0].panic);
}

TEST(SpreadLoad, GivesDegradedEndpointsWhatTheHealthyCannotCarry) {
  std::vector<PriorityHealth> health = {{.total = 10, .healthy = 1, .degraded = 2},
                                        {.total = 10, .healthy = 2, .degraded = 1},
                                        {.total = 10, .healthy = 1, .degraded = 0}};
  auto loads = spread_load(health, 100, 0);
  EXPECT_EQ(healthy_loads(loads), (Loads{16, 28, 14}));
  EXPECT_EQ(degraded_loads(loads), (Loads{28, 14, 0}));
}

TEST(SpreadLoad, GivesRoundingToDegradedWhenNoneIsHealthy) {
  std::vector<PriorityHealth> health = {{.total = 3, .healthy = 0, .degraded = 1},
                                        {.total = 3, .healthy = 0, .degraded = 1}};
  auto loads = spread_load(health, 100, 0);
  EXPECT_EQ(healthy_loads(loads), (Loads{0, 0}));
  EXPECT_EQ(degraded_loads(loads), (Loads{50, 50}));
}

TEST(SpreadLoad, PanicsOnlyWhenAllPrioritiesTogetherFallShort) {
  // 25 % healthy is below the threshold, but the second priority makes up for it.
  auto enough = spread_load(priorities({25, 100}), 140, 50);
  EXPECT_FALSE(enough[0].panic);
  auto one = spread_load(priorities({5, 65}), 140, 50);
  EXPECT_TRUE(one[0].panic);
  EXPECT_FALSE(one[1].panic);
  EXPECT_EQ(healthy_loads(one), (Loads{8, 92}));
}

TEST(SpreadLoad, GoesByNumberInTotalPanic) {
  std::vector<PriorityHealth> health = {{.total = 10, .healthy = 1, .degraded = 0},
                                        {.total = 30, .healthy = 4, .degraded = 0}};
  auto loads = spread_load(health, 140, 50);
  EXPECT_EQ(healthy_loads(loads), (Loads{25, 75}));
  EXPECT_TRUE(loads[0].panic && loads[1].panic);
}

TEST(SpreadLoad, SendsNothingToAnEmptyFirstPriorityInPanic) {
  std::vector<PriorityHealth> health = {{}, {.total = 5, .healthy = 0, .degraded = 0}};
  EXPECT_EQ(healthy_loads(spread_load(health, 140, 50)), (Loads{0, 100}));
}

TEST(SpreadLoad, CountsDegradedAsAbleWhenJudgingPanic) {
  std::vector<PriorityHealth> health = {{.total = 10, .healthy = 3, .degraded = 2}};
  EXPECT_FALSE(spread_load(health, 100, 50)[0].panic);
  health[0].degraded = 1;
  EXPECT_TRUE(spread_load(health, 100, 50)[0].panic);
}

TEST(SpreadLoad, NeverPanicsWithThresholdZero) {
  auto loads = spread_load(priorities({0, 0}), 140, 0);
  EXPECT_FALSE(loads[0].panic || loads[1].panic);
  EXPECT_EQ(healthy_loads(loads), (Loads{100, 0}));
}

TEST(SpreadLoad, UsesWhatIsAbleEvenIfItsAvailabilityRoundsToZero) {
  std::vector<PriorityHealth> health = {{.total = 10, .healthy = 0, .degraded = 6},
                                        {.total = 10, .healthy = 6, .degraded = 0}};
  EXPECT_EQ(healthy_loads(spread_load(health, 1, 50)), (Loads{0, 100}));
}

TEST(SpreadLoad, AlwaysAddsUpToOneHundred) {
  constexpr uint64_t kSeed = 9;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<PriorityHealth> health(random.below(5) + 1);
    for (auto& h : health) {
      h.total = static_cast<uint32_t>(random.below(12));
      h.healthy = static_cast<uint32_t>(random.below(h.total + 1));
      h.degraded = static_cast<uint32_t>(random.below(h.total - h.healthy + 1));
    }
    auto threshold = static_cast<double>(random.below(101));
    auto loads = spread_load(health, static_cast<uint32_t>(random.below(200) + 1), threshold);
    uint32_t sum = 0;
    for (std::size_t i = 0; i < loads.size(); ++i) {
      sum += loads[i].healthy + loads[i].degraded;
      if (loads[i].panic) continue;
      bool none_able = std::all_of(health.begin(), health.end(), [](const PriorityHealth& h) {
        return h.healthy + h.degraded == 0;
      });
      ASSERT_TRUE(none_able || health[i].healthy > 0 || loads[i].healthy == 0);
      ASSERT_TRUE(health[i].degraded > 0 || loads[i].degraded == 0);
    }
    ASSERT_EQ(sum, 100u) << "round " << round;
  }
}

class PrioritySetTest : public ::testing::Test {
 protected:
  std::vector<double> shares(const EndpointSet& set, std::size_t picks = 50'000) {
    std::vector<double> out;
    for (std::size_t count : count_picks(picker_, set, picks))
      out.push_back(static_cast<double>(count) / static_cast<double>(picks));
    return out;
  }
  config::Cluster cluster_;
  Random random_{4};
  PrioritySet picker_{cluster_, random_};
};

TEST_F(PrioritySetTest, UsesOnlyTheFirstPriorityWhileItIsHealthy) {
  auto set = endpoint_set({{}, {}, {.priority = 1}});
  picker_.rebuild(set, {});
  EXPECT_NEAR(shares(*set)[2], 0, 0);
}

TEST_F(PrioritySetTest, SharesWithTheNextPriorityAsHealthFalls) {
  auto set = endpoint_set({{}, {.health = Health::kUnhealthy}, {.priority = 1}});
  picker_.rebuild(set, {});
  auto share = shares(*set);
  EXPECT_NEAR(share[0], 0.70, 0.01);
  EXPECT_NEAR(share[1], 0, 0);
  EXPECT_NEAR(share[2], 0.30, 0.01);
}

TEST_F(PrioritySetTest, SkipsPrioritiesWithoutEndpoints) {
  auto set = endpoint_set({{.priority = 3}});
  picker_.rebuild(set, {});
  bool panicked = false;
  EXPECT_EQ(picker_.pick({}, &panicked), set->all[0].get());
  EXPECT_FALSE(panicked);
}

TEST_F(PrioritySetTest, SendsTheRestToDegradedEndpoints) {
  auto set = endpoint_set({{},
                           {.health = Health::kDegraded},
                           {.health = Health::kDegraded},
                           {.health = Health::kDegraded}});
  picker_.rebuild(set, {});
  auto share = shares(*set);
  EXPECT_NEAR(share[0], 0.35, 0.01);
  EXPECT_NEAR(share[1] + share[2] + share[3], 0.65, 0.01);
}

TEST_F(PrioritySetTest, IgnoresHealthInPanicAndSaysSo) {
  auto set = endpoint_set({{}, {.health = Health::kUnhealthy}, {.health = Health::kDraining}});
  picker_.rebuild(set, {});
  bool panicked = false;
  EXPECT_NE(picker_.pick({}, &panicked), nullptr);
  EXPECT_TRUE(panicked);
  for (double share : shares(*set)) EXPECT_NEAR(share, 1.0 / 3, 0.01);
}

TEST_F(PrioritySetTest, CountsAPickFromNothingAsPanic) {
  bool panicked = false;
  EXPECT_EQ(picker_.pick({}, &panicked), nullptr);
  EXPECT_TRUE(panicked);
}

TEST_F(PrioritySetTest, RefusesInPanicWhenToldTo) {
  cluster_.fail_traffic_on_panic = true;
  picker_.rebuild(
      endpoint_set({{}, {.health = Health::kUnhealthy}, {.health = Health::kUnhealthy}}), {});
  bool panicked = false;
  EXPECT_EQ(picker_.pick({}, &panicked), nullptr);
  EXPECT_TRUE(panicked);
}

TEST_F(PrioritySetTest, PicksNothingWhenAllAreUnhealthyAndPanicIsOff) {
  cluster_.panic_threshold_percent = 0;
  picker_.rebuild(endpoint_set({{.health = Health::kUnhealthy}}), {});
  bool panicked = false;
  EXPECT_EQ(picker_.pick({}, &panicked), nullptr);
  EXPECT_FALSE(panicked);
}

TEST_F(PrioritySetTest, RepicksIntoAnotherPriority) {
  auto set = endpoint_set({{}, {.health = Health::kUnhealthy}, {.priority = 1}});
  picker_.rebuild(set, {});
  std::vector<const Endpoint*> avoid = {set->all[0].get()};
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(picker_.pick({.avoid = avoid, .attempts = 200}), set->all[2].get());
}

TEST_F(PrioritySetTest, FollowsLocalityWeights) {
  cluster_.locality_weighted = true;
  auto set = endpoint_set({{.zone = "a", .locality_weight = 1},
                           {.zone = "b", .locality_weight = 3},
                           {.zone = "b", .locality_weight = 3}});
  picker_.rebuild(set, {});
  auto share = shares(*set);
  EXPECT_NEAR(share[0], 0.25, 0.001);
  EXPECT_NEAR(share[1], 0.375, 0.001);
}

TEST_F(PrioritySetTest, IgnoresLocalityWeightsUnlessConfigured) {
  auto set = endpoint_set({{.zone = "a", .locality_weight = 1},
                           {.zone = "b", .locality_weight = 3},
                           {.zone = "b", .locality_weight = 3}});
  picker_.rebuild(set, {});
  EXPECT_NEAR(shares(*set)[0], 1.0 / 3, 0.001);
}

TEST_F(PrioritySetTest, LowersALocalityByItsHealth) {
  cluster_.locality_weighted = true;
  // Zone a is half healthy: 1.4 * 0.5 of its weight counts.
  auto set = endpoint_set({{.zone = "a", .locality_weight = 1},
                           {.health = Health::kUnhealthy, .zone = "a", .locality_weight = 1},
                           {.zone = "b", .locality_weight = 1},
                           {.zone = "b", .locality_weight = 1}});
  picker_.rebuild(set, {});
  auto share = shares(*set);
  EXPECT_NEAR(share[0], 0.7 / 1.7, 0.001);
  EXPECT_NEAR(share[1], 0, 0);
}

TEST_F(PrioritySetTest, SendsNothingToALocalityWithoutWeightUnlessNoneHasAny) {
  cluster_.locality_weighted = true;
  auto set = endpoint_set({{.zone = "a", .locality_weight = 2}, {.zone = "b"}});
  picker_.rebuild(set, {});
  EXPECT_NEAR(shares(*set)[1], 0, 0);
  set = endpoint_set({{.zone = "a"}, {.zone = "b"}});
  picker_.rebuild(set, {});
  EXPECT_NEAR(shares(*set)[1], 0.5, 0.001);
}

TEST_F(PrioritySetTest, ForgetsLocalitiesThatHaveGone) {
  cluster_.locality_weighted = true;
  picker_.rebuild(endpoint_set({{.zone = "a", .locality_weight = 1},
                                {.zone = "b", .locality_weight = 1},
                                {.zone = "c", .locality_weight = 1}}),
                  {});
  auto set = endpoint_set({{.zone = "b", .locality_weight = 1}});
  picker_.rebuild(set, {});
  EXPECT_NEAR(shares(*set)[0], 1, 0);
  picker_.rebuild(std::make_shared<EndpointSet>(), {});
  EXPECT_EQ(picker_.pick({}), nullptr);
}

}  // namespace
}  // namespace pillion::upstream
