#pragma once
// Route configuration as plain validated data (envoy.config.route.v3). Lives inside a snapshot,
// immutable, shared by all workers; sidecar/route compiles it.
// Kept small: what few routes use hangs behind a pointer, since there may be 10 000 of them.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sidecar/config/headers.h"
#include "sidecar/config/matcher.h"
#include "sidecar/config/upstream_proxy_protocol.h"
#include "sidecar/config/value.h"

namespace pillion::filter {
class RouteConfig;  // a filter's own per-route settings, opaque here
}

namespace pillion::config {

using Millis = std::chrono::milliseconds;

enum class Priority : uint8_t { kDefault, kHigh };

// typed_per_filter_config: filter name -> override.
struct FilterOverride {
  // Unset: the HCM's filter keeps its own enabled state (an override without the flag enables it).
  std::optional<bool> disabled;
  std::shared_ptr<const filter::RouteConfig> config;
};
using FilterOverrides = std::map<std::string, FilterOverride, std::less<>>;

struct PathMatch {
  enum class Kind : uint8_t { kPrefix, kExact, kSeparatedPrefix, kRegex, kConnect };
  Kind kind = Kind::kPrefix;
  bool case_sensitive = true;
  std::string text;
};

// Conditions beyond the path; most routes have none.
struct RouteConditions {
  std::vector<HeaderMatcher> headers;
  std::vector<QueryMatcher> query;
  std::optional<Fraction> fraction;
  bool grpc = false;
};

struct RegexRewrite {
  std::string pattern;       // RE2
  std::string substitution;  // \1 .. \9
};

// Bits of RetryPolicy::on, as x-envoy-retry-on and x-envoy-retry-grpc-on name them.
enum RetryOn : uint32_t {
  kRetry5xx = 1u << 0,
  kRetryGatewayError = 1u << 1,
  kRetryConnectFailure = 1u << 2,
  kRetryRetriable4xx = 1u << 3,
  kRetryRefusedStream = 1u << 4,
  kRetryRetriableStatusCodes = 1u << 5,
  kRetryReset = 1u << 6,
  kRetryResetBeforeRequest = 1u << 7,
  kRetryRetriableHeaders = 1u << 8,
  kRetryEnvoyRateLimited = 1u << 9,
  kRetryHttp3PostConnectFailure = 1u << 10,
  kRetryGrpcCancelled = 1u << 16,
  kRetryGrpcDeadlineExceeded = 1u << 17,
  kRetryGrpcResourceExhausted = 1u << 18,
  kRetryGrpcUnavailable = 1u << 19,
  kRetryGrpcInternal = 1u << 20,
};

struct RetryPolicy {
  uint32_t on = 0;
  uint32_t num_retries = 1;
  Millis per_try_timeout{0};       // 0: none beyond the route's timeout
  Millis per_try_idle_timeout{0};  // 0: none
  Millis base_interval{25};
  Millis max_interval{250};
  std::vector<uint32_t> retriable_status_codes;
  std::vector<HeaderMatcher> retriable_headers;
  std::vector<HeaderMatcher> retriable_request_headers;
  bool avoid_previous_hosts = false;     // retry_host_predicate previous_hosts
  uint32_t host_selection_attempts = 1;  // host_selection_retry_max_attempts
};

struct WeightedCluster {
  std::string name;            // empty when the name is read from `cluster_header`
  std::string cluster_header;  // lower case
  uint32_t weight = 0;
  HeaderEdits request_headers;
  HeaderEdits response_headers;
  std::string host_rewrite;
  FilterOverrides filters;
};

// upgrade_configs[].connect_config: a CONNECT request ends here, and what follows it goes to the
// cluster as plain TCP.
struct ConnectTermination {
  std::unique_ptr<UpstreamProxyProtocol> proxy_protocol;  // null: no header
};

// How far a route follows the grpc-timeout of its requests.
struct GrpcTimeouts {
  // max_stream_duration.grpc_timeout_header_max and _offset: bounds the stream. Zero: no bound of
  // our own.
  std::optional<Millis> header_max;
  Millis header_offset{0};
  // max_grpc_timeout and grpc_timeout_offset: takes the place of `timeout`. Zero as above.
  std::optional<Millis> max;
  Millis offset{0};
};

struct ForwardAction {
  // Exactly one of the three names the cluster.
  std::string cluster;
  std::string cluster_header;
  std::vector<WeightedCluster> weighted;

