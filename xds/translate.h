#pragma once
// From Envoy's messages to config:: structs: one function for each resource or large part. All
// report problems at `at`, go on, and return something usable; what they return is only taken when
// no problem was reported. Messages have been checked by validate.h before. Control thread only.

#include <google/protobuf/map.h>
#include <google/protobuf/repeated_ptr_field.h>

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sidecar/config/bootstrap.h"
#include "sidecar/filter/registry.h"
#include "xds/field_path.h"
#include "xds/translate_tls.h"

namespace google::protobuf {
class Any;
}
namespace envoy::config::accesslog::v3 {
class AccessLog;
class AccessLogFilter;
}  // namespace envoy::config::accesslog::v3
namespace envoy::config::bootstrap::v3 {
class Bootstrap;
}
namespace envoy::config::cluster::v3 {
class CircuitBreakers;
class Cluster;
}  // namespace envoy::config::cluster::v3
namespace envoy::config::core::v3 {
class BindConfig;
class DnsResolutionConfig;
class Http1ProtocolOptions;
class ProxyProtocolConfig;
class Http2ProtocolOptions;
class ProxyProtocolPassThroughTLVs;
class TcpKeepalive;
class TransportSocket;
class TypedExtensionConfig;
}  // namespace envoy::config::core::v3
namespace envoy::config::endpoint::v3 {
class ClusterLoadAssignment;
}
namespace envoy::config::listener::v3 {
class FilterChainMatch;
class Listener;
}  // namespace envoy::config::listener::v3
namespace envoy::config::route::v3 {
class RetryPolicy;
class Route;
class RouteAction;
class RouteConfiguration;
class WeightedCluster;
}  // namespace envoy::config::route::v3
namespace envoy::extensions::filters::network::http_connection_manager::v3 {
class HttpConnectionManager;
class HttpFilter;
class LocalReplyConfig;
}  // namespace envoy::extensions::filters::network::http_connection_manager::v3
namespace envoy::extensions::filters::network::tcp_proxy::v3 {
class TcpProxy;
}

namespace pillion::xds {

// What the translators of listeners and routes look up.
struct Translation {
  filter::FilterTable filters;
  metrics::Registry& metrics;
  // The names of all clusters, for routes that name one.
  const std::unordered_set<std::string>& clusters;
  const SecretTable& secrets;
  // node.cluster, or --service-cluster.
  std::string_view service_cluster;
  // Of the HTTP connection manager that is being translated.
  std::string stat_prefix;

  [[nodiscard]] filter::ParseContext parse_context(const FieldPath& at) const {
    return {at, metrics, stat_prefix, service_cluster};
  }
};

// Applies to clusters that say nothing of their own, and what they may refer to.
struct ClusterDefaults {
  config::DnsSettings dns;
  std::optional<Address> bind_source;
  SecretTable secrets;
};

// --- translate_bootstrap.cc: all but listeners and clusters ---
// Fills the runtime of at.context() first, since everything else is resolved with it.
void translate_bootstrap(const envoy::config::bootstrap::v3::Bootstrap& message,
                         const FieldPath& at, config::Bootstrap& to, ClusterDefaults& defaults);

// --- translate_cluster.cc, translate_endpoints.cc, translate_dns.cc, translate_upstream_http.cc,
//     translate_load_balancing.cc ---
std::shared_ptr<const config::Cluster> translate_cluster(
    const envoy::config::cluster::v3::Cluster& message, const ClusterDefaults& defaults,
    const FieldPath& at);
std::shared_ptr<const config::Assignment> translate_assignment(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& message, config::Cluster::Type type,
    const FieldPath& at);
void translate_dns(const envoy::config::cluster::v3::Cluster& message, const FieldPath& at,
                   config::DnsSettings& to);
// cluster_type with Envoy's DnsCluster message, which has taken the place of the fields above.
void translate_dns_cluster(const google::protobuf::Any& any, const FieldPath& at,
                           config::Cluster& to);
void translate_resolver(const envoy::config::core::v3::TypedExtensionConfig& message,
                        const FieldPath& at, config::DnsSettings& to);
void translate_resolver(const envoy::config::core::v3::DnsResolutionConfig& message,
                        const FieldPath& at, config::DnsSettings& to);
void translate_load_balancing(const envoy::config::cluster::v3::Cluster& message,
                              const FieldPath& at, config::Cluster& to);
// typed_extension_protocol_options and the deprecated fields of the cluster that they replace.
config::Http2Protocol translate_http2(const envoy::config::core::v3::Http2ProtocolOptions& message,
                                      const FieldPath& at);
void translate_upstream_http(const envoy::config::cluster::v3::Cluster& message,
                             const FieldPath& at, config::Cluster& to);
std::optional<Address> bind_source(const envoy::config::core::v3::BindConfig& message,
                                   const FieldPath& at);
config::TcpKeepalive tcp_keepalive(const envoy::config::core::v3::TcpKeepalive& message,
                                   const FieldPath& at);

// --- translate_upstream_proxy_protocol.cc ---
// True when the transport socket is that of the PROXY protocol: then its settings are in `to`.
bool translate_upstream_proxy_protocol(const envoy::config::core::v3::TransportSocket& message,
                                       const FieldPath& at, config::Cluster& to);
std::unique_ptr<config::UpstreamProxyProtocol> translate_proxy_protocol_config(
    const envoy::config::core::v3::ProxyProtocolConfig& message, const FieldPath& at);

// --- translate_listener.cc ---
std::shared_ptr<const config::Listener> translate_listener(
    const envoy::config::listener::v3::Listener& message, Translation& translation,
    const FieldPath& at);

// --- translate_chain_match.cc, translate_listener_filters.cc, translate_tcp_proxy.cc ---
config::FilterChainMatch translate_chain_match(
    const envoy::config::listener::v3::FilterChainMatch& message, const FieldPath& at);
// The matches of one listener's chains: reports those that take the same connections.
class ChainMatches {
 public:
  void add(const config::FilterChainMatch& match, const FieldPath& at);

