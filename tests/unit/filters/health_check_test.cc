#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/filter/fake_stream.h"
#include "tests/unit/filters/load.h"

namespace pillion::filters {
namespace {

using filter::FakeStream;
using filter::Fields;
using testing::ElementsAre;
using testing::StartsWith;

constexpr std::string_view kName = "envoy.filters.http.health_check";
const Fields kCheck = {{":path", "/healthz"}};
const std::string kAt = R"(, headers: [{name: ":path", string_match: {exact: /healthz}}]})";

class HealthCheck : public testing::Test {
 protected:
  HealthCheck() { load_.service_cluster = "front"; }
  void load(const std::string& start) { factory_ = load_.filter(kName, start + kAt); }
  FakeStream& stream(FakeStream& to) { return to.with_filter(factory_); }
  FakeStream& stream() { return stream(stream_); }
  Load load_;
  std::shared_ptr<const filter::Factory> factory_;
  FakeStream stream_;
};

TEST_F(HealthCheck, RefusesAConfigWithoutAMode) {
  EXPECT_EQ(load_.filter(kName, "{}"), nullptr);
  EXPECT_THAT(load_.problems(), ElementsAre(StartsWith("pass_through_mode: ")));
}

TEST_F(HealthCheck, RefusesACacheThatWouldNeverBeUsed) {
  EXPECT_EQ(load_.filter(kName, "{pass_through_mode: false, cache_time: 5s}"), nullptr);
  EXPECT_THAT(load_.problems(), ElementsAre(StartsWith("cache_time: ")));
}

TEST_F(HealthCheck, RefusesABadHeaderMatcherWithItsPath) {
  EXPECT_EQ(load_.filter(kName, R"({pass_through_mode: true, headers: [{name: a,
    string_match: {safe_regex: {regex: "["}}}]})"),
            nullptr);
  EXPECT_THAT(load_.problems(),
              ElementsAre(StartsWith("headers[0].string_match.safe_regex.regex: ")));
}

TEST_F(HealthCheck, FailsWhileTheServerDrains) {
  load("{pass_through_mode: false");
  stream_.draining = true;
  stream().with_request(kCheck).run();
  EXPECT_THAT(stream_.log, ElementsAre("reply 503", "< 503 end"));
  EXPECT_EQ(stream_.reply_details, "health_check_failed");
  EXPECT_TRUE(stream_.info().has_flag(ResponseFlag::kFailedLocalHealthCheck));
}

TEST_F(HealthCheck, FailsWhileTheServerDrainsInPassThroughModeToo) {
  load("{pass_through_mode: true");
  stream_.draining = true;
  stream().with_request(kCheck).run();
  EXPECT_THAT(stream_.log, ElementsAre("reply 503", "< 503 end"));
}

TEST_F(HealthCheck, TellsOtherRequestsToFailFastWhileTheServerDrains) {
  load("{pass_through_mode: false");
  stream_.draining = true;
  stream().run().respond(200);
  EXPECT_EQ(stream_.response_field("x-envoy-immediate-health-check-fail"), "true");
  EXPECT_FALSE(stream_.info().health_check);
}

TEST_F(HealthCheck, AnswersAndMarksTheStream) {
  load("{pass_through_mode: false");
  stream().with_request(kCheck).run();
  EXPECT_THAT(stream_.log, ElementsAre("reply 200", "< 200 end"));
  EXPECT_EQ(stream_.reply_details, "health_check_ok");
  EXPECT_EQ(stream_.response_field("x-envoy-upstream-healthchecked-cluster"), "front");
  EXPECT_TRUE(stream_.info().health_check);
}

TEST_F(HealthCheck, LeavesOtherRequestsAlone) {
  load("{pass_through_mode: false");
  stream().run().respond(200);
  EXPECT_THAT(stream_.log, ElementsAre("> head end", "< 200 end"));
  EXPECT_EQ(stream_.response_field("x-envoy-upstream-healthchecked-cluster"), "(none)");
}