  int cluster_not_found_status = 503;
  Priority priority = Priority::kDefault;
  // Unset: 15 s. Zero: none. Includes retries, starts when the whole request has arrived.
  Millis timeout{15000};
  std::optional<Millis> idle_timeout;  // overrides the HCM's stream_idle_timeout; zero: none
  std::optional<Millis> max_stream_duration;
  std::unique_ptr<GrpcTimeouts> grpc;        // null: grpc-timeout is only passed on
  std::shared_ptr<const RetryPolicy> retry;  // set here or inherited from the virtual host
  std::string prefix_rewrite;
  std::unique_ptr<RegexRewrite> regex_rewrite;
  std::string path_template_rewrite;
  // Host rewrite: at most one is set.
  std::string host_rewrite;
  std::string host_rewrite_header;
  std::unique_ptr<RegexRewrite> host_rewrite_regex;  // applied to the path
  bool auto_host_rewrite = false;
  bool append_x_forwarded_host = false;
  // upgrade_configs: type (lower case) -> enabled; absent: the HCM decides.
  std::map<std::string, bool, std::less<>> upgrades;
  std::unique_ptr<ConnectTermination> connect;  // null: CONNECT goes on as a request
};

struct RedirectAction {
  int status = 301;  // 301, 302, 303, 307 or 308
  bool https = false;
  std::string scheme;
  std::string host;
  uint32_t port = 0;
  std::string path;  // at most one of path, prefix and regex rewrite is set
  std::string prefix_rewrite;
  std::unique_ptr<RegexRewrite> regex_rewrite;
  bool strip_query = false;
};

struct DirectResponse {
  int status = 200;
  std::string body;
};

// A route that only carries per-filter settings: matches, then replies 404 (non_forwarding_action
// and filter_action are for other uses; this is what remains when no action applies).
struct NonForwarding {};

struct Route {
  std::string name;
  PathMatch path;
  std::unique_ptr<RouteConditions> conditions;
  std::variant<ForwardAction, RedirectAction, DirectResponse, NonForwarding> action;
  std::unique_ptr<HeaderEdits> request_headers;
  std::unique_ptr<HeaderEdits> response_headers;
  std::unique_ptr<FilterOverrides> filters;
  std::unique_ptr<Metadata> metadata;
  std::string stat_prefix;
  std::optional<uint64_t> request_body_buffer_limit;
};

// Metered apart, as vhost.<name>.vcluster.<name>.
struct VirtualCluster {
  std::string name;
  std::vector<HeaderMatcher> headers;
};

struct VirtualHost {
  std::string name;
  std::vector<std::string> domains;  // lower case: "a.com", "*.a.com", "a.*", "*"
  std::vector<Route> routes;
  HeaderEdits request_headers;
  HeaderEdits response_headers;
  std::vector<VirtualCluster> virtual_clusters;
  std::unique_ptr<FilterOverrides> filters;
  enum class RequireTls : uint8_t { kNone, kExternalOnly, kAll } require_tls = RequireTls::kNone;
  bool include_request_attempt_count = false;
  bool include_attempt_count_in_response = false;
  std::unique_ptr<Metadata> metadata;
};

struct RouteTable {
  std::string name;
  std::vector<VirtualHost> virtual_hosts;
  HeaderEdits request_headers;
  HeaderEdits response_headers;
  bool most_specific_header_mutations_wins = false;
  bool ignore_port_in_host_matching = false;
  bool ignore_path_parameters_in_path_matching = false;
  bool validate_clusters = true;
  FilterOverrides filters;
  std::vector<std::string> internal_only_headers;
  std::unique_ptr<Metadata> metadata;
};

}  // namespace pillion::config
