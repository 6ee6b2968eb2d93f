// Route configurations: what translates, and what is reported where.

#include <gtest/gtest.h>

#include "tests/unit/xds/load.h"

namespace pillion::xds::test {
namespace {

using config::PathMatch;
using config::Route;

constexpr const char* kTable =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.route_config";

std::string at_host(const std::string& rest) {
  return std::string(kTable) + ".virtual_hosts[0]" + rest;
}
std::string at_route(const std::string& rest) {
  return at_host(".routes[0]" + rest);
}

Route route_of(const std::string& fields) {
  Outcome outcome = load(with_route(fields));
  EXPECT_EQ(outcome.problem(), "") << fields;
  if (!outcome.problems.empty()) return {};
  auto& table = const_cast<config::RouteTable&>(*outcome.hcm().routes);
  return std::move(table.virtual_hosts[0].routes[0]);
}

PathMatch path_of(const std::string& match) {
  return route_of("match: {" + match + "}, non_forwarding_action: {}").path;
}

TEST(RouteMatch, TakesEveryKindOfPath) {
  EXPECT_EQ(path_of("prefix: /a").kind, PathMatch::Kind::kPrefix);
  EXPECT_EQ(path_of("path: /a").kind, PathMatch::Kind::kExact);
  EXPECT_EQ(path_of("path_separated_prefix: /a").kind, PathMatch::Kind::kSeparatedPrefix);
  EXPECT_EQ(path_of("safe_regex: {regex: '/a.*'}").text, "/a.*");
  EXPECT_EQ(path_of("connect_matcher: {}").kind, PathMatch::Kind::kConnect);
  EXPECT_FALSE(path_of("prefix: /a, case_sensitive: false").case_sensitive);
  EXPECT_TRUE(path_of("prefix: /a").case_sensitive);
}

TEST(RouteMatch, TakesConditions) {
  const Route route = route_of(
      "match: {prefix: /, headers: [{name: ':method', string_match: {exact: GET}}], "
      "query_parameters: [{name: q}], grpc: {}, runtime_fraction: {default_value: {numerator: 30}, "
      "runtime_key: k}}, non_forwarding_action: {}");
  ASSERT_NE(route.conditions, nullptr);
  EXPECT_EQ(route.conditions->headers.at(0).name, ":method");
  EXPECT_EQ(route.conditions->query.at(0).name, "q");
  EXPECT_TRUE(route.conditions->grpc);
  EXPECT_EQ(route.conditions->fraction->numerator, 30u);
  EXPECT_EQ(route_of("match: {prefix: /}, non_forwarding_action: {}").conditions, nullptr);
}

TEST(RouteMatch, RefusesWhatIsNotThere) {
  EXPECT_EQ(load(with_route("match: {prefix: /, dynamic_metadata: [{filter: f, path: [{key: k}], "
                            "value: {present_match: true}}]}, non_forwarding_action: {}"))
                .problem(),
            at_route(".match.dynamic_metadata: is not supported by this version; remove it"));
}

TEST(Route, TakesItsOwnSettings) {
  const Route route = route_of(
      "name: r1, match: {prefix: /}, non_forwarding_action: {}, stat_prefix: sp, "
      "per_request_buffer_limit_bytes: 100, decorator: {operation: x}, "
      "metadata: {filter_metadata: {ns: {k: v}}}, "
      "request_headers_to_add: [{header: {key: A, value: b}}], request_headers_to_remove: [C], "
      "response_headers_to_remove: [D]");
  EXPECT_EQ(route.name, "r1");
  EXPECT_EQ(route.stat_prefix, "sp");
  EXPECT_EQ(route.request_body_buffer_limit, 100u);
  EXPECT_EQ(route.metadata->count("ns"), 1u);
  EXPECT_EQ(route.request_headers->append.at(0).name, "a");
  EXPECT_EQ(route.request_headers->remove, std::vector<std::string>{"c"});
  EXPECT_EQ(route.response_headers->remove, std::vector<std::string>{"d"});
  EXPECT_TRUE(std::holds_alternative<config::NonForwarding>(route.action));
}

TEST(Redirect, TakesAllFields) {
  const Route route = route_of(
      "match: {prefix: /a}, redirect: {scheme_redirect: https, host_redirect: h, port_redirect: "
      "8443, prefix_rewrite: /b, response_code: PERMANENT_REDIRECT, strip_query: true}");
  const auto& redirect = std::get<config::RedirectAction>(route.action);
  EXPECT_EQ(redirect.scheme, "https");
  EXPECT_EQ(redirect.host, "h");
  EXPECT_EQ(redirect.port, 8443u);
  EXPECT_EQ(redirect.prefix_rewrite, "/b");
  EXPECT_EQ(redirect.status, 308);
  EXPECT_TRUE(redirect.strip_query);
}

TEST(DirectResponse, ReadsItsBody) {
  const Route route =
      route_of("match: {prefix: /}, direct_response: {status: 418, body: {inline_string: tea}}");
  EXPECT_EQ(std::get<config::DirectResponse>(route.action).status, 418);
  EXPECT_EQ(std::get<config::DirectResponse>(route.action).body, "tea");
}

TEST(DirectResponse, BoundsItsBody) {
  const std::string body(4097, 'x');
  EXPECT_EQ(load(with_route("match: {prefix: /}, direct_response: {status: 200, body: "
                            "{inline_string: " +
                            body + "}}"))
                .problem(),
            at_route(".direct_response.body: has 4097 bytes, the limit is 4096"));
  EXPECT_EQ(load(with_route("match: {prefix: /}, direct_response: {status: 600}")).problem(),
            at_route(".direct_response.status: must be less than 600, is 600"));
}

TEST(RouteAction, HasEnvoysDefaults) {
  const Outcome outcome = load(with_route_action("cluster: a"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& action = outcome.forward();
  EXPECT_EQ(action.timeout.count(), 15'000);
  EXPECT_FALSE(action.idle_timeout);
  EXPECT_EQ(action.retry, nullptr);
  EXPECT_EQ(action.cluster_not_found_status, 503);
}

TEST(RouteAction, TakesAllFields) {
  const Outcome outcome = load(with_route_action(
      "cluster_header: X-Cluster, timeout: 0s, idle_timeout: 2s, priority: HIGH, "
      "cluster_not_found_response_code: NOT_FOUND, prefix_rewrite: /p, "
      "host_rewrite_header: X-Host, append_x_forwarded_host: true, "
      "max_stream_duration: {max_stream_duration: 3s}, "
      "upgrade_configs: [{upgrade_type: WebSocket}, {upgrade_type: connect, enabled: false}], "
      "hash_policy: [{terminal: true, header: {header_name: x}}]"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& action = outcome.forward();
  EXPECT_EQ(action.cluster_header, "x-cluster");
  EXPECT_EQ(action.timeout.count(), 0);
  EXPECT_EQ(action.idle_timeout->count(), 2000);
  EXPECT_EQ(action.priority, config::Priority::kHigh);
  EXPECT_EQ(action.cluster_not_found_status, 404);
  EXPECT_EQ(action.prefix_rewrite, "/p");
  EXPECT_EQ(action.host_rewrite_header, "x-host");
  EXPECT_TRUE(action.append_x_forwarded_host);
  EXPECT_EQ(action.max_stream_duration->count(), 3000);
  EXPECT_TRUE(action.upgrades.at("websocket"));
  EXPECT_FALSE(action.upgrades.at("connect"));
}

// Regression: the time-out stayed in force.
TEST(RouteAction, HasNoTimeoutBesideMaxStreamDuration) {
  for (const char* fields : {"max_stream_duration: {}",
                             "timeout: 3s, max_stream_duration: "
                             "{max_stream_duration: 0s}"}) {
    const Outcome outcome = load(with_route_action("cluster: a, " + std::string(fields)));
    ASSERT_EQ(outcome.problem(), "");
    EXPECT_EQ(outcome.forward().timeout.count(), 0) << fields;
  }
}

TEST(Route, TakesTheSharesOfTracedRequests) {
  const Outcome outcome = load(with_route(
      "match: {prefix: /}, tracing: {random_sampling: {numerator: 5, denominator: TEN_THOUSAND}}, "
      "route: {cluster: a}"));
  ASSERT_EQ(outcome.problem(), "");
  ASSERT_NE(outcome.route().tracing, nullptr);
  EXPECT_EQ(outcome.route().tracing->random.numerator, 5u);
  EXPECT_EQ(outcome.route().tracing->client.numerator, 100u);
}

TEST(RouteAction, TakesRegexAndHostRewrites) {
  const Outcome outcome = load(with_route_action(
      "cluster: a, regex_rewrite: {pattern: {regex: '^/x(.*)'}, substitution: '/y\\1'}, "
      "host_rewrite_path_regex: {pattern: {regex: '^/(.+)/.*$'}, substitution: '\\1'}"));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.forward().regex_rewrite->substitution, "/y\\1");
  EXPECT_EQ(outcome.forward().host_rewrite_regex->substitution, "\\1");
  EXPECT_TRUE(
      load(with_route_action("cluster: a, auto_host_rewrite: true")).forward().auto_host_rewrite);
}

TEST(RouteAction, RefusesAnUnknownClusterUnlessToldNotTo) {
  EXPECT_EQ(load(with_route_action("cluster: b")).problem(),
            at_route(".route.cluster: unknown cluster \"b\"; add it to static_resources.clusters, "
                     "or set validate_clusters: false in the route configuration"));
  EXPECT_EQ(load(with_hcm("").replace(with_hcm("").find("{name: r}"), 9,
                                      "{name: r, validate_clusters: false, virtual_hosts: [{name: "
                                      "v, domains: ['*'], routes: [{match: {prefix: /}, route: "
                                      "{cluster: b}}]}]}"))
                .problem(),
            "");
}

TEST(RouteAction, RefusesWhatIsNotSupported) {
  for (const char* field :
       {"request_mirror_policies: [{cluster: a}]", "hedge_policy: {hedge_on_per_try_timeout: true}",
        "internal_redirect_policy: {}", "rate_limits: [{actions: [{remote_address: {}}]}]",
        "cors: {max_age: '1'}"}) {
    const std::string text = field;
    EXPECT_EQ(load(with_route_action("cluster: a, " + text)).problem(),
              at_route(".route." + text.substr(0, text.find(':')) +
                       ": is not supported by this version; remove it"));
  }
}

TEST(RouteAction, FollowsGrpcTimeoutsWhereAsked) {
  EXPECT_EQ(load(with_route_action("cluster: a")).forward().grpc, nullptr);
  const Outcome newer =
      load(with_route_action("cluster: a, max_stream_duration: {grpc_timeout_header_max: 0s, "
                             "grpc_timeout_header_offset: 0.05s}, max_grpc_timeout: 7s"));
  ASSERT_EQ(newer.problem(), "");
  ASSERT_NE(newer.forward().grpc, nullptr);
  EXPECT_EQ(newer.forward().grpc->header_max->count(), 0);
  EXPECT_EQ(newer.forward().grpc->header_offset.count(), 50);
  EXPECT_FALSE(newer.forward().grpc->max) << "the newer field wins";
  const Outcome older =
      load(with_route_action("cluster: a, max_grpc_timeout: 7s, grpc_timeout_offset: 1s"));
  ASSERT_EQ(older.problem(), "");
  EXPECT_EQ(older.forward().grpc->max->count(), 7000);
  EXPECT_EQ(older.forward().grpc->offset.count(), 1000);
}

TEST(WeightedClusters, TakeWeightsHeadersAndTheRuntime) {
  const Outcome outcome = load(
      "layered_runtime: {layers: [{name: s, static_layer: {w: {a: 7}}}]}\n" +
      with_route_action("weighted_clusters: {runtime_key_prefix: w, clusters: [{name: a, weight: "
                        "1, host_rewrite_literal: h, request_headers_to_add: [{header: {key: k}}]},"
                        " {cluster_header: X-C, weight: 3}]}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& weighted = outcome.forward().weighted;
  ASSERT_EQ(weighted.size(), 2u);
  EXPECT_EQ(weighted[0].weight, 7u);
  EXPECT_EQ(weighted[0].host_rewrite, "h");
  EXPECT_EQ(weighted[0].request_headers.append.size(), 1u);
  EXPECT_EQ(weighted[1].cluster_header, "x-c");
  EXPECT_EQ(weighted[1].weight, 3u);
}

TEST(WeightedClusters, AreChecked) {
  EXPECT_EQ(
      load(with_route_action("weighted_clusters: {clusters: [{name: a, weight: 0}]}")).problem(),
      at_route(".route.weighted_clusters: the weights add up to 0; give at least one cluster "
               "a weight"));
  EXPECT_EQ(load(with_route_action("weighted_clusters: {clusters: []}")).problem(),
            at_route(".route.weighted_clusters.clusters: must not be empty"));
  EXPECT_EQ(load(with_route_action("weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, "
                                   "weight: 1}]}"))
                .problem(),
            at_route(".route.weighted_clusters.clusters[1].name: unknown cluster \"b\"; add it to "
                     "static_resources.clusters, or set validate_clusters: false in the route "
                     "configuration"));
  EXPECT_EQ(load(with_route_action("weighted_clusters: {clusters: [{weight: 1}]}")).problem(),
            at_route(".route.weighted_clusters.clusters[0]: needs exactly one of name and "
                     "cluster_header"));
}

TEST(RetryPolicy, TakesAllConditionsAndLimits) {
  const Outcome outcome = load(with_route_action(
      "cluster: a, retry_policy: {retry_on: '5xx, connect-failure,retriable-status-codes,"
      "unavailable', num_retries: 3, per_try_timeout: 1s, per_try_idle_timeout: 2s, "
      "retry_back_off: {base_interval: 0.1s}, retriable_status_codes: [404, 409], "
      "retriable_headers: [{name: x}], retriable_request_headers: [{name: z}], "
      "host_selection_retry_max_attempts: 5, retry_host_predicate: [{name: p, typed_config: "
      "{'@type': type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3."
      "PreviousHostsPredicate}}]}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& retry = *outcome.forward().retry;
  EXPECT_EQ(retry.on, config::kRetry5xx | config::kRetryConnectFailure |
                          config::kRetryRetriableStatusCodes | config::kRetryGrpcUnavailable);
  EXPECT_EQ(retry.num_retries, 3u);
  EXPECT_EQ(retry.per_try_timeout.count(), 1000);
  EXPECT_EQ(retry.per_try_idle_timeout.count(), 2000);
  EXPECT_EQ(retry.base_interval.count(), 100);
  EXPECT_EQ(retry.max_interval.count(), 1000);
  EXPECT_EQ(retry.retriable_status_codes, (std::vector<uint32_t>{404, 409}));
  EXPECT_EQ(retry.retriable_headers.size(), 1u);
  EXPECT_EQ(retry.retriable_request_headers.size(), 1u);
  EXPECT_TRUE(retry.avoid_previous_hosts);
  EXPECT_EQ(retry.host_selection_attempts, 5u);
}

TEST(RetryPolicy, IsInheritedFromTheVirtualHost) {
  const Outcome outcome = load(with_virtual_host(
      "domains: ['*'], retry_policy: {retry_on: reset, num_retries: 4}, routes: ["
      "{match: {prefix: /a}, route: {cluster: a}}, "
      "{match: {prefix: /b}, route: {cluster: a, retry_policy: {retry_on: 5xx}}}]"));
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.forward(0).retry->num_retries, 4u);
  EXPECT_EQ(outcome.forward(1).retry->on, config::kRetry5xx);
  EXPECT_EQ(outcome.forward(1).retry->num_retries, 1u);
}

TEST(RetryPolicy, ReportsMistakes) {
  EXPECT_EQ(load(with_route_action("cluster: a, retry_policy: {retry_on: '5xx,conect-failure'}"))
                .problem()
                .rfind(at_route(".route.retry_policy.retry_on: \"conect-failure\" is no condition "
                                "to retry on; use 5xx, gateway-error, "),
                       0),
            0u);
  EXPECT_EQ(load(with_route_action("cluster: a, retry_policy: {retry_back_off: {base_interval: 2s, "
                                   "max_interval: 1s}}"))
                .problem(),
            at_route(".route.retry_policy.retry_back_off.max_interval: must not be less than "
                     "base_interval"));
  EXPECT_EQ(load(with_route_action("cluster: a, retry_policy: {rate_limited_retry_back_off: "
                                   "{reset_headers: [{name: x}]}}"))
                .problem(),
            at_route(".route.retry_policy.rate_limited_retry_back_off: is not supported by this "
                     "version; remove it"));
}

TEST(VirtualHost, TakesAllFields) {
  const Outcome outcome = load(with_virtual_host(
      "domains: ['*.Example.COM', 'a.*'], require_tls: ALL, include_request_attempt_count: true, "
      "include_attempt_count_in_response: true, virtual_clusters: [{name: vc, headers: [{name: "
      "':path'}]}], metadata: {filter_metadata: {m: {}}}, per_request_buffer_limit_bytes: 7, "
      "response_headers_to_add: [{header: {key: X, value: '%RESPONSE_CODE%'}}], routes: [{match: "
      "{prefix: /}, redirect: {}}]"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& host = outcome.hcm().routes->virtual_hosts.at(0);
  EXPECT_EQ(host.domains, (std::vector<std::string>{"*.example.com", "a.*"}));
  EXPECT_EQ(host.require_tls, config::VirtualHost::RequireTls::kAll);
  EXPECT_TRUE(host.include_request_attempt_count);
  EXPECT_TRUE(host.include_attempt_count_in_response);
  EXPECT_EQ(host.virtual_clusters.at(0).name, "vc");
  EXPECT_NE(host.metadata, nullptr);
  EXPECT_EQ(host.response_headers.append.at(0).name, "x");
  EXPECT_EQ(host.routes.at(0).request_body_buffer_limit, 7u);
}

TEST(VirtualHost, RefusesADomainGivenTwice) {
  EXPECT_EQ(load(with_virtual_host("domains: [a.com, A.com]")).problem(),
            at_host(".domains[1]: the domain \"a.com\" is given twice in this route configuration; "
                    "keep one of the two"));
}

TEST(VirtualHost, RefusesWhatIsNotSupported) {
  EXPECT_EQ(
      load(with_virtual_host("domains: ['*'], include_is_timeout_retry_header: true")).problem(),
      at_host(".include_is_timeout_retry_header: is not supported by this version; remove "
              "it"));
  EXPECT_EQ(
      load(with_virtual_host("domains: ['*'], rate_limits: [{actions: [{remote_address: {}}]}]"))
          .problem(),
      at_host(".rate_limits: is not supported by this version; remove it"));
}

TEST(FilterOverrides, TakeBareMessagesAndTheWrapper) {
  const std::string type = "'@type': type.googleapis.com/";
  const std::string buffer = type +
                             "envoy.extensions.filters.http.buffer.v3.BufferPerRoute, buffer: "
                             "{max_request_bytes: 99}";
  const std::string wrapper = type + "envoy.config.route.v3.FilterConfig, ";
  const Outcome outcome =
      load(with_route("match: {prefix: /}, redirect: {}, typed_per_filter_config: {bare: {" +
                      buffer + "}, wrapped: {" + wrapper + "config: {" + buffer + "}}, off: {" +
                      wrapper + "disabled: true}}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& filters = *outcome.route().filters;
  EXPECT_FALSE(filters.at("bare").disabled);
  EXPECT_EQ(bytes_of(*filters.at("bare").config), 99u);
  EXPECT_EQ(filters.at("wrapped").disabled, false);
  EXPECT_EQ(bytes_of(*filters.at("wrapped").config), 99u);
  EXPECT_EQ(filters.at("off").disabled, true);
  EXPECT_EQ(filters.at("off").config, nullptr);
}

TEST(FilterOverrides, AreChecked) {
  const std::string route = "match: {prefix: /}, redirect: {}, typed_per_filter_config: {f: {";
  const std::string wrapper = "'@type': type.googleapis.com/envoy.config.route.v3.FilterConfig";
  const std::string where = at_route(".typed_per_filter_config[\"f\"]");
  EXPECT_EQ(load(with_route(route + wrapper + "}}")).problem(),
            where + ".config: is required unless disabled is true");
  const std::string unknown = "'@type': type.googleapis.com/some.Message";
  EXPECT_EQ(load(with_route(route + unknown + "}}"))
                .problem()
                .rfind(where + ": \"some.Message\" is no per-route message of a filter of this "
                               "version, which has "
                               "envoy.extensions.filters.http.buffer.v3.BufferPerRoute; ",
                       0),
            0u);
  const Outcome optional =
      load(with_route(route + wrapper + ", is_optional: true, config: {" + unknown + "}}}"));
  EXPECT_EQ(optional.problem(), "");
  ASSERT_EQ(optional.warnings.size(), 1u);
  EXPECT_EQ(optional.route().filters->at("f").config, nullptr);
}

TEST(RouteTable, TakesAllFields) {
  const Outcome outcome = load(with_hcm("").replace(
      with_hcm("").find("{name: r}"), 9,
      "{name: r, internal_only_headers: [X-In], most_specific_header_mutations_wins: true, "
      "ignore_port_in_host_matching: true, ignore_path_parameters_in_path_matching: true, "
      "response_headers_to_add: [{header: {key: a}}], request_headers_to_remove: [b], metadata: "
      "{filter_metadata: {m: {}}}}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& table = *outcome.hcm().routes;
  EXPECT_EQ(table.name, "r");
  EXPECT_EQ(table.internal_only_headers, std::vector<std::string>{"x-in"});
  EXPECT_TRUE(table.most_specific_header_mutations_wins);
  EXPECT_TRUE(table.ignore_port_in_host_matching);
  EXPECT_TRUE(table.ignore_path_parameters_in_path_matching);
  EXPECT_EQ(table.response_headers.append.size(), 1u);
  EXPECT_EQ(table.request_headers.remove.size(), 1u);
  EXPECT_NE(table.metadata, nullptr);
  EXPECT_TRUE(table.validate_clusters);
}

TEST(ConnectTermination, IsTranslated) {
  const Outcome plain = load(with_route_action(
      "cluster: a, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]"));
  ASSERT_EQ(plain.problem(), "");
  ASSERT_NE(plain.forward().connect, nullptr);
  EXPECT_EQ(plain.forward().connect->proxy_protocol, nullptr);
  const Outcome told = load(
      with_route_action("cluster: a, upgrade_configs: [{upgrade_type: CONNECT, connect_config: "
                        "{proxy_protocol_config: {version: V2}}}]"));
  ASSERT_EQ(told.problem(), "");
  EXPECT_EQ(told.forward().connect->proxy_protocol->version, 2u);
  EXPECT_EQ(load(with_route_action("cluster: a, upgrade_configs: [{upgrade_type: CONNECT, "
                                   "connect_config: {allow_post: true}}]"))
                .problems.size(),
            1u);
  EXPECT_EQ(load(with_route_action("cluster: a, upgrade_configs: [{upgrade_type: websocket, "
                                   "connect_config: {}}]"))
                .problems.size(),
            1u);
}

}  // namespace
}  // namespace pillion::xds::test
