#include "sidecar/upstream/cluster_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/unit/upstream/dns_server.h"
#include "tests/unit/upstream/fixtures.h"

namespace pillion::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using Config = std::shared_ptr<const config::Cluster>;
using Type = config::Cluster::Type;

// The value of one series, or -1 when it does not exist.
int64_t stat(const metrics::Registry& registry, const std::string& name) {
  for (const metrics::Subject& subject : registry.snapshot()) {
    int64_t value = -1;
    subject.tally.for_each([&](const metrics::Reading& reading) {
      std::string text = subject.name + ".";
      reading.append_name(text);
      if (text == name) value = static_cast<int64_t>(reading.value);
    });
    if (value >= 0) return value;
  }
  return -1;
}

Config static_cluster(const std::string& name, const std::vector<std::string>& ips = {"10.0.0.1"}) {
  auto cluster = std::make_shared<config::Cluster>();
  cluster->name = name;
  auto assignment = std::make_shared<config::Assignment>();
  assignment->localities.resize(1);
  for (const std::string& ip : ips)
    assignment->localities[0].endpoints.emplace_back().address = address(ip);
  cluster->assignment = std::move(assignment);
  return cluster;
}

std::vector<std::string> addresses(const SharedCluster& cluster) {
  std::vector<std::string> out;
  for (const auto& endpoint : cluster.endpoints()->all)
    out.push_back(endpoint->connect_address().to_string());
  return out;
}

class DirectoryTest : public ::testing::Test {
 protected:
  void apply(const std::vector<Config>& clusters) { directory_.apply(clusters); }

  // A cluster that asks the scripted server for `names`, port 80.
  std::shared_ptr<config::Cluster> dns_cluster(const std::string& name,
                                               const std::vector<std::string>& names,
                                               Type type = Type::kStrictDns) {
    auto cluster = std::make_shared<config::Cluster>();
    cluster->name = name;
    cluster->type = type;
    cluster->dns = std::make_unique<config::DnsSettings>();
    cluster->dns->family = config::DnsSettings::Family::kV4Only;
    cluster->dns->resolvers = {server_.address()};
    cluster->dns->no_default_search_domain = true;
    auto assignment = std::make_shared<config::Assignment>();
    assignment->localities.resize(1);
    for (const std::string& dns_name : names) {
      auto& endpoint = assignment->localities[0].endpoints.emplace_back();
      endpoint.dns_name = dns_name;
      endpoint.port = 80;
    }
    cluster->assignment = std::move(assignment);
    return cluster;
  }

  // Lookups end when this counter reaches `count`.
  void wait_for(const std::string& name, int64_t count) {
    ASSERT_TRUE(turn_until(loop_, [&] { return stat(registry_, name) >= count; }))
        << name << " is " << stat(registry_, name);
  }
  void wait_for_lookups(const std::string& cluster, int64_t count) {
    ASSERT_TRUE(turn_until(loop_, [&] {
      return std::max<int64_t>(stat(registry_, "cluster." + cluster + ".update_success"), 0) +
                 std::max<int64_t>(stat(registry_, "cluster." + cluster + ".update_failure"), 0) >=
             count;
    })) << server_.queries.size();
  }

  io::ManualClock clock_;
  io::EventLoop loop_{&clock_};
  DnsServer server_{loop_};
  metrics::Registry registry_;
  ClusterDirectory directory_{loop_, registry_, Random(1)};
};

TEST_F(DirectoryTest, FindsNothingThatIsNotConfigured) {
  EXPECT_EQ(directory_.find("a"), nullptr);
  EXPECT_FALSE(directory_.has("a"));
  apply({static_cluster("a")});
  EXPECT_EQ(directory_.find("b"), nullptr);
  EXPECT_EQ(directory_.find(""), nullptr);
}

