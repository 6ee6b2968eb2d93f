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
using std::chrono::seconds;
using testing::ElementsAre;
using testing::StartsWith;

constexpr std::string_view kName = "envoy.filters.http.local_ratelimit";
const std::string kOn = R"(, filter_enabled: {default_value: {numerator: 100}},
    filter_enforced: {default_value: {numerator: 100}})";
const std::string kOne = "token_bucket: {max_tokens: 1, fill_interval: 10s}";

class LocalRateLimit : public testing::Test {
 protected:
  void load(const std::string& yaml) {
    factory_ = load_.filter(kName, "{stat_prefix: lim" + kOn + ", " + yaml + "}");
    ASSERT_NE(factory_, nullptr) << testing::PrintToString(load_.problems());
  }
  // One more request, `after` the start of the test; 0: it is passed on.
  int status(const Fields& headers = {}, Duration after = {}) {
    FakeStream stream;
    stream.slots = &slots_;
    stream.info().downstream_remote = &address_;
    stream.advance(after);
    stream.with_filter(factory_).with_request(headers).run();
    return stream.response() == nullptr ? 0 : stream.response()->status;
  }
  int64_t stat(const std::string& name) const {
    return load_.stat("lim.http_local_rate_limit." + name);
  }
  Load load_;
  filter::ConnectionSlots slots_;
  Address address_ = Address::parse_ip("10.1.2.3", 5000).value();
  std::shared_ptr<const filter::Factory> factory_;
  FakeStream stream_;
};

TEST_F(LocalRateLimit, ReportsAllProblemsWithTheirPaths) {
  EXPECT_EQ(load_.filter(kName, R"({
      token_bucket: {max_tokens: 0, fill_interval: 0.01s}, local_cluster_rate_limit: {},
      rate_limits: [{stage: 1, actions: [{generic_key: {descriptor_value: a}}, {dynamic_metadata: {
        descriptor_key: a, metadata_key: {key: b, path: [{key: c}]}}}]}],
      descriptors: [{entries: [{key: a, value: b}], token_bucket: {max_tokens: 1, fill_interval: 1s}},
                    {entries: [{key: a, value: b}], token_bucket: {max_tokens: 1, fill_interval: 1s}}]})"),
            nullptr);
  EXPECT_THAT(load_.problems(),
              testing::UnorderedElementsAre(
                  StartsWith("stat_prefix: "), StartsWith("token_bucket.max_tokens: "),
                  StartsWith("token_bucket.fill_interval: "),
                  StartsWith("local_cluster_rate_limit: "), StartsWith("rate_limits[0].stage: "),
                  StartsWith("rate_limits[0].actions[1].dynamic_metadata: "),
                  StartsWith("descriptors[1].entries: ")));
}

TEST_F(LocalRateLimit, ARouteNeedsATokenBucket) {
  EXPECT_EQ(load_.route(kName, "{stat_prefix: a}"), nullptr);
  EXPECT_THAT(load_.problems(), ElementsAre(StartsWith("token_bucket: ")));
}

TEST_F(LocalRateLimit, IsOffUnlessEnabled) {
  factory_ = load_.filter(kName, "{stat_prefix: lim, " + kOne + "}");
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(stat("enabled"), -1);
}

TEST_F(LocalRateLimit, RefusesRequestsBeyondTheBucket) {
  load(kOne);
  EXPECT_EQ(status(), 0);
  stream_.with_filter(factory_).run();
  EXPECT_THAT(stream_.log, ElementsAre("reply 429", "< 429", "< local_rate_limited end"));
  EXPECT_EQ(stream_.reply_details, "local_rate_limited");
  EXPECT_TRUE(stream_.info().has_flag(ResponseFlag::kRateLimited));
  EXPECT_EQ(stat("enabled"), 2);
  EXPECT_EQ(stat("ok"), 1);
  EXPECT_EQ(stat("rate_limited"), 1);
  EXPECT_EQ(stat("enforced"), 1);
}

TEST_F(LocalRateLimit, RefillsOverTime) {
  load("token_bucket: {max_tokens: 2, tokens_per_fill: 1, fill_interval: 10s}");
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status({}, milliseconds(9900)), 429);
  EXPECT_EQ(status({}, seconds(10)), 0);
  EXPECT_EQ(status({}, seconds(10)), 429);
  // Never more than it holds.
  EXPECT_EQ(status({}, seconds(1000)), 0);
  EXPECT_EQ(status({}, seconds(1000)), 0);
  EXPECT_EQ(status({}, seconds(1000)), 429);
}

