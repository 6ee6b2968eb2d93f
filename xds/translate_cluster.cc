// Clusters (translate.h).

#include <envoy/config/cluster/v3/cluster.pb.h>
#include <envoy/config/core/v3/address.pb.h>
#include <fmt/format.h>
#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <utility>

#include "sidecar/base/text.h"
#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::cluster::v3;
namespace core = envoy::config::core::v3;
using config::CircuitBreaker;

void check_cluster_fields(const v3::Cluster& message, const FieldPath& at) {
  // Harmless: what concerns only stats on demand, updates by a control plane or health
  // checks (refused).
  check_fields(message, at,
               {"name",
                "type",
                "connect_timeout",
                "load_assignment",
                "lb_policy",
                "circuit_breakers",
                "typed_extension_protocol_options",
                "dns_lookup_family",
                "alt_stat_name",
                "cluster_type",
                "original_dst_lb_config",
                "cleanup_interval",
                "per_connection_buffer_limit_bytes",
                "max_requests_per_connection",
                "common_http_protocol_options",
                "http_protocol_options",
                "http2_protocol_options",
                "dns_refresh_rate",
                "dns_jitter",
                "dns_failure_refresh_rate",
                "respect_dns_ttl",
                "dns_resolvers",
                "use_tcp_for_dns_lookups",
                "dns_resolution_config",
                "typed_dns_resolver_config",
                "upstream_bind_config",
                "least_request_lb_config",
                "round_robin_lb_config",
                "common_lb_config",
                "transport_socket",
                "metadata",
                "upstream_connection_options",
                "load_balancing_policy"},
               {"wait_for_warm_on_init", "ignore_health_on_host_removal",
                "close_connections_on_host_health_failure", "track_timeout_budgets",
                "track_cluster_stats", "lrs_report_endpoint_metrics"});
}

// cluster_type: a name with or without a message, in place of the enum.
void take_custom_type(const v3::Cluster::CustomClusterType& message, const FieldPath& at,
                      config::Cluster& to) {
  if (message.has_typed_config()) {
    translate_dns_cluster(message.typed_config(), at.field("typed_config"), to);
  } else if (message.name() == "envoy.cluster.static") {
    to.type = config::Cluster::Type::kStatic;
  } else if (message.name() == "envoy.cluster.strict_dns") {
    to.type = config::Cluster::Type::kStrictDns;
  } else if (message.name() == "envoy.cluster.logical_dns") {
    to.type = config::Cluster::Type::kLogicalDns;
  } else {
    at.field("name").problem(
        fmt::format("the cluster type \"{}\" is not supported by this version; use type STATIC or "
                    "STRICT_DNS, or envoy.clusters.dns with its typed_config",
                    message.name()));
  }
}

void take_original_dst(const v3::Cluster& message, const FieldPath& at, config::Cluster& to) {
  to.type = config::Cluster::Type::kOriginalDst;
  to.original_dst = std::make_unique<config::OriginalDst>();
  config::OriginalDst& original = *to.original_dst;
  if (message.has_load_assignment())
    at.field("load_assignment")
        .problem(
            "has no place in an ORIGINAL_DST cluster, whose endpoints are where connections "
            "were going; remove it");
  if (message.has_cleanup_interval())
    original.cleanup_interval = millis(message.cleanup_interval(), at.field("cleanup_interval"));
  if (!message.has_original_dst_lb_config()) return;
  const auto& config = message.original_dst_lb_config();
  const FieldPath place = at.field("original_dst_lb_config");
  check_fields(config, place,
               {"use_http_header", "http_header_name", "upstream_port_override", "metadata_key"});
  if (config.use_http_header())
    original.header = lower_copy(config.http_header_name().empty() ? "x-envoy-original-dst-host"
                                                                   : config.http_header_name());
  else if (!config.http_header_name().empty())
    place.field("http_header_name").problem("needs use_http_header: true");
  if (config.has_upstream_port_override()) {
    if (config.upstream_port_override().value() > 65535)
      place.field("upstream_port_override").problem("must be at most 65535");
    original.port = static_cast<uint16_t>(config.upstream_port_override().value());
  }
  original.metadata_namespace = config.metadata_key().key();
  for (const auto& segment : config.metadata_key().path())
    original.metadata_path.push_back(segment.key());
}

