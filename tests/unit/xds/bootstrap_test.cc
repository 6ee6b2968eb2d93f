// Whole bootstraps: files, overlays, cross references, and many mistakes at once.

#include "xds/bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sidecar/metrics/registry.h"
#include "tests/unit/xds/load.h"

namespace pillion::xds::test {
namespace {

using testing::ElementsAre;

// A file as people write it.
constexpr const char* kReal = R"(
node:
  id: sidecar-1
  cluster: shop
  locality: {region: eu, zone: eu-1}
admin:
  address:
    socket_address: { address: 127.0.0.1, port_value: 9901 }
  access_log:
    - name: envoy.access_loggers.file
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
        path: /dev/null
layered_runtime:
  layers:
    - name: static
      static_layer:
        canary: {percent: 12}
    - name: admin
      admin_layer: {}
stats_flush_interval: 10s
stats_config:
  histogram_bucket_settings:
    - match: {prefix: "cluster."}
      buckets: [100, 0.5, 10]
static_resources:
  listeners:
    - name: ingress
      address:
        socket_address: {address: 0.0.0.0, port_value: 10000}
      traffic_direction: INBOUND
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: ingress_http
                access_log:
                  - name: envoy.access_loggers.stdout
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  name: local_route
                  virtual_hosts:
                    - name: shop
                      domains: ["shop.example", "*.shop.example"]
                      retry_policy: {retry_on: "connect-failure,reset", num_retries: 2}
                      routes:
                        - match: {prefix: "/user"}
                          route: {cluster: user, timeout: 3s}
                        - match:
                            prefix: "/order"
                            runtime_fraction:
                              default_value: {numerator: 0}
                              runtime_key: canary.percent
                          route:
                            weighted_clusters:
                              clusters:
                                - {name: user, weight: 90}
                                - {name: order, weight: 10}
                        - match: {prefix: "/"}
                          direct_response: {status: 404, body: {inline_string: "no such page\n"}}
  clusters:
    - name: user
      type: STRICT_DNS
      connect_timeout: 0.25s
      load_assignment:
        cluster_name: user
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address: {address: user.svc, port_value: 8080}
    - name: order
      connect_timeout: 1s
      lb_policy: LEAST_REQUEST
      load_assignment:
        cluster_name: order
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 10.0.0.7, port_value: 8080}}}
)";

TEST(Bootstrap, LoadsARealFile) {
  const Outcome outcome = load(kReal);
  ASSERT_EQ(outcome.problem(), "");
  const config::Bootstrap& bootstrap = outcome.bootstrap;
  EXPECT_EQ(bootstrap.node.id, "sidecar-1");
  EXPECT_EQ(bootstrap.node.locality.zone, "eu-1");
  EXPECT_EQ(bootstrap.admin.address->to_string(), "127.0.0.1:9901");
  EXPECT_EQ(bootstrap.admin.access_logs.size(), 1u);
  EXPECT_EQ(bootstrap.stats_flush_interval.count(), 10'000);
  EXPECT_EQ(bootstrap.runtime.at("canary.percent"), "12");
  EXPECT_EQ(bootstrap.histogram_buckets.at(0).bounds, (std::vector<double>{0.5, 10, 100}));
  ASSERT_EQ(bootstrap.clusters.size(), 2u);
  EXPECT_EQ(bootstrap.clusters[0]->name, "user");
  const auto& routes = outcome.hcm().routes->virtual_hosts.at(0).routes;
  ASSERT_EQ(routes.size(), 3u);
  EXPECT_EQ(outcome.forward(0).retry->num_retries, 2u);
  EXPECT_EQ(routes[1].conditions->fraction->numerator, 12u);
  EXPECT_EQ(outcome.forward(1).weighted.size(), 2u);
}

TEST(Bootstrap, ReportsTenMistakesAtOnce) {
  std::string text = kReal;
  auto change = [&](const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
  };
  change("address: 127.0.0.1, port_value: 9901", "address: localhost, port_value: 9901");
  change("stats_flush_interval: 10s", "stats_flush_interval: 10ms");
  change("canary: {percent: 12}", "canary: [12]");
  change("traffic_direction: INBOUND", "traffic_direction: INWARDS");
  change("stat_prefix: ingress_http", "stat_prefx: ingress_http");
  change("connect-failure,reset", "connect-failure,rest");
  change("route: {cluster: user, timeout: 3s}", "route: {cluster: usr, timeout: -3s}");
  change("{name: order, weight: 10}", "{name: order, weight: ten}");
  change("connect_timeout: 1s", "connect_timeout: 0s");
  change("address: 10.0.0.7", "address: 10.0.0.700");
  const std::string hcm =
      "envoy.yaml: static_resources.listeners[0].filter_chains[0].filters[0]."
      "typed_config.";
  const std::string host = hcm + "route_config.virtual_hosts[0].";
  EXPECT_THAT(
      load(text).problems,
      testing::UnorderedElementsAre(
          "envoy.yaml: stats_flush_interval: expected a duration in seconds such as \"0.25s\", "
          "found the string \"10ms\"",
          "envoy.yaml: static_resources.listeners[0].traffic_direction: expected one of "
          "UNSPECIFIED, INBOUND, OUTBOUND, found the string \"INWARDS\"",
          hcm + "stat_prefx: unknown field of envoy.extensions.filters.network."
                "http_connection_manager.v3.HttpConnectionManager; did you mean \"stat_prefix\"?",
          hcm + "stat_prefix: must not be empty",
          host + "routes[1].route.weighted_clusters.clusters[1].weight: expected a whole number "
                 "from 0 to 4294967295, found the string \"ten\"",
          "envoy.yaml: layered_runtime.layers[0].static_layer[\"canary\"]: must be a number, a "
          "string, a boolean or a fractional percent",
          "envoy.yaml: admin.address.socket_address.address: \"localhost\" is no IPv4 or IPv6 "
          "address; a name is taken only for endpoints of a cluster of type STRICT_DNS or "
          "LOGICAL_DNS",
          "envoy.yaml: static_resources.clusters[1].connect_timeout: must be more than 0s",
          "envoy.yaml: static_resources.clusters[1].load_assignment.endpoints[0].lb_endpoints[0]."
          "endpoint.address.socket_address.address: \"10.0.0.700\" is no IPv4 or IPv6 address; a "
          "name is taken only for endpoints of a cluster of type STRICT_DNS or LOGICAL_DNS",
          testing::StartsWith(host + "retry_policy.retry_on: \"rest\" is no condition to retry on; "
                                     "use 5xx, "),
          host + "routes[0].route.cluster: unknown cluster \"usr\"; add it to "
                 "static_resources.clusters, or set validate_clusters: false in the route "
                 "configuration",
          host + "routes[0].route.timeout: is negative; give a duration of zero or more, such as "
                 "\"1.5s\""));
}

TEST(Bootstrap, TakesJson) {
  const Outcome outcome =
      load(R"({"node": {"id": "n"}, "staticResources": {"clusters": [{"name": "a"}]}})",
           {.name = "envoy.json"});
  EXPECT_TRUE(outcome.problems.empty());
  EXPECT_EQ(outcome.bootstrap.node.id, "n");
  EXPECT_EQ(outcome.bootstrap.clusters.at(0)->name, "a");
}

TEST(Bootstrap, TakesFlowYamlThatLooksLikeJson) {
  const Outcome outcome = load("{node: {id: name}, # a comment\n}");
  EXPECT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.bootstrap.node.id, "name");
}