TEST_F(LocalRateLimit, OnlyMarksRequestsWhenNotEnforced) {
  factory_ = load_.filter(kName, "{stat_prefix: lim, " + kOne + R"(,
      filter_enabled: {default_value: {numerator: 100}},
      request_headers_to_add_when_not_enforced: [{header: {key: x-over, value: "1"}}]})");
  EXPECT_EQ(status(), 0);
  stream_.with_filter(factory_).run();
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
  EXPECT_EQ(stream_.request_field("x-over"), "1");
  EXPECT_EQ(stat("rate_limited"), 1);
  EXPECT_EQ(stat("enforced"), 0);
}

TEST_F(LocalRateLimit, RepliesAsConfigured) {
  load(kOne + R"(, status: {code: ServiceUnavailable}, rate_limited_as_resource_exhausted: true,
      response_headers_to_add: [{header: {key: x-limited, value: "%REQ(:PATH)%"}}])");
  EXPECT_EQ(status(), 0);
  stream_.with_filter(factory_).run();
  EXPECT_EQ(stream_.response()->status, 503);
  EXPECT_EQ(stream_.reply_grpc_status, 8);
  EXPECT_EQ(stream_.response_field("x-limited"), "/");
}

TEST_F(LocalRateLimit, AStatusThatIsNoErrorBecomes429) {
  load(kOne + ", status: {code: OK}");
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(), 429);
}

TEST_F(LocalRateLimit, TellsTheStateOfTheBucket) {
  load(
      "token_bucket: {max_tokens: 2, fill_interval: 100s}, enable_x_ratelimit_headers: "
      "DRAFT_VERSION_03");
  EXPECT_EQ(status(), 0);
  stream_.with_filter(factory_).run().respond(200);
  EXPECT_EQ(stream_.response_field("x-ratelimit-limit"), "2");
  EXPECT_EQ(stream_.response_field("x-ratelimit-remaining"), "0");
  EXPECT_EQ(stream_.response_field("x-ratelimit-reset"), "100");
}

TEST_F(LocalRateLimit, ARouteHasItsOwnBucketAndStats) {
  load(kOne);
  auto route = load_.route(kName, "{stat_prefix: own" + kOn + ", " + kOne + "}");
  EXPECT_EQ(status(), 0);
  stream_.with_filter(factory_).with_override("filter0", route).run();
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
  EXPECT_EQ(load_.stat("own.http_local_rate_limit.ok"), 1);
  EXPECT_EQ(status(), 429);
}

TEST_F(LocalRateLimit, WithoutABucketEverythingPasses) {
  load("status: {code: TooManyRequests}");
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(stat("ok"), 2);
}

TEST_F(LocalRateLimit, EachConnectionMayHaveItsOwnBucket) {
  load(kOne + ", local_rate_limit_per_downstream_connection: true");
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(), 429);
  stream_.with_filter(factory_).run();
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
}

const std::string kDescriptors = R"(token_bucket: {max_tokens: 100, fill_interval: 1000s},
    rate_limits: [
      {actions: [{request_headers: {header_name: X-User, descriptor_key: user}}]},
      {actions: [{generic_key: {descriptor_value: all}}, {remote_address: {}}]}],
    descriptors: [
      {entries: [{key: user, value: ann}], token_bucket: {max_tokens: 1, fill_interval: 1000s}},
      {entries: [{key: generic_key, value: all}, {key: remote_address, value: 10.1.2.3}],
       token_bucket: {max_tokens: 3, tokens_per_fill: 3, fill_interval: 1000s}}])";

TEST_F(LocalRateLimit, DescriptorsHaveBucketsOfTheirOwn) {
  load(kDescriptors);
  EXPECT_EQ(status({{"x-user", "ann"}}), 0);
  // Refused by the stricter limit, so that the other one keeps its tokens.
  EXPECT_EQ(status({{"x-user", "ann"}}), 429);
  EXPECT_EQ(status({{"x-user", "bob"}}), 0);
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(), 429);
}

TEST_F(LocalRateLimit, TheDefaultBucketIsLeftToUnmatchedRequestsWhenSoConfigured) {
  const std::string shared = R"(, rate_limits: [{actions: [{request_headers: {header_name: x-user,
      descriptor_key: user}}]}], descriptors: [{entries: [{key: user, value: ann}],
      token_bucket: {max_tokens: 5, fill_interval: 1000s}}])";
  load(kOne + ", always_consume_default_token_bucket: false" + shared);
  EXPECT_EQ(status({{"x-user", "ann"}}), 0);
  EXPECT_EQ(status(), 0);
  EXPECT_EQ(status(), 429);
  load(kOne + shared);
  EXPECT_EQ(status({{"x-user", "ann"}}), 0);
  EXPECT_EQ(status(), 429);
}

