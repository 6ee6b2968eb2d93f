#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/filter/fake_stream.h"
#include "tests/unit/filters/load.h"

namespace pillion::filters {
namespace {

using filter::FakeStream;
using filter::Fields;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::StartsWith;

constexpr std::string_view kName = "envoy.filters.http.fault";
const std::string kAlways = "percentage: {numerator: 100}";
const std::string kAbort = "abort: {http_status: 503, " + kAlways + "}";
const std::string kDelay = "delay: {fixed_delay: 0.2s, " + kAlways + "}";
const std::string kByHeader = "{abort: {header_abort: {}, " + kAlways +
                              "}, delay: {header_delay: {}, " + kAlways +
                              "}, response_rate_limit: {header_limit: {}, " + kAlways + "}}";

class Fault : public testing::Test {
 protected:
  void load(const std::string& yaml) {
    factory_ = load_.filter(kName, yaml);
    ASSERT_NE(factory_, nullptr) << testing::PrintToString(load_.problems());
  }
  FakeStream& run(FakeStream& stream, const Fields& headers = {}) {
    return stream.with_filter(factory_).with_request(headers).run();
  }
  // What a request with these headers is answered; 0: it is passed on.
  int status(const Fields& headers = {}) {
    FakeStream stream;
    run(stream, headers);
    return stream.response() == nullptr ? 0 : stream.response()->status;
  }
  int64_t stat(const std::string& name) const { return load_.stat("http.test.fault." + name); }
  Load load_;
  std::shared_ptr<const filter::Factory> factory_;
  FakeStream stream_;
};

TEST_F(Fault, ReportsAllProblemsWithTheirPaths) {
  EXPECT_EQ(load_.filter(kName, R"({delay: {percentage: {numerator: 1}}, abort: {http_status: 99},
      response_rate_limit: {fixed_limit: {}}, headers: [{name: ""}], filter_metadata: {a: b}})"),
            nullptr);
  EXPECT_THAT(load_.problems(),
              testing::UnorderedElementsAre(
                  StartsWith("delay"), StartsWith("abort.http_status: "),
                  StartsWith("response_rate_limit.fixed_limit.limit_kbps: "),
                  StartsWith("headers[0].name: "), StartsWith("filter_metadata: ")));
}

TEST_F(Fault, AbortsWithTheConfiguredStatus) {
  load("{" + kAbort + "}");
  run(stream_);
  EXPECT_THAT(stream_.log, ElementsAre("reply 503", "< 503", "< fault filter abort end"));
  EXPECT_EQ(stream_.reply_details, "fault_filter_abort");
  EXPECT_TRUE(stream_.info().has_flag(ResponseFlag::kFaultInjected));
  EXPECT_EQ(stat("aborts_injected"), 1);
}

TEST_F(Fault, AbortsWithAGrpcStatus) {
  load("{abort: {grpc_status: 14, " + kAlways + "}}");
  run(stream_);
  EXPECT_EQ(stream_.response()->status, 200);
  EXPECT_EQ(stream_.reply_grpc_status, 14);
}

TEST_F(Fault, AbortsItsShareOfRequests) {
  load("{abort: {http_status: 503, percentage: {numerator: 2500, denominator: TEN_THOUSAND}}}");
  stream_.randoms = {2500};
  run(stream_);
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
  FakeStream other;
  other.randoms = {12499};
  run(other);
  EXPECT_EQ(other.log.front(), "reply 503");
}

TEST_F(Fault, DelaysThenPassesTheRequestOn) {
  load("{" + kDelay + "}");
  stream_.with_filter(factory_).construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("body", true);
  stream_.advance(milliseconds(199));
  EXPECT_THAT(stream_.log, testing::IsEmpty());
  stream_.advance(milliseconds(1));
  EXPECT_THAT(stream_.log, ElementsAre("> head", "> body end"));
  EXPECT_TRUE(stream_.info().has_flag(ResponseFlag::kDelayInjected));
  EXPECT_EQ(stat("delays_injected"), 1);
}

TEST_F(Fault, AnAbortFollowsItsDelay) {
  load("{" + kDelay + ", " + kAbort + "}");
  run(stream_);
  EXPECT_THAT(stream_.log, testing::IsEmpty());
  stream_.advance(milliseconds(200));
  EXPECT_EQ(stream_.log.front(), "reply 503");
  EXPECT_TRUE(stream_.info().has_flag(ResponseFlag::kDelayInjected));
  EXPECT_EQ(stat("active_faults"), 1);
}

TEST_F(Fault, ADelayIsForgottenWhenTheRequestWasAnswered) {
  load("{" + kDelay + ", " + kAbort + "}");
  run(stream_);
  stream_.chain.stop_request();
  stream_.respond(408);
  stream_.advance(milliseconds(300));
  EXPECT_THAT(stream_.log, ElementsAre("< 408 end"));
}

TEST_F(Fault, ActiveFaultsEndWithTheirStreams) {
  load("{" + kDelay + "}");
  run(stream_);
  EXPECT_EQ(stat("active_faults"), 1);
  stream_.chain.finish();
  EXPECT_EQ(stat("active_faults"), 0);
}

TEST_F(Fault, MaxActiveFaultsLeavesFurtherRequestsAlone) {
  load("{" + kDelay + ", max_active_faults: 1}");
  run(stream_);
  FakeStream second;
  run(second);
  EXPECT_THAT(second.log, ElementsAre("> head end"));
  EXPECT_EQ(stat("faults_overflow"), 1);
  stream_.chain.finish();
  FakeStream third;
  run(third);
  EXPECT_THAT(third.log, testing::IsEmpty());
}

TEST_F(Fault, HeadersAskForAborts) {
  load(kByHeader);
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status({{"x-envoy-fault-abort-request", "429"}}), 429);
  EXPECT_EQ(status({{"x-envoy-fault-abort-request", "600"}}), 0);
  EXPECT_EQ(status({{"x-envoy-fault-abort-request", "soon"}}), 0);
  EXPECT_EQ(status({{"x-envoy-fault-abort-grpc-request", "5"}}), 200);
}

