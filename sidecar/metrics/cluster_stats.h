#pragma once
// Stats of one cluster, under "cluster.<name>." (Envoy: configuration/upstream/cluster_manager/
// cluster_stats.rst). ClusterStats is what workers count on the data path; the others are made when
// their subject is met, or computed when scraped. Owned by the cluster's runtime state.

#include <string_view>

#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

// "cluster.<name>"; a name with ":" shows it as "_". The whole name is the label's value: where
// Envoy takes only what stands before the first dot, names with dots would be torn apart.
inline Scope cluster_scope(std::string_view name) {
  return {{"cluster"}, {sanitized(name), kClusterTag}};
}

#define PILLION_CLUSTER_STATS(CELL, NAMED)                                                         \
  CELL(Counter, upstream_cx_total, "Connections begun to endpoints.")                              \
  CELL(Gauge, upstream_cx_active, "Connections to endpoints that are open.")                       \
  CELL(Counter, upstream_cx_http1_total, "HTTP/1.1 connections begun.")                            \
  CELL(Counter, upstream_cx_http2_total, "HTTP/2 connections begun.")                              \
  CELL(Counter, upstream_cx_connect_fail, "Connections that could not be made.")                   \
  CELL(Counter, upstream_cx_connect_timeout, "Connections that took longer than connect_timeout.") \
  CELL(Counter, upstream_cx_connect_attempts_exceeded, "Connections given up after all attempts.") \
  CELL(Counter, upstream_cx_overflow, "Connections refused by the connection circuit breaker.")    \
  CELL(Counter, upstream_cx_pool_overflow,                                                         \
       "Pools refused by the connection pool circuit breaker.")                                    \
  CELL(Counter, upstream_cx_none_healthy, "Requests for which no endpoint could be chosen.")       \
  CELL(Counter, upstream_cx_destroy, "Connections closed.")                                        \
  CELL(Counter, upstream_cx_destroy_local, "Connections closed by this side.")                     \
  CELL(Counter, upstream_cx_destroy_remote, "Connections closed by the endpoint.")                 \
  CELL(Counter, upstream_cx_destroy_with_active_rq, "Connections closed under a request.")         \
  CELL(Counter, upstream_cx_destroy_local_with_active_rq, "Closed by this side under a request.")  \
  CELL(Counter, upstream_cx_destroy_remote_with_active_rq,                                         \
       "Closed by the endpoint under a request.")                                                  \
  CELL(Counter, upstream_cx_close_notify, "Connections whose endpoint announced the close.")       \
  CELL(Counter, upstream_cx_idle_timeout, "Connections closed because they were idle.")            \
  CELL(Counter, upstream_cx_max_requests, "Connections closed after their maximum of requests.")   \
  CELL(Counter, upstream_cx_max_duration_reached, "Connections closed at their maximum age.")      \
  CELL(Counter, upstream_cx_protocol_error, "Connections whose endpoint broke the protocol.")      \
  CELL(Counter, upstream_cx_rx_bytes_total, "Bytes received from endpoints.")                      \
  CELL(Gauge, upstream_cx_rx_bytes_buffered, "Bytes received and not yet passed on.")              \
  CELL(Counter, upstream_cx_tx_bytes_total, "Bytes sent to endpoints.")                            \
  CELL(Gauge, upstream_cx_tx_bytes_buffered, "Bytes not yet sent to endpoints.")                   \
  CELL(Histogram, upstream_cx_connect_ms, "Milliseconds until a connection was made.")             \
  CELL(Histogram, upstream_cx_length_ms, "Milliseconds that a connection lasted.")                 \
  CELL(Histogram, upstream_rq_per_cx, "Requests sent on one connection.")                          \
  CELL(Counter, upstream_rq_total, "Requests sent to endpoints, each attempt counted.")            \
  CELL(Gauge, upstream_rq_active, "Requests in flight.")                                           \
  CELL(Counter, upstream_rq_pending_total, "Requests that waited for a connection.")               \
  CELL(Gauge, upstream_rq_pending_active, "Requests waiting for a connection.")                    \
  CELL(Counter, upstream_rq_pending_overflow, "Requests refused by the pending circuit breaker.")  \
  CELL(Counter, upstream_rq_active_overflow, "Requests refused by the request circuit breaker.")   \
  CELL(Counter, upstream_rq_pending_failure_eject, "Requests whose awaited connection failed.")    \
  CELL(Counter, upstream_rq_cancelled, "Requests cancelled before they had a connection.")         \
  CELL(Counter, upstream_rq_alt_stat_name_overflow,                                                \
       "Responses not counted under the name their request gave: there are too many.")             \
  CELL(Counter, upstream_rq_maintenance_mode, "Requests answered 503 in maintenance mode.")        \
  CELL(Counter, upstream_rq_timeout, "Requests that ran into the route's timeout.")                \
  CELL(Counter, upstream_rq_max_duration_reached, "Requests that reached their maximum duration.") \
  CELL(Counter, upstream_rq_per_try_timeout, "Attempts that ran into the timeout of one try.")     \
  CELL(Counter, upstream_rq_per_try_idle_timeout, "Attempts that ran into their idle timeout.")    \
  CELL(Counter, upstream_rq_rx_reset, "Requests reset by the endpoint.")                           \
  CELL(Counter, upstream_rq_tx_reset, "Requests reset by this side.")                              \
  CELL(Counter, upstream_rq_retry, "Requests sent again.")                                         \
  CELL(Counter, upstream_rq_retry_success, "Requests that succeeded when sent again.")             \
  CELL(Counter, upstream_rq_retry_limit_exceeded, "Requests not sent again: all tries were used.") \
  CELL(Counter, upstream_rq_retry_overflow, "Requests not sent again: breaker or retry budget.")   \
  CELL(Counter, upstream_rq_retry_backoff_exponential, "Retries after an exponential back-off.")   \
  CELL(Counter, upstream_rq_retry_backoff_ratelimited,                                             \
       "Retries at the time the endpoint asked for.")                                              \
  CELL(Counter, retry_or_shadow_abandoned, "Requests too large to be kept for a retry.")           \
  CELL(StatusCounters, upstream_rq, "Responses by status, those that were retried left out.")      \
  NAMED(StatusCounters, retry_upstream_rq, "retry.upstream_rq", "Retried responses by status.")    \
  CELL(Histogram, upstream_rq_time, "Milliseconds from the request to the end of the response.")   \
  CELL(Counter, upstream_flow_control_paused_reading_total, "Times reading from upstream paused.") \
  CELL(Counter, upstream_flow_control_resumed_reading_total,                                       \
       "Times reading from upstream resumed.")                                                     \
  CELL(Counter, upstream_flow_control_backed_up_total, "Times an upstream connection backed up.")  \
  CELL(Counter, upstream_flow_control_drained_total, "Times a backed up connection drained.")      \
  CELL(Counter, original_dst_host_invalid,                                                         \
       "Requests of an ORIGINAL_DST cluster without an address.")                                  \
  CELL(Counter, lb_healthy_panic, "Picks among all endpoints because too few were healthy.")       \
  CELL(Counter, bind_errors, "Failures to bind to the configured source address.")
