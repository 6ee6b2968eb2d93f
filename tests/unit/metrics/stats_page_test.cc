// The text and JSON pages, byte for byte as Envoy 1.40 writes them.
#include "sidecar/metrics/stats_page.h"

#include <gtest/gtest.h>

#include "tests/unit/metrics/sample_stats.h"

namespace pillion::metrics {
namespace {

using Format = StatsQuery::Format;

class StatsPageTest : public testing::Test {
 protected:
  StatsPageTest() : stats_(registry_, sample_scope("a.b")) {
    stats_.here().hits_total.add(3);
    for (double value : {0.1, 7.0, 7.0, 7.0}) stats_.here().wait_ms.record(value);
  }
  std::string body(std::string_view parameters) {
    return stats_page(registry_, parameters, Format::kText).body;
  }

  Registry registry_;
  PerWorker<SampleStats> stats_;
};

TEST_F(StatsPageTest, AnswersABadParameterWith400AndTheReason) {
  StatsPage page = stats_page(registry_, "format=xml", Format::kText);
  EXPECT_EQ(page.status, 400);
  EXPECT_EQ(page.content_type, "text/plain; charset=UTF-8");
  EXPECT_EQ(page.body, "usage: /stats?format=(json|prometheus|text)\n");
}

TEST_F(StatsPageTest, AnswersNothingWhenNothingMatches) {
  EXPECT_EQ(body("filter=zzz"), "");
  EXPECT_EQ(body("filter=zzz&format=json"), "{\"stats\":[]}");
  EXPECT_EQ(body("type=TextReadouts"), "");
}

TEST_F(StatsPageTest, SortsNamesAndPutsHistogramsLast) {
  stats_.here().rq.add(200);
  const std::string page = body("histogram_buckets=summary");
  EXPECT_TRUE(
      page.starts_with("cluster.a.b.a-b.c: 0\n"
                       "cluster.a.b.down.rq_1xx: 0\n"
                       "cluster.a.b.down.rq_2xx: 0\n"
                       "cluster.a.b.down.rq_3xx: 0\n"
                       "cluster.a.b.down.rq_4xx: 0\n"
                       "cluster.a.b.down.rq_5xx: 0\n"
                       "cluster.a.b.down.rq_completed: 0\n"
                       "cluster.a.b.hits_total: 3\n"
                       "cluster.a.b.level: 0\n"
                       "cluster.a.b.rq_200: 1\n"
                       "cluster.a.b.rq_2xx: 1\n"
                       "cluster.a.b.rq_completed: 1\n"
                       "cluster.a.b.wait_ms: P0(nan,0) P25(nan,0.5) P50(nan,6.6666"))
      << page;
  for (const char* quantile : {" P75(nan,8.33", " P90(nan,9.33", " P95(nan,9.66", " P99(nan,9.93",
                               " P99.5(nan,9.96", " P99.9(nan,9.99"})
    EXPECT_NE(page.find(quantile), std::string::npos) << quantile;
  EXPECT_TRUE(page.ends_with(" P100(nan,10)\n")) << page;
}

TEST_F(StatsPageTest, ShowsOnlyWhatWasUsed) {
  stats_.here().level.set(0);
  EXPECT_EQ(body("usedonly&type=Counters"), "cluster.a.b.hits_total: 3\n");
  EXPECT_EQ(body("usedonly&type=Gauges"), "cluster.a.b.level: 0\n");
}

TEST_F(StatsPageTest, WritesBucketsAsText) {
  EXPECT_EQ(body("type=Histograms&histogram_buckets=cumulative"),
            "cluster.a.b.wait_ms: B0.5(0,1) B1(0,1) B5(0,1) B10(0,4) B25(0,4) B50(0,4) B100(0,4) "
            "B250(0,4) B500(0,4) B1000(0,4) B2500(0,4) B5000(0,4) B10000(0,4) B30000(0,4) "
            "B60000(0,4) B300000(0,4) B600000(0,4) B1.8e+06(0,4) B3.6e+06(0,4)\n");
  std::string disjoint = body("type=Histograms&histogram_buckets=disjoint");
  EXPECT_TRUE(disjoint.starts_with("cluster.a.b.wait_ms: B0.5(0,1) B1(0,0) B5(0,0) B10(0,3) B25"))
      << disjoint;
  std::string detailed = body("type=Histograms&histogram_buckets=detailed");
  EXPECT_TRUE(
      detailed.starts_with("cluster.a.b.wait_ms:\n  totals=0,0.5:1, 5,5:3\n  intervals=\n"
                           "  summary=P0(nan,0) P25(nan,0.5)"))
      << detailed;
}

TEST_F(StatsPageTest, SaysSoOfAHistogramWithoutValues) {
  PerWorker<SampleStats> fresh(registry_, sample_scope("fresh"));
  fresh.here();
  for (const char* mode : {"summary", "cumulative", "disjoint", "detailed"}) {
    EXPECT_EQ(body(std::string("filter=fresh.wait&histogram_buckets=") + mode),
              "cluster.fresh.wait_ms: No recorded values\n");
  }
}

TEST_F(StatsPageTest, WritesJsonNumbers) {
  StatsPage page = stats_page(registry_, "format=json&filter=hits|level", Format::kText);
  EXPECT_EQ(page.content_type, "application/json");
  EXPECT_EQ(page.body,
            "{\"stats\":[{\"name\":\"cluster.a.b.hits_total\",\"value\":3},"
            "{\"name\":\"cluster.a.b.level\",\"value\":0}]}");
}

TEST_F(StatsPageTest, EscapesNamesInJson) {
  PerWorker<OtherStats> other(registry_, {{"a\"b\\c\n"}});
  other.here();
  EXPECT_EQ(body("format=json&filter=others"),
            "{\"stats\":[{\"name\":\"a\\\"b\\\\c\\n.others\",\"value\":0}]}");
}

TEST_F(StatsPageTest, WritesJsonQuantiles) {
  std::string page = body("format=json&filter=wait");
  EXPECT_TRUE(page.starts_with(
      "{\"stats\":[{\"histograms\":{\"supported_quantiles\":[0,25,50,75,90,95,99,99.5,99.9,100],"
      "\"computed_quantiles\":[{\"name\":\"cluster.a.b.wait_ms\",\"values\":["
      "{\"cumulative\":0,\"interval\":null},{\"cumulative\":0.5,\"interval\":null},"))
      << page;
  EXPECT_TRUE(page.ends_with("{\"cumulative\":10,\"interval\":null}]}]}}]}")) << page;
}

TEST_F(StatsPageTest, WritesNullForQuantilesOfNothing) {
  PerWorker<SampleStats> fresh(registry_, sample_scope("fresh"));
  fresh.here();
  std::string page = body("format=json&filter=fresh.wait");
  EXPECT_NE(page.find("\"values\":[{\"cumulative\":null,\"interval\":null},"), std::string::npos);
}

TEST_F(StatsPageTest, WritesJsonBuckets) {
  std::string page = body("format=json&filter=wait&histogram_buckets=cumulative");
  EXPECT_TRUE(page.starts_with(
      "{\"stats\":[{\"histograms\":[{\"name\":\"cluster.a.b.wait_ms\",\"buckets\":["
      "{\"upper_bound\":0.5,\"interval\":0,\"cumulative\":1},"))
      << page;
  EXPECT_TRUE(page.ends_with("{\"upper_bound\":3600000,\"interval\":0,\"cumulative\":4}]}]}]}"))
      << page;
  page = body("format=json&filter=wait&histogram_buckets=detailed");
  EXPECT_NE(page.find("\"details\":[{\"name\":\"cluster.a.b.wait_ms\",\"totals\":["
                      "{\"lower_bound\":0,\"width\":0.5,\"count\":1},"
                      "{\"lower_bound\":5,\"width\":5,\"count\":3}],\"intervals\":[],"
                      "\"percentiles\":[{\"cumulative\":0,"),
            std::string::npos)
      << page;
}

}  // namespace
}  // namespace pillion::metrics
