#include "sidecar/proxy/retry.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sidecar/base/text.h"

namespace pillion::proxy {

namespace {

using http::HeaderId;

struct Named {
  std::string_view name;
  uint32_t bit;
};
constexpr std::array<Named, 11> kRetryOn = {
    {{"5xx", config::kRetry5xx},
     {"gateway-error", config::kRetryGatewayError},
     {"connect-failure", config::kRetryConnectFailure},
     {"retriable-4xx", config::kRetryRetriable4xx},
     {"refused-stream", config::kRetryRefusedStream},
     {"retriable-status-codes", config::kRetryRetriableStatusCodes},
     {"retriable-headers", config::kRetryRetriableHeaders},
     {"envoy-ratelimited", config::kRetryEnvoyRateLimited},
     {"reset", config::kRetryReset},
     {"reset-before-request", config::kRetryResetBeforeRequest},
     {"http3-post-connect-failure", config::kRetryHttp3PostConnectFailure}}};
constexpr std::array<Named, 5> kRetryGrpcOn = {
    {{"cancelled", config::kRetryGrpcCancelled},
     {"deadline-exceeded", config::kRetryGrpcDeadlineExceeded},
     {"resource-exhausted", config::kRetryGrpcResourceExhausted},
     {"unavailable", config::kRetryGrpcUnavailable},
     {"internal", config::kRetryGrpcInternal}}};

template <std::size_t N>
uint32_t parse(std::string_view list, const std::array<Named, N>& names) {
  uint32_t bits = 0;
  for (std::string_view item : split(list, ','))
    for (const Named& named : names)
      if (named.name == trim(item)) bits |= named.bit;
  return bits;
}

uint32_t grpc_bit(std::string_view status) {
  switch (parse_number<int>(status).value_or(-1)) {
    case 1:
      return config::kRetryGrpcCancelled;
    case 4:
      return config::kRetryGrpcDeadlineExceeded;
    case 8:
      return config::kRetryGrpcResourceExhausted;
    case 13:
      return config::kRetryGrpcInternal;
    case 14:
      return config::kRetryGrpcUnavailable;
    default:
      return 0;
  }
}

bool matches_any(const std::vector<http::HeaderMatcher>& matchers, const auto& head) {
  return std::any_of(matchers.begin(), matchers.end(),
                     [&head](const http::HeaderMatcher& m) { return m.matches(head); });
}

}  // namespace

uint32_t parse_retry_on(std::string_view list) {
  return parse(list, kRetryOn);
}
uint32_t parse_retry_grpc_on(std::string_view list) {
  return parse(list, kRetryGrpcOn);
}

void RetryState::configure(const config::RetryPolicy* policy, const route::RetryMatchers* matchers,
                           http::RequestHead& head) {
  policy_ = policy;
  matchers_ = matchers;
  http::Headers& headers = head.headers;
  if (policy != nullptr) {
    on_ = policy->on;
    remaining_ = policy->num_retries;
  }
  if (const http::Header* h = headers.find(HeaderId::kEnvoyRetryOn))
    on_ |= parse_retry_on(h->value());
  if (const http::Header* h = headers.find(HeaderId::kEnvoyRetryGrpcOn))
    on_ |= parse_retry_grpc_on(h->value());
  if (const http::Header* h = headers.find(HeaderId::kEnvoyRetriableStatusCodes))
    for (std::string_view item : split(h->value(), ','))
      if (auto code = parse_number<uint32_t>(trim(item))) header_codes_.push_back(*code);
  if (const http::Header* h = headers.find(HeaderId::kEnvoyRetriableHeaderNames))
    for (std::string_view item : split(h->value(), ','))
      if (!trim(item).empty()) header_names_.push_back(lower_copy(trim(item)));
  // After the request's own wishes: a route that limits retries to some requests limits those too.
  if (matchers != nullptr && !matchers->requests.empty() && !matches_any(matchers->requests, head))
    on_ = 0;
  if (on_ != 0) {
    if (policy == nullptr) remaining_ = 1;
    if (const http::Header* h = headers.find(HeaderId::kEnvoyMaxRetries))
      if (auto max = parse_number<uint32_t>(h->value())) remaining_ = *max;
  }
  for (HeaderId id : {HeaderId::kEnvoyRetryOn, HeaderId::kEnvoyRetryGrpcOn,
                      HeaderId::kEnvoyMaxRetries, HeaderId::kEnvoyHedge,
                      HeaderId::kEnvoyRetriableHeaderNames, HeaderId::kEnvoyRetriableStatusCodes})
    headers.remove(id);
}

bool RetryState::wants(const http::ResponseHead& head) const {
  if (head.headers.has(HeaderId::kEnvoyRateLimited))
    return (on_ & config::kRetryEnvoyRateLimited) != 0;
  int status = head.status;
  if ((on_ & config::kRetry5xx) != 0 && status >= 500 && status < 600) return true;
  if ((on_ & config::kRetryGatewayError) != 0 && status >= 502 && status <= 504) return true;
  if ((on_ & config::kRetryRetriable4xx) != 0 && status == 409) return true;
  if ((on_ & config::kRetryRetriableStatusCodes) != 0) {
    auto code = static_cast<uint32_t>(status);
    auto has = [code](const std::vector<uint32_t>& codes) {
      return std::find(codes.begin(), codes.end(), code) != codes.end();
    };
    if (has(header_codes_) || (policy_ != nullptr && has(policy_->retriable_status_codes)))
      return true;
  }
  if ((on_ & config::kRetryRetriableHeaders) != 0) {
    if (matchers_ != nullptr && matches_any(matchers_->responses, head)) return true;
    for (const std::string& name : header_names_)
      if (head.headers.find(name) != nullptr) return true;
  }
  constexpr uint32_t kGrpc = config::kRetryGrpcCancelled | config::kRetryGrpcDeadlineExceeded |
                             config::kRetryGrpcResourceExhausted | config::kRetryGrpcUnavailable |
                             config::kRetryGrpcInternal;
  if ((on_ & kGrpc) != 0) return (on_ & grpc_bit(head.headers.value(HeaderId::kGrpcStatus))) != 0;
  return false;
}

bool RetryState::wants(AttemptEnd end, bool request_started) const {
  if (end == AttemptEnd::kOverflow) return false;  // more of the same would not help
  if ((on_ & (config::kRetry5xx | config::kRetryGatewayError | config::kRetryReset)) != 0)
    return true;
  bool connect = end == AttemptEnd::kConnectFailed || end == AttemptEnd::kConnectTimeout;
  if ((on_ & config::kRetryConnectFailure) != 0 && connect) return true;
  if ((on_ & config::kRetryRefusedStream) != 0 && end == AttemptEnd::kRefused) return true;
  return (on_ & config::kRetryResetBeforeRequest) != 0 && !request_started;
}

RetryDecision RetryState::decide(upstream::Cluster& cluster, config::Priority priority) {
  give_back();
  metrics::ClusterStats& stats = cluster.stats();
  refused_ = true;
  if (remaining_ == 0) {
    stats.upstream_rq_retry_limit_exceeded.add();
    return RetryDecision::kLimitExceeded;
  }
  upstream::Limits& limits = cluster.shared()->limits(priority);
  if (!limits.try_take_retry()) {
    stats.upstream_rq_retry_overflow.add();
    return RetryDecision::kOverflow;
  }
  taken_ = &limits;
  refused_ = false;
  --remaining_;
  ++retries_;
  stats.upstream_rq_retry.add();
  stats.upstream_rq_retry_backoff_exponential.add();
  return RetryDecision::kYes;
}

RetryDecision RetryState::on_response(const http::ResponseHead& head, upstream::Cluster& cluster,
                                      config::Priority priority) {
  if (!enabled() || !wants(head)) return RetryDecision::kNo;
  return decide(cluster, priority);
}

RetryDecision RetryState::on_failure(AttemptEnd end, bool request_started,
                                     upstream::Cluster& cluster, config::Priority priority) {
  if (!enabled() || !wants(end, request_started)) return RetryDecision::kNo;
  return decide(cluster, priority);
}

void RetryState::give_back() {
  if (taken_ != nullptr) std::exchange(taken_, nullptr)->retries.give();
}

bool RetryState::on_final_response(upstream::Cluster& cluster) {
  give_back();
  if (retries_ == 0 || refused_) return false;
  cluster.stats().upstream_rq_retry_success.add();
  return true;
}

Duration RetryState::backoff(Random& random) const {
  static const config::RetryPolicy kDefaults;
  const config::RetryPolicy& policy = policy_ != nullptr ? *policy_ : kDefaults;
  Duration base = policy.base_interval;
  Duration most = policy.max_interval;
  uint32_t doublings = std::min<uint32_t>(retries_, 30);
  Duration span = std::min(most, base * ((int64_t{1} << doublings) - 1));
  if (span <= Duration::zero()) return Duration::zero();
  return Duration(static_cast<int64_t>(random.below(static_cast<uint64_t>(span.count()))));
}

}  // namespace pillion::proxy
