// The Prometheus page: names, labels, order of families, escapes, histograms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "sidecar/metrics/stats_page.h"
#include "tests/unit/metrics/sample_stats.h"

namespace pillion::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string page_of(const Registry& registry, std::string_view parameters = "") {
  return stats_page(registry, parameters, StatsQuery::Format::kPrometheus).body;
}

TEST(PrometheusPage, OfNothingIsEmpty) {
  Registry registry;
  EXPECT_EQ(page_of(registry), "");
}

TEST(PrometheusPage, MakesLabelsOfTaggedSegmentsAndUnderscoresOfTheRest) {
  Registry registry;
  PerWorker<OtherStats> stats(
      registry,
      {{"listener"}, {"0.0.0.0_80", kListenerTag}, {"worker_3", kWorkerTag, "worker"}, {"x-y.z"}});
  stats.here().others.add(2);
  EXPECT_EQ(page_of(registry),
            "# HELP envoy_listener_worker_x_y_z_others Others.\n"
            "# TYPE envoy_listener_worker_x_y_z_others counter\n"
            "envoy_listener_worker_x_y_z_others{envoy_listener_address=\"0.0.0.0_80\","
            "envoy_worker_id=\"3\"} 2\n");
}

TEST(PrometheusPage, KeepsATagThatComesFirstOutOfTheName) {
  Registry registry;
  PerWorker<OtherStats> stats(registry,
                              {{"lrl", kHttpLocalRateLimitTag}, {"http_local_rate_limit"}});
  stats.here();
  EXPECT_THAT(page_of(registry), HasSubstr("\nenvoy_http_local_rate_limit_others"
                                           "{envoy_local_http_ratelimit_prefix=\"lrl\"} 0\n"));
}

TEST(PrometheusPage, TakesStatusesAndClassesOutOfTheName) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  stats.here().rq.add(200);
  stats.here().rq.add(503);
  stats.here().down.add(404);
  std::string page = page_of(registry, "filter=rq");
  EXPECT_THAT(
      page,
      HasSubstr("# TYPE envoy_cluster_rq counter\n"
                "envoy_cluster_rq{envoy_response_code=\"200\",envoy_cluster_name=\"a\"} 1\n"
                "envoy_cluster_rq{envoy_response_code=\"503\",envoy_cluster_name=\"a\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("envoy_cluster_rq_completed{envoy_cluster_name=\"a\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("envoy_cluster_rq_xx{envoy_response_code_class=\"5\","
                              "envoy_cluster_name=\"a\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("envoy_cluster_down_rq_xx{envoy_response_code_class=\"4\","
                              "envoy_cluster_name=\"a\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("envoy_cluster_down_rq_xx{envoy_response_code_class=\"1\","
                              "envoy_cluster_name=\"a\"} 0\n"));
}

TEST(PrometheusPage, CountsStatusesOfNoClassAsUnknown) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  stats.here().rq.add(200);
  stats.here().rq.add(600);
  stats.here().rq.add(999);
  std::string page = page_of(registry, "filter=rq");
  EXPECT_THAT(page, HasSubstr("# TYPE envoy_cluster_rq_unknown counter\n"
                              "envoy_cluster_rq_unknown{envoy_cluster_name=\"a\"} 2\n"));
  EXPECT_THAT(page, HasSubstr("envoy_cluster_rq_completed{envoy_cluster_name=\"a\"} 3\n"));
}

TEST(PrometheusPage, EscapesLabelValues) {
  Registry registry;
  PerWorker<OtherStats> stats(registry, sample_scope("a\"b\\c\nd"));
  stats.here();
  EXPECT_THAT(page_of(registry), HasSubstr("{envoy_cluster_name=\"a\\\"b\\\\c\\nd\"} 0\n"));
}

TEST(PrometheusPage, LeavesOutHistogramsWithoutValues) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  stats.here();
  EXPECT_THAT(page_of(registry), Not(HasSubstr("wait_ms")));
}

TEST(PrometheusPage, WritesCumulativeBucketsThatEndAtTheCount) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  for (double value : {0.5, 7.0, 9.0, 4e6}) stats.here().wait_ms.record(value);
  std::string page = page_of(registry, "filter=wait");
  const std::string start = "envoy_cluster_wait_ms_bucket{envoy_cluster_name=\"a\",le=";
  EXPECT_THAT(page, HasSubstr("# TYPE envoy_cluster_wait_ms histogram\n"));
  for (const char* line :
       {"\"0.5\"} 1\n", "\"5\"} 1\n", "\"10\"} 3\n", "\"3600000\"} 3\n", "\"+Inf\"} 4\n"})
    EXPECT_THAT(page, HasSubstr(start + line));
  EXPECT_THAT(page, HasSubstr("envoy_cluster_wait_ms_sum{envoy_cluster_name=\"a\"} 4000016.5\n"));
  EXPECT_THAT(page, HasSubstr("envoy_cluster_wait_ms_count{envoy_cluster_name=\"a\"} 4\n"));
  std::size_t buckets = 0;
  for (std::size_t at = page.find(start); at != std::string::npos; at = page.find(start, at + 1))
    ++buckets;
  EXPECT_EQ(buckets, kBuckets);
}