TEST(Bootstrap, SaysWhereATextIsBroken) {
  EXPECT_THAT(load("{\"node\": {", {.name = "envoy.json"}).problems,
              ElementsAre("envoy.json: 1:11: expected a name in double quotes"));
  EXPECT_EQ(load("node: [\n").problem(), "2:1: end of sequence flow not found");
  EXPECT_EQ(load("").problem(), "is empty; it has to hold a Bootstrap message");
  EXPECT_EQ(load("- a\n").problem(),
            "expected an object (envoy.config.bootstrap.v3.Bootstrap), found a list");
  EXPECT_EQ(load("static_resources: {clusters: 5}").problem(),
            "static_resources.clusters: expected an object (envoy.config.cluster.v3.Cluster), "
            "found the number 5");
}

TEST(Bootstrap, SaysWhenAFileCannotBeRead) {
  metrics::Registry registry;
  LoadOptions options;
  options.metrics = &registry;
  options.file = "/nowhere/envoy.yaml";
  EXPECT_THAT(load_bootstrap(options).error(),
              ElementsAre("/nowhere/envoy.yaml: cannot be read: No such file or directory; check "
                          "the path given with -c"));
  options.file = "/";
  EXPECT_EQ(load_bootstrap(options).error().size(), 1u);
  options.file = "";
  EXPECT_THAT(load_bootstrap(options).error(),
              ElementsAre("configuration: none was given; use -c FILE or --config-yaml TEXT"));
}

TEST(Overlay, IsMergedAsProtobufMerges) {
  const Outcome outcome = load(
      "node: {id: a, cluster: b}\nadmin: {profile_path: /p}\n"
      "static_resources: {clusters: [{name: one}]}\n",
      {.overlay = "node: {id: z}\nstatic_resources: {clusters: [{name: two}]}\n"
                  "admin: {address: {socket_address: {address: 127.0.0.1, port_value: 1}}}"});
  ASSERT_EQ(outcome.problem(), "");
  EXPECT_EQ(outcome.bootstrap.node.id, "z");
  EXPECT_EQ(outcome.bootstrap.node.cluster, "b");
  ASSERT_EQ(outcome.bootstrap.clusters.size(), 2u);
  EXPECT_EQ(outcome.bootstrap.clusters[1]->name, "two");
  EXPECT_EQ(outcome.bootstrap.admin.address->port(), 1);
}

TEST(Overlay, IsNamedInItsProblems) {
  EXPECT_THAT(load("node: {id: a}", {.overlay = "node: {id: 5}\nstatic_resources: {clusters: "
                                                "[{nam: x}]}"})
                  .problems,
              ElementsAre("--config-yaml: node.id: expected a string (put it in quotes), found the "
                          "number 5",
                          "--config-yaml: static_resources.clusters[0].nam: unknown field of "
                          "envoy.config.cluster.v3.Cluster; did you mean \"name\"?",
                          "--config-yaml: static_resources.clusters[0].name: must not be empty"));
  EXPECT_THAT(load("node: {id: a}", {.overlay = "node: ["}).problems,
              ElementsAre("--config-yaml: 1:1: end of sequence flow not found"));
}

