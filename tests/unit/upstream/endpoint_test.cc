#include "sidecar/upstream/endpoint.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "sidecar/upstream/limits.h"
#include "tests/unit/upstream/fixtures.h"

namespace pillion::upstream {
namespace {

constexpr Time kThen = Time{} + std::chrono::hours(1);
constexpr Time kLater = kThen + std::chrono::minutes(5);

config::Endpoint at(const std::string& ip, uint32_t weight = 1) {
  config::Endpoint endpoint;
  endpoint.address = address(ip);
  endpoint.weight = weight;
  return endpoint;
}

config::Endpoint named(const std::string& name, uint16_t port = 80) {
  config::Endpoint endpoint;
  endpoint.dns_name = name;
  endpoint.port = port;
  return endpoint;
}

// Two localities: 10.0.0.1 and 10.0.0.2 in zone a, 10.0.0.3 in zone b.
config::Assignment two_zones() {
  config::Assignment assignment;
  assignment.localities.resize(2);
  assignment.localities[0].locality.zone = "a";
  assignment.localities[0].endpoints.push_back(at("10.0.0.1"));
  assignment.localities[0].endpoints.push_back(at("10.0.0.2"));
  assignment.localities[1].locality.zone = "b";
  assignment.localities[1].endpoints.push_back(at("10.0.0.3"));
  return assignment;
}

TEST(BuildEndpoints, TakesOverWhatTheAssignmentSays) {
  auto assignment = two_zones();
  assignment.overprovisioning_percent = 200;
  auto& endpoint = assignment.localities[1].endpoints[0];
  endpoint.hostname = "third";
  endpoint.weight = 7;
  endpoint.health = Health::kDegraded;
  endpoint.metadata = std::make_unique<config::Metadata>();
  (*endpoint.metadata)["envoy.lb"].data = true;
  assignment.localities[1].priority = 2;
  assignment.localities[1].weight = 9;
  auto set = build_endpoints(assignment, {}, nullptr, kThen);
  ASSERT_EQ(set->all.size(), 3u);
  EXPECT_EQ(set->overprovisioning_percent, 200u);
  const Endpoint& built = *set->all[2];
  EXPECT_EQ(built.address_text, "10.0.0.3:80");
  EXPECT_EQ(built.connect_address(), address("10.0.0.3"));
  EXPECT_EQ(built.hostname, "third");
  EXPECT_EQ(built.weight, 7u);
  EXPECT_EQ(built.health, Health::kDegraded);
  EXPECT_EQ(built.priority, 2u);
  EXPECT_EQ(built.locality->zone, "b");
  EXPECT_EQ(built.locality_weight, 9u);
  ASSERT_NE(built.metadata, nullptr);
  EXPECT_EQ(*built.metadata, *endpoint.metadata);
  EXPECT_EQ(built.added, kThen);
  EXPECT_EQ(set->all[0]->locality, set->all[1]->locality);
  EXPECT_FALSE(built.canary);
  EXPECT_EQ(set->all[0]->metadata, nullptr);
}

TEST(BuildEndpoints, KeepsTheObjectsOfUnchangedEndpoints) {
  auto before = build_endpoints(two_zones(), {}, nullptr, kThen);
  auto assignment = two_zones();
  assignment.localities[0].endpoints.erase(assignment.localities[0].endpoints.begin());
  assignment.localities[1].endpoints.push_back(at("10.0.0.4"));
  auto after = build_endpoints(assignment, {}, before.get(), kLater);
  ASSERT_EQ(after->all.size(), 3u);
  EXPECT_EQ(after->all[0], before->all[1]);
  EXPECT_EQ(after->all[1], before->all[2]);
  EXPECT_EQ(after->all[0]->added, kThen);
  EXPECT_EQ(after->all[2]->added, kLater);
}

TEST(BuildEndpoints, MakesAnewWhatDiffersInAnything) {
  auto before = build_endpoints(two_zones(), {}, nullptr, kThen);
  const std::vector<void (*)(config::LocalityEndpoints&)> changes = {
      [](config::LocalityEndpoints& l) { l.endpoints[0].weight = 2; },
      [](config::LocalityEndpoints& l) { l.endpoints[0].hostname = "h"; },
      [](config::LocalityEndpoints& l) { l.endpoints[0].health = Health::kUnhealthy; },
      [](config::LocalityEndpoints& l) { l.endpoints[0].address.set_port(81); },
      [](config::LocalityEndpoints& l) {
        l.endpoints[0].metadata = std::make_unique<config::Metadata>();
      },
      [](config::LocalityEndpoints& l) { l.priority = 1; },
      [](config::LocalityEndpoints& l) { l.weight = 5; },
      [](config::LocalityEndpoints& l) { l.locality.zone = "c"; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    auto assignment = two_zones();
    changes[i](assignment.localities[1]);
    auto after = build_endpoints(assignment, {}, before.get(), kLater);
    ASSERT_EQ(after->all.size(), 3u);
    EXPECT_EQ(after->all[0], before->all[0]) << i;
    EXPECT_NE(after->all[2], before->all[2]) << i;
    EXPECT_FALSE(same_endpoints(*before, *after)) << i;
  }
}

TEST(BuildEndpoints, SeesNoChangeWhereThereIsNone) {
  auto before = build_endpoints(two_zones(), {}, nullptr, kThen);
  auto after = build_endpoints(two_zones(), {}, before.get(), kLater);
  EXPECT_TRUE(same_endpoints(*before, *after));
}

TEST(BuildEndpoints, KeepsEachOfTwoThatAreConfiguredAlike) {
  config::Assignment assignment;
  assignment.localities.resize(1);
  for (int i = 0; i < 2; ++i) assignment.localities[0].endpoints.push_back(at("10.0.0.1"));
  auto before = build_endpoints(assignment, {}, nullptr, kThen);
  ASSERT_EQ(before->all.size(), 2u);
  EXPECT_NE(before->all[0], before->all[1]);
  auto after = build_endpoints(assignment, {}, before.get(), kLater);
  std::vector<std::shared_ptr<const Endpoint>> old = before->all;
  EXPECT_TRUE(std::is_permutation(after->all.begin(), after->all.end(), old.begin(), old.end()));
}

TEST(BuildEndpoints, TakesTheAddressesOfNames) {
  config::Assignment assignment;
  assignment.localities.resize(1);
  assignment.localities[0].priority = 1;
  auto& endpoints = assignment.localities[0].endpoints;
  endpoints.push_back(named("one.test"));
  endpoints.push_back(named("two.test"));
  endpoints.push_back(at("10.0.0.9"));
  endpoints[1].hostname = "front";
  std::vector<ResolvedName> resolved = {
      {&endpoints[1], {address("10.0.0.1", 80), address("10.0.0.2", 80)}}};
  auto set = build_endpoints(assignment, resolved, nullptr, kThen);
  ASSERT_EQ(set->all.size(), 3u);
  EXPECT_EQ(set->all[0]->address_text, "10.0.0.1:80");
  EXPECT_EQ(set->all[0]->hostname, "front");
  EXPECT_EQ(set->all[2]->address_text, "10.0.0.9:80");
  resolved.push_back({&endpoints[0], {address("10.0.0.7")}});
  set = build_endpoints(assignment, resolved, set.get(), kThen);
  ASSERT_EQ(set->all.size(), 4u);
  EXPECT_EQ(set->all[0]->hostname, "one.test");  // the name stands in for a hostname
  EXPECT_EQ(set->all[0]->priority, 1u);
}

TEST(BuildEndpoints, LetsALogicalEndpointMove) {
  config::Assignment assignment;
  assignment.localities.resize(1);
  assignment.localities[0].priority = 3;
  assignment.localities[0].endpoints.push_back(named("one.test"));
  std::vector<ResolvedName> resolved = {
      {assignment.localities[0].endpoints.data(), {address("10.0.0.1")}, true}};
  auto set = build_endpoints(assignment, resolved, nullptr, kThen);
  ASSERT_EQ(set->all.size(), 1u);
  ASSERT_NE(set->all[0]->moving, nullptr);
  EXPECT_EQ(set->all[0]->priority, 0u);
  set->all[0]->moving->store(address("10.0.0.2"));
  EXPECT_EQ(set->all[0]->connect_address(), address("10.0.0.2"));
}

TEST(MembershipOf, CountsByHealth) {
  auto set = endpoint_set({{},
                           {.health = Health::kDegraded},
                           {.health = Health::kUnhealthy},
                           {.weight = 9, .health = Health::kDraining},
                           {}});
  Membership counted = membership_of(*set);
  EXPECT_EQ(counted.total, 5u);
  EXPECT_EQ(counted.healthy, 2u);
  EXPECT_EQ(counted.degraded, 1u);
  EXPECT_EQ(counted.max_weight, 9u);
}

TEST(Limit, RefusesAtTheMaximumAndOpens) {
  Limit limit;
  limit.set_max(2);
  EXPECT_TRUE(limit.try_take());
  EXPECT_FALSE(limit.open());
  EXPECT_TRUE(limit.try_take());
  EXPECT_TRUE(limit.open());
  EXPECT_FALSE(limit.try_take());
  EXPECT_EQ(limit.count(), 2u);
  limit.take();
  EXPECT_EQ(limit.remaining(), 0u);
  limit.give();
  limit.give();
  EXPECT_EQ(limit.remaining(), 1u);
  EXPECT_TRUE(limit.try_take());
}

TEST(Limit, NeverPassesItsMaximumUnderContention) {
  Limit limit;
  limit.set_max(3);
  std::atomic<int> holders{0};
  std::atomic<int> most{0};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) {
        if (!limit.try_take()) continue;
        ++taken;
        int now = ++holders;
        int seen = most.load();
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        --holders;
        limit.give();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_GT(taken.load(), 0);
  EXPECT_EQ(limit.count(), 0u);
}

TEST(Limits, CountRetriesAgainstMaxRetriesWithoutABudget) {
  Limits limits(config::CircuitBreaker{});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limits.try_take_retry());
  EXPECT_FALSE(limits.try_take_retry());
}

TEST(Limits, LetARetryBudgetOverrideMaxRetries) {
  config::CircuitBreaker breaker;
  breaker.max_retries = 0;
  breaker.retry_budget = config::RetryBudget{};  // 20 %, at least 3
  Limits limits(breaker);
  EXPECT_EQ(limits.retries_allowed(), 3u);
  for (int i = 0; i < 40; ++i) limits.requests.take();
  for (int i = 0; i < 9; ++i) limits.pending.take();
  EXPECT_EQ(limits.retries_allowed(), 9u);  // 20 % of 49, rounded down
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(limits.try_take_retry());
  EXPECT_FALSE(limits.try_take_retry());
}

}  // namespace
}  // namespace pillion::upstream
