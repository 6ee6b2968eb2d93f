#pragma once
// Stats of the process (Envoy: configuration/observability/statistics.rst): "server.",
// "listener_manager.", "cluster_manager.", "runtime.", "filesystem.", "dns.cares." and the
// watchdogs. Kept by the control thread; the gauges of "server." are computed when scraped.

#include <string>
#include <utility>

#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

inline Scope server_scope() {
  return {{"server"}};
}
#define PILLION_SERVER_STATS(CELL, NAMED)                                                  \
  CELL(Gauge, live, "1 unless the server is draining.")                                    \
  CELL(Gauge, state, "0 live, 1 draining, 2 before start, 3 starting.")                    \
  CELL(Gauge, uptime, "Seconds since the start.")                                          \
  CELL(Gauge, concurrency, "Worker threads.")                                              \
  CELL(Gauge, memory_allocated, "Bytes allocated from the heap.")                          \
  CELL(Gauge, memory_heap_size, "Bytes that the heap holds.")                              \
  CELL(Gauge, memory_physical_size, "Bytes of resident memory.")                           \
  CELL(Gauge, parent_connections, "Connections of the process before a hot restart.")      \
  CELL(Gauge, total_connections, "Connections from clients, of all listeners.")            \
  CELL(Gauge, version, "The commit of the source, as a number.")                           \
  CELL(Gauge, days_until_first_cert_expiring, "Days until the first certificate expires.") \
  CELL(Gauge, hot_restart_epoch, "Hot restarts before this process.")                      \
  CELL(Counter, static_unknown_fields, "Unknown fields met in the bootstrap.")             \
  CELL(Counter, dynamic_unknown_fields, "Unknown fields met in updates.")                  \
  CELL(Histogram, initialization_time_ms, "Milliseconds from the start until requests are served.")
PILLION_STATS(ServerStats, PILLION_SERVER_STATS)

inline Scope listener_manager_scope() {
  return {{"listener_manager"}};
}
#define PILLION_LISTENER_MANAGER_STATS(CELL, NAMED)                                        \
  CELL(Counter, listener_added, "Listeners added.")                                        \
  CELL(Counter, listener_modified, "Listeners changed.")                                   \
  CELL(Counter, listener_in_place_updated, "Listeners whose filter chains alone changed.") \
  CELL(Counter, listener_removed, "Listeners removed.")                                    \
  CELL(Counter, listener_stopped, "Listeners stopped.")                                    \
  CELL(Counter, listener_create_success, "Listening sockets opened, by worker.")           \
  CELL(Counter, listener_create_failure, "Listening sockets that could not be opened.")    \
  CELL(Gauge, total_filter_chains_draining, "Filter chains that drain.")                   \
  CELL(Gauge, total_listeners_active, "Listeners that accept connections.")                \
  CELL(Gauge, total_listeners_draining, "Listeners that drain.")                           \
  CELL(Gauge, total_listeners_warming, "Listeners that wait for what they need.")          \
  CELL(Gauge, workers_started, "1 once the workers run.")
PILLION_STATS(ListenerManagerStats, PILLION_LISTENER_MANAGER_STATS)

inline Scope cluster_manager_scope() {
  return {{"cluster_manager"}};
}
#define PILLION_CLUSTER_MANAGER_STATS(CELL, NAMED)                                            \
  CELL(Counter, cluster_added, "Clusters added.")                                             \
  CELL(Counter, cluster_modified, "Clusters changed.")                                        \
  CELL(Counter, cluster_removed, "Clusters removed.")                                         \
  CELL(Counter, cluster_updated, "Changes of endpoints that were passed to the workers.")     \
  CELL(Counter, cluster_updated_via_merge, "Such changes that were merged into one.")         \
  CELL(Counter, update_merge_cancelled, "Merged changes that a larger one overtook.")         \
  CELL(Counter, update_out_of_merge_window, "Changes that came outside of the merge window.") \
  CELL(Gauge, active_clusters, "Clusters that are ready.")                                    \
  CELL(Gauge, warming_clusters, "Clusters that wait for what they need.")
PILLION_STATS(ClusterManagerStats, PILLION_CLUSTER_MANAGER_STATS)

inline Scope runtime_scope() {
  return {{"runtime"}};
}
#define PILLION_RUNTIME_STATS(CELL, NAMED)                                          \
  CELL(Counter, load_success, "Times the layers were loaded.")                      \
  CELL(Counter, load_error, "Times the layers could not be loaded.")                \
  CELL(Counter, override_dir_exists, "Loads that found an override directory.")     \
  CELL(Counter, override_dir_not_exists, "Loads that found no override directory.") \
  CELL(Gauge, num_keys, "Keys that are set.")                                       \
  CELL(Gauge, num_layers, "Layers that are loaded.")                                \
  CELL(Gauge, admin_overrides_active, "1 while the admin layer overrides a key.")
PILLION_STATS(RuntimeStats, PILLION_RUNTIME_STATS)

// Files of access logs.
inline Scope filesystem_scope() {
  return {{"filesystem"}};
}
#define PILLION_FILESYSTEM_STATS(CELL, NAMED)                                 \
  CELL(Counter, write_buffered, "Lines put into a file's buffer.")            \
  CELL(Counter, write_completed, "Writes to a file.")                         \
  CELL(Counter, write_failed, "Writes to a file that failed.")                \
  CELL(Counter, flushed_by_timer, "Writes because the flush interval ended.") \
  CELL(Counter, reopen_failed, "Files that could not be opened again.")       \
  CELL(Gauge, write_total_buffered, "Bytes that wait to be written.")
PILLION_STATS(FilesystemStats, PILLION_FILESYSTEM_STATS)

// Look-ups of STRICT_DNS and LOGICAL_DNS clusters.
inline Scope dns_scope() {
  return {{"dns"}, {"cares"}};
}
#define PILLION_DNS_STATS(CELL, NAMED)                                         \
  CELL(Counter, resolve_total, "Queries sent.")                                \
  CELL(Gauge, pending_resolutions, "Queries that wait for an answer.")         \
  CELL(Counter, not_found, "Queries answered with no such name or no record.") \
  CELL(Counter, timeouts, "Queries that no server answered.")                  \
  CELL(Counter, get_addr_failure, "Queries that failed for another reason.")   \
  CELL(Counter, reinits, "Times the resolver was set up anew.")
PILLION_STATS(DnsStats, PILLION_DNS_STATS)

// Loops that were late: "main_thread.", "workers.", "server.main_thread." and "server.worker_<n>.".
inline Scope watchdog_scope(std::string thread_group) {
  return {{std::move(thread_group)}};
}
inline Scope worker_watchdog_scope(unsigned worker) {
  return {{"server"}, {"worker_" + std::to_string(worker), kWorkerTag, "worker"}};
}
#define PILLION_WATCHDOG_STATS(CELL, NAMED)                                \
  CELL(Counter, watchdog_miss, "Times the loop was late by miss_timeout.") \
  CELL(Counter, watchdog_mega_miss, "Times the loop was late by megamiss_timeout.")
PILLION_STATS(WatchdogStats, PILLION_WATCHDOG_STATS)

}  // namespace pillion::metrics
