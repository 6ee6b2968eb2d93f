// What every policy must do, run on each by type parameter. A new policy is one more line in
// `Policies`.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "tests/unit/upstream/fixtures.h"

namespace pillion::upstream {
namespace {

struct RoundRobinPolicy {
  static constexpr config::Cluster::Lb kName = config::Cluster::Lb::kRoundRobin;
  static constexpr bool kUsesWeights = true;
};
struct LeastRequestPolicy {
  static constexpr config::Cluster::Lb kName = config::Cluster::Lb::kLeastRequest;
  static constexpr bool kUsesWeights = true;
};
struct RandomPolicy {
  static constexpr config::Cluster::Lb kName = config::Cluster::Lb::kRandom;
  static constexpr bool kUsesWeights = false;
};
using Policies = ::testing::Types<RoundRobinPolicy, LeastRequestPolicy, RandomPolicy>;

template <class Policy>
class BalancerConformance : public ::testing::Test {
 protected:
  BalancerConformance() { cluster_.lb = Policy::kName; }
  static constexpr uint64_t kSeed = 20;
  config::Cluster cluster_;
  Random random_{kSeed};
};
TYPED_TEST_SUITE(BalancerConformance, Policies);

TYPED_TEST(BalancerConformance, PicksNothingFromNothing) {
  PrioritySet picker(this->cluster_, this->random_);
  EXPECT_EQ(picker.pick({}), nullptr);
}

TYPED_TEST(BalancerConformance, PicksTheOnlyEndpoint) {
  PrioritySet picker(this->cluster_, this->random_);
  auto set = endpoint_set({{}});
  picker.rebuild(set, {});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(picker.pick({}), set->all[0].get());
}

TYPED_TEST(BalancerConformance, NeverPicksUnhealthyOrDraining) {
  SCOPED_TRACE(this->kSeed);
  PrioritySet picker(this->cluster_, this->random_);
  for (int round = 0; round < 200; ++round) {
    std::vector<Spec> specs;
    auto size = this->random_.below(20) + 1;
    for (uint64_t i = 0; i < size; ++i) {
      // At least four of five healthy, so that there is no panic; the rest in either kind of bad
      // health.
      Health health = i % 5 != 4                    ? Health::kHealthy
                      : this->random_.below(2) == 0 ? Health::kUnhealthy
                                                    : Health::kDraining;
      specs.push_back(
          {.weight = static_cast<uint32_t>(this->random_.below(4) + 1), .health = health});
    }
    auto set = endpoint_set(specs);
    picker.rebuild(set, {});
    for (int i = 0; i < 50; ++i) {
      const Endpoint* picked = picker.pick({});
      ASSERT_NE(picked, nullptr);
      ASSERT_EQ(picked->health, Health::kHealthy);
    }
  }
}

TYPED_TEST(BalancerConformance, HonoursAvoidWhileThereIsAnother) {
  for (uint32_t weight : {1u, 3u}) {
    PrioritySet picker(this->cluster_, this->random_);
    auto set = endpoint_set({{}, {.weight = weight}, {}});
    picker.rebuild(set, {});
    std::vector<const Endpoint*> avoid = {set->all[0].get(), set->all[1].get()};
    for (int i = 0; i < 200; ++i)
      ASSERT_EQ(picker.pick({.avoid = avoid, .attempts = 1000}), set->all[2].get());
  }
}

TYPED_TEST(BalancerConformance, TakesAnAvoidedEndpointWhenThereIsNoOther) {
  PrioritySet picker(this->cluster_, this->random_);
  auto set = endpoint_set({{}, {}});
  picker.rebuild(set, {});
  std::vector<const Endpoint*> avoid = {set->all[0].get(), set->all[1].get()};
  EXPECT_NE(picker.pick({.avoid = avoid, .attempts = 5}), nullptr);
}

TYPED_TEST(BalancerConformance, DoesNotRepickWithoutAttempts) {
  PrioritySet picker(this->cluster_, this->random_);
  auto set = endpoint_set({{}, {}, {}, {}});
  picker.rebuild(set, {});
  std::vector<const Endpoint*> avoid = {set->all[0].get()};
  std::size_t avoided = 0;
  for (int i = 0; i < 4000; ++i)
    avoided += picker.pick({.avoid = avoid, .attempts = 0}) == avoid[0] ? 1u : 0u;
  EXPECT_NEAR(static_cast<double>(avoided), 1000, 150);
}

TYPED_TEST(BalancerConformance, IsFairWithinTwoPercentOver100kPicks) {
  SCOPED_TRACE(this->kSeed);
  PrioritySet picker(this->cluster_, this->random_);
  auto set = endpoint_set(std::vector<Spec>(5));
  picker.rebuild(set, {});
  for (std::size_t count : count_picks(picker, *set, 100'000))
    EXPECT_NEAR(static_cast<double>(count), 20'000, 20'000 * 0.02);
}

TYPED_TEST(BalancerConformance, IsFairWhileRequestsAreInFlight) {
  PrioritySet picker(this->cluster_, this->random_);
  auto set = endpoint_set(std::vector<Spec>(5));
  picker.rebuild(set, {});
  std::deque<const Endpoint*> flying;
  std::map<const Endpoint*, std::size_t> counts;
  for (int i = 0; i < 100'000; ++i) {
    const Endpoint* picked = picker.pick({});
    ++counts[picked];
    picked->counts.rq_active.fetch_add(1);
    flying.push_back(picked);
    if (flying.size() < 32) continue;
    flying.front()->counts.rq_active.fetch_sub(1);
    flying.pop_front();
  }
  ASSERT_EQ(counts.size(), 5u);
  for (const auto& [endpoint, count] : counts)
    EXPECT_NEAR(static_cast<double>(count), 20'000, 20'000 * 0.02);
}

TYPED_TEST(BalancerConformance, PicksInProportionToWeights) {
  SCOPED_TRACE(this->kSeed);
  PrioritySet picker(this->cluster_, this->random_);
  auto set = endpoint_set({{.weight = 10}, {.weight = 20}, {.weight = 30}, {.weight = 40}});
  picker.rebuild(set, {});
  auto counts = count_picks(picker, *set, 100'000);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    double expected = TypeParam::kUsesWeights ? 10'000.0 * static_cast<double>(i + 1) : 25'000.0;
    EXPECT_NEAR(static_cast<double>(counts[i]), expected, expected * 0.02) << i;
  }
}

TYPED_TEST(BalancerConformance, SurvivesRebuildToEmptyAndBack) {
  PrioritySet picker(this->cluster_, this->random_);
  for (uint32_t weight : {1u, 2u, 1u}) {
    auto set = endpoint_set({{}, {.weight = weight}, {}});
    picker.rebuild(set, {});
    EXPECT_NE(picker.pick({}), nullptr);
    set.reset();  // the picker holds the only reference: a stale pointer would be met by ASan
    picker.rebuild(std::make_shared<EndpointSet>(), {});
    EXPECT_EQ(picker.pick({}), nullptr);
    EXPECT_EQ(picker.pick({}), nullptr);
  }
}

TYPED_TEST(BalancerConformance, PicksOnlyFromTheLatestSet) {
  SCOPED_TRACE(this->kSeed);
  PrioritySet picker(this->cluster_, this->random_);
  for (int round = 0; round < 300; ++round) {
    std::vector<Spec> specs(this->random_.below(8));
    bool weighted = this->random_.below(2) == 0;
    for (Spec& spec : specs)
      spec.weight = weighted ? static_cast<uint32_t>(this->random_.below(5) + 1) : 1;
    auto set = endpoint_set(specs);
    std::set<const Endpoint*> members;
    for (const auto& endpoint : set->all) members.insert(endpoint.get());
    picker.rebuild(set, {});
    for (int i = 0; i < 20; ++i) {
      const Endpoint* picked = picker.pick({});
      ASSERT_EQ(picked == nullptr, members.empty());
      ASSERT_TRUE(picked == nullptr || members.contains(picked));
    }
  }
}

TYPED_TEST(BalancerConformance, ReachesEveryEndpointOfALargeSet) {
  PrioritySet picker(this->cluster_, this->random_);
  auto set = endpoint_set(std::vector<Spec>(500));
  picker.rebuild(set, {});
  auto counts = count_picks(picker, *set, 20'000);
  EXPECT_EQ(std::count(counts.begin(), counts.end(), 0u), 0);
}

}  // namespace
}  // namespace pillion::upstream
