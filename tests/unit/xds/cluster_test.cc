// Clusters: what translates, and what is reported where.

#include <gtest/gtest.h>

#include "tests/unit/xds/load.h"

namespace pillion::xds::test {
namespace {

using config::Cluster;
using config::DnsSettings;

std::string at_cluster(const std::string& rest) {
  return "static_resources.clusters[0]" + rest;
}

constexpr const char* kNotSupported = ": is not supported by this version; remove it";

std::string assignment(const std::string& endpoints) {
  return "load_assignment: {cluster_name: a, endpoints: [{lb_endpoints: [" + endpoints + "]}]}";
}

std::string endpoint(const std::string& address, int port) {
  return "{endpoint: {address: {socket_address: {address: " + address +
         ", port_value: " + std::to_string(port) + "}}}}";
}

TEST(Cluster, HasEnvoysDefaults) {
  const Outcome outcome = load(with_cluster("type: STATIC"));
  ASSERT_EQ(outcome.problem(), "");
  const Cluster& cluster = outcome.cluster();
  EXPECT_EQ(cluster.type, Cluster::Type::kStatic);
  EXPECT_EQ(cluster.lb, Cluster::Lb::kRoundRobin);
  EXPECT_EQ(cluster.connect_timeout.count(), 5000);
  EXPECT_EQ(cluster.buffer_limit, 1024u * 1024u);
  EXPECT_EQ(cluster.breakers[0].max_retries, 3u);
  EXPECT_EQ(cluster.dns, nullptr);
  EXPECT_EQ(cluster.http, nullptr);
  ASSERT_NE(cluster.assignment, nullptr);
  EXPECT_TRUE(cluster.assignment->localities.empty());
}

TEST(Cluster, TakesConnectionSettings) {
  const Outcome outcome = load(with_cluster(
      "alt_stat_name: s, connect_timeout: 0.5s, per_connection_buffer_limit_bytes: 32768, "
      "upstream_bind_config: {source_address: {address: 127.0.0.2, port_value: 0}}, "
      "upstream_connection_options: {tcp_keepalive: {keepalive_time: 30, keepalive_probes: 2}}, "
      "metadata: {filter_metadata: {m: {}}}, transport_socket: {name: "
      "envoy.transport_sockets.raw_buffer, typed_config: {'@type': type.googleapis.com/"
      "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}"));
  ASSERT_EQ(outcome.problem(), "");
  const Cluster& cluster = outcome.cluster();
  EXPECT_EQ(cluster.stat_name(), "s");
  EXPECT_EQ(cluster.connect_timeout.count(), 500);
  EXPECT_EQ(cluster.buffer_limit, 32768u);
  EXPECT_EQ(cluster.bind_source->to_string(), "127.0.0.2:0");
  EXPECT_EQ(cluster.keepalive->time_s, 30u);
  EXPECT_EQ(cluster.keepalive->probes, 2u);
  EXPECT_NE(cluster.metadata, nullptr);
}

TEST(Cluster, TakesThresholdsOfBothPriorities) {
  const Outcome outcome = load(with_cluster(
      "circuit_breakers: {thresholds: [{max_connections: 1, max_pending_requests: 2, max_requests: "
      "3, max_retries: 4, max_connection_pools: 5, track_remaining: true}, {priority: HIGH, "
      "retry_budget: {budget_percent: {value: 30}}}, {max_requests: 99}], per_host_thresholds: "
      "[{max_connections: 6}]}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& normal = outcome.cluster().breakers[0];
  EXPECT_EQ(normal.max_connections, 1u);
  EXPECT_EQ(normal.max_pending_requests, 2u);
  EXPECT_EQ(normal.max_requests, 3u);
  EXPECT_EQ(normal.max_retries, 4u);
  EXPECT_EQ(normal.max_connection_pools, 5u);
  EXPECT_TRUE(normal.track_remaining);
  EXPECT_FALSE(normal.retry_budget);
  EXPECT_EQ(outcome.cluster().breakers[1].retry_budget->budget_percent, 30.0);
  EXPECT_EQ(outcome.cluster().breakers[1].retry_budget->min_retry_concurrency, 3u);
  EXPECT_EQ(outcome.cluster().per_host_max_connections, 6u);
}

TEST(Cluster, LetsTheRuntimeOverrideThresholds) {
  const Outcome outcome = load(
      "layered_runtime: {layers: [{name: s, static_layer: "
      "{circuit_breakers.a.high.max_requests: 8}}]}\n" +
      with_cluster("type: STATIC"));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.cluster().breakers[1].max_requests, 8u);
  EXPECT_EQ(outcome.cluster().breakers[0].max_requests, 1024u);
}

TEST(Endpoints, TakeAddressesWeightsAndLocalities) {
  const Outcome outcome = load(with_cluster(
      "load_assignment: {cluster_name: a, policy: {overprovisioning_factor: 150}, endpoints: ["
      "{locality: {region: eu, zone: b}, priority: 1, load_balancing_weight: 5, lb_endpoints: ["
      "{endpoint: {hostname: h, address: {socket_address: {address: 10.0.0.1, port_value: 80}}}, "
      "load_balancing_weight: 9, health_status: DRAINING, metadata: {filter_metadata: {m: {}}}}, "
      "{endpoint: {address: {pipe: {path: /tmp/s}}}}]}]}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& assignment = *outcome.cluster().assignment;
  EXPECT_EQ(assignment.overprovisioning_percent, 150u);
  const auto& locality = assignment.localities.at(0);
  EXPECT_EQ(locality.locality.region, "eu");
  EXPECT_EQ(locality.priority, 1u);
  EXPECT_EQ(locality.weight, 5u);
  const auto& first = locality.endpoints.at(0);
  EXPECT_EQ(first.address.to_string(), "10.0.0.1:80");
  EXPECT_EQ(first.hostname, "h");
  EXPECT_EQ(first.weight, 9u);
  EXPECT_EQ(first.health, config::Endpoint::Health::kDraining);
  EXPECT_NE(first.metadata, nullptr);
  EXPECT_EQ(locality.endpoints.at(1).address.to_string(), "/tmp/s");
}

TEST(Endpoints, AreNamesForClustersThatLookNamesUp) {
  const Outcome outcome = load(with_cluster(
      "type: STRICT_DNS, " + assignment(endpoint("svc.local", 80) + ", " + endpoint("::1", 81))));
  ASSERT_EQ(outcome.problem(), "");
  const auto& endpoints = outcome.cluster().assignment->localities.at(0).endpoints;
  EXPECT_EQ(endpoints.at(0).dns_name, "svc.local");
  EXPECT_EQ(endpoints.at(0).hostname, "svc.local");
  EXPECT_EQ(endpoints.at(0).port, 80);
  EXPECT_FALSE(endpoints.at(0).address.valid());
  EXPECT_EQ(endpoints.at(1).address.to_string(), "[::1]:81");
  EXPECT_EQ(endpoints.at(1).dns_name, "");
}

TEST(Endpoints, AreChecked) {
  const std::string first = at_cluster(".load_assignment.endpoints[0].lb_endpoints[0]");
  EXPECT_EQ(load(with_cluster("type: STATIC, " + assignment(endpoint("svc.local", 80)))).problem(),
            first +
                ".endpoint.address.socket_address.address: \"svc.local\" is no IPv4 or IPv6 "
                "address; a name is taken only for endpoints of a cluster of type STRICT_DNS "
                "or LOGICAL_DNS");
  EXPECT_EQ(load(with_cluster(assignment("{endpoint: {}}"))).problem(),
            first + ".endpoint.address: is required");
  EXPECT_EQ(load(with_cluster(assignment("{endpoint_name: x}"))).problem().rfind(first, 0), 0u);
  EXPECT_EQ(load(with_cluster("type: LOGICAL_DNS, " +
                              assignment(endpoint("a.b", 1) + ", " + endpoint("c.d", 1))))
                .problem(),
            at_cluster(".load_assignment.endpoints: a LOGICAL_DNS cluster needs exactly one "
                       "locality with exactly one endpoint; use STRICT_DNS for several"));
  EXPECT_EQ(load(with_cluster("type: STRICT_DNS, " +
                              assignment("{endpoint: {address: {pipe: {path: /x}}}}")))
                .problem(),
            first + ".endpoint.address: a cluster that looks names up needs socket_address here");
}

TEST(Dns, TakesTheFieldsOfTheCluster) {
  const Outcome outcome = load(with_cluster(
      "type: STRICT_DNS, dns_refresh_rate: 7s, dns_jitter: 1s, respect_dns_ttl: true, "
      "dns_lookup_family: V4_PREFERRED, dns_failure_refresh_rate: {base_interval: 2s}, "
      "dns_resolvers: [{socket_address: {address: 127.0.0.1, port_value: 53}}], "
      "use_tcp_for_dns_lookups: true"));
  ASSERT_EQ(outcome.problem(), "");
  const DnsSettings& dns = *outcome.cluster().dns;
  EXPECT_EQ(dns.refresh.count(), 7000);
  EXPECT_EQ(dns.jitter.count(), 1000);
  EXPECT_TRUE(dns.respect_ttl);
  EXPECT_EQ(dns.family, DnsSettings::Family::kV4Preferred);
  EXPECT_EQ(dns.failure_base.count(), 2000);
  EXPECT_EQ(dns.failure_max.count(), 20'000);
  EXPECT_EQ(dns.resolvers.at(0).to_string(), "127.0.0.1:53");
  EXPECT_TRUE(dns.use_tcp);
}

TEST(Dns, TakesTheResolverExtension) {
  const Outcome outcome = load(with_cluster(
      "type: LOGICAL_DNS, " + assignment(endpoint("a.b", 1)) +
      ", typed_dns_resolver_config: {name: cares, typed_config: {'@type': type.googleapis.com/"
      "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig, resolvers: "
      "[{socket_address: {address: 127.0.0.1, port_value: 5353}}], query_tries: 2, "
      "query_timeout_seconds: 1, dns_resolver_options: {no_default_search_domain: true}}}"));
  ASSERT_EQ(outcome.problem(), "");
  const DnsSettings& dns = *outcome.cluster().dns;
  EXPECT_EQ(dns.resolvers.at(0).port(), 5353);
  EXPECT_EQ(dns.query_tries, 2u);
  EXPECT_EQ(dns.query_timeout.count(), 1000);
  EXPECT_TRUE(dns.no_default_search_domain);
}

TEST(Dns, TakesTheClusterExtension) {
  const std::string type =
      "cluster_type: {name: envoy.clusters.dns, typed_config: {'@type': type.googleapis.com/"
      "envoy.extensions.clusters.dns.v3.DnsCluster, dns_refresh_rate: 9s, dns_lookup_family: "
      "V6_ONLY, all_addresses_in_single_endpoint: ";
  const std::string rest = "}}, " + assignment(endpoint("a.b", 1));
  const Outcome logical = load(with_cluster(type + "true" + rest));
  ASSERT_EQ(logical.problem(), "");
  EXPECT_EQ(logical.cluster().type, Cluster::Type::kLogicalDns);
  EXPECT_EQ(logical.cluster().dns->refresh.count(), 9000);
  EXPECT_EQ(logical.cluster().dns->family, DnsSettings::Family::kV6Only);
  const Outcome strict = load(with_cluster(type + "false" + rest));
  ASSERT_EQ(strict.problem(), "");
  EXPECT_EQ(strict.cluster().type, Cluster::Type::kStrictDns);
}

TEST(Dns, TakesTheBootstrapsResolverAsDefault) {
  const Outcome outcome = load(
      "dns_resolution_config: {resolvers: [{socket_address: {address: 127.0.0.3, port_value: "
      "53}}]}\n" +
      with_cluster("type: STRICT_DNS"));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.cluster().dns->resolvers.at(0).to_string(), "127.0.0.3:53");
}

TEST(ClusterType, RefusesWhatNeedsAControlPlane) {
  EXPECT_EQ(load(with_cluster("type: EDS")).problem(),
            at_cluster(".type: endpoints from a control plane (EDS) are not supported by this "
                       "version; use STATIC or STRICT_DNS with load_assignment"));
  EXPECT_EQ(load(with_cluster("cluster_type: {name: envoy.clusters.aggregate}")).problem(),
            at_cluster(".cluster_type.name: the cluster type \"envoy.clusters.aggregate\" is not "
                       "supported by this version; use type STATIC or STRICT_DNS, or "
                       "envoy.clusters.dns with its typed_config"));
}

TEST(ClusterType, OriginalDstHasNoEndpointsOfItsOwn) {
  const Outcome outcome = load(with_cluster(
      "type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, cleanup_interval: 2s, "
      "original_dst_lb_config: {use_http_header: true, http_header_name: X-To, "
      "upstream_port_override: 81, metadata_key: {key: ns, path: [{key: a}, {key: b}]}}"));
  ASSERT_EQ(outcome.problem(), "");
  const Cluster& cluster = outcome.cluster();
  EXPECT_EQ(cluster.type, Cluster::Type::kOriginalDst);
  ASSERT_NE(cluster.original_dst, nullptr);
  EXPECT_EQ(cluster.original_dst->header, "x-to");
  EXPECT_EQ(cluster.original_dst->port, 81);
  EXPECT_EQ(cluster.original_dst->metadata_namespace, "ns");
  EXPECT_EQ(cluster.original_dst->metadata_path, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(cluster.original_dst->cleanup_interval.count(), 2000);
}

TEST(ClusterType, OriginalDstHeaderHasEnvoysName) {
  const Outcome outcome =
      load(with_cluster("type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, "
                        "original_dst_lb_config: {use_http_header: true}"));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.cluster().original_dst->header, "x-envoy-original-dst-host");
}

TEST(ClusterType, OriginalDstRefusesWhatItCannotUse) {
  EXPECT_EQ(load(with_cluster("type: ORIGINAL_DST")).problem(),
            at_cluster(".lb_policy: must be CLUSTER_PROVIDED in an ORIGINAL_DST cluster"));
  EXPECT_EQ(load(with_cluster("type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED, " +
                              assignment(endpoint("127.0.0.1", 1))))
                .problem(),
            at_cluster(".load_assignment: has no place in an ORIGINAL_DST cluster, whose endpoints "
                       "are where connections were going; remove it"));
  EXPECT_EQ(load(with_cluster("lb_policy: CLUSTER_PROVIDED")).problem(),
            at_cluster(".lb_policy: CLUSTER_PROVIDED is for clusters of type ORIGINAL_DST; use "
                       "ROUND_ROBIN, LEAST_REQUEST or RANDOM"));
}

TEST(LoadBalancing, TakesTheEnumAndItsSettings) {
  const Outcome outcome = load(with_cluster(
      "lb_policy: LEAST_REQUEST, least_request_lb_config: {choice_count: 5, active_request_bias: "
      "{default_value: 0.5, runtime_key: k}, slow_start_config: {slow_start_window: 10s}}, "
      "common_lb_config: {healthy_panic_threshold: {value: 20}, locality_weighted_lb_config: {}}"));
  ASSERT_EQ(outcome.problem(), "");
  const Cluster& cluster = outcome.cluster();
  EXPECT_EQ(cluster.lb, Cluster::Lb::kLeastRequest);
  EXPECT_EQ(cluster.choice_count, 5u);
  EXPECT_EQ(cluster.active_request_bias, 0.5);
  EXPECT_EQ(cluster.slow_start->window.count(), 10'000);
  EXPECT_EQ(cluster.slow_start->min_weight_percent, 10.0);
  EXPECT_EQ(cluster.panic_threshold_percent, 20.0);
  EXPECT_TRUE(cluster.locality_weighted);
}

std::string policy(const std::string& name, const std::string& fields = "") {
  return "{typed_extension_config: {name: x, typed_config: {'@type': type.googleapis.com/"
         "envoy.extensions.load_balancing_policies." +
         name + fields + "}}}";
}

TEST(LoadBalancing, TakesTheExtensionMessages) {
  const Outcome least =
      load(with_cluster("lb_policy: RANDOM, load_balancing_policy: {policies: [" +
                        policy("least_request.v3.LeastRequest",
                               ", choice_count: 3, locality_lb_config: {zone_aware_lb_config: "
                               "{fail_traffic_on_panic: true}}") +
                        "]}"));
  ASSERT_EQ(least.problem(), "");
  EXPECT_EQ(least.cluster().lb, Cluster::Lb::kLeastRequest);
  EXPECT_EQ(least.cluster().choice_count, 3u);
  EXPECT_TRUE(least.cluster().fail_traffic_on_panic);
  EXPECT_EQ(
      load(with_cluster("load_balancing_policy: {policies: [" + policy("random.v3.Random") + "]}"))
          .cluster()
          .lb,
      Cluster::Lb::kRandom);
  const Outcome robin = load(with_cluster("load_balancing_policy: {policies: [" +
                                          policy("from_the_future.v9.Policy") + ", " +
                                          policy("round_robin.v3.RoundRobin") + "]}"));
  EXPECT_EQ(robin.problem(), "");
  EXPECT_EQ(robin.cluster().lb, Cluster::Lb::kRoundRobin);
}

TEST(LoadBalancing, RefusesOtherPolicies) {
  const std::string list = at_cluster(".load_balancing_policy.policies");
  EXPECT_EQ(
      load(with_cluster("load_balancing_policy: {policies: [" + policy("maglev.v3.Maglev") + "]}"))
          .problem(),
      list +
          "[0].typed_extension_config.typed_config: "
          "envoy.extensions.load_balancing_policies.maglev.v3.Maglev is not supported by "
          "this version; use the RoundRobin, LeastRequest or Random message of "
          "envoy.extensions.load_balancing_policies");
  EXPECT_EQ(load(with_cluster("load_balancing_policy: {}")).problem(),
            list + ": must not be empty");
  EXPECT_EQ(load(with_cluster("lb_policy: LOAD_BALANCING_POLICY_CONFIG")).problem(),
            at_cluster(".load_balancing_policy: is required with LOAD_BALANCING_POLICY_CONFIG"));
  EXPECT_EQ(load(with_cluster("lb_policy: RING_HASH")).problem(),
            at_cluster(".lb_policy: RING_HASH is not supported by this version; use ROUND_ROBIN, "
                       "LEAST_REQUEST or RANDOM"));
}

constexpr const char* kOptions =
    "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: "
    "{'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, ";

TEST(UpstreamHttp, TakesTheExtension) {
  const Outcome outcome = load(with_cluster(
      std::string(kOptions) +
      "common_http_protocol_options: {idle_timeout: 0s, max_connection_duration: 9s, "
      "max_requests_per_connection: 7, max_headers_count: 50, max_response_headers_kb: 20}, "
      "explicit_http_config: {http_protocol_options: {enable_trailers: true, header_key_format: "
      "{proper_case_words: {}}}}}}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& http = *outcome.cluster().http;
  EXPECT_EQ(http.idle_timeout.count(), 0);
  EXPECT_EQ(http.max_connection_duration.count(), 9000);
  EXPECT_EQ(http.max_requests_per_connection, 7u);
  EXPECT_EQ(http.max_headers_count, 50u);
  EXPECT_EQ(http.max_response_headers_kb, 20u);
  EXPECT_TRUE(http.enable_trailers);
  EXPECT_TRUE(http.proper_case_headers);
}

TEST(UpstreamHttp, TakesTheDeprecatedFields) {
  const Outcome outcome = load(with_cluster(
      "max_requests_per_connection: 3, common_http_protocol_options: {idle_timeout: 4s}"));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.cluster().http->max_requests_per_connection, 3u);
  EXPECT_EQ(outcome.cluster().http->idle_timeout.count(), 4000);
}

TEST(UpstreamHttp, TakesTheVersionThatIsAskedFor) {
  using Protocol = config::UpstreamHttp::Protocol;
  auto protocol = [](const std::string& fields) {
    const Outcome outcome = load(with_cluster(std::string(kOptions) + fields + "}}"));
    EXPECT_EQ(outcome.problem(), "") << fields;
    return outcome.cluster().http->protocol;
  };
  EXPECT_EQ(protocol("explicit_http_config: {http_protocol_options: {}}"), Protocol::kHttp1);
  EXPECT_EQ(protocol("explicit_http_config: {http2_protocol_options: {}}"), Protocol::kHttp2);
  EXPECT_EQ(protocol("auto_config: {}"), Protocol::kAuto);
  EXPECT_EQ(protocol("use_downstream_protocol_config: {http2_protocol_options: {}}"),
            Protocol::kDownstream);
  EXPECT_EQ(protocol("use_downstream_protocol_config: {http_protocol_options: {}}"),
            Protocol::kHttp1);
  const Outcome deprecated = load(with_cluster("http2_protocol_options: {}"));
  ASSERT_EQ(deprecated.problem(), "");
  EXPECT_EQ(deprecated.cluster().http->protocol, Protocol::kHttp2);
}

TEST(UpstreamHttp, LimitsHeadersOfResponsesByVersion) {
  const Outcome defaults = load(with_cluster("http2_protocol_options: {}"));
  ASSERT_EQ(defaults.problem(), "");
  EXPECT_EQ(defaults.cluster().http->max_response_headers_kb, 80u);
  EXPECT_EQ(defaults.cluster().http->http2_max_response_headers_kb, 60u);
  const Outcome set = load(with_cluster(
      "http2_protocol_options: {}, common_http_protocol_options: {max_response_headers_kb: 20}"));
  ASSERT_EQ(set.problem(), "");
  EXPECT_EQ(set.cluster().http->http2_max_response_headers_kb, 20u);
}

TEST(UpstreamHttp, RefusesHttp3) {
  const std::string entry = at_cluster(
      ".typed_extension_protocol_options[\"envoy.extensions.upstreams.http.v3."
      "HttpProtocolOptions\"]");
  EXPECT_EQ(load(with_cluster(std::string(kOptions) +
                              "explicit_http_config: {http3_protocol_options: {}}}}"))
                .problem(),
            entry +
                ".explicit_http_config.http3_protocol_options: is not supported by this "
                "version; use http2_protocol_options or http_protocol_options");
  EXPECT_EQ(load(with_cluster(std::string(kOptions) + "}}")).problem(),
            entry +
                ": needs one of explicit_http_config, use_downstream_protocol_config, "
                "auto_config");
}

TEST(Cluster, RefusesWhatIsNotSupported) {
  for (const char* field :
       {"health_checks: [{timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, "
        "tcp_health_check: {}}]",
        "outlier_detection: {}", "lb_subset_config: {}", "eds_cluster_config: {}",
        "transport_socket_matches: [{name: x}]", "connection_pool_per_downstream_connection: true",
        "preconnect_policy: {}"}) {
    const std::string text = field;
    EXPECT_EQ(load(with_cluster(text)).problem(),
              at_cluster("." + text.substr(0, text.find(':')) + kNotSupported));
  }
}

TEST(Cluster, TakesHarmlessFields) {
  EXPECT_EQ(load(with_cluster("wait_for_warm_on_init: false, ignore_health_on_host_removal: true, "
                              "track_cluster_stats: {timeout_budgets: true}, common_lb_config: "
                              "{update_merge_window: 2s}, cleanup_interval: 9s"))
                .problem(),
            "");
}

TEST(UpstreamProxyProtocol, IsTranslatedWithTheSocketWithinIt) {
  const std::string socket =
      "transport_socket: {name: p, typed_config: {'@type': type.googleapis.com/envoy.extensions."
      "transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport, config: {version: V2, "
      "pass_through_tlvs: {match_type: INCLUDE, tlv_type: [5]}, added_tlvs: [{type: 224, value: "
      "aGk=}]}, transport_socket: {name: ";
  const Outcome outcome = load(with_cluster(socket + "envoy.transport_sockets.raw_buffer}}}"));
  ASSERT_EQ(outcome.problem(), "");
  const config::UpstreamProxyProtocol& result = *outcome.cluster().proxy_protocol;
  EXPECT_EQ(result.version, 2u);
  EXPECT_TRUE(result.pass_through.takes(5));
  EXPECT_FALSE(result.pass_through.takes(6));
  ASSERT_EQ(result.added_tlvs.size(), 1u);
  EXPECT_EQ(result.added_tlvs[0].first, 224);
  EXPECT_EQ(result.added_tlvs[0].second, "hi");
  EXPECT_EQ(load(with_cluster(socket + "envoy.transport_sockets.tap}}}"))
                .problem()
                .rfind("static_resources.clusters[0].transport_socket.typed_config."
                       "transport_socket: ",
                       0),
            0u);
}

}  // namespace
}  // namespace pillion::xds::test
