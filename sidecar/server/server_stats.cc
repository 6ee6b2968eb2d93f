#include "sidecar/server/server_stats.h"

#include <limits>

#include "sidecar/metrics/server_stats.h"
#include "sidecar/server/process_memory.h"

namespace pillion::server {

ServerStatsSource::ServerStatsSource(metrics::Registry& registry, const Lifecycle& life,
                                     std::function<Time()> now,
                                     std::function<uint64_t()> connections,
                                     std::function<std::optional<int64_t>()> days_to_expiry)
    : registry_(registry),
      life_(life),
      now_(std::move(now)),
      connections_(std::move(connections)),
      days_to_expiry_(std::move(days_to_expiry)),
      started_(now_()) {
  registry_.add_source(*this);
}

ServerStatsSource::~ServerStatsSource() {
  registry_.remove_source(*this);
}

void ServerStatsSource::collect(metrics::Collector& to) {
  collect_server(to);
  collect_listeners(to);
  metrics::ClusterManagerStats clusters;
  clusters.cluster_added.add(facts.clusters);
  clusters.active_clusters.set(static_cast<int64_t>(facts.clusters));
  clusters.warming_clusters.set(static_cast<int64_t>(facts.clusters_warming));
  to.add(metrics::cluster_manager_scope(), clusters);
  metrics::RuntimeStats runtime;
  runtime.load_success.add();
  runtime.num_keys.set(static_cast<int64_t>(facts.runtime_keys));
  runtime.num_layers.set(facts.runtime_keys != 0 ? 1 : 0);
  to.add(metrics::runtime_scope(), runtime);
}

void ServerStatsSource::collect_server(metrics::Collector& to) const {
  using std::chrono::duration_cast;
  ProcessMemory memory = process_memory();
  State state = life_.shown();
  metrics::ServerStats stats;
  stats.live.set(state == State::kDraining ? 0 : 1);
  stats.state.set(static_cast<int64_t>(state));
  stats.uptime.set(duration_cast<std::chrono::seconds>(now_() - started_).count());
  stats.concurrency.set(facts.concurrency);
  stats.memory_allocated.set(static_cast<int64_t>(memory.allocated));
  stats.memory_heap_size.set(static_cast<int64_t>(memory.heap));
  stats.memory_physical_size.set(static_cast<int64_t>(memory.resident));
  stats.total_connections.set(static_cast<int64_t>(connections_()));
  // Without a certificate the number is Envoy's.
  stats.days_until_first_cert_expiring.set(
      days_to_expiry_().value_or(std::numeric_limits<uint32_t>::max()));
  if (facts.initialization)
    stats.initialization_time_ms.record(static_cast<double>(
        duration_cast<std::chrono::milliseconds>(*facts.initialization).count()));
  to.add(metrics::server_scope(), stats);
}

void ServerStatsSource::collect_listeners(metrics::Collector& to) const {
  metrics::ListenerManagerStats stats;
  stats.listener_added.add(facts.listeners);
  stats.listener_stopped.add(facts.listeners_stopped);
  stats.listener_create_success.add(facts.sockets);
  stats.total_listeners_active.set(static_cast<int64_t>(facts.listeners_active));
  stats.total_listeners_draining.set(static_cast<int64_t>(facts.listeners_draining));
  stats.workers_started.set(facts.workers_started ? 1 : 0);
  to.add(metrics::listener_manager_scope(), stats);
}

}  // namespace pillion::server