TEST_F(HealthCheck, AnswersABodyWhenItIsWhole) {
  load("{pass_through_mode: false");
  stream().with_request(kCheck).construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("abc", false);
  EXPECT_THAT(stream_.log, testing::IsEmpty());
  EXPECT_EQ(stream_.chain.request_buffered(), 0u);
  stream_.chain.request_body("def", true);
  EXPECT_THAT(stream_.log, ElementsAre("reply 200", "< 200 end"));
}

TEST_F(HealthCheck, JudgesClustersByTheirUsableHosts) {
  load("{pass_through_mode: false, cluster_min_healthy_percentages: {a: {value: 50.9}}");
  struct Row {
    std::optional<filter::ClusterHealth> health;
    int status;
    const char* details;
  };
  const Row rows[] = {{std::nullopt, 503, "health_check_failed_no_cluster_found"},
                      {filter::ClusterHealth{0, 0}, 503, "health_check_failed_cluster_empty"},
                      {filter::ClusterHealth{4, 1}, 503, "health_check_failed_cluster_unhealthy"},
                      {filter::ClusterHealth{4, 2}, 200, "health_check_ok_cluster_healthy"}};
  for (const Row& row : rows) {
    FakeStream one;
    if (row.health) one.health["a"] = *row.health;
    stream(one).with_request(kCheck).run();
    EXPECT_EQ(one.response_field(":status"), std::to_string(row.status));
    EXPECT_EQ(one.reply_details, row.details);
  }
  EXPECT_EQ(load_.stat("http.test.health_check.request_total"), 4);
  EXPECT_EQ(load_.stat("http.test.health_check.ok"), 1);
  EXPECT_EQ(load_.stat("http.test.health_check.failed"), 3);
  EXPECT_EQ(load_.stat("http.test.health_check.failed_cluster_not_found"), 1);
  EXPECT_EQ(load_.stat("http.test.health_check.failed_cluster_empty"), 1);
  EXPECT_EQ(load_.stat("http.test.health_check.failed_cluster_unhealthy"), 1);
}

TEST_F(HealthCheck, PassesChecksOnAndMarksTheirResponses) {
  load("{pass_through_mode: true");
  stream().with_request(kCheck).run().respond(204);
  EXPECT_THAT(stream_.log, ElementsAre("> head end", "< 204 end"));
  EXPECT_EQ(stream_.response_field("x-envoy-upstream-healthchecked-cluster"), "front");
  EXPECT_TRUE(stream_.info().health_check);
}

TEST_F(HealthCheck, AnswersFromTheCacheForItsTime) {
  load("{pass_through_mode: true, cache_time: 5s");
  stream().with_request(kCheck).run().respond(503, {{"x-envoy-degraded", ""}});
  FakeStream soon;
  soon.advance(std::chrono::milliseconds(4999));
  stream(soon).with_request(kCheck).run();
  EXPECT_THAT(soon.log, ElementsAre("reply 503", "< 503 end"));
  EXPECT_EQ(soon.reply_details, "health_check_cached");
  EXPECT_EQ(soon.response_field("x-envoy-degraded"), "");
  EXPECT_EQ(load_.stat("http.test.health_check.cached_response"), 1);
  EXPECT_EQ(load_.stat("http.test.health_check.degraded"), 1);
  FakeStream late;
  late.advance(std::chrono::seconds(5));
  stream(late).with_request(kCheck).run();
  EXPECT_THAT(late.log, ElementsAre("> head end"));
}

TEST_F(HealthCheck, ACachedAnswerDoesNotRenewTheCache) {
  load("{pass_through_mode: true, cache_time: 5s");
  stream().with_request(kCheck).run().respond(200);
  FakeStream cached;
  cached.advance(std::chrono::seconds(4));
  stream(cached).with_request(kCheck).run();
  FakeStream late;
  late.advance(std::chrono::seconds(6));
  stream(late).with_request(kCheck).run();
  EXPECT_THAT(late.log, ElementsAre("> head end"));
}

}  // namespace
}  // namespace pillion::filters
