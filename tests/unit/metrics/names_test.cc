// Names that Envoy's dashboards query: each must come out of our structs with the labels that they
// group by (Envoy 1.40's /stats/prometheus).
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "sidecar/metrics/cluster_stats.h"
#include "sidecar/metrics/http_stats.h"
#include "sidecar/metrics/listener_stats.h"
#include "sidecar/metrics/server_stats.h"
#include "sidecar/metrics/stats_page.h"
#include "sidecar/metrics/virtual_cluster_stats.h"

namespace pillion::metrics {
namespace {

// The series of a page without their values, without buckets.
std::set<std::string> series_of(const Registry& registry) {
  std::istringstream lines(stats_page(registry, "", StatsQuery::Format::kPrometheus).body);
  std::set<std::string> series;
  for (std::string line; std::getline(lines, line);)
    if (line[0] != '#' && line.find("le=") == std::string::npos)
      series.insert(line.substr(0, line.rfind(' ')));
  return series;
}

void expect_series(const Registry& registry, std::initializer_list<const char*> names) {
  const std::set<std::string> series = series_of(registry);
  for (const char* name : names) EXPECT_EQ(series.count(name), 1U) << name;
}

TEST(Names, OfClusters) {
  Registry registry;
  const std::string name = "outbound|80||a.b";
  PerWorker<ClusterStats> stats(registry, cluster_scope(name));
  stats.here().upstream_rq.add(200);
  stats.here().retry_upstream_rq.add(503);
  stats.here().upstream_rq_time.record(1);
  PerWorker<ClusterOriginStats> external(registry, cluster_origin_scope(name, false));
  external.here().upstream_rq.add(404);
  PerWorker<ClusterUpdateStats> update(registry, cluster_scope(name));
  update.here();
  PerWorker<CircuitBreakerStats> breaker(registry, circuit_breaker_scope(name, true));
  breaker.here();
  PerWorker<Http1Stats> http1(registry, cluster_http1_scope(name));
  http1.here();
#define N "{envoy_cluster_name=\"outbound|80||a.b\"}"
  expect_series(
      registry,
      {"envoy_cluster_upstream_cx_total" N, "envoy_cluster_upstream_cx_active" N,
       "envoy_cluster_upstream_cx_connect_fail" N, "envoy_cluster_upstream_rq_total" N,
       "envoy_cluster_upstream_rq_active" N, "envoy_cluster_upstream_rq_pending_overflow" N,
       "envoy_cluster_upstream_rq_time_sum" N, "envoy_cluster_upstream_rq_time_count" N,
       "envoy_cluster_upstream_rq_completed" N, "envoy_cluster_retry_upstream_rq_completed" N,
       "envoy_cluster_upstream_rq_retry_overflow" N, "envoy_cluster_membership_healthy" N,
       "envoy_cluster_update_empty" N, "envoy_cluster_circuit_breakers_high_rq_open" N,
       "envoy_cluster_http1_response_flood" N, "envoy_cluster_external_upstream_rq_completed" N});
#undef N
#define N "envoy_cluster_name=\"outbound|80||a.b\"}"
  expect_series(registry, {"envoy_cluster_upstream_rq{envoy_response_code=\"200\"," N,
                           "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\"," N,
                           "envoy_cluster_retry_upstream_rq{envoy_response_code=\"503\"," N,
                           "envoy_cluster_external_upstream_rq{envoy_response_code=\"404\"," N});
#undef N
}

TEST(Names, OfListenersAndConnectionManagers) {
  Registry registry;
  PerWorker<HttpStats> http(registry, http_scope("ingress"));
  http.here().downstream_rq_time.record(1);
  PerWorker<ListenerStats> listener(registry, listener_scope("0.0.0.0:80"));
  listener.here();
  PerWorker<ListenerHttpStats> both(registry, listener_http_scope("0.0.0.0:80", "ingress"));
  both.here();
  PerWorker<ListenerWorkerStats> worker(registry, listener_worker_scope("0.0.0.0:80", 12));
  worker.here();
  expect_series(
      registry,
      {"envoy_http_downstream_cx_active{envoy_http_conn_manager_prefix=\"ingress\"}",
       "envoy_http_downstream_rq_time_count{envoy_http_conn_manager_prefix=\"ingress\"}",
       "envoy_http_downstream_rq_xx{envoy_response_code_class=\"5\","
       "envoy_http_conn_manager_prefix=\"ingress\"}",
       "envoy_http_no_route{envoy_http_conn_manager_prefix=\"ingress\"}",
       "envoy_http_rq_total{envoy_http_conn_manager_prefix=\"ingress\"}",
       "envoy_listener_downstream_cx_total{envoy_listener_address=\"0.0.0.0_80\"}",
       "envoy_listener_http_downstream_rq_completed{envoy_listener_address=\"0.0.0.0_80\","
       "envoy_http_conn_manager_prefix=\"ingress\"}",
       "envoy_listener_worker_downstream_cx_active{envoy_listener_address=\"0.0.0.0_80\","
       "envoy_worker_id=\"12\"}"});
}

TEST(Names, OfVirtualClustersAndRoutes) {
  Registry registry;
  PerWorker<VirtualClusterStats> vcluster(registry, virtual_cluster_scope("vh", "all"));
  vcluster.here().upstream_rq.add(200);
  PerWorker<VirtualClusterStats> route(registry, route_scope("vh", "main"));
  route.here();
  expect_series(registry, {"envoy_vhost_vcluster_upstream_rq{envoy_response_code=\"200\","
                           "envoy_virtual_host=\"vh\",envoy_virtual_cluster=\"all\"}",
                           "envoy_vhost_route_upstream_rq_total{envoy_virtual_host=\"vh\","
                           "envoy_route=\"main\"}"});
}

TEST(Names, OfTheProcess) {
  Registry registry;
  PerWorker<ServerStats> server(registry, server_scope());
  server.here();
  PerWorker<ListenerManagerStats> listeners(registry, listener_manager_scope());
  listeners.here();
  PerWorker<ClusterManagerStats> clusters(registry, cluster_manager_scope());
  clusters.here();
  PerWorker<WatchdogStats> watchdog(registry, worker_watchdog_scope(1));
  watchdog.here();
  expect_series(registry, {"envoy_server_live", "envoy_server_state", "envoy_server_uptime",
                           "envoy_server_memory_allocated", "envoy_server_memory_heap_size",
                           "envoy_server_days_until_first_cert_expiring",
                           "envoy_listener_manager_total_listeners_active",
                           "envoy_cluster_manager_active_clusters",
                           "envoy_server_worker_watchdog_miss{envoy_worker_id=\"1\"}"});
}

// Two cells of one name in a scope would be one series twice, which Prometheus refuses.
TEST(Names, AreDeclaredOnceInEachScope) {
  auto expect_unique = [](std::initializer_list<std::span<const CellInfo>> tables) {
    std::set<std::pair<std::string_view, bool>> seen;
    for (const auto& table : tables) {
      for (const CellInfo& cell : table) {
        const bool statuses = cell.kind == Kind::kStatuses || cell.kind == Kind::kClasses;
        EXPECT_TRUE(seen.insert({cell.name, statuses}).second) << cell.name;
        EXPECT_FALSE(cell.help.empty()) << cell.name;
      }
    }
  };
  expect_unique({ClusterStats::cells(), ClusterUpdateStats::cells()});
  expect_unique({CircuitBreakerStats::cells(), CircuitBreakerRemainingStats::cells()});
  expect_unique({HttpStats::cells()});
  expect_unique({ListenerStats::cells()});
  expect_unique({ListenerWorkerStats::cells()});
  expect_unique({VirtualClusterStats::cells()});
  expect_unique({ServerStats::cells(), WatchdogStats::cells()});
}

}  // namespace
}  // namespace pillion::metrics