TEST_F(Fault, HeadersLowerTheShareOnly) {
  load("{abort: {header_abort: {}, percentage: {numerator: 50}}}");
  const Fields lower = {{"x-envoy-fault-abort-request", "429"},
                        {"x-envoy-fault-abort-request-percentage", "10"}};
  const Fields higher = {{"x-envoy-fault-abort-request", "429"},
                         {"x-envoy-fault-abort-request-percentage", "100"}};
  stream_.randoms = {10};
  run(stream_, lower);
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
  FakeStream other;
  other.randoms = {50};
  run(other, higher);
  EXPECT_THAT(other.log, ElementsAre("> head end"));
}

TEST_F(Fault, HeadersAskForDelays) {
  load(kByHeader);
  run(stream_, {{"x-envoy-fault-delay-request", "30"}});
  EXPECT_EQ(stream_.timer(), milliseconds(30));
  FakeStream none;
  run(none, {{"x-envoy-fault-delay-request", "0"}});
  EXPECT_THAT(none.log, ElementsAre("> head end"));
}

TEST_F(Fault, AHugeDelayFromAHeaderDoesNotOverflow) {
  load(kByHeader);
  run(stream_, {{"x-envoy-fault-delay-request", "18446744073709551615"}});
  EXPECT_EQ(stream_.timer(), std::chrono::hours(24));
}

TEST_F(Fault, AppliesToItsHeadersNodesAndClusterOnly) {
  load("{" + kAbort + R"(, upstream_cluster: backend, downstream_nodes: [n1, n2],
      headers: [{name: x-fault, string_match: {exact: "on"}}]})");
  const Fields all = {{"x-fault", "on"}, {"x-envoy-downstream-service-node", "n2"}};
  EXPECT_EQ(status(all), 503);
  EXPECT_EQ(status({{"x-fault", "on"}}), 0);
  EXPECT_EQ(status({{"x-fault", "off"}, {"x-envoy-downstream-service-node", "n1"}}), 0);
  stream_.cluster = "other";
  run(stream_, all);
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
}

TEST_F(Fault, ARouteReplacesTheSettings) {
  load("{" + kAbort + "}");
  stream_.with_override("filter0",
                        load_.route(kName, "{abort: {http_status: 418, " + kAlways + "}}"));
  run(stream_);
  EXPECT_EQ(stream_.response()->status, 418);
  EXPECT_EQ(stat("aborts_injected"), 1);
}

