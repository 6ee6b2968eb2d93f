// Query parameters of the stats pages.
#include "sidecar/metrics/stats_query.h"

#include <gtest/gtest.h>

#include <string>

namespace pillion::metrics {
namespace {

using Format = StatsQuery::Format;
using Buckets = StatsQuery::Buckets;

std::string problem_of(std::string_view parameters, Format format = Format::kText) {
  auto query = parse_stats_query(parameters, format);
  return query ? "no problem" : query.error().message;
}

StatsQuery query_of(std::string_view parameters, Format format = Format::kText) {
  auto query = parse_stats_query(parameters, format);
  EXPECT_TRUE(query.has_value()) << parameters;
  return query ? *query : StatsQuery{};
}

TEST(StatsQuery, RefusesValuesThatEnvoyRefuses) {
  EXPECT_EQ(problem_of("filter=("), "Invalid re2 regex: missing ): (");
  EXPECT_EQ(problem_of("type=Nope"), "invalid &type= param");
  EXPECT_EQ(problem_of("format=xyz"), "usage: /stats?format=(json|prometheus|text)\n");
  EXPECT_EQ(problem_of("usedonly&histogram_buckets=nope"),
            "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n");
  EXPECT_EQ(problem_of("histogram_buckets=detailed", Format::kPrometheus),
            "unsupported prometheus histogram bucket mode");
  EXPECT_EQ(problem_of("histogram_buckets=disjoint&format=prometheus"),
            "unsupported prometheus histogram bucket mode");
  EXPECT_EQ(problem_of("filter=" + std::string(5000, 'a')),
            "Invalid re2 regex: longer than 4096 bytes");
}

TEST(StatsQuery, AsksForEverythingByDefault) {
  StatsQuery query = query_of("");
  EXPECT_EQ(query.format, Format::kText);
  EXPECT_EQ(query.buckets, Buckets::kSummary);
  EXPECT_TRUE(query.accepts(Kind::kGauge, false));
  EXPECT_TRUE(query.accepts_name("anything"));
  EXPECT_EQ(query_of("", Format::kPrometheus).buckets, Buckets::kCumulative);
  EXPECT_EQ(query_of("histogram_buckets=summary", Format::kPrometheus).buckets, Buckets::kSummary);
}

TEST(StatsQuery, IgnoresUnknownParameters) {
  StatsQuery query = query_of("pretty&text_readouts&&a=b");
  EXPECT_TRUE(query.accepts(Kind::kCounter, false));
}

TEST(StatsQuery, SelectsByTypeAndUse) {
  StatsQuery query = query_of("type=Gauges&usedonly");
  EXPECT_TRUE(query.accepts(Kind::kGauge, true));
  EXPECT_FALSE(query.accepts(Kind::kGauge, false));
  EXPECT_FALSE(query.accepts(Kind::kCounter, true));
  EXPECT_TRUE(query_of("type=All").accepts(Kind::kHistogram, false));
  EXPECT_FALSE(query_of("type=TextReadouts").accepts(Kind::kCounter, true));
}

TEST(StatsQuery, SearchesNamesWithTheDecodedFilter) {
  StatsQuery query = query_of("filter=%5Ecluster%5C.a%5c.%7cserver%2Elive%24");
  EXPECT_TRUE(query.accepts_name("cluster.a.upstream_rq_total"));
  EXPECT_TRUE(query.accepts_name("server.live"));
  EXPECT_FALSE(query.accepts_name("cluster.ab.upstream_rq_total"));
  EXPECT_FALSE(query.accepts_name("http.cluster.a.x"));
}

TEST(StatsQuery, InvertsTheFilter) {
  StatsQuery query = query_of("filter=rq&invert_filter");
  EXPECT_FALSE(query.accepts_name("a.rq_total"));
  EXPECT_TRUE(query.accepts_name("a.cx_total"));
}

TEST(StatsQuery, LeavesBrokenEscapesAlone) {
  EXPECT_TRUE(query_of("filter=a%2").accepts_name("a%2"));
  EXPECT_TRUE(query_of("filter=%zz").accepts_name("%zz"));
}

}  // namespace
}  // namespace pillion::metrics
