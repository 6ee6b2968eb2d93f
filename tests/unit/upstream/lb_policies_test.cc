// What tells the policies apart.

#include <gtest/gtest.h>

#include <cmath>

#include "sidecar/upstream/lb_edf.h"
#include "tests/unit/upstream/fixtures.h"

namespace pillion::upstream {
namespace {

using std::chrono::seconds;
using Lb = config::Cluster::Lb;

constexpr Time kNow = Time{} + std::chrono::hours(10);

config::Cluster cluster_of(Lb lb) {
  config::Cluster cluster;
  cluster.lb = lb;
  return cluster;
}

TEST(RoundRobin, GoesThroughAllInOrder) {
  auto cluster = cluster_of(Lb::kRoundRobin);
  Random random(1);
  PrioritySet picker(cluster, random);
  auto set = endpoint_set(std::vector<Spec>(4));
  picker.rebuild(set, kNow);
  const Endpoint* first = picker.pick({});
  std::size_t at = 0;
  while (set->all[at].get() != first) ++at;
  for (std::size_t i = 1; i <= 12; ++i) EXPECT_EQ(picker.pick({}), set->all[(at + i) % 4].get());
}

TEST(RoundRobin, StartsAtARandomPlace) {
  auto cluster = cluster_of(Lb::kRoundRobin);
  auto set = endpoint_set(std::vector<Spec>(8));
  std::map<const Endpoint*, int> starts;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    PrioritySet picker(cluster, random);
    picker.rebuild(set, kNow);
    ++starts[picker.pick({})];
  }
  EXPECT_EQ(starts.size(), 8u);
}

TEST(RoundRobin, KeepsItsPlaceWhenTheSetIsRebuilt) {
  auto cluster = cluster_of(Lb::kRoundRobin);
  Random random(1);
  PrioritySet picker(cluster, random);
  auto set = endpoint_set(std::vector<Spec>(3));
  picker.rebuild(set, kNow);
  std::map<const Endpoint*, int> counts;
  for (int i = 0; i < 30; ++i) {
    ++counts[picker.pick({})];
    picker.rebuild(set, kNow);
  }
  for (const auto& endpoint : set->all) EXPECT_EQ(counts[endpoint.get()], 10);
}

TEST(LeastRequest, PrefersTheIdleOfTwoChoices) {
  auto cluster = cluster_of(Lb::kLeastRequest);
  Random random(3);
  PrioritySet picker(cluster, random);
  auto set = endpoint_set(std::vector<Spec>(2));
  picker.rebuild(set, kNow);
  set->all[0]->counts.rq_active = 10;
  auto counts = count_picks(picker, *set, 40'000);
  // The busy one is picked only when both draws hit it.
  EXPECT_NEAR(static_cast<double>(counts[0]), 10'000, 400);
}

TEST(LeastRequest, LooksAtAsManyAsChoiceCountSays) {
  auto cluster = cluster_of(Lb::kLeastRequest);
  cluster.choice_count = 4;
  Random random(3);
  PrioritySet picker(cluster, random);
  auto set = endpoint_set(std::vector<Spec>(2));
  picker.rebuild(set, kNow);
  set->all[0]->counts.rq_active = 1;
  auto counts = count_picks(picker, *set, 64'000);
  EXPECT_NEAR(static_cast<double>(counts[0]), 4'000, 300);
}

TEST(LeastRequest, LowersUnequalWeightsByActiveRequests) {
  auto cluster = cluster_of(Lb::kLeastRequest);
  Random random(3);
  PrioritySet picker(cluster, random);
  // 2 / (1 + 1) against 1: the same in the end, and with bias 2, 2 / (1 + 1)^2, half of it.
  auto set = endpoint_set({{.weight = 2}, {.weight = 1}});
  set->all[0]->counts.rq_active = 1;
  picker.rebuild(set, kNow);
  auto counts = count_picks(picker, *set, 30'000);
  EXPECT_NEAR(static_cast<double>(counts[0]), 15'000, 10);

  cluster.active_request_bias = 2;
  PrioritySet biased(cluster, random);
  biased.rebuild(set, kNow);
  counts = count_picks(biased, *set, 30'000);
  EXPECT_NEAR(static_cast<double>(counts[0]), 10'000, 10);

  cluster.active_request_bias = 0;
  PrioritySet unbiased(cluster, random);
  unbiased.rebuild(set, kNow);
  counts = count_picks(unbiased, *set, 30'000);
  EXPECT_NEAR(static_cast<double>(counts[0]), 20'000, 10);
}

TEST(Random, IgnoresWeights) {
  auto cluster = cluster_of(Lb::kRandom);
  Random random(3);
  PrioritySet picker(cluster, random);
  auto set = endpoint_set({{.weight = 100}, {.weight = 1}});
  picker.rebuild(set, kNow);
  auto counts = count_picks(picker, *set, 20'000);
  EXPECT_NEAR(static_cast<double>(counts[0]), 10'000, 400);
}

TEST(SlowStart, LetsAFreshEndpointGrowToItsShare) {
  auto cluster = cluster_of(Lb::kRoundRobin);
  cluster.slow_start = std::make_unique<config::SlowStart>();
  cluster.slow_start->window = seconds(100);
  auto set = endpoint_set({{.added = kNow - seconds(1000)}, {.added = kNow}});
  auto share_after = [&](seconds age) {
    Random random(5);
    PrioritySet picker(cluster, random);
    picker.rebuild(set, kNow);
    auto counts = count_picks(picker, *set, 20'000, kNow + age);
    return static_cast<double>(counts[1]) / 20'000;
  };
  EXPECT_NEAR(share_after(seconds(1)), 0.1 / 1.1, 0.005);   // min_weight_percent
  EXPECT_NEAR(share_after(seconds(50)), 0.5 / 1.5, 0.005);  // half of the window
  EXPECT_NEAR(share_after(seconds(100)), 0.5, 0.005);
}

TEST(SlowStart, BendsTheCurveByAggression) {
  config::SlowStart slow_start;
  slow_start.window = seconds(100);
  slow_start.aggression = 2;
  slow_start.min_weight_percent = 1;
  Endpoint endpoint;
  endpoint.added = kNow;
  EXPECT_NEAR(slow_start_weight(8, endpoint, &slow_start, kNow + seconds(25)), 8 * 0.5, 1e-9);
  EXPECT_NEAR(slow_start_weight(8, endpoint, &slow_start, kNow + seconds(100)), 8, 1e-9);
  EXPECT_NEAR(slow_start_weight(8, endpoint, &slow_start, kNow), 8 * 0.01, 1e-9);
  EXPECT_NEAR(slow_start_weight(8, endpoint, nullptr, kNow), 8, 1e-9);
  endpoint.health = Health::kDegraded;  // only the healthy start slowly
  EXPECT_NEAR(slow_start_weight(8, endpoint, &slow_start, kNow), 8, 1e-9);
}

TEST(SlowStart, ChangesNothingWhenAllAreOld) {
  config::SlowStart slow_start;
  slow_start.window = seconds(100);
  auto set = endpoint_set({{.added = kNow - seconds(101)}, {.added = kNow - seconds(500)}});
  std::vector<const Endpoint*> all = {set->all[0].get(), set->all[1].get()};
  EXPECT_FALSE(needs_schedule(all, &slow_start, kNow));
  EXPECT_TRUE(needs_schedule(all, &slow_start, kNow - seconds(2)));
  EXPECT_FALSE(needs_schedule(all, nullptr, kNow - seconds(2)));
}

// The schedule by its definition: the earliest deadline of all, found by looking at each.
TEST(EdfSchedule, StaysWithinOneTurnOfTheIdealAtEveryMoment) {
  constexpr uint64_t kSeed = 77;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> weights;
    for (uint64_t i = random.below(12) + 2; i > 0; --i)
      weights.push_back(static_cast<double>(random.below(1000) + 1));
    EdfSchedule schedule;
    schedule.assign(weights, random);
    std::vector<double> picks(weights.size());
    // Entry i takes its n-th turn at (n - 1 + phase) / weight, phase in (0, 1]; so at any time t it
    // has had t * weight turns, give or take one.
    for (int n = 1; n <= 5000; ++n) {
      std::size_t entry = schedule.next();
      schedule.picked(weights[entry]);
      ++picks[entry];
      if (n % 97 != 0) continue;
      double low = 0;
      double high = 1e300;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        low = std::max(low, (picks[i] - 1) / weights[i]);
        high = std::min(high, (picks[i] + 1) / weights[i]);
      }
      ASSERT_LE(low, high * (1 + 1e-9)) << "after " << n << " picks of round " << round;
    }
  }
}

TEST(EdfSchedule, StaysExactAfterManyPicksOfExtremeWeights) {
  Random random(1);
  EdfSchedule schedule;
  std::vector<double> weights = {4e9, 1, 4e9};
  schedule.assign(weights, random);
  std::vector<std::size_t> picks(3);
  for (int i = 0; i < 1'000'000; ++i) {
    std::size_t entry = schedule.next();
    schedule.picked(weights[entry]);
    ++picks[entry];
  }
  EXPECT_NEAR(static_cast<double>(picks[0]), 500'000, 1);
  EXPECT_LE(picks[1], 1u);
}

}  // namespace
}  // namespace pillion::upstream