PILLION_STATS(ClusterStats, PILLION_CLUSTER_STATS)
// Memory follows the clusters in use, times the workers.
static_assert(sizeof(ClusterStats) <= 1536);

// Responses to external requests under "cluster.<name>.external.", to internal ones
// (x-envoy-internal) under "cluster.<name>.internal.". Two PerWorkers, so that a mesh that has only
// one kind pays for one.
inline Scope cluster_origin_scope(std::string_view name, bool internal) {
  return {{"cluster"}, {sanitized(name), kClusterTag}, {internal ? "internal" : "external"}};
}
#define PILLION_CLUSTER_ORIGIN_STATS(CELL, NAMED)           \
  CELL(StatusCounters, upstream_rq, "Responses by status.") \
  CELL(Histogram, upstream_rq_time, "Milliseconds from the request to the end of the response.")
PILLION_STATS(ClusterOriginStats, PILLION_CLUSTER_ORIGIN_STATS)

// Endpoints and how they are learned: counted by the thread that resolves or receives them.
#define PILLION_CLUSTER_UPDATE_STATS(CELL, NAMED)                                        \
  CELL(Counter, membership_change, "Changes of the set of endpoints.")                   \
  CELL(Gauge, membership_total, "Endpoints.")                                            \
  CELL(Gauge, membership_healthy, "Endpoints that are healthy.")                         \
  CELL(Gauge, membership_degraded, "Endpoints that are degraded.")                       \
  CELL(Gauge, membership_excluded, "Endpoints excluded until their first health check.") \
  CELL(Gauge, max_host_weight, "The largest weight of an endpoint.")                     \
  CELL(Counter, update_attempt, "Attempts to learn the endpoints.")                      \
  CELL(Counter, update_success, "Attempts that brought endpoints.")                      \
  CELL(Counter, update_failure, "Attempts that failed.")                                 \
  CELL(Counter, update_empty, "Attempts that brought no endpoint; the old ones stay.")   \
  CELL(Counter, update_no_rebuild, "Attempts that changed nothing.")                     \
  CELL(Counter, assignment_stale, "Assignments that outlived their time to live.")       \
  CELL(Counter, assignment_timeout_received, "Assignments that came with a time to live.")
PILLION_STATS(ClusterUpdateStats, PILLION_CLUSTER_UPDATE_STATS)

// Circuit breakers of one priority, computed when scraped from the shared limits (see
// ScrapeSource).
inline Scope circuit_breaker_scope(std::string_view name, bool high_priority) {
  return {{"cluster"},
          {sanitized(name), kClusterTag},
          {"circuit_breakers"},
          {high_priority ? "high" : "default"}};
}
#define PILLION_CIRCUIT_BREAKER_STATS(CELL, NAMED)                               \
  CELL(Gauge, cx_open, "1 while no further connection is allowed.")              \
  CELL(Gauge, cx_pool_open, "1 while no further connection pool is allowed.")    \
  CELL(Gauge, rq_open, "1 while no further request is allowed.")                 \
  CELL(Gauge, rq_pending_open, "1 while no further pending request is allowed.") \
  CELL(Gauge, rq_retry_open, "1 while no further retry is allowed.")
PILLION_STATS(CircuitBreakerStats, PILLION_CIRCUIT_BREAKER_STATS)

// The same scope, only if the threshold says track_remaining.
#define PILLION_CIRCUIT_BREAKER_REMAINING_STATS(CELL, NAMED)                           \
  CELL(Gauge, remaining_cx, "Connections until the circuit breaker opens.")            \
  CELL(Gauge, remaining_cx_pools, "Connection pools until the circuit breaker opens.") \
  CELL(Gauge, remaining_pending, "Pending requests until the circuit breaker opens.")  \
  CELL(Gauge, remaining_retries, "Retries until the circuit breaker opens.")           \
  CELL(Gauge, remaining_rq, "Requests until the circuit breaker opens.")
PILLION_STATS(CircuitBreakerRemainingStats, PILLION_CIRCUIT_BREAKER_REMAINING_STATS)

}  // namespace pillion::metrics
