// The registry: what appears when, how subjects of one scope merge, and what is kept of those gone.
#include "sidecar/metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "tests/unit/metrics/sample_stats.h"

namespace pillion::metrics {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// Runs f on a thread that counts in the given worker's blocks.
template <class F>
void on_worker(unsigned worker, F&& f) {
  std::thread([&] {
    set_this_worker(worker);
    f();
  }).join();
}

TEST(Registry, ShowsNothingOfASubjectThatIsConfiguredButNotUsed) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  EXPECT_FALSE(stats.used());
  EXPECT_THAT(values_of(registry), IsEmpty());
}

TEST(Registry, ShowsAllPlainCellsOfASubjectOnceOneIsUsed) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  stats.here().level.add(2);
  EXPECT_TRUE(stats.used());
  EXPECT_THAT(values_of(registry),
              ElementsAre(Pair("cluster.a.a-b.c", 0), Pair("cluster.a.down.rq_1xx", 0),
                          Pair("cluster.a.down.rq_2xx", 0), Pair("cluster.a.down.rq_3xx", 0),
                          Pair("cluster.a.down.rq_4xx", 0), Pair("cluster.a.down.rq_5xx", 0),
                          Pair("cluster.a.down.rq_completed", 0), Pair("cluster.a.hits_total", 0),
                          Pair("cluster.a.level", 2), Pair("cluster.a.wait_ms", 0)));
}

TEST(PerWorker, GivesEachThreadABlockOfItsOwn) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  SampleStats* mine = &stats.here();
  EXPECT_EQ(&stats.here(), mine);
  on_worker(1, [&] { EXPECT_NE(&stats.here(), mine); });
  EXPECT_EQ(stats.block(0), reinterpret_cast<const std::byte*>(mine));
  EXPECT_NE(stats.block(1), nullptr);
  EXPECT_EQ(stats.block(2), nullptr);
}

TEST(Registry, ResetStartsCountersAgainAndLeavesGauges) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  stats.here().hits_total.add(5);
  stats.here().level.add(2);
  on_worker(1, [&] { stats.here().hits_total.add(4); });
  registry.reset_counters();
  EXPECT_EQ(values_of(registry)["cluster.a.hits_total"], 0U);
  on_worker(1, [&] { stats.here().hits_total.add(3); });
  EXPECT_EQ(values_of(registry)["cluster.a.hits_total"], 3U);
  EXPECT_EQ(values_of(registry)["cluster.a.level"], 2U);
  registry.reset_counters();
  EXPECT_EQ(values_of(registry)["cluster.a.hits_total"], 0U);
}

TEST(Registry, ResetHoldsForCountsThatOutliveTheirOwner) {
  Registry registry;
  auto stats = std::make_unique<PerWorker<SampleStats>>(registry, sample_scope("a"), Retain::kYes);
  stats->here().hits_total.add(5);
  stats.reset();
  registry.reset_counters();
  stats = std::make_unique<PerWorker<SampleStats>>(registry, sample_scope("a"), Retain::kYes);
  stats->here().hits_total.add(2);
  EXPECT_EQ(values_of(registry)["cluster.a.hits_total"], 2U);
}

TEST(Registry, ExpandsStatusesIntoCodesClassesAndTheSum) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  for (int status : {200, 204, 200, 503, 777}) stats.here().rq.add(status);
  stats.here().down.add(404);
  auto values = values_of(registry);
  EXPECT_EQ(values["cluster.a.rq_200"], 2U);
  EXPECT_EQ(values["cluster.a.rq_204"], 1U);
  EXPECT_EQ(values["cluster.a.rq_503"], 1U);
  EXPECT_EQ(values["cluster.a.rq_2xx"], 3U);
  EXPECT_EQ(values["cluster.a.rq_5xx"], 1U);
  EXPECT_EQ(values["cluster.a.rq_completed"], 5U);
  EXPECT_EQ(values.count("cluster.a.rq_3xx"), 0U);
  EXPECT_EQ(values.count("cluster.a.rq_0"), 0U);
  EXPECT_EQ(values["cluster.a.down.rq_4xx"], 1U);
  EXPECT_EQ(values["cluster.a.down.rq_completed"], 1U);
}