TEST(PrometheusPage, WritesSummariesWhenAsked) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  stats.here().wait_ms.record(7);
  std::string page = page_of(registry, "filter=wait&histogram_buckets=summary");
  EXPECT_THAT(page, HasSubstr("# TYPE envoy_cluster_wait_ms summary\n"));
  EXPECT_THAT(page,
              HasSubstr("envoy_cluster_wait_ms{envoy_cluster_name=\"a\",quantile=\"0.5\"} 7.5\n"));
  EXPECT_THAT(page, HasSubstr("envoy_cluster_wait_ms_count{envoy_cluster_name=\"a\"} 1\n"));
}

TEST(PrometheusPage, WritesEachFamilyOnceAndItsSeriesTogether) {
  Registry registry;
  std::vector<std::unique_ptr<PerWorker<SampleStats>>> clusters;
  for (const char* name : {"b", "a", "c"}) {
    clusters.push_back(std::make_unique<PerWorker<SampleStats>>(registry, sample_scope(name)));
    clusters.back()->here().rq.add(200);
    clusters.back()->here().wait_ms.record(1);
  }
  PerWorker<SampleStats> external(registry, {{"cluster"}, {"a", kClusterTag}, {"external"}});
  external.here().rq.add(200);
  std::istringstream lines(page_of(registry));
  std::set<std::string> families;
  std::string family;
  std::size_t series = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) continue;
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family << " comes twice";
    } else {
      EXPECT_TRUE(line.starts_with(family)) << line << " is not of " << family;
      ++series;
    }
  }
  EXPECT_EQ(families.count("envoy_cluster_hits_total"), 1U);
  EXPECT_EQ(families.count("envoy_cluster_external_hits_total"), 1U);
  // Three clusters: 3 plain cells, 6 classes, 3 of the status, 22 of the histogram; the fourth has
  // none.
  EXPECT_EQ(series, 3U * (3 + 6 + 3 + 22) + (3 + 6 + 3));
}

#define PILLION_CLASH_STATS(CELL, NAMED)      \
  NAMED(Counter, dotted, "a.b", "A counter.") \
  NAMED(Gauge, underscored, "a_b", "A gauge.")
PILLION_STATS(ClashStats, PILLION_CLASH_STATS)

// A family of two types is a page that no reader takes; losing one series is the lesser harm.
TEST(PrometheusPage, KeepsTheFirstTypeOfAFamilyWhenTwoCellsClash) {
  Registry registry;
  PerWorker<ClashStats> stats(registry, {{"server"}});
  stats.here().dotted.add(1);
  stats.here().underscored.set(2);
  EXPECT_EQ(page_of(registry),
            "# HELP envoy_server_a_b A counter.\n"
            "# TYPE envoy_server_a_b counter\n"
            "envoy_server_a_b 1\n");
}

TEST(PrometheusPage, FiltersByDottedNameAndUse) {
  Registry registry;
  PerWorker<SampleStats> stats(registry, sample_scope("a"));
  stats.here().hits_total.add();
  EXPECT_EQ(page_of(registry, "usedonly&filter=^cluster\\.a\\."),
            "# HELP envoy_cluster_hits_total Times it was hit.\n"
            "# TYPE envoy_cluster_hits_total counter\n"
            "envoy_cluster_hits_total{envoy_cluster_name=\"a\"} 1\n");
  EXPECT_EQ(page_of(registry, "filter=envoy_cluster"), "");
}

}  // namespace
}  // namespace pillion::metrics