TEST_F(LocalRateLimit, AWildcardMakesABucketForEachValueUpToAMaximum) {
  load(
      R"(rate_limits: [{actions: [{request_headers: {header_name: x-user, descriptor_key: user}}]}],
      max_dynamic_descriptors: 2,
      descriptors: [{entries: [{key: user}], token_bucket: {max_tokens: 1, fill_interval: 1000s}}])");
  EXPECT_EQ(status({{"x-user", "a"}}), 0);
  EXPECT_EQ(status({{"x-user", "b"}}), 0);
  EXPECT_EQ(status({{"x-user", "a"}}), 429);
  // The third value takes the place of b, which was used least recently.
  EXPECT_EQ(status({{"x-user", "c"}}), 0);
  EXPECT_EQ(status({{"x-user", "a"}}), 429);
  EXPECT_EQ(status({{"x-user", "b"}}), 0);
}

// One descriptor with a bucket of one token: whether a second request like the first is refused
// tells whether the actions made that descriptor of it.
class RateLimitAction : public LocalRateLimit {
 protected:
  bool makes(const std::string& actions, const std::string& entries, const Fields& headers) {
    Load fresh;
    fresh.service_cluster = "front";
    factory_ =
        fresh.filter(kName, "{stat_prefix: lim" + kOn + ", rate_limits: [{actions: " + actions +
                                "}], descriptors: [{entries: " + entries +
                                ", token_bucket: {max_tokens: 1, fill_interval: 1000s}}]}");
    EXPECT_NE(factory_, nullptr) << testing::PrintToString(fresh.problems());
    if (factory_ == nullptr) return false;
    EXPECT_EQ(status(headers), 0);
    const bool limited = status(headers) == 429;
    factory_.reset();
    return limited;
  }
};

TEST_F(RateLimitAction, SourceAndDestinationCluster) {
  EXPECT_TRUE(makes(
      "[{source_cluster: {}}, {destination_cluster: {}}]",
      "[{key: source_cluster, value: front}, {key: destination_cluster, value: backend}]", {}));
}

TEST_F(RateLimitAction, RequestHeaderThatIsAbsent) {
  const std::string entries = "[{key: generic_key, value: g}]";
  EXPECT_FALSE(
      makes("[{request_headers: {header_name: x-a, descriptor_key: a}}, "
            "{generic_key: {descriptor_value: g}}]",
            entries, {}));
  EXPECT_TRUE(
      makes("[{request_headers: {header_name: x-a, descriptor_key: a, skip_if_absent: true}}, "
            "{generic_key: {descriptor_value: g}}]",
            entries, {}));
}

TEST_F(RateLimitAction, MaskedRemoteAddress) {
  EXPECT_TRUE(makes("[{masked_remote_address: {v4_prefix_mask_len: 16}}]",
                    "[{key: masked_remote_address, value: 10.1.0.0/16}]", {}));
  address_ = Address::parse_ip("2001:db8:ff::1", 5000).value();
  EXPECT_TRUE(makes("[{masked_remote_address: {v6_prefix_mask_len: 41}}]",
                    "[{key: masked_remote_address, value: \"2001:db8:80::/41\"}]", {}));
}

TEST_F(RateLimitAction, HeaderValueMatch) {
  const std::string actions =
      "[{header_value_match: {descriptor_value: v, headers: [{name: x-a, "
      "string_match: {prefix: p}}]}}]";
  const std::string entries = "[{key: header_match, value: v}]";
  EXPECT_TRUE(makes(actions, entries, {{"x-a", "pq"}}));
  EXPECT_FALSE(makes(actions, entries, {{"x-a", "q"}}));
}

TEST_F(RateLimitAction, QueryParameters) {
  EXPECT_TRUE(makes("[{query_parameters: {query_parameter_name: k, descriptor_key: q}}]",
                    "[{key: q, value: \"a b\"}]", {{":path", "/?x=1&k=a%20b"}}));
  EXPECT_TRUE(
      makes("[{query_parameter_value_match: {descriptor_value: v, query_parameters: [{name: k, "
            "string_match: {exact: a}}]}}]",
            "[{key: query_match, value: v}]", {{":path", "/?k=a"}}));
}

TEST_F(RateLimitAction, NoValueImitatesAnotherDescriptor) {
  EXPECT_FALSE(makes("[{request_headers: {header_name: x-a, descriptor_key: a}}]",
                     "[{key: a, value: b}, {key: c, value: d}]", {{"x-a", "bcd"}}));
}

}  // namespace
}  // namespace pillion::filters