void take_type(const v3::Cluster& message, const FieldPath& at, config::Cluster& to) {
  if (message.has_cluster_type()) {
    take_custom_type(message.cluster_type(), at.field("cluster_type"), to);
    return;
  }
  switch (message.type()) {
    case v3::Cluster::STATIC:
      to.type = config::Cluster::Type::kStatic;
      break;
    case v3::Cluster::STRICT_DNS:
      to.type = config::Cluster::Type::kStrictDns;
      break;
    case v3::Cluster::LOGICAL_DNS:
      to.type = config::Cluster::Type::kLogicalDns;
      break;
    case v3::Cluster::ORIGINAL_DST:
      take_original_dst(message, at, to);
      break;
    case v3::Cluster::EDS:
      at.field("type").problem(
          "endpoints from a control plane (EDS) are not supported by this version; use STATIC or "
          "STRICT_DNS with load_assignment");
      break;
    default:
      at.field("type").problem(v3::Cluster::DiscoveryType_Name(message.type()) +
                               " is not supported by this version; use STATIC, STRICT_DNS, "
                               "LOGICAL_DNS or ORIGINAL_DST");
  }
}

class BreakerTranslator {
 public:
  BreakerTranslator(const std::string& cluster, const FieldPath& at) : cluster_(cluster), at_(at) {}

  // The first entry of a priority counts, as in Envoy.
  void run(const v3::CircuitBreakers& message, config::Cluster& to) {
    bool seen[2] = {false, false};
    for (int i = 0; i < message.thresholds_size(); ++i) {
      const auto& thresholds = message.thresholds(i);
      const unsigned priority = thresholds.priority() == core::HIGH ? 1 : 0;
      if (std::exchange(seen[priority], true)) continue;
      take(thresholds, to.breakers[priority]);
    }
    const FieldPath hosts = at_.field("per_host_thresholds");
    for (int i = 0; i < message.per_host_thresholds_size(); ++i) {
      const auto& thresholds = message.per_host_thresholds(i);
      if (thresholds.priority() != core::DEFAULT)
        hosts.index(static_cast<std::size_t>(i))
            .problem("is for priority HIGH, which is not supported here; use DEFAULT");
      else if (thresholds.has_max_connections() && !to.per_host_max_connections)
        to.per_host_max_connections = thresholds.max_connections().value();
    }
  }

  // circuit_breakers.<cluster>.<priority>.<limit> in the runtime overrides the file.
  void apply_runtime(config::Cluster& to) {
    if (at_.runtime().values().empty()) return;
    for (unsigned i = 0; i < to.breakers.size(); ++i) {
      prefix_ = fmt::format("circuit_breakers.{}.{}.", cluster_, i == 0 ? "default" : "high");
      CircuitBreaker& breaker = to.breakers[i];
      override_with("max_connections", breaker.max_connections);
      override_with("max_pending_requests", breaker.max_pending_requests);
      override_with("max_requests", breaker.max_requests);
      override_with("max_retries", breaker.max_retries);
      override_with("max_connection_pools", breaker.max_connection_pools);
    }
  }

 private:
  static void take(const v3::CircuitBreakers::Thresholds& message, CircuitBreaker& to) {
    if (message.has_max_connections()) to.max_connections = message.max_connections().value();
    if (message.has_max_pending_requests())
      to.max_pending_requests = message.max_pending_requests().value();
    if (message.has_max_requests()) to.max_requests = message.max_requests().value();
    if (message.has_max_retries()) to.max_retries = message.max_retries().value();
    if (message.has_max_connection_pools())
      to.max_connection_pools = message.max_connection_pools().value();
    to.track_remaining = message.track_remaining();
    if (!message.has_retry_budget()) return;
    config::RetryBudget& budget = to.retry_budget.emplace();
    if (message.retry_budget().has_budget_percent())
      budget.budget_percent = message.retry_budget().budget_percent().value();
    if (message.retry_budget().has_min_retry_concurrency())
      budget.min_retry_concurrency = message.retry_budget().min_retry_concurrency().value();
  }

