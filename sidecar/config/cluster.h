#pragma once
// Clusters and their endpoints as plain validated data (envoy.config.cluster.v3,
// envoy.config.endpoint.v3). Immutable, shared by all workers and between generations.

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/config/http2.h"
#include "sidecar/config/original_dst.h"
#include "sidecar/config/upstream_proxy_protocol.h"
#include "sidecar/config/value.h"

namespace pillion::config {

struct UpstreamTls;  // tls.h

struct Endpoint {
  Address address;       // resolved; invalid while it is a DNS name
  std::string dns_name;  // STRICT_DNS and LOGICAL_DNS: looked up, joined with `port`
  uint16_t port = 0;
  std::string hostname;  // Endpoint.hostname, for auto_host_rewrite and %UPSTREAM_HOST_NAME%
  uint32_t weight = 1;
  enum class Health : uint8_t {
    kHealthy,
    kDegraded,
    kUnhealthy,
    kDraining
  } health = Health::kHealthy;
  std::unique_ptr<Metadata> metadata;
};

struct Locality {
  std::string region;
  std::string zone;
  std::string sub_zone;
};

struct LocalityEndpoints {
  Locality locality;
  uint32_t priority = 0;
  uint32_t weight = 0;  // load_balancing_weight; 0: none
  std::vector<Endpoint> endpoints;
};

// The endpoints of one cluster: inline, or one EDS resource.
struct Assignment {
  std::vector<LocalityEndpoints> localities;
  uint32_t overprovisioning_percent = 140;
};

struct RetryBudget {
  double budget_percent = 20.0;
  uint32_t min_retry_concurrency = 3;
};

struct CircuitBreaker {
  static constexpr uint32_t kUnlimited = std::numeric_limits<uint32_t>::max();
  uint32_t max_connections = 1024;
  uint32_t max_pending_requests = 1024;
  uint32_t max_requests = 1024;
  uint32_t max_retries = 3;
  uint32_t max_connection_pools = kUnlimited;
  bool track_remaining = false;
  std::optional<RetryBudget> retry_budget;  // overrides max_retries
};

struct SlowStart {
  std::chrono::milliseconds window{0};  // 0: off
  double aggression = 1.0;
  double min_weight_percent = 10.0;
};

struct DnsSettings {
  enum class Family : uint8_t { kAuto, kV4Only, kV6Only, kV4Preferred, kAll };
  Family family = Family::kAuto;
  std::chrono::milliseconds refresh{5000};
  std::chrono::milliseconds failure_base{0};  // 0: refresh rate; else dns_failure_refresh_rate
  std::chrono::milliseconds failure_max{0};
  std::chrono::milliseconds jitter{0};
  bool respect_ttl = false;
  std::vector<Address> resolvers;  // empty: the system's
  bool use_tcp = false;
  bool no_default_search_domain = false;
  std::chrono::milliseconds query_timeout{5000};
  uint32_t query_tries = 4;
};

struct TcpKeepalive {
  // Zero: the system's value.
  uint32_t probes = 0;
  uint32_t time_s = 0;
  uint32_t interval_s = 0;
};

// envoy.config.core.v3.HttpProtocolOptions, Http1ProtocolOptions and Http2ProtocolOptions towards
// the upstream.
struct UpstreamHttp {
  // kAuto: what ALPN says, else HTTP/1.1. kDownstream: what the client speaks.
  enum class Protocol : uint8_t { kHttp1, kHttp2, kAuto, kDownstream };
  Protocol protocol = Protocol::kHttp1;
  Http2Protocol http2;
  std::chrono::milliseconds idle_timeout{3600 * 1000};   // 0: none
  std::chrono::milliseconds max_connection_duration{0};  // 0: none
  uint32_t max_requests_per_connection = 0;              // 0: unlimited
  uint32_t max_headers_count = 100;
  uint32_t max_response_headers_kb = 80;
  uint32_t http2_max_response_headers_kb = 60;
  bool proper_case_headers = false;
  bool enable_trailers = false;  // Http1ProtocolOptions.enable_trailers
  // UpstreamHttpProtocolOptions: the request's host, or the value of auto_sni_header where it has
  // one, is the name that TLS asks for, and that the certificate has to have.
  bool auto_sni = false;
  bool auto_san_validation = false;
  std::string auto_sni_header;
};

struct Cluster {
  enum class Type : uint8_t { kStatic, kStrictDns, kLogicalDns, kOriginalDst };
  enum class Lb : uint8_t { kRoundRobin, kLeastRequest, kRandom };
  std::string name;
  std::string alt_stat_name;
  Type type = Type::kStatic;
  Lb lb = Lb::kRoundRobin;
  uint32_t choice_count = 2;         // least request
  double active_request_bias = 1.0;  // least request
  bool locality_weighted = false;    // locality_weighted_lb_config
  double panic_threshold_percent = 50.0;
  bool fail_traffic_on_panic = false;
  std::chrono::milliseconds connect_timeout{5000};
  uint32_t buffer_limit = 1024 * 1024;
  std::array<CircuitBreaker, 2> breakers;  // by Priority
  std::optional<uint32_t> per_host_max_connections;
  std::shared_ptr<const Assignment> assignment;
  // The parts that most clusters leave at their defaults; null means all defaults.
  std::unique_ptr<SlowStart> slow_start;
  std::unique_ptr<DnsSettings> dns;           // always set for the DNS types
  std::unique_ptr<OriginalDst> original_dst;  // of that type alone
  std::unique_ptr<UpstreamHttp> http;
  std::unique_ptr<TcpKeepalive> keepalive;
  std::unique_ptr<Address> bind_source;
  std::unique_ptr<UpstreamProxyProtocol> proxy_protocol;
  std::unique_ptr<Metadata> metadata;
  std::shared_ptr<const UpstreamTls> tls;  // null: plain text
  [[nodiscard]] const std::string& stat_name() const {
    return alt_stat_name.empty() ? name : alt_stat_name;
  }
};

}  // namespace pillion::config