TEST(Registry, SumsThreads) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  for (unsigned worker : {1U, 2U, kMaxWorkers - 1}) {
    on_worker(worker, [&] {
      stats.here().hits_total.add(worker);
      stats.here().wait_ms.record(3);
      stats.here().rq.add(200);
      stats.here().level.add();
    });
  }
  // A connection opened on one thread and closed on another leaves one gauge below zero.
  on_worker(3, [&] { stats.here().level.sub(2); });
  auto values = values_of(registry);
  EXPECT_EQ(values["cluster.a.hits_total"], 3U + kMaxWorkers - 1);
  EXPECT_EQ(values["cluster.a.wait_ms"], 3U);
  EXPECT_EQ(values["cluster.a.rq_200"], 3U);
  EXPECT_EQ(values["cluster.a.level"], 1U);
}

TEST(Registry, ShowsAGaugeThatIsSeenBelowZeroAsZero) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  stats.here().level.sub(1);
  EXPECT_EQ(values_of(registry)["cluster.a.level"], 0U);
}

TEST(Registry, MergesSubjectsOfOneScope) {
  Registry registry;
  PerWorker<SampleStats> one(registry, sample_scope("a"));
  PerWorker<SampleStats> two(registry, sample_scope("a"));
  PerWorker<OtherStats> other(registry, sample_scope("a"));
  one.here().hits_total.add(1);
  two.here().hits_total.add(2);
  one.here().rq.add(200);
  two.here().rq.add(200);
  other.here().others.add(4);
  EXPECT_EQ(registry.snapshot().size(), 2U);
  auto values = values_of(registry);
  EXPECT_EQ(values["cluster.a.hits_total"], 3U);
  EXPECT_EQ(values["cluster.a.rq_200"], 2U);
  EXPECT_EQ(values["cluster.a.others"], 4U);
}

TEST(Registry, KeepsCountersButNotGaugesOfOneThatLeavesOthersBehind) {
  Registry registry;
  PerWorker<SampleStats> stays(registry, sample_scope("a"));
  auto leaves = std::make_unique<PerWorker<SampleStats>>(registry, sample_scope("a"));
  stays.here().hits_total.add(1);
  stays.here().level.add(1);
  leaves->here().hits_total.add(10);
  leaves->here().level.add(10);
  leaves->here().wait_ms.record(1);
  leaves->here().rq.add(500);
  leaves.reset();
  auto values = values_of(registry);
  EXPECT_EQ(values["cluster.a.hits_total"], 11U);
  EXPECT_EQ(values["cluster.a.level"], 1U);
  EXPECT_EQ(values["cluster.a.wait_ms"], 1U);
  EXPECT_EQ(values["cluster.a.rq_500"], 1U);
}

TEST(Registry, ForgetsASubjectThatAsksForNoRetention) {
  Registry registry;
  {
    PerWorker<SampleStats> stats(registry, sample_scope("a"));
    stats.here().hits_total.add(5);
  }
  EXPECT_THAT(values_of(registry), IsEmpty());
  PerWorker<SampleStats> again(registry, sample_scope("a"));
  again.here().hits_total.add(1);
  EXPECT_EQ(values_of(registry)["cluster.a.hits_total"], 1U);
}

TEST(Registry, GoesOnCountingWhenARetainedSubjectComesBack) {
  Registry registry;
  for (unsigned life = 1; life <= 3; ++life) {
    PerWorker<SampleStats> stats(registry, sample_scope("a"), Retain::kYes);
    EXPECT_THAT(values_of(registry), IsEmpty()) << "retained values are not shown";
    stats.here().hits_total.add(5);
    stats.here().level.add(7);
    stats.here().wait_ms.record(100);
    auto values = values_of(registry);
    EXPECT_EQ(values["cluster.a.hits_total"], 5 * life);
    EXPECT_EQ(values["cluster.a.level"], 7U);
    EXPECT_EQ(values["cluster.a.wait_ms"], life);
  }
}

TEST(Registry, ForgetsRetainedValuesWhenTold) {
  Registry registry;
  auto live_once = [&](const std::string& name) {
    PerWorker<SampleStats> stats(registry, sample_scope(name), Retain::kYes);
    stats.here().hits_total.add(5);
    return values_of(registry)["cluster." + name + ".hits_total"];
  };
  EXPECT_EQ(live_once("a"), 5U);
  EXPECT_EQ(live_once("ab"), 5U);
  registry.forget(sample_scope("a"));
  EXPECT_EQ(live_once("a"), 5U);
  EXPECT_EQ(live_once("ab"), 10U) << "another scope that begins with the same letters";
}