TEST_F(DirectoryTest, MakesTheRuntimeOnFirstUse) {
  apply({static_cluster("a", {"10.0.0.1", "10.0.0.2"}), static_cluster("b")});
  EXPECT_TRUE(directory_.has("a"));
  EXPECT_TRUE(registry_.snapshot().empty());
  auto runtime = directory_.find("a");
  ASSERT_NE(runtime, nullptr);
  EXPECT_EQ(directory_.find("a"), runtime);
  EXPECT_THAT(addresses(*runtime), ElementsAre("10.0.0.1:80", "10.0.0.2:80"));
  EXPECT_EQ(stat(registry_, "cluster.a.membership_total"), 2);
  EXPECT_EQ(stat(registry_, "cluster.a.membership_healthy"), 2);
  EXPECT_EQ(stat(registry_, "cluster.a.membership_change"), 1);
  EXPECT_EQ(stat(registry_, "cluster.b.membership_total"), -1);
}

TEST_F(DirectoryTest, DropsARuntimeThatNobodyHoldsAndKeepsItsCounters) {
  apply({static_cluster("a")});
  auto runtime = directory_.find("a");
  runtime->stats().here().upstream_rq_total.add(5);
  std::weak_ptr<SharedCluster> gone = runtime;
  runtime.reset();
  EXPECT_TRUE(gone.expired());
  EXPECT_EQ(stat(registry_, "cluster.a.membership_total"), -1);
  runtime = directory_.find("a");
  runtime->stats().here().upstream_rq_total.add(1);
  EXPECT_EQ(stat(registry_, "cluster.a.upstream_rq_total"), 6);
  EXPECT_EQ(stat(registry_, "cluster.a.membership_total"), 1);
  EXPECT_EQ(stat(registry_, "cluster.a.membership_change"), 1);
}

TEST_F(DirectoryTest, KeepsTheRuntimeOfAnUnchangedConfig) {
  auto a = static_cluster("a");
  apply({a});
  auto runtime = directory_.find("a");
  apply({static_cluster("b"), a});
  EXPECT_EQ(directory_.find("a"), runtime);
  EXPECT_TRUE(directory_.has("b"));
}

TEST_F(DirectoryTest, MakesANewRuntimeForAChangedConfig) {
  apply({static_cluster("a")});
  auto old = directory_.find("a");
  apply({static_cluster("a", {"10.0.0.2", "10.0.0.3"})});
  auto fresh = directory_.find("a");
  EXPECT_NE(fresh, old);
  EXPECT_THAT(addresses(*fresh), ElementsAre("10.0.0.2:80", "10.0.0.3:80"));
  EXPECT_THAT(addresses(*old), ElementsAre("10.0.0.1:80"));
  // The old one lives on in a worker, but its endpoints are members no more.
  EXPECT_EQ(stat(registry_, "cluster.a.membership_total"), 2);
}

TEST_F(DirectoryTest, ForgetsWhatIsRemoved) {
  apply({static_cluster("a"), static_cluster("b")});
  auto held = directory_.find("a");
  apply({static_cluster("b")});
  EXPECT_FALSE(directory_.has("a"));
  EXPECT_EQ(directory_.find("a"), nullptr);
  EXPECT_EQ(held->config().name, "a");
  EXPECT_EQ(stat(registry_, "cluster.a.membership_total"), 0);
  apply({});
  EXPECT_FALSE(directory_.has("b"));
}

TEST_F(DirectoryTest, TakesTheFirstOfTwoClustersOfOneName) {
  apply({static_cluster("a", {"10.0.0.1"}), static_cluster("a", {"10.0.0.2"})});
  EXPECT_THAT(addresses(*directory_.find("a")), ElementsAre("10.0.0.1:80"));
}

TEST_F(DirectoryTest, ListsAllByNameWithTheRuntimeOfThoseInUse) {
  apply({static_cluster("b"), static_cluster("a"), static_cluster("c")});
  auto used = directory_.find("b");
  std::vector<std::string> listed;
  for (const auto& [config, runtime] : directory_.listing())
    listed.push_back(config->name + (runtime != nullptr ? "+" : ""));
  EXPECT_THAT(listed, ElementsAre("a", "b+", "c"));
}