  void override_with(std::string_view limit, uint32_t& to) {
    const auto value = at_.runtime().number(prefix_ + std::string(limit));
    if (value) to = static_cast<uint32_t>(std::min<uint64_t>(*value, UINT32_MAX));
  }

  const std::string& cluster_;
  const FieldPath& at_;
  std::string prefix_;
};

void take_connection_options(const v3::UpstreamConnectionOptions& message, const FieldPath& at,
                             config::Cluster& to) {
  // The name of the local interface is only there for logs of other extensions.
  check_fields(message, at, {"tcp_keepalive"},
               {"set_local_interface_name_on_upstream_connections"});
  if (message.has_tcp_keepalive())
    to.keepalive = std::make_unique<config::TcpKeepalive>(
        tcp_keepalive(message.tcp_keepalive(), at.field("tcp_keepalive")));
}

void take_connection_settings(const v3::Cluster& message, const ClusterDefaults& defaults,
                              const FieldPath& at, config::Cluster& to) {
  if (message.has_connect_timeout())
    to.connect_timeout = millis(message.connect_timeout(), at.field("connect_timeout"));
  if (message.has_per_connection_buffer_limit_bytes())
    to.buffer_limit = message.per_connection_buffer_limit_bytes().value();
  if (message.has_upstream_connection_options())
    take_connection_options(message.upstream_connection_options(),
                            at.field("upstream_connection_options"), to);
  std::optional<Address> source = defaults.bind_source;
  if (message.has_upstream_bind_config())
    source = bind_source(message.upstream_bind_config(), at.field("upstream_bind_config"));
  if (source) to.bind_source = std::make_unique<Address>(*source);
  if (!message.has_transport_socket()) return;
  const FieldPath socket = at.field("transport_socket");
  if (!translate_upstream_proxy_protocol(message.transport_socket(), socket, to))
    to.tls = translate_upstream_tls(message.transport_socket(), defaults.secrets, socket);
}

}  // namespace

config::TcpKeepalive tcp_keepalive(const core::TcpKeepalive& message, const FieldPath&) {
  return {message.keepalive_probes().value(), message.keepalive_time().value(),
          message.keepalive_interval().value()};
}

std::optional<Address> bind_source(const core::BindConfig& message, const FieldPath& at) {
  check_fields(message, at, {"source_address"});
  if (!message.has_source_address()) return {};
  const Address source = socket_address(message.source_address(), at.field("source_address"));
  if (!source.valid()) return {};
  return source;
}

std::shared_ptr<const config::Cluster> translate_cluster(const v3::Cluster& message,
                                                         const ClusterDefaults& defaults,
                                                         const FieldPath& at) {
  check_cluster_fields(message, at);
  auto cluster = std::make_shared<config::Cluster>();
  cluster->name = message.name();
  cluster->alt_stat_name = message.alt_stat_name();
  cluster->dns = std::make_unique<config::DnsSettings>(defaults.dns);
  take_type(message, at, *cluster);
  using Type = config::Cluster::Type;
  if (cluster->type == Type::kStatic || cluster->type == Type::kOriginalDst)
    cluster->dns.reset();
  else if (!message.cluster_type().has_typed_config())
    translate_dns(message, at, *cluster->dns);
  take_connection_settings(message, defaults, at, *cluster);
  const FieldPath breakers_at = at.field("circuit_breakers");
  BreakerTranslator breakers(cluster->name, breakers_at);
  breakers.run(message.circuit_breakers(), *cluster);
  breakers.apply_runtime(*cluster);
  translate_load_balancing(message, at, *cluster);
  translate_upstream_http(message, at, *cluster);
  if (cluster->type != Type::kOriginalDst)
    cluster->assignment =
        translate_assignment(message.load_assignment(), cluster->type, at.field("load_assignment"));
  if (message.has_metadata())
    cluster->metadata = metadata(message.metadata(), at.field("metadata"));
  return cluster;
}

}  // namespace pillion::xds