 private:
  std::unordered_map<std::string, std::size_t> seen_;
  std::size_t count_ = 0;
};
// After the chains, which may need an inspector that is not configured.
void translate_listener_filters(const envoy::config::listener::v3::Listener& message,
                                const FieldPath& at, config::Listener& to);
config::TlvSelection tlv_selection(
    const envoy::config::core::v3::ProxyProtocolPassThroughTLVs& message, const FieldPath& at);
std::shared_ptr<const config::TcpProxy> translate_tcp_proxy(
    const envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy& message,
    const Translation& translation, const FieldPath& at);

// --- translate_hcm.cc, translate_http_filters.cc, translate_local_reply.cc ---
std::shared_ptr<const config::HttpConnectionManager> translate_hcm(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager&
        message,
    Translation& translation, const FieldPath& at);
using HttpFilterMessages = google::protobuf::RepeatedPtrField<
    envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter>;
// The chain, which has to end with the router, whose own settings go into `hcm`.
std::vector<config::HttpFilter> translate_http_filters(const HttpFilterMessages& messages,
                                                       const Translation& translation,
                                                       const FieldPath& at,
                                                       config::HttpConnectionManager& hcm);
config::LocalReplyConfig translate_local_reply(
    const envoy::extensions::filters::network::http_connection_manager::v3::LocalReplyConfig&
        message,
    const FieldPath& at);

// --- translate_route_table.cc, translate_route.cc, translate_route_action.cc, translate_retry.cc,
//     translate_overrides.cc ---
std::shared_ptr<const config::RouteTable> translate_routes(
    const envoy::config::route::v3::RouteConfiguration& message, const Translation& translation,
    const FieldPath& at);
// What a route takes from the levels above it.
struct RouteLevel {
  const Translation& translation;
  std::shared_ptr<const config::RetryPolicy> retry;
  std::optional<uint64_t> body_buffer_limit;
  std::size_t max_direct_response_body;
  bool validate_clusters;
};
config::Route translate_route(const envoy::config::route::v3::Route& message,
                              const RouteLevel& level, const FieldPath& at);
config::ForwardAction translate_route_action(const envoy::config::route::v3::RouteAction& message,
                                             const RouteLevel& level, const FieldPath& at);
std::shared_ptr<const config::RetryPolicy> translate_retry(
    const envoy::config::route::v3::RetryPolicy& message, const FieldPath& at);
using OverrideMessages = google::protobuf::Map<std::string, google::protobuf::Any>;
config::FilterOverrides translate_overrides(const OverrideMessages& messages,
                                            const Translation& translation, const FieldPath& at);

// --- translate_access_log.cc ---
config::AccessLog translate_access_log(const envoy::config::accesslog::v3::AccessLog& message,
                                       const FieldPath& at);
std::vector<config::AccessLog> translate_access_logs(
    const google::protobuf::RepeatedPtrField<envoy::config::accesslog::v3::AccessLog>& messages,
    const FieldPath& at);
config::LogFilter translate_log_filter(const envoy::config::accesslog::v3::AccessLogFilter& message,
                                       const FieldPath& at);

}  // namespace pillion::xds