TEST(Registry, ForgetsNothingOfASubjectThatLives) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"), Retain::kYes);
  stats.here().hits_total.add(5);
  registry.forget(sample_scope("a"));
  EXPECT_EQ(values_of(registry)["cluster.a.hits_total"], 5U);
}

TEST(Registry, RetainsTheYoungestScopesUpToItsBound) {
  Registry registry;
  auto count_once = [&](std::size_t i) {
    PerWorker<OtherStats> stats(registry, sample_scope("c" + std::to_string(i)), Retain::kYes);
    stats.here().others.add();
    return values_of(registry)["cluster.c" + std::to_string(i) + ".others"];
  };
  for (std::size_t i = 0; i <= Registry::kMaxRetained; ++i) EXPECT_EQ(count_once(i), 1U);
  EXPECT_EQ(count_once(Registry::kMaxRetained), 2U) << "the youngest was kept";
  EXPECT_EQ(count_once(1), 2U) << "the oldest but one was kept";
  EXPECT_EQ(count_once(0), 1U) << "the oldest made room";
}

class Uptime final : public ScrapeSource {
 public:
  void collect(Collector& to) override {
    OtherStats stats;
    stats.others.add(++calls_);
    to.add({{"server"}}, stats);
  }

 private:
  uint64_t calls_ = 0;
};

TEST(Registry, AsksSourcesAtEachScrapeUntilTheyLeave) {
  Registry registry;
  Uptime source;
  registry.add_source(source);
  EXPECT_THAT(values_of(registry), ElementsAre(Pair("server.others", 1)));
  EXPECT_THAT(values_of(registry), ElementsAre(Pair("server.others", 2)));
  registry.remove_source(source);
  EXPECT_THAT(values_of(registry), IsEmpty());
}

// Meant for ThreadSanitizer: workers count, subjects come and go, and scrapes run at the same time.
TEST(Registry, CountersNeverGoBackUnderConcurrentUse) {
  constexpr unsigned kWorkers = 4;
  constexpr uint64_t kAdds = 20'000;
  Registry registry;
  PerWorker<SampleStats> shared(registry, sample_scope("shared"));
  std::vector<std::thread> workers;
  std::atomic<unsigned> running{kWorkers};
  for (unsigned worker = 1; worker <= kWorkers; ++worker) {
    workers.emplace_back([&, worker] {
      set_this_worker(worker);
      for (uint64_t i = 0; i < kAdds; ++i) {
        shared.here().hits_total.add();
        shared.here().rq.add(200 + static_cast<int>(i % 7));
        shared.here().wait_ms.record(static_cast<double>(i));
        if (i % 1000 != 0) continue;
        PerWorker<OtherStats> brief(registry, sample_scope("brief"), Retain::kYes);
        brief.here().others.add();
      }
      running.fetch_sub(1);
    });
  }
  uint64_t last_hits = 0;
  uint64_t last_brief = 0;
  while (running.load() != 0) {
    auto values = values_of(registry);
    EXPECT_GE(values["cluster.shared.hits_total"], last_hits);
    last_hits = values["cluster.shared.hits_total"];
    if (values.count("cluster.brief.others") == 0) continue;
    EXPECT_GE(values["cluster.brief.others"], last_brief);
    last_brief = values["cluster.brief.others"];
  }
  for (std::thread& worker : workers) worker.join();
  auto values = values_of(registry);
  EXPECT_EQ(values["cluster.shared.hits_total"], kWorkers * kAdds);
  EXPECT_EQ(values["cluster.shared.rq_completed"], kWorkers * kAdds);
  EXPECT_EQ(values["cluster.shared.wait_ms"], kWorkers * kAdds);
  PerWorker<OtherStats> last(registry, sample_scope("brief"), Retain::kYes);
  last.here().others.add(0);
  EXPECT_EQ(values_of(registry)["cluster.brief.others"], kWorkers * kAdds / 1000);
}

}  // namespace
}  // namespace pillion::metrics
