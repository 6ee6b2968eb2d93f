#pragma once
// Stats of a virtual cluster ("vhost.<host>.vcluster.<name>.") and of a route with a stat_prefix
// ("vhost.<host>.route.<prefix>."): the same cells (Envoy: configuration/http/http_filters/
// router_filter.rst). Owned by the compiled route table; counted by workers.

#include <string_view>

#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

// Envoy counts what no virtual cluster of the host matches under the name "other".
inline Scope virtual_cluster_scope(std::string_view virtual_host, std::string_view name) {
  return {{"vhost"},
          {sanitized(virtual_host), kVirtualHostTag},
          {"vcluster"},
          {sanitized(name), kVirtualClusterTag}};
}
inline Scope route_scope(std::string_view virtual_host, std::string_view stat_prefix) {
  return {{"vhost"},
          {sanitized(virtual_host), kVirtualHostTag},
          {"route"},
          {sanitized(stat_prefix), kRouteTag}};
}

#define PILLION_VIRTUAL_CLUSTER_STATS(CELL, NAMED)                                                 \
  CELL(Counter, upstream_rq_total, "Requests sent to endpoints.")                                  \
  CELL(Counter, upstream_rq_retry, "Requests sent again.")                                         \
  CELL(Counter, upstream_rq_retry_limit_exceeded, "Requests not sent again: all tries were used.") \
  CELL(Counter, upstream_rq_retry_overflow, "Requests not sent again: breaker or retry budget.")   \
  CELL(Counter, upstream_rq_retry_success, "Requests that succeeded when sent again.")             \
  CELL(Counter, upstream_rq_timeout, "Requests that ran into the route's timeout.")                \
  CELL(StatusCounters, upstream_rq, "Responses by status.")                                        \
  CELL(Histogram, upstream_rq_time, "Milliseconds from the request to the end of the response.")
PILLION_STATS(VirtualClusterStats, PILLION_VIRTUAL_CLUSTER_STATS)

}  // namespace pillion::metrics
