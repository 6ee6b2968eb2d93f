#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/filter/fake_stream.h"
#include "tests/unit/filters/load.h"

namespace pillion::filters {
namespace {

using filter::FakeStream;
using filter::Fields;
using testing::ElementsAre;
using testing::StartsWith;

constexpr std::string_view kName = "envoy.filters.http.cors";
constexpr const char* kPolicy = R"(
  allow_origin_string_match: [{exact: "https://ok.example"}, {suffix: ".wide.example"}]
  allow_methods: "GET, POST"
  allow_headers: "x-a"
  expose_headers: "x-e"
  max_age: "600"
  allow_credentials: true)";

class Cors : public testing::Test {
 protected:
  FakeStream& stream(const std::string& policy = kPolicy) {
    stream_.with_filter(load_.filter(kName, "{}"));
    if (!policy.empty()) stream_.with_override("filter0", load_.route(kName, policy));
    return stream_;
  }
  FakeStream& preflight(const std::string& origin, const Fields& more = {}) {
    return stream_
        .with_request(
            {{":method", "OPTIONS"}, {"origin", origin}, {"access-control-request-method", "PUT"}})
        .with_request(more)
        .run();
  }
  Load load_;
  FakeStream stream_;
};

TEST_F(Cors, RefusesABadPatternWithItsPath) {
  EXPECT_EQ(
      load_.route(kName, R"(allow_origin_string_match: [{exact: a}, {safe_regex: {regex: "("}}])"),
      nullptr);
  EXPECT_THAT(load_.problems(),
              ElementsAre(StartsWith("allow_origin_string_match[1].safe_regex.regex: ")));
}

TEST_F(Cors, CountsAnUnknownOriginAndLeavesTheResponseAlone) {
  stream().with_request({{"origin", "https://bad.example"}}).run().respond(200);
  EXPECT_EQ(stream_.response_field("access-control-allow-origin"), "(none)");
  EXPECT_EQ(load_.stat("http.test.cors.origin_invalid"), 1);
  EXPECT_EQ(load_.stat("http.test.cors.origin_valid"), 0);
}

TEST_F(Cors, PassesAPreflightOfAnUnknownOriginOn) {
  stream();
  preflight("https://bad.example");
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
}

TEST_F(Cors, AnswersAPreflightOfAnUnknownOriginWhenItIsNotForwarded) {
  stream(std::string(kPolicy) + "\n  forward_not_matching_preflights: false");
  preflight("https://bad.example");
  EXPECT_THAT(stream_.log, ElementsAre("reply 200", "< 200 end"));
  EXPECT_EQ(stream_.response_field("access-control-allow-origin"), "(none)");
  EXPECT_EQ(stream_.response_field("access-control-allow-methods"), "GET, POST");
}

TEST_F(Cors, MarksResponsesToAllowedOrigins) {
  stream().with_request({{"origin", "https://a.wide.example"}}).run();
  stream_.respond(200, {{"access-control-allow-origin", "mine"}});
  EXPECT_EQ(stream_.response_field("access-control-allow-origin"), "https://a.wide.example");
  EXPECT_EQ(stream_.response_field("access-control-allow-credentials"), "true");
  EXPECT_EQ(stream_.response_field("access-control-expose-headers"), "x-e");
  EXPECT_EQ(load_.stat("http.test.cors.origin_valid"), 1);
}

TEST_F(Cors, AnswersPreflights) {
  stream();
  preflight("https://ok.example");
  EXPECT_THAT(stream_.log, ElementsAre("reply 200", "< 200 end"));
  EXPECT_EQ(stream_.reply_details, "cors_response");
  EXPECT_EQ(stream_.response_field("access-control-allow-origin"), "https://ok.example");
  EXPECT_EQ(stream_.response_field("access-control-allow-methods"), "GET, POST");
  EXPECT_EQ(stream_.response_field("access-control-allow-headers"), "x-a");
  EXPECT_EQ(stream_.response_field("access-control-max-age"), "600");
  EXPECT_EQ(stream_.response_field("access-control-allow-private-network"), "(none)");
}

TEST_F(Cors, RepeatsWhatWasAskedForWhereThePolicyIsAStar) {
  stream(R"({allow_origin_string_match: [{exact: "*"}], allow_methods: "*", allow_headers: "*"})");
  preflight("https://any.example", {{"access-control-request-headers", "x-q, x-r"}});
  EXPECT_EQ(stream_.response_field("access-control-allow-origin"), "https://any.example");
  EXPECT_EQ(stream_.response_field("access-control-allow-methods"), "PUT");
  EXPECT_EQ(stream_.response_field("access-control-allow-headers"), "x-q, x-r");
  EXPECT_EQ(stream_.response_field("access-control-allow-credentials"), "(none)");
}

TEST_F(Cors, AllowsPrivateNetworksWhenAsked) {
  stream(std::string(kPolicy) + "\n  allow_private_network_access: true");
  preflight("https://ok.example", {{"access-control-request-private-network", "true"}});
  EXPECT_EQ(stream_.response_field("access-control-allow-private-network"), "true");
}

TEST_F(Cors, OptionsWithoutARequestedMethodIsNoPreflight) {
  stream().with_request({{":method", "OPTIONS"}, {"origin", "https://ok.example"}}).run();
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
}

TEST_F(Cors, AMoreSpecificLevelAddsWhatItSets) {
  stream().with_override("filter0",
                         load_.route(kName, R"({max_age: "7", allow_credentials: false})"));
  preflight("https://ok.example");
  EXPECT_EQ(stream_.response_field("access-control-max-age"), "7");
  EXPECT_EQ(stream_.response_field("access-control-allow-credentials"), "(none)");
  EXPECT_EQ(stream_.response_field("access-control-allow-methods"), "GET, POST");
}

TEST_F(Cors, ShadowOnlyCounts) {
  stream(std::string(kPolicy) + R"(
  filter_enabled: {default_value: {numerator: 0}}
  shadow_enabled: {default_value: {numerator: 100}})");
  preflight("https://ok.example");
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
  EXPECT_EQ(load_.stat("http.test.cors.origin_valid"), 1);
}

TEST_F(Cors, IsOffForTheShareThatIsNotEnabled) {
  stream(std::string(kPolicy) + "\n  filter_enabled: {default_value: {numerator: 30}}");
  stream_.randoms = {30};
  preflight("https://ok.example");
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
  EXPECT_EQ(load_.stat("http.test.cors.origin_valid"), -1);
}

TEST_F(Cors, DoesNothingWithoutAPolicyOrARouteToACluster) {
  stream("");
  preflight("https://ok.example");
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
  FakeStream other;
  other.cluster = "";
  other.with_filter(load_.filter(kName, "{}"));
  other.with_override("filter0", load_.route(kName, kPolicy));
  other.with_request({{"origin", "https://ok.example"}}).run().respond(301);
  EXPECT_EQ(other.response_field("access-control-allow-origin"), "(none)");
}

TEST_F(Cors, AnotherFiltersSettingsUnderItsNameDoNotCount) {
  stream_.with_filter(load_.filter(kName, "{}"));
  stream_.with_override("filter0", load_.route("envoy.filters.http.buffer", "disabled: true"));
  preflight("https://ok.example");
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
}

}  // namespace
}  // namespace pillion::filters
