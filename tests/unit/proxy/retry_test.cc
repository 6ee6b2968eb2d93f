// When an attempt is tried again. Envoy's rules (configuration/http/http_filters/router_filter) are
// the oracle.

#include "sidecar/proxy/retry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "sidecar/metrics/registry.h"

namespace pillion::proxy {
namespace {

constexpr config::Priority kPriority = config::Priority::kDefault;

class RetryTest : public testing::Test {
 protected:
  void SetUp() override {
    config_.name = "c";
    auto config = std::make_shared<const config::Cluster>(std::move(config_));
    shared_ = std::make_shared<upstream::SharedCluster>(
        config, registry_, std::make_shared<const upstream::EndpointSet>());
    cluster_ = std::make_unique<upstream::Cluster>(shared_, loop_, random_);
  }
  // A state for a policy and the request's headers.
  void configure(const config::RetryPolicy* policy) {
    state_ = std::make_unique<RetryState>();
    state_->configure(policy, &matchers_, request_);
  }
  void configure(uint32_t on, uint32_t retries = 1) {
    policy_.on = on;
    policy_.num_retries = retries;
    configure(&policy_);
  }
  static http::HeaderMatcher present(std::string_view name) {
    config::HeaderMatcher matcher;
    matcher.name = name;
    return *http::HeaderMatcher::compile(matcher);
  }
  void header(std::string_view name, std::string_view value) { request_.headers.add(name, value); }
  RetryDecision status(int code, std::string_view name = {}, std::string_view value = {}) {
    http::ResponseHead head(arena_);
    head.status = code;
    if (!name.empty()) head.headers.add(name, value);
    return state_->on_response(head, *cluster_, kPriority);
  }
  bool retries(int code, std::string_view name = {}, std::string_view value = {}) {
    return status(code, name, value) == RetryDecision::kYes;
  }
  RetryDecision ended(AttemptEnd end, bool started = true) {
    return state_->on_failure(end, started, *cluster_, kPriority);
  }
  bool retries_end(AttemptEnd end, bool started = true) {
    return ended(end, started) == RetryDecision::kYes;
  }
  metrics::ClusterStats& stats() { return cluster_->stats(); }
  uint32_t held() { return shared_->limits(kPriority).retries.count(); }

