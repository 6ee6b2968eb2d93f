// Listeners, their sockets and their filter chains.

#include <gtest/gtest.h>

#include "tests/unit/xds/load.h"

namespace pillion::xds::test {
namespace {

using config::FilterChainMatch;
using config::Listener;

std::string at_listener(const std::string& rest) {
  return "static_resources.listeners[0]" + rest;
}

constexpr const char* kFilters =
    "filters: [{name: h, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters."
    "network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: s, route_config: {}, "
    "http_filters: [{name: r, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters."
    "http.router.v3.Router}}]}}]";

constexpr const char* kTlsInspector =
    "{name: t, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.listener."
    "tls_inspector.v3.TlsInspector}}";

std::string chain(const std::string& fields = "") {
  return std::string("{") + kFilters + (fields.empty() ? "" : ", ") + fields + "}";
}

std::string chains() {
  return "filter_chains: [" + chain() + "]";
}

std::string listener(const std::string& fields) {
  return "static_resources: {listeners: [{" + fields + "}]}\n";
}

std::string address(const std::string& ip, int port) {
  return "address: {socket_address: {address: '" + ip + "', port_value: " + std::to_string(port) +
         "}}";
}

TEST(Listener, HasEnvoysDefaults) {
  const Outcome outcome = load(with_listener(chains()));
  ASSERT_EQ(outcome.problem(), "");
  const Listener& result = *outcome.bootstrap.listeners.at(0);
  EXPECT_EQ(result.name, "l");
  EXPECT_EQ(result.addresses.at(0).to_string(), "127.0.0.1:0");
  EXPECT_TRUE(result.reuse_port);
  EXPECT_TRUE(result.bind_to_port);
  EXPECT_EQ(result.buffer_limit, 1024u * 1024u);
  EXPECT_EQ(result.listener_filters_timeout.count(), 15'000);
  EXPECT_EQ(result.direction, Listener::Direction::kUnspecified);
  EXPECT_FALSE(result.default_chain);
}

TEST(Listener, OriginalDestinationsNeedTheirFilter) {
  using Kind = config::ListenerFilter::Kind;
  const std::string filter =
      "{name: o, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.listener."
      "original_dst.v3.OriginalDst}}";
  const Outcome added = load(with_listener(chains() + ", use_original_dst: true"));
  ASSERT_EQ(added.problem(), "");
  EXPECT_TRUE(added.bootstrap.listeners.at(0)->use_original_dst);
  ASSERT_EQ(added.bootstrap.listeners.at(0)->listener_filters.size(), 1u);
  EXPECT_EQ(added.bootstrap.listeners.at(0)->listener_filters[0].kind, Kind::kOriginalDst);
  const Outcome given = load(
      with_listener(chains() + ", use_original_dst: true, listener_filters: [" + filter + "]"));
  ASSERT_EQ(given.problem(), "");
  EXPECT_EQ(given.bootstrap.listeners.at(0)->listener_filters.size(), 1u);
}

TEST(Listener, TakesAllFields) {
  const Outcome outcome = load(with_listener(
      chains() +
      ", additional_addresses: [{address: {socket_address: {address: '::1', port_value: 0}}}], "
      "stat_prefix: sp, per_connection_buffer_limit_bytes: 4096, drain_type: MODIFY_ONLY, "
      "listener_filters_timeout: 1s, transparent: true, freebind: true, enable_reuse_port: false, "
      "tcp_backlog_size: 9, tcp_fast_open_queue_length: 3, traffic_direction: INBOUND, "
      "bind_to_port: false, max_connections_to_accept_per_socket_event: 2, "
      "ignore_global_conn_limit: true, default_filter_chain: " +
      chain("name: d") +
      ", access_log: [{name: x, typed_config: {'@type': type.googleapis.com/envoy.extensions."
      "access_loggers.stream.v3.StdoutAccessLog}}], listener_filters: [{name: t, typed_config: "
      "{'@type': type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3."
      "TlsInspector}}], connection_balance_config: {exact_balance: {}}"));
  ASSERT_EQ(outcome.problem(), "");
  const Listener& result = *outcome.bootstrap.listeners.at(0);
  EXPECT_EQ(result.addresses.at(1).to_string(), "[::1]:0");
  EXPECT_EQ(result.stat_prefix, "sp");
  EXPECT_EQ(result.buffer_limit, 4096u);
  EXPECT_EQ(result.drain_type, Listener::DrainType::kModifyOnly);
  EXPECT_EQ(result.listener_filters_timeout.count(), 1000);
  EXPECT_TRUE(result.transparent);
  EXPECT_TRUE(result.freebind);
  EXPECT_FALSE(result.reuse_port);
  EXPECT_EQ(result.backlog, 9u);
  EXPECT_EQ(result.tcp_fast_open_queue, 3u);
  EXPECT_EQ(result.direction, Listener::Direction::kInbound);
  EXPECT_FALSE(result.bind_to_port);
  EXPECT_EQ(result.max_accepts_per_event, 2u);
  EXPECT_TRUE(result.ignore_global_conn_limit);
  EXPECT_EQ(result.default_chain->name, "d");
  EXPECT_EQ(result.access_logs.size(), 1u);
}

TEST(Listener, TakesUnixAddressesAndAnUnnamedOne) {
  const Outcome outcome = load(listener("address: {pipe: {path: /tmp/l.sock}}, " + chains()));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.bootstrap.listeners.at(0)->name, "/tmp/l.sock");
}

TEST(Listener, TakesSocketOptionsThatItKnows) {
  const Outcome outcome = load(with_listener(
      chains() +
      ", socket_options: [{level: 1, name: 9, int_value: 1}, {level: 6, name: 4, int_value: 30}, "
      "{level: 6, name: 5, int_value: 10}, {level: 6, name: 6, int_value: 3}, {level: 6, name: 1, "
      "int_value: 1}]"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& keepalive = *outcome.bootstrap.listeners.at(0)->keepalive;
  EXPECT_EQ(keepalive.time_s, 30u);
  EXPECT_EQ(keepalive.interval_s, 10u);
  EXPECT_EQ(keepalive.probes, 3u);
  EXPECT_EQ(load(with_listener(chains() + ", socket_options: [{level: 1, name: 77, int_value: 1}]"))
                .problem(),
            at_listener(".socket_options[0]: the socket option 77 of level 1 is not supported by "
                        "this version, which has SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, "
                        "TCP_KEEPCNT, SO_REUSEPORT and TCP_NODELAY; remove it"));
}

TEST(Listener, TakesItsConnectionLimitFromTheRuntime) {
  const Outcome outcome = load(
      "layered_runtime: {layers: [{name: s, static_layer: "
      "{envoy.resource_limits.listener.l.connection_limit: 12}}]}\n" +
      with_listener(chains()));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.bootstrap.listeners.at(0)->max_connections, 12u);
}

TEST(Listener, RefusesWhatIsNotSupported) {
  for (const char* field : {"udp_listener_config: {}", "api_listener: {}", "internal_listener: {}",
                            "enable_mptcp: true"}) {
    const std::string text = field;
    EXPECT_EQ(load(with_listener(chains() + ", " + text)).problem(),
              at_listener("." + text.substr(0, text.find(':')) +
                          ": is not supported by this version; remove it"));
  }
}

TEST(Listener, IsChecked) {
  EXPECT_EQ(load(listener(chains())).problem(), at_listener(".address: is required"));
  EXPECT_EQ(load(listener(address("127.0.0.1", 80) + ", name: x")).problem(),
            at_listener(".filter_chains: must not be empty"));
  EXPECT_EQ(load(listener(address("localhost", 80) + ", " + chains()))
                .problem()
                .rfind(at_listener(".address.socket_address.address: \"localhost\" is no IPv4"), 0),
            0u);
}

TEST(Listener, RefusesNamesAndAddressesGivenTwice) {
  const std::string one = "{name: l, " + address("127.0.0.1", 81) + ", " + chains() + "}";
  EXPECT_EQ(load("static_resources: {listeners: [" + one + ", " + one + "]}").problem(),
            "static_resources.listeners[1].name: the listener \"l\" is given twice; rename one of "
            "the two\nenvoy.yaml: static_resources.listeners[1].address: 127.0.0.1:81 is the "
            "address of another listener already; change one of the two");
}

TEST(FilterChain, TakesMatches) {
  const Outcome outcome = load(with_listener(
      "filter_chains: [" +
      chain("name: c, transport_socket_connect_timeout: 1s, filter_chain_match: {destination_port: "
            "80, prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}], "
            "direct_source_prefix_ranges: [{address_prefix: 10.1.0.0, prefix_len: 16}], "
            "source_type: EXTERNAL, source_prefix_ranges: [{address_prefix: '::', prefix_len: 0}], "
            "source_ports: [1, 2], transport_protocol: raw_buffer}") +
      "]"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& result = outcome.bootstrap.listeners.at(0)->chains.at(0);
  EXPECT_EQ(result.name, "c");
  EXPECT_EQ(result.transport_connect_timeout.count(), 1000);
  EXPECT_EQ(result.match.destination_port, 80);
  EXPECT_EQ(result.match.prefix_ranges.at(0).to_string(), "10.0.0.0/8");
  EXPECT_EQ(result.match.direct_source_ranges.size(), 1u);
  EXPECT_EQ(result.match.source_type, FilterChainMatch::SourceType::kExternal);
  EXPECT_EQ(result.match.source_prefix_ranges.size(), 1u);
  EXPECT_EQ(result.match.source_ports, (std::vector<uint16_t>{1, 2}));
}

TEST(FilterChain, IsChecked) {
  const std::string first = at_listener(".filter_chains[0]");
  EXPECT_EQ(load(with_listener("filter_chains: [{}]")).problem(),
            first +
                ".filters: must hold envoy.filters.network.http_connection_manager or "
                "envoy.filters.network.tcp_proxy");
  EXPECT_EQ(load(with_listener("filter_chains: [{filters: [{name: t, typed_config: {'@type': "
                               "type.googleapis.com/envoy.extensions.filters.network.rbac.v3."
                               "RBAC, stat_prefix: s}}]}]"))
                .problem(),
            first +
                ".filters[0].typed_config: envoy.extensions.filters.network.rbac.v3.RBAC is not "
                "supported by this version; use envoy.extensions.filters.network."
                "http_connection_manager.v3.HttpConnectionManager or "
                "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy");
  EXPECT_EQ(load(with_listener("filter_chains: [{filters: [{name: t}]}]"))
                .problem()
                .rfind(first + ".filters[0].typed_config: is required: ", 0),
            0u);
}

TEST(FilterChain, MatchesOnWhatInspectorsFind) {
  const Outcome outcome = load(with_listener(
      "filter_chains: [" +
      chain("filter_chain_match: {server_names: [A.test, '*.B.test'], transport_protocol: tls, "
            "application_protocols: [h2, http/1.1]}") +
      "], listener_filters: [" + kTlsInspector + "]"));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_TRUE(outcome.warnings.empty());
  const Listener& result = *outcome.bootstrap.listeners.at(0);
  const FilterChainMatch& match = result.chains.at(0).match;
  EXPECT_EQ(match.server_names, (std::vector<std::string>{"a.test", "*.b.test"}));
  EXPECT_EQ(match.transport_protocol, "tls");
  EXPECT_EQ(match.application_protocols, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_FALSE(match.empty());
  EXPECT_EQ(result.listener_filters.size(), 1u);
}

TEST(FilterChain, WildcardsStandForWholeLabels) {
  const std::string at = at_listener(".filter_chains[0].filter_chain_match.server_names[0]: ");
  for (const char* name : {"a*.test", "*", "*.", "*a.test", "*.*.test"})
    EXPECT_EQ(
        load(with_listener(
                 "filter_chains: [" +
                 chain("filter_chain_match: {server_names: ['" + std::string(name) + "']}") + "]"))
            .problem(),
        at + "may have a wildcard in place of whole leading labels only, as *.example.com")
        << name;
}

TEST(FilterChain, TwoMayNotTakeTheSameConnections) {
  const std::string text = at_listener(
      ".filter_chains[1].filter_chain_match: takes connections that filter_chains[0] takes as "
      "well; change one");
  auto two = [](const std::string& one, const std::string& other) {
    return load(with_listener("filter_chains: [" + chain("filter_chain_match: {" + one + "}") +
                              ", " + chain("filter_chain_match: {" + other + "}") +
                              "], listener_filters: [" + kTlsInspector + "]"))
        .problem();
  };
  EXPECT_EQ(two("", ""), text);
  EXPECT_EQ(two("server_names: [a, b]", "server_names: [B]"), text);
  EXPECT_EQ(two("source_ports: [1, 2], destination_port: 3",
                "source_ports: [2], "
                "destination_port: 3"),
            text);
  EXPECT_EQ(two("prefix_ranges: [{address_prefix: 10.1.2.3, prefix_len: 8}]",
                "prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]"),
            text);
  EXPECT_EQ(two("server_names: [a, a]", "server_names: [b]"), "");
  EXPECT_EQ(two("server_names: [a], transport_protocol: tls", "server_names: [a]"), "");
  EXPECT_EQ(two("server_names: [a]", "application_protocols: [h2]"), "");
}

TEST(ListenerFilters, AreTranslated) {
  const Outcome outcome = load(with_listener(
      chains() +
      ", continue_on_listener_filters_timeout: true, listener_filters: [{name: h, typed_config: "
      "{'@type': type.googleapis.com/envoy.extensions.filters.listener.http_inspector.v3."
      "HttpInspector}, filter_disabled: {or_match: {rules: [{destination_port_range: {start: 25, "
      "end: 26}}, {not_match: {any_match: true}}]}}}, {name: p, typed_config: {'@type': "
      "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, "
      "allow_requests_without_proxy_protocol: true, disallowed_versions: [V1], stat_prefix: sp, "
      "rules: [{tlv_type: 2, on_tlv_present: {key: k}}], pass_through_tlvs: {match_type: INCLUDE, "
      "tlv_type: [5]}}}]"));
  ASSERT_EQ(outcome.problem(), "");
  const Listener& result = *outcome.bootstrap.listeners.at(0);
  EXPECT_TRUE(result.continue_on_listener_filters_timeout);
  ASSERT_EQ(result.listener_filters.size(), 2u);
  const config::ListenerFilter& http = result.listener_filters[0];
  EXPECT_EQ(http.kind, config::ListenerFilter::Kind::kHttpInspector);
  EXPECT_TRUE(http.disabled.at(0).matches(25));
  EXPECT_FALSE(http.disabled.at(0).matches(26));
  const config::ProxyProtocolFilter& proxy = result.listener_filters[1].proxy_protocol;
  EXPECT_TRUE(proxy.allow_without);
  EXPECT_FALSE(proxy.allow_v1);
  EXPECT_TRUE(proxy.allow_v2);
  EXPECT_EQ(proxy.stat_prefix, "sp");
  EXPECT_EQ(proxy.rules.at(0).metadata_namespace, "envoy.filters.listener.proxy_protocol");
  EXPECT_EQ(proxy.rules.at(0).key, "k");
  EXPECT_TRUE(proxy.pass_through.takes(5));
  EXPECT_FALSE(proxy.pass_through.takes(6));
}

TEST(ListenerFilters, AreRefusedByName) {
  EXPECT_EQ(load(with_listener(chains() +
                               ", listener_filters: [{name: o, typed_config: {'@type': "
                               "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy."
                               "v3.TcpProxy}}]"))
                .problem(),
            at_listener(".listener_filters[0]: is not supported by this version; this version has "
                        "the listener filters original_dst, tls_inspector, http_inspector and "
                        "proxy_protocol; remove the listener filter"));
  EXPECT_EQ(load(with_listener(chains() +
                               ", listener_filters: [{name: p, typed_config: {'@type': "
                               "type.googleapis.com/envoy.extensions.filters.listener."
                               "proxy_protocol.v3.ProxyProtocol, disallowed_versions: [V1, V2]}}]"))
                .problem(),
            at_listener(".listener_filters[0].typed_config.disallowed_versions: leaves no version "
                        "that the filter could read; remove the filter or a version"));
}

TEST(ListenerFilters, TheTlsInspectorIsAddedWhereChainsNeedIt) {
  const Outcome outcome = load(
      with_listener("filter_chains: [" + chain("filter_chain_match: {server_names: [a]}") + "]"));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.warnings.size(), 1u);
  const Listener& result = *outcome.bootstrap.listeners.at(0);
  ASSERT_EQ(result.listener_filters.size(), 1u);
  EXPECT_EQ(result.listener_filters[0].kind, config::ListenerFilter::Kind::kTlsInspector);
}

}  // namespace
}  // namespace pillion::xds::test
