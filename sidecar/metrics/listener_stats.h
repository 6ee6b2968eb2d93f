#pragma once
// Stats of one listener, under "listener.<address>." (Envoy: configuration/listeners/stats.rst).
// Owned by the listener; counted by workers.

#include <string>
#include <string_view>

#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

// `address` is the listener's stat_prefix if it has one, else its address: "0.0.0.0:80" is shown as
// "0.0.0.0_80".
inline Scope listener_scope(std::string_view address) {
  return {{"listener"}, {sanitized(address), kListenerTag}};
}

#define PILLION_LISTENER_STATS(CELL, NAMED)                                                       \
  CELL(Counter, downstream_cx_total, "Connections accepted.")                                     \
  CELL(Gauge, downstream_cx_active, "Connections that are open.")                                 \
  CELL(Counter, downstream_cx_destroy, "Connections closed.")                                     \
  CELL(Histogram, downstream_cx_length_ms, "Milliseconds that a connection lasted.")              \
  CELL(Counter, downstream_cx_overflow, "Connections refused by the listener's limit.")           \
  CELL(Counter, downstream_cx_overload_reject, "Connections refused by overload control.")        \
  CELL(Counter, downstream_cx_transport_socket_connect_timeout, "TLS handshakes that timed out.") \
  CELL(Counter, downstream_global_cx_overflow, "Connections refused by the process-wide limit.")  \
  CELL(Gauge, downstream_pre_cx_active, "Connections in listener filters.")                       \
  CELL(Counter, downstream_pre_cx_timeout,                                                        \
       "Connections that stayed too long in listener filters.")                                   \
  CELL(Counter, downstream_listener_filter_error, "Connections closed by a listener filter.")     \
  CELL(Counter, downstream_listener_filter_remote_close,                                          \
       "Connections closed in listener filters.")                                                 \
  CELL(Counter, no_filter_chain_match, "Connections that no filter chain matched.")               \
  CELL(Histogram, connections_accepted_per_socket_event, "Connections accepted at one wake-up.")
PILLION_STATS(ListenerStats, PILLION_LISTENER_STATS)

// Responses of one connection manager on one listener: "listener.<address>.http.<prefix>.".
inline Scope listener_http_scope(std::string_view address, std::string_view stat_prefix) {
  return {{"listener"},
          {sanitized(address), kListenerTag},
          {"http"},
          {sanitized(stat_prefix), kHttpPrefixTag}};
}
#define PILLION_LISTENER_HTTP_STATS(CELL, NAMED) \
  CELL(ClassCounters, downstream_rq, "Responses by class of status.")
PILLION_STATS(ListenerHttpStats, PILLION_LISTENER_HTTP_STATS)

// How connections spread over workers: "listener.<address>.worker_<n>.", n from 0.
inline Scope listener_worker_scope(std::string_view address, unsigned worker) {
  return {{"listener"},
          {sanitized(address), kListenerTag},
          {"worker_" + std::to_string(worker), kWorkerTag, "worker"}};
}
#define PILLION_LISTENER_WORKER_STATS(CELL, NAMED)                           \
  CELL(Counter, downstream_cx_total, "Connections accepted by this worker.") \
  CELL(Gauge, downstream_cx_active, "Connections that are open on this worker.")
PILLION_STATS(ListenerWorkerStats, PILLION_LISTENER_WORKER_STATS)

}  // namespace pillion::metrics
