// Retry policies (translate.h).

#include <envoy/config/route/v3/route_components.pb.h>
#include <envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.pb.h>
#include <fmt/format.h>
#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <array>

#include "sidecar/base/text.h"
#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

using config::Millis;
using envoy::config::route::v3::RetryPolicy;

struct Condition {
  std::string_view name;
  config::RetryOn bit;
};
constexpr std::array<Condition, 16> kConditions = {
    {{"5xx", config::kRetry5xx},
     {"gateway-error", config::kRetryGatewayError},
     {"connect-failure", config::kRetryConnectFailure},
     {"retriable-4xx", config::kRetryRetriable4xx},
     {"refused-stream", config::kRetryRefusedStream},
     {"retriable-status-codes", config::kRetryRetriableStatusCodes},
     {"reset", config::kRetryReset},
     {"reset-before-request", config::kRetryResetBeforeRequest},
     {"retriable-headers", config::kRetryRetriableHeaders},
     {"envoy-ratelimited", config::kRetryEnvoyRateLimited},
     {"http3-post-connect-failure", config::kRetryHttp3PostConnectFailure},
     {"cancelled", config::kRetryGrpcCancelled},
     {"deadline-exceeded", config::kRetryGrpcDeadlineExceeded},
     {"resource-exhausted", config::kRetryGrpcResourceExhausted},
     {"unavailable", config::kRetryGrpcUnavailable},
     {"internal", config::kRetryGrpcInternal}}};

std::string known_conditions() {
  std::string names;
  for (const Condition& condition : kConditions) {
    if (!names.empty()) names += ", ";
    names += condition.name;
  }
  return names;
}

// Envoy ignores conditions that it does not know; here a mistyped one is reported.
uint32_t retry_on(const std::string& text, const FieldPath& at) {
  uint32_t on = 0;
  if (text.empty()) return on;
  for (std::string_view token : split(text, ',')) {
    token = trim(token);
    const auto* found = std::find_if(kConditions.begin(), kConditions.end(),
                                     [&](const Condition& c) { return c.name == token; });
    if (found != kConditions.end())
      on |= found->bit;
    else
      at.problem(
          fmt::format("\"{}\" is no condition to retry on; use {}", token, known_conditions()));
  }
  return on;
}

void take_back_off(const RetryPolicy::RetryBackOff& message, const FieldPath& at,
                   config::RetryPolicy& to) {
  // Envoy rounds what is shorter than its timers' grain up, so that a back-off is never none.
  to.base_interval =
      std::max(Millis(1), millis(message.base_interval(), at.field("base_interval")));
  to.max_interval = 10 * to.base_interval;
  if (!message.has_max_interval()) return;
  to.max_interval = std::max(Millis(1), millis(message.max_interval(), at.field("max_interval")));
  if (to.max_interval < to.base_interval)
    at.field("max_interval").problem("must not be less than base_interval");
}

void take_host_predicates(const RetryPolicy& message, const FieldPath& at,
                          config::RetryPolicy& to) {
  using envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
  for (int i = 0; i < message.retry_host_predicate_size(); ++i) {
    const auto& predicate = message.retry_host_predicate(i);
    if (type_name(predicate.typed_config()) == PreviousHostsPredicate::descriptor()->full_name())
      to.avoid_previous_hosts = true;
    else
      not_supported(at.index(static_cast<std::size_t>(i)),
                    "use envoy.retry_host_predicates.previous_hosts with its typed_config");
  }
}

}  // namespace

std::shared_ptr<const config::RetryPolicy> translate_retry(const RetryPolicy& message,
                                                           const FieldPath& at) {
  check_fields(
      message, at,
      {"retry_on", "num_retries", "per_try_timeout", "per_try_idle_timeout", "retry_back_off",
       "retriable_status_codes", "retriable_headers", "retriable_request_headers",
       "retry_host_predicate", "host_selection_retry_max_attempts"});
  auto policy = std::make_shared<config::RetryPolicy>();
  policy->on = retry_on(message.retry_on(), at.field("retry_on"));
  if (message.has_num_retries()) policy->num_retries = message.num_retries().value();
  policy->per_try_timeout = millis(message.per_try_timeout(), at.field("per_try_timeout"));
  policy->per_try_idle_timeout =
      millis(message.per_try_idle_timeout(), at.field("per_try_idle_timeout"));
  if (message.has_retry_back_off())
    take_back_off(message.retry_back_off(), at.field("retry_back_off"), *policy);
  policy->retriable_status_codes.assign(message.retriable_status_codes().begin(),
                                        message.retriable_status_codes().end());
  policy->retriable_headers =
      header_matchers(message.retriable_headers(), at.field("retriable_headers"));
  policy->retriable_request_headers =
      header_matchers(message.retriable_request_headers(), at.field("retriable_request_headers"));
  take_host_predicates(message, at.field("retry_host_predicate"), *policy);
  const int64_t attempts = message.host_selection_retry_max_attempts();
  if (attempts < 0 || attempts > UINT32_MAX)
    at.field("host_selection_retry_max_attempts").problem("must be between 0 and 4294967295");
  else if (attempts > 0)
    policy->host_selection_attempts = static_cast<uint32_t>(attempts);
  return policy;
}

}  // namespace pillion::xds