  metrics::Registry registry_;
  io::ManualClock clock_;
  io::EventLoop loop_{&clock_};
  Random random_{1};
  BlockPool blocks_;
  Arena arena_{blocks_};
  http::RequestHead request_{arena_};
  config::Cluster config_;
  config::RetryPolicy policy_;
  route::RetryMatchers matchers_;
  std::shared_ptr<upstream::SharedCluster> shared_;
  std::unique_ptr<upstream::Cluster> cluster_;
  std::unique_ptr<RetryState> state_;
};

TEST_F(RetryTest, RetriesNothingUnlessAsked) {
  configure(nullptr);
  EXPECT_FALSE(state_->enabled());
  EXPECT_EQ(status(503), RetryDecision::kNo);
  EXPECT_EQ(ended(AttemptEnd::kConnectFailed, false), RetryDecision::kNo);
}

TEST_F(RetryTest, RetriesByStatus) {
  struct Case {
    uint32_t on;
    int status;
    bool wanted;
  };
  for (const Case& c : std::initializer_list<Case>{{config::kRetry5xx, 500, true},
                                                   {config::kRetry5xx, 599, true},
                                                   {config::kRetry5xx, 499, false},
                                                   {config::kRetry5xx, 600, false},
                                                   {config::kRetryGatewayError, 502, true},
                                                   {config::kRetryGatewayError, 504, true},
                                                   {config::kRetryGatewayError, 500, false},
                                                   {config::kRetryGatewayError, 505, false},
                                                   {config::kRetryRetriable4xx, 409, true},
                                                   {config::kRetryRetriable4xx, 404, false},
                                                   {config::kRetryConnectFailure, 503, false},
                                                   {config::kRetryReset, 503, false}}) {
    configure(c.on);
    EXPECT_EQ(retries(c.status), c.wanted) << c.on << " " << c.status;
  }
}

TEST_F(RetryTest, RetriesListedStatusCodes) {
  policy_.retriable_status_codes = {404, 418};
  configure(config::kRetryRetriableStatusCodes, 9);
  EXPECT_TRUE(retries(418));
  EXPECT_FALSE(retries(500));
  configure(config::kRetry5xx);  // a list alone does nothing
  EXPECT_FALSE(retries(418));
}

TEST_F(RetryTest, RetriesStatusCodesThatTheRequestLists) {
  header("x-envoy-retry-on", "retriable-status-codes");
  header("x-envoy-retriable-status-codes", "404, 418 ,x,-1");
  configure(nullptr);
  EXPECT_TRUE(retries(418));
}

TEST_F(RetryTest, RetriesByResponseHeader) {
  matchers_.responses.push_back(present("x-retry-me"));
  configure(config::kRetryRetriableHeaders, 9);
  EXPECT_TRUE(retries(200, "x-retry-me", "1"));
  EXPECT_FALSE(retries(200));
}

TEST_F(RetryTest, RetriesByResponseHeaderThatTheRequestNames) {
  header("x-envoy-retry-on", "retriable-headers");
  header("x-envoy-retriable-header-names", "X-Try, y");
  header("x-envoy-max-retries", "5");
  configure(nullptr);
  EXPECT_TRUE(retries(200, "x-try", ""));
  EXPECT_TRUE(retries(200, "Y", ""));
  EXPECT_FALSE(retries(500));
}

TEST_F(RetryTest, RetriesByGrpcStatus) {
  configure(config::kRetryGrpcUnavailable | config::kRetryGrpcCancelled, 9);
  EXPECT_TRUE(retries(200, "grpc-status", "14"));
  EXPECT_TRUE(retries(200, "grpc-status", "1"));
  EXPECT_FALSE(retries(200, "grpc-status", "13"));
  EXPECT_FALSE(retries(200, "grpc-status", "0"));
  EXPECT_FALSE(retries(200, "grpc-status", "x"));
  EXPECT_FALSE(retries(503));
}

TEST_F(RetryTest, LeavesRateLimitedResponsesAlone) {
  configure(config::kRetry5xx, 9);
  EXPECT_FALSE(retries(503, "x-envoy-ratelimited", "true"));
  configure(config::kRetryEnvoyRateLimited, 9);
  EXPECT_TRUE(retries(429, "x-envoy-ratelimited", "true"));
  EXPECT_FALSE(retries(429));
}

TEST_F(RetryTest, RetriesByHowTheAttemptEnded) {
  struct Case {
    uint32_t on;
    AttemptEnd end;
    bool started;
    bool wanted;
  };
  for (const Case& c : std::initializer_list<Case>{
           {config::kRetry5xx, AttemptEnd::kReset, true, true},
           {config::kRetry5xx, AttemptEnd::kConnectFailed, false, true},
           {config::kRetryGatewayError, AttemptEnd::kProtocol, true, true},
           {config::kRetryReset, AttemptEnd::kReset, true, true},
           {config::kRetryReset, AttemptEnd::kPerTryTimeout, true, true},
           {config::kRetryConnectFailure, AttemptEnd::kConnectFailed, false, true},
           {config::kRetryConnectFailure, AttemptEnd::kConnectTimeout, false, true},
           {config::kRetryConnectFailure, AttemptEnd::kReset, true, false},
           {config::kRetryResetBeforeRequest, AttemptEnd::kConnectFailed, false, true},
           {config::kRetryResetBeforeRequest, AttemptEnd::kReset, false, true},
           {config::kRetryResetBeforeRequest, AttemptEnd::kReset, true, false},
           {config::kRetryRetriable4xx, AttemptEnd::kReset, true, false},
           {config::kRetryRefusedStream, AttemptEnd::kReset, true, false},
           {config::kRetry5xx | config::kRetryReset | config::kRetryConnectFailure,
            AttemptEnd::kOverflow, false, false}}) {
    configure(c.on);
    EXPECT_EQ(retries_end(c.end, c.started), c.wanted)
        << c.on << " " << static_cast<int>(c.end) << " " << c.started;
  }
}

TEST_F(RetryTest, StopsAtTheLimit) {
  configure(config::kRetry5xx, 2);
  EXPECT_EQ(status(503), RetryDecision::kYes);
  EXPECT_EQ(ended(AttemptEnd::kReset), RetryDecision::kYes);
  EXPECT_EQ(state_->retries(), 2U);
  EXPECT_EQ(status(503), RetryDecision::kLimitExceeded);
  EXPECT_EQ(stats().upstream_rq_retry.value(), 2U);
  EXPECT_EQ(stats().upstream_rq_retry_limit_exceeded.value(), 1U);
}

TEST_F(RetryTest, TheRequestsCountBeatsThePolicys) {
  header("x-envoy-max-retries", "3");
  configure(config::kRetry5xx, 1);
  EXPECT_TRUE(retries(503));
  EXPECT_TRUE(retries(503));
  EXPECT_TRUE(retries(503));
  EXPECT_FALSE(retries(503));
}

TEST_F(RetryTest, IgnoresACountThatIsNone) {
  for (std::string_view count : {"x", "-1", "", "99999999999"}) {
    request_.headers.set("x-envoy-max-retries", count);
    configure(config::kRetry5xx, 1);
    EXPECT_TRUE(retries(503)) << count;
    EXPECT_FALSE(retries(503)) << count;
  }
}

TEST_F(RetryTest, ZeroRetriesAreNone) {
  header("x-envoy-max-retries", "0");
  configure(config::kRetry5xx, 5);
  EXPECT_EQ(status(503), RetryDecision::kLimitExceeded);
}

TEST_F(RetryTest, AddsTheRequestsConditionsToThePolicys) {
  header("x-envoy-retry-on", "retriable-4xx,nonsense");
  header("x-envoy-retry-grpc-on", "unavailable");
  configure(config::kRetryGatewayError, 9);
  EXPECT_TRUE(retries(409));
  EXPECT_TRUE(retries(502));
  EXPECT_TRUE(retries(200, "grpc-status", "14"));
  EXPECT_FALSE(retries(500));
}

TEST_F(RetryTest, RemovesItsHeadersFromTheRequest) {
  for (std::string_view name : {"x-envoy-retry-on", "x-envoy-retry-grpc-on", "x-envoy-max-retries",
                                "x-envoy-retriable-status-codes", "x-envoy-retriable-header-names",
                                "x-envoy-hedge-on-per-try-timeout"})
    header(name, "1");
  configure(nullptr);
  EXPECT_TRUE(request_.headers.empty());
}

TEST_F(RetryTest, LimitsRetriesToSomeRequests) {
  matchers_.requests.push_back(present("x-safe"));
  configure(config::kRetry5xx);
  EXPECT_FALSE(retries(503));
  header("x-safe", "1");
  configure(config::kRetry5xx);
  EXPECT_TRUE(retries(503));
}

// Regression: the request's own header brought the retries back.
TEST_F(RetryTest, LimitsTheRequestsOwnWishesToo) {
  matchers_.requests.push_back(present("x-safe"));
  header("x-envoy-retry-on", "5xx");
  configure(config::kRetry5xx);
  EXPECT_FALSE(state_->enabled());
}

TEST_F(RetryTest, HoldsOneOfTheClustersRetriesAtATime) {
  configure(config::kRetry5xx, 9);
  EXPECT_TRUE(retries(503));
  EXPECT_EQ(held(), 1U);
  EXPECT_TRUE(retries(503));
  EXPECT_EQ(held(), 1U);
  state_->give_back();
  state_->give_back();
  EXPECT_EQ(held(), 0U);
  EXPECT_TRUE(retries(503));
  state_.reset();
  EXPECT_EQ(held(), 0U);
}

TEST_F(RetryTest, StopsAtTheClustersLimit) {
  upstream::Limit& limit = shared_->limits(kPriority).retries;
  while (limit.try_take()) {
  }
  configure(config::kRetry5xx, 9);
  EXPECT_EQ(status(503), RetryDecision::kOverflow);
  EXPECT_EQ(stats().upstream_rq_retry_overflow.value(), 1U);
  EXPECT_EQ(state_->retries(), 0U);
  limit.give();
  EXPECT_EQ(status(503), RetryDecision::kYes);
  state_->give_back();
  while (limit.count() > 0) limit.give();
}

TEST_F(RetryTest, CountsARetryThatHelped) {
  configure(config::kRetryGatewayError, 2);
  EXPECT_FALSE(retries(200));
  state_->on_final_response(*cluster_);
  EXPECT_EQ(stats().upstream_rq_retry_success.value(), 0U);
  EXPECT_TRUE(retries(503));
  EXPECT_FALSE(retries(500));  // nothing that the policy would repeat
  state_->on_final_response(*cluster_);
  EXPECT_EQ(stats().upstream_rq_retry_success.value(), 1U);
}

// Regression: a long download after a retry held one of the cluster's three until its end.
TEST_F(RetryTest, HoldsNothingWhileTheFinalResponseIsPassedOn) {
  configure(config::kRetry5xx, 2);
  EXPECT_TRUE(retries(503));
  EXPECT_FALSE(retries(200));
  state_->on_final_response(*cluster_);
  EXPECT_EQ(held(), 0U);
}

TEST_F(RetryTest, DoesNotCountARetryThatDidNotHelp) {
  configure(config::kRetry5xx, 1);
  EXPECT_TRUE(retries(503));
  EXPECT_EQ(status(503), RetryDecision::kLimitExceeded);
  state_->on_final_response(*cluster_);
  EXPECT_EQ(stats().upstream_rq_retry_success.value(), 0U);
}

TEST_F(RetryTest, BacksOffExponentiallyWithFullJitter) {
  policy_.base_interval = config::Millis(25);
  policy_.max_interval = config::Millis(250);
  configure(config::kRetry5xx, 50);
  for (int n : {25, 75, 175, 250, 250, 250}) {
    EXPECT_TRUE(retries(503));
    Duration longest{};
    for (int i = 0; i < 2000; ++i) {
      Duration wait = state_->backoff(random_);
      EXPECT_GE(wait, Duration::zero());
      EXPECT_LT(wait, std::chrono::milliseconds(n));
      longest = std::max(longest, wait);
    }
    EXPECT_GT(longest, std::chrono::milliseconds(n) * 9 / 10);
  }
}

TEST_F(RetryTest, BackOffSurvivesManyRetries) {
  configure(config::kRetry5xx, 100);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(retries(503));
    ASSERT_LT(state_->backoff(random_), std::chrono::milliseconds(250));
  }
}

TEST_F(RetryTest, ReadsConditionsByName) {
  EXPECT_EQ(parse_retry_on("5xx, reset ,connect-failure"),
            config::kRetry5xx | config::kRetryReset | config::kRetryConnectFailure);
  EXPECT_EQ(parse_retry_on(""), 0U);
  EXPECT_EQ(parse_retry_on("5XX,unavailable"), 0U);
  EXPECT_EQ(parse_retry_grpc_on("unavailable,cancelled,5xx"),
            config::kRetryGrpcUnavailable | config::kRetryGrpcCancelled);
}

}  // namespace
}  // namespace pillion::proxy
