#include "sidecar/upstream/response_stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/stats_page.h"

namespace pillion::upstream {
namespace {

class ResponseStatsTest : public testing::Test {
 protected:
  ResponseStatsTest() {
    auto config = std::make_shared<config::Cluster>();
    config->name = "c";
    shared_ = std::make_unique<SharedCluster>(config, registry_, std::make_shared<EndpointSet>());
    stats_ = std::make_unique<ResponseStats>(*shared_);
  }
  // The counters that end in "upstream_rq_200", without the cluster's name, sorted.
  std::vector<std::string> counted() {
    std::string page = metrics::stats_page(registry_, "", metrics::StatsQuery::Format::kText).body;
    std::vector<std::string> out;
    for (std::size_t at = 0; (at = page.find("cluster.c.", at)) != std::string::npos;) {
      std::size_t end = page.find(": ", at);
      std::string name = page.substr(at + 10, end - at - 10);
      if (name.ends_with("upstream_rq_200")) out.push_back(name.substr(0, name.size() - 15));
      at = end;
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  metrics::Registry registry_;
  std::unique_ptr<SharedCluster> shared_;
  std::unique_ptr<ResponseStats> stats_;
};

using Names = std::vector<std::string>;

TEST_F(ResponseStatsTest, CountsByOriginAlone) {
  stats_->count(200, {});
  EXPECT_EQ(counted(), (Names{"external."}));
  stats_->count(200, {.internal = true});
  EXPECT_EQ(counted(), (Names{"external.", "internal."}));
}

TEST_F(ResponseStatsTest, NeedsBothZones) {
  stats_->count(200, {.from_zone = "west"});
  stats_->count(200, {.to_zone = "east"});
  EXPECT_EQ(counted(), (Names{"external."}));
  stats_->count(200, {.from_zone = "west", .to_zone = "east"});
  EXPECT_EQ(counted(), (Names{"external.", "zone.west.east."}));
}

TEST_F(ResponseStatsTest, RepeatsEverythingUnderTheAlternativeName) {
  ResponseKind kind{
      .internal = true, .canary = true, .from_zone = "w", .to_zone = "e", .alt_name = "alt"};
  stats_->count(200, kind);
  stats_->record_time(5, kind);
  EXPECT_EQ(counted(), (Names{"alt.", "alt.canary.", "alt.internal.", "alt.zone.w.e.", "canary.",
                              "internal.", "zone.w.e."}));
}

TEST_F(ResponseStatsTest, WorkersCountIntoTheSameSeries) {
  stats_->count(200, {.canary = true});
  ResponseStats other(*shared_);
  other.count(200, {.canary = true});
  std::string page = metrics::stats_page(registry_, "", metrics::StatsQuery::Format::kText).body;
  EXPECT_NE(page.find("cluster.c.canary.upstream_rq_200: 2\n"), std::string::npos);
}

TEST_F(ResponseStatsTest, BoundsTheNamesAndCountsTheRest) {
  for (std::size_t i = 0; i <= SharedCluster::kMaxAltNames; ++i) {
    std::string name = "n" + std::to_string(i);
    stats_->count(200, {.alt_name = name});
  }
  EXPECT_EQ(counted().size(), 1 + 2 * SharedCluster::kMaxAltNames);
  EXPECT_GT(shared_->stats().here().upstream_rq_alt_stat_name_overflow.value(), 0);
}

}  // namespace
}  // namespace pillion::upstream