TEST_F(Fault, CountsByDownstreamCluster) {
  load("{" + kAbort + "}");
  EXPECT_EQ(status({{"x-envoy-downstream-service-cluster", "web"}}), 503);
  EXPECT_EQ(stat("web.aborts_injected"), 1);
  EXPECT_EQ(stat("aborts_injected"), 1);
}

TEST_F(Fault, BoundsTheDownstreamClustersItCounts) {
  load("{" + kAbort + "}");
  for (int i = 0; i < 103; ++i)
    EXPECT_EQ(status({{"x-envoy-downstream-service-cluster", "c" + std::to_string(i)}}), 503);
  EXPECT_EQ(stat("downstream_clusters_overflow"), 3);
  EXPECT_EQ(stat("c102.aborts_injected"), -1);
}

TEST_F(Fault, DownstreamClusterStatsCanBeSwitchedOff) {
  load("{" + kAbort + ", disable_downstream_cluster_stats: true}");
  EXPECT_EQ(status({{"x-envoy-downstream-service-cluster", "web"}}), 503);
  EXPECT_EQ(stat("web.aborts_injected"), -1);
}

TEST_F(Fault, RuntimeKeysDecide) {
  load_.set_runtime(
      "{fault.http.abort.abort_percent: 0, own.status: 504, fault.http.web.abort.abort_percent: "
      "100}");
  load("{" + kAbort + ", abort_http_status_runtime: own.status}");
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status({{"x-envoy-downstream-service-cluster", "web"}}), 504);
}

TEST_F(Fault, SlowsResponsesToTheirRate) {
  load("{response_rate_limit: {fixed_limit: {limit_kbps: 1}, " + kAlways + "}}");
  run(stream_).with_response(200);
  stream_.chain.response_head(false);
  stream_.chain.response_body(std::string(100, 'x'), true);
  stream_.advance(milliseconds(0));
  // 1 KiB/s is 51.2 bytes for each 50 ms, and the bucket starts with that.
  EXPECT_EQ(stream_.chain.response_buffered(), 49u);
  stream_.advance(milliseconds(49));
  EXPECT_EQ(stream_.chain.response_buffered(), 49u);
  stream_.advance(milliseconds(1));
  EXPECT_THAT(stream_.log, ElementsAre("> head end", "< 200", "< " + std::string(51, 'x'),
                                       "< " + std::string(49, 'x') + " end"));
  EXPECT_EQ(stat("response_rl_injected"), 1);
  EXPECT_EQ(stat("active_faults"), 1);
}

TEST_F(Fault, ASlowResponseKeepsItsTrailersLast) {
  load("{response_rate_limit: {fixed_limit: {limit_kbps: 1}, " + kAlways + "}}");
  run(stream_).with_response(200);
  stream_.chain.response_head(false);
  stream_.chain.response_body(std::string(60, 'x'), false);
  stream_.chain.response_trailers(stream_.trailers());
  stream_.advance(milliseconds(0));
  EXPECT_EQ(stream_.log.back(), "< " + std::string(51, 'x'));
  stream_.advance(milliseconds(50));
  EXPECT_EQ(stream_.log.back(), "< trailers");
}

TEST_F(Fault, ASlowResponseWithoutABodyIsNotHeld) {
  load("{response_rate_limit: {fixed_limit: {limit_kbps: 1}, " + kAlways + "}}");
  run(stream_).with_response(200);
  stream_.chain.response_head(false);
  stream_.chain.response_body("", true);
  EXPECT_THAT(stream_.log, ElementsAre("> head end", "< 200", "<  end"));
}

TEST_F(Fault, HeadersAskForSlowResponses) {
  load(kByHeader);
  run(stream_, {{"x-envoy-fault-throughput-response", "2"}}).with_response(200);
  stream_.chain.response_head(false);
  stream_.chain.response_body(std::string(200, 'x'), true);
  stream_.advance(milliseconds(0));
  EXPECT_EQ(stream_.chain.response_buffered(), 98u);
}

}  // namespace
}  // namespace pillion::filters