TEST_F(DirectoryTest, CountsUnderTheAlternativeName) {
  auto config = std::make_shared<config::Cluster>();
  config->name = "a";
  config->alt_stat_name = "other";
  config->assignment = static_cluster("a")->assignment;
  apply({config});
  auto runtime = directory_.find("a");
  EXPECT_EQ(stat(registry_, "cluster.other.membership_total"), 1);
}

TEST_F(DirectoryTest, ShowsOpenBreakersOfBothPriorities) {
  auto config = std::make_shared<config::Cluster>();
  config->name = "a";
  config->breakers[0].max_requests = 1;
  config->breakers[1].max_connections = 4;
  config->breakers[1].track_remaining = true;
  apply({config});
  auto runtime = directory_.find("a");
  EXPECT_EQ(stat(registry_, "cluster.a.circuit_breakers.default.rq_open"), 0);
  EXPECT_EQ(stat(registry_, "cluster.a.circuit_breakers.default.remaining_rq"), -1);
  ASSERT_TRUE(runtime->limits(config::Priority::kDefault).requests.try_take());
  EXPECT_EQ(stat(registry_, "cluster.a.circuit_breakers.default.rq_open"), 1);
  EXPECT_EQ(stat(registry_, "cluster.a.circuit_breakers.high.rq_open"), 0);
  runtime->limits(config::Priority::kHigh).connections.take();
  EXPECT_EQ(stat(registry_, "cluster.a.circuit_breakers.high.remaining_cx"), 3);
  runtime->limits(config::Priority::kDefault).requests.give();
  EXPECT_EQ(stat(registry_, "cluster.a.circuit_breakers.default.rq_open"), 0);
}