TEST(Bootstrap, TakesTheNodeFromFlags) {
  const Outcome outcome = load("node: {id: a}", {.node_id = "x", .node_cluster = "y"});
  EXPECT_EQ(outcome.bootstrap.node.id, "x");
  EXPECT_EQ(outcome.bootstrap.node.cluster, "y");
}

TEST(Bootstrap, WarnsOfUnknownFieldsWhenTheyAreAllowed) {
  const Outcome outcome = load("nod: {}\nstatic_resources: {clusters: [{name: a, typ: STATIC}]}",
                               {.allow_unknown = true});
  EXPECT_EQ(outcome.problem(), "");
  EXPECT_THAT(outcome.warnings,
              ElementsAre(testing::StartsWith("envoy.yaml: nod: unknown field of "),
                          testing::StartsWith("envoy.yaml: static_resources.clusters[0].typ: ")));
}

TEST(Bootstrap, RefusesClustersGivenTwice) {
  EXPECT_EQ(load("static_resources: {clusters: [{name: a}, {name: a}]}").problem(),
            "static_resources.clusters[1].name: the cluster \"a\" is given twice; rename one of "
            "the two");
}

TEST(Bootstrap, RefusesAControlPlane) {
  const std::string text =
      "configuration from a control plane is not supported by this version; use static_resources";
  EXPECT_EQ(load("dynamic_resources: {ads_config: {api_type: GRPC}}").problem(),
            "dynamic_resources: " + text);
  EXPECT_EQ(load("dynamic_resources: {}").problem(), "");
}

TEST(Bootstrap, RefusesWhatIsNotSupported) {
  for (const char* field : {"tracing: {http: {name: x}}", "flags_path: /x",
                            "default_socket_interface: x", "header_prefix: x"}) {
    const std::string text = field;
    EXPECT_EQ(load(text).problem(),
              text.substr(0, text.find(':')) + ": is not supported by this version; remove it");
  }
  EXPECT_EQ(load("stats_config: {use_all_default_tags: false}").problem(),
            "stats_config.use_all_default_tags: is not supported by this version; remove it; the "
            "default tags are always there");
  EXPECT_EQ(
      load("layered_runtime: {layers: [{name: d, disk_layer: {symlink_root: /x}}]}").problem(),
      "layered_runtime.layers[0].disk_layer: is not supported by this version; use "
      "static_layer");
  EXPECT_EQ(load("overload_manager: {resource_monitors: [{name: x}]}")
                .problem()
                .rfind("overload_manager: is not supported by this version; remove it; ", 0),
            0u);
}

TEST(Bootstrap, TakesTheFormatOfTheProcesssLog) {
  EXPECT_EQ(
      load("application_log_config: {log_format: {text_format: '[%l] %v'}}").bootstrap.log_format,
      "[%l] %v");
  EXPECT_EQ(
      load("application_log_config: {log_format: {json_format: {m: '%j'}}}").bootstrap.log_format,
      R"({"m":"%j"})");
  EXPECT_THAT(
      load("application_log_config: {log_format: {json_format: {m: '%v'}}}").problem(),
      testing::HasSubstr("application_log_config.log_format.json_format: %v is not escaped"));
}

TEST(Bootstrap, TakesHarmlessFields) {
  EXPECT_EQ(load("watchdog: {miss_timeout: 1s}\nenable_dispatcher_stats: true\n"
                 "stats_flush_on_admin: true\ncluster_manager: {enable_deferred_cluster_creation: "
                 "true}\ndeferred_stat_options: {enable_deferred_creation_stats: true}")
                .problem(),
            "");
}

TEST(Dump, HasTheWholeBootstrapWithProtoNames) {
  const Outcome outcome = load(kReal);
  ASSERT_EQ(outcome.problem(), "");
  const auto json = nlohmann::json::parse(dump_json(outcome.bootstrap));
  EXPECT_EQ(json.at("node").at("id"), "sidecar-1");
  const auto& resources = json.at("static_resources");
  EXPECT_EQ(resources.at("clusters").size(), 2u);
  EXPECT_EQ(resources.at("clusters").at(1).at("lb_policy"), "LEAST_REQUEST");
  const auto& hcm = resources.at("listeners")
                        .at(0)
                        .at("filter_chains")
                        .at(0)
                        .at("filters")
                        .at(0)
                        .at("typed_config");
  EXPECT_EQ(hcm.at("@type"),
            "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
            "HttpConnectionManager");
  EXPECT_EQ(hcm.at("route_config").at("virtual_hosts").at(0).at("routes").size(), 3u);
}

TEST(Dump, IsEmptyWithoutABootstrap) {
  EXPECT_EQ(dump_json(config::Bootstrap()), "{}");
}

}  // namespace
}  // namespace pillion::xds::test