TEST_F(DirectoryTest, IsInitializedAtOnceWithoutDns) {
  int calls = 0;
  directory_.on_initialized([&calls] { ++calls; });
  EXPECT_FALSE(directory_.initialized());
  apply({static_cluster("a")});
  EXPECT_TRUE(directory_.initialized());
  apply({static_cluster("b")});
  EXPECT_EQ(calls, 1);
  directory_.on_initialized([&calls] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST_F(DirectoryTest, IsInitializedWhenEachDnsClusterHasAnAnswerOrAFailure) {
  server_.script("good.test", {"10.0.0.1"});
  server_.script("sick.test", DnsServer::kA, {.rcode = 2});
  int calls = 0;
  directory_.on_initialized([&calls] { ++calls; });
  apply({dns_cluster("good", {"good.test"}), dns_cluster("sick", {"sick.test"}),
         dns_cluster("none", {"none.test"}), dns_cluster("empty", {})});
  EXPECT_FALSE(directory_.initialized());
  ASSERT_TRUE(turn_until(loop_, [this] { return directory_.initialized(); }));
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(stat(registry_, "cluster.good.update_success"), 1);
  EXPECT_EQ(stat(registry_, "cluster.sick.update_failure"), 1);
}

TEST_F(DirectoryTest, DoesNotWaitForADnsClusterThatWasRemoved) {
  server_.script("silent.test", DnsServer::kA, {.silent = true});
  apply({dns_cluster("a", {"silent.test"})});
  EXPECT_FALSE(directory_.initialized());
  apply({static_cluster("b")});
  EXPECT_TRUE(directory_.initialized());
}

TEST_F(DirectoryTest, ResolvesFromTheStartAndTellsOfTheChange) {
  server_.script("a.test", {"10.0.0.1", "10.0.0.2"});
  std::vector<std::shared_ptr<SharedCluster>> changed;
  directory_.on_change([&changed](auto runtime) { changed.push_back(std::move(runtime)); });
  apply({dns_cluster("a", {"a.test"})});
  auto runtime = directory_.find("a");
  EXPECT_THAT(addresses(*runtime), IsEmpty());
  uint64_t version = runtime->version();
  wait_for_lookups("a", 1);
  EXPECT_THAT(changed, ElementsAre(runtime));
  EXPECT_GT(runtime->version(), version);
  EXPECT_THAT(addresses(*runtime), UnorderedElementsAre("10.0.0.1:80", "10.0.0.2:80"));
  EXPECT_EQ(stat(registry_, "cluster.a.membership_total"), 2);
  EXPECT_EQ(stat(registry_, "cluster.a.membership_change"), 1);
  EXPECT_EQ(stat(registry_, "cluster.a.max_host_weight"), 1);
  EXPECT_EQ(runtime->endpoints()->all[0]->hostname, "a.test");
}

TEST_F(DirectoryTest, JoinsTheAddressesOfSeveralNames) {
  server_.script("a.test", {"10.0.0.1"});
  server_.script("b.test", {"10.0.0.2", "10.0.0.3"});
  apply({dns_cluster("a", {"a.test", "b.test"})});
  wait_for_lookups("a", 2);
  EXPECT_THAT(addresses(*directory_.find("a")),
              ElementsAre("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"));
}

TEST_F(DirectoryTest, LooksUpAgainAfterTheRefreshRate) {
  server_.script("a.test", {"10.0.0.1", "10.0.0.2"});
  apply({dns_cluster("a", {"a.test"})});
  wait_for_lookups("a", 1);
  auto runtime = directory_.find("a");
  auto kept = runtime->endpoints()->all[1];
  ASSERT_EQ(kept->address_text, "10.0.0.2:80");
  server_.script("a.test", {"10.0.0.3", "10.0.0.2"});
  clock_.advance(milliseconds(4999));
  loop_.run_once();
  EXPECT_EQ(server_.queries.size(), 1u);
  clock_.advance(milliseconds(2));
  wait_for_lookups("a", 2);
  EXPECT_THAT(addresses(*runtime), ElementsAre("10.0.0.2:80", "10.0.0.3:80"));
  EXPECT_EQ(runtime->endpoints()->all[0], kept);
}

TEST_F(DirectoryTest, TakesARotatedAnswerForNoChange) {
  server_.script("a.test", {"10.0.0.1", "10.0.0.2"});
  apply({dns_cluster("a", {"a.test"})});
  wait_for_lookups("a", 1);
  auto runtime = directory_.find("a");
  uint64_t version = runtime->version();
  server_.script("a.test", {"10.0.0.2", "10.0.0.1"});
  clock_.advance(seconds(6));
  wait_for_lookups("a", 2);
  EXPECT_EQ(runtime->version(), version);
  EXPECT_EQ(stat(registry_, "cluster.a.update_no_rebuild"), 1);
}

TEST_F(DirectoryTest, KeepsTheEndpointsWhenALookupFails) {
  server_.script("a.test", {"10.0.0.1"});
  apply({dns_cluster("a", {"a.test"})});
  wait_for_lookups("a", 1);
  server_.script("a.test", DnsServer::kA, {.rcode = 2});
  clock_.advance(seconds(6));
  wait_for("cluster.a.update_failure", 1);
  EXPECT_THAT(addresses(*directory_.find("a")), ElementsAre("10.0.0.1:80"));
  // A failure is tried again at the refresh rate when no other rate is configured.
  clock_.advance(seconds(6));
  wait_for("cluster.a.update_failure", 2);
}

TEST_F(DirectoryTest, RemovesTheEndpointsOfAStrictNameThatIsGone) {
  server_.script("a.test", {"10.0.0.1"});
  apply({dns_cluster("a", {"a.test"})});
  wait_for_lookups("a", 1);
  server_.script("a.test", DnsServer::kA, {.rcode = 3});
  clock_.advance(seconds(6));
  wait_for("cluster.a.update_success", 2);
  EXPECT_THAT(addresses(*directory_.find("a")), IsEmpty());
  EXPECT_EQ(stat(registry_, "cluster.a.membership_total"), 0);
}

TEST_F(DirectoryTest, RespectsTheTtlWhenToldTo) {
  server_.script("a.test", {"10.0.0.1"}, 30);
  auto config = dns_cluster("a", {"a.test"});
  config->dns->respect_ttl = true;
  apply({config});
  wait_for_lookups("a", 1);
  clock_.advance(seconds(29));
  loop_.run_once();
  EXPECT_EQ(server_.queries.size(), 1u);
  clock_.advance(seconds(2));
  wait_for_lookups("a", 2);
}

TEST_F(DirectoryTest, AddsJitterToTheRefreshRate) {
  std::vector<Config> clusters;
  for (int i = 0; i < 20; ++i) {
    std::string name = "n" + std::to_string(i);
    server_.script(name + ".test", {"10.0.0.1"});
    auto config = dns_cluster(name, {name + ".test"});
    config->dns->jitter = milliseconds(5000);
    clusters.push_back(config);
  }
  apply(clusters);
  ASSERT_TRUE(turn_until(loop_, [this] { return directory_.initialized(); }));
  clock_.advance(milliseconds(4999));
  loop_.run_once();
  EXPECT_EQ(server_.queries.size(), 20u);
  clock_.advance(milliseconds(2500));
  ASSERT_TRUE(turn_until(loop_, [this] { return server_.queries.size() >= 25; }));
  EXPECT_LT(server_.queries.size(), 36u);
}

TEST_F(DirectoryTest, BacksOffAfterFailuresAndForgetsItAfterSuccess) {
  server_.script("a.test", DnsServer::kA, {.rcode = 2});
  auto config = dns_cluster("a", {"a.test"});
  config->dns->failure_base = milliseconds(100);
  config->dns->failure_max = milliseconds(400);
  apply({config});
  // Each wait is random below a bound of 100, 200, 400, 400 ms: after the bound the next lookup has
  // begun.
  int64_t lookups = 1;
  for (int bound : {100, 200, 400, 400}) {
    wait_for("cluster.a.update_failure", lookups);
    clock_.advance(milliseconds(bound + 1));
    ++lookups;
    wait_for("cluster.a.update_attempt", lookups);
  }
  server_.script("a.test", {"10.0.0.1"});
  wait_for_lookups("a", lookups);
  clock_.advance(milliseconds(401));
  wait_for("cluster.a.update_success", 1);
  int64_t attempts = stat(registry_, "cluster.a.update_attempt");
  clock_.advance(milliseconds(4000));
  loop_.run_once();
  EXPECT_EQ(stat(registry_, "cluster.a.update_attempt"), attempts);
}

TEST_F(DirectoryTest, UsesTheFirstAddressOfALogicalName) {
  server_.script("a.test", {"10.0.0.1", "10.0.0.2"});
  apply({dns_cluster("a", {"a.test"}, Type::kLogicalDns)});
  wait_for_lookups("a", 1);
  EXPECT_EQ(addresses(*directory_.find("a")).size(), 1u);
}

TEST_F(DirectoryTest, MovesALogicalEndpointAndKeepsTheObject) {
  server_.script("a.test", {"10.0.0.1"});
  int changes = 0;
  directory_.on_change([&changes](const auto&) { ++changes; });
  apply({dns_cluster("a", {"a.test"}, Type::kLogicalDns)});
  wait_for_lookups("a", 1);
  auto runtime = directory_.find("a");
  auto endpoint = runtime->endpoints()->all.at(0);
  server_.script("a.test", {"10.0.0.2"});
  clock_.advance(seconds(6));
  wait_for_lookups("a", 2);
  EXPECT_EQ(runtime->endpoints()->all.at(0), endpoint);
  EXPECT_EQ(endpoint->connect_address().to_string(), "10.0.0.2:80");
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(stat(registry_, "cluster.a.update_no_rebuild"), 0);
  EXPECT_EQ(stat(registry_, "cluster.a.membership_change"), 2);
}

TEST_F(DirectoryTest, CountsAnEmptyAnswerForALogicalNameAsFailure) {
  server_.script("a.test", {"10.0.0.1"});
  apply({dns_cluster("a", {"a.test"}, Type::kLogicalDns)});
  wait_for_lookups("a", 1);
  server_.script("a.test", DnsServer::kA, {.rcode = 3});
  clock_.advance(seconds(6));
  wait_for("cluster.a.update_failure", 1);
  EXPECT_THAT(addresses(*directory_.find("a")), ElementsAre("10.0.0.1:80"));
}

TEST_F(DirectoryTest, KeepsTheRuntimeOfADnsClusterThatNobodyHolds) {
  server_.script("a.test", {"10.0.0.1"});
  apply({dns_cluster("a", {"a.test"})});
  wait_for_lookups("a", 1);
  std::weak_ptr<SharedCluster> runtime = directory_.find("a");
  EXPECT_FALSE(runtime.expired());
  apply({});
  EXPECT_TRUE(runtime.expired());
}

TEST_F(DirectoryTest, GoesOnWithKnownAddressesWhenADnsClusterChanges) {
  server_.script("a.test", {"10.0.0.1"});
  apply({dns_cluster("a", {"a.test"})});
  wait_for_lookups("a", 1);
  auto old = directory_.find("a");
  auto changed = dns_cluster("a", {"a.test", "b.test"});
  apply({changed});
  auto fresh = directory_.find("a");
  EXPECT_NE(fresh, old);
  EXPECT_THAT(addresses(*fresh), ElementsAre("10.0.0.1:80"));
}

TEST_F(DirectoryTest, MayBeChangedFromItsOwnCallbacks) {
  server_.script("a.test", {"10.0.0.1"});
  int changes = 0;
  directory_.on_change([&](const auto&) {
    ++changes;
    apply({static_cluster("b")});
  });
  apply({dns_cluster("a", {"a.test"})});
  ASSERT_TRUE(turn_until(loop_, [&] { return changes == 1 && directory_.initialized(); }));
  EXPECT_FALSE(directory_.has("a"));
  EXPECT_TRUE(directory_.has("b"));
}

TEST_F(DirectoryTest, IsFoundByManyThreadsWhileItIsChanged) {
  std::vector<Config> all;
  for (int i = 0; i < 40; ++i) all.push_back(static_cluster("c" + std::to_string(i)));
  apply(all);
  std::atomic<bool> stop{false};
  std::atomic<int> found{0};
  std::vector<std::thread> workers;
  for (unsigned w = 1; w <= 3; ++w) {
    workers.emplace_back([&, w] {
      metrics::set_this_worker(w);
      Random random(w);
      std::vector<std::shared_ptr<SharedCluster>> held(8);
      while (!stop) {
        std::string name = "c" + std::to_string(random.below(45));
        auto runtime = directory_.find(name);
        if (!runtime) continue;
        ++found;
        runtime->stats().here().upstream_rq_total.add();
        if (runtime->limits(config::Priority::kDefault).requests.try_take())
          runtime->limits(config::Priority::kDefault).requests.give();
        EXPECT_FALSE(runtime->endpoints()->all.empty());
        held[random.below(held.size())] = std::move(runtime);
      }
    });
  }
  Random random(9);
  for (int round = 0; round < 300 || found < 1000; ++round) {
    auto& replaced = all[random.below(all.size())];
    replaced = static_cluster(replaced->name);
    std::vector<Config> some(all.begin() + static_cast<long>(random.below(5)), all.end());
    apply(some);
    if (auto runtime = directory_.find(all.back()->name))
      runtime->update(build_endpoints(*all.back()->assignment, {}, nullptr, Time{}));
    if (round % 20 == 0) {
      EXPECT_LE(registry_.snapshot().size(), 1000u);
    }
    if (round % 20 == 1) {
      EXPECT_EQ(directory_.listing().size(), some.size());
    }
  }
  stop = true;
  for (auto& worker : workers) worker.join();
}

TEST_F(DirectoryTest, CostsNextToNothingForTenThousandUnusedClusters) {
  std::vector<Config> all;
  for (int i = 0; i < 10'000; ++i) all.push_back(static_cluster("cluster_" + std::to_string(i)));
  apply(all);
  EXPECT_TRUE(directory_.has("cluster_9999"));
  EXPECT_TRUE(registry_.snapshot().empty());
  for (const auto& listed : directory_.listing()) EXPECT_EQ(listed.runtime, nullptr);
}

}  // namespace
}  // namespace pillion::upstream
