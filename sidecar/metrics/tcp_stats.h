#pragma once
// Stats of what happens between accept and codec: the TCP proxy under "tcp.<stat_prefix>."
// (Envoy: configuration/listeners/network_filters/tcp_proxy_filter.rst) and the listener filters.
// Owned by the compiled listener; counted by workers.

#include <string_view>

#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

inline Scope tcp_scope(std::string_view stat_prefix) {
  return {{"tcp"}, {sanitized(stat_prefix), kTcpPrefixTag}};
}

#define PILLION_TCP_STATS(CELL, NAMED)                                                             \
  CELL(Counter, downstream_cx_total, "Connections handled.")                                       \
  CELL(Counter, downstream_cx_no_route, "Connections whose cluster does not exist.")               \
  CELL(Counter, downstream_cx_rx_bytes_total, "Bytes received from clients.")                      \
  CELL(Gauge, downstream_cx_rx_bytes_buffered, "Bytes received and not yet passed on.")            \
  CELL(Counter, downstream_cx_tx_bytes_total, "Bytes sent to clients.")                            \
  CELL(Gauge, downstream_cx_tx_bytes_buffered, "Bytes not yet sent to clients.")                   \
  CELL(Counter, downstream_flow_control_paused_reading_total, "Times reading a client paused.")    \
  CELL(Counter, downstream_flow_control_resumed_reading_total, "Times reading a client resumed.")  \
  CELL(Counter, idle_timeout, "Connections closed because nothing moved for idle_timeout.")        \
  CELL(Counter, max_downstream_connection_duration, "Connections closed at their maximum age.")    \
  CELL(Counter, upstream_flush_total, "Upstream connections that outlived their client to flush.") \
  CELL(Gauge, upstream_flush_active, "Upstream connections that are flushing now.")
PILLION_STATS(TcpStats, PILLION_TCP_STATS)

inline Scope tls_inspector_scope() {
  return {{"tls_inspector"}};
}
#define PILLION_TLS_INSPECTOR_STATS(CELL, NAMED)                                       \
  CELL(Counter, client_hello_too_large, "Connections whose ClientHello was too long.") \
  CELL(Counter, tls_found, "Connections that begin with a ClientHello.")               \
  CELL(Counter, tls_not_found, "Connections that do not.")                             \
  CELL(Counter, alpn_found, "ClientHellos that name protocols.")                       \
  CELL(Counter, alpn_not_found, "ClientHellos that name none.")                        \
  CELL(Counter, sni_found, "ClientHellos with a server name.")                         \
  CELL(Counter, sni_not_found, "ClientHellos without.")                                \
  CELL(Histogram, bytes_processed, "Bytes it took to tell.")
PILLION_STATS(TlsInspectorStats, PILLION_TLS_INSPECTOR_STATS)

inline Scope http_inspector_scope() {
  return {{"http_inspector"}};
}
#define PILLION_HTTP_INSPECTOR_STATS(CELL, NAMED)                             \
  CELL(Counter, read_error, "Connections whose request line was too long.")   \
  CELL(Counter, http10_found, "Connections that begin with HTTP/1.0.")        \
  CELL(Counter, http11_found, "Connections that begin with HTTP/1.1.")        \
  CELL(Counter, http2_found, "Connections that begin with HTTP/2's preface.") \
  CELL(Counter, http_not_found, "Connections that are not HTTP.")
PILLION_STATS(HttpInspectorStats, PILLION_HTTP_INSPECTOR_STATS)

// "proxy_proto.", or "proxy_proto.<stat_prefix>.".
inline Scope proxy_protocol_scope(std::string_view stat_prefix) {
  if (stat_prefix.empty()) return {{"proxy_proto"}};
  return {{"proxy_proto"}, {sanitized(stat_prefix), kProxyProtocolPrefixTag}};
}
#define PILLION_PROXY_PROTOCOL_STATS(CELL, NAMED)                                              \
  CELL(Counter, not_found_allowed, "Connections without a header, which may be so.")           \
  CELL(Counter, not_found_disallowed, "Connections closed for want of a header.")              \
  NAMED(Counter, v1_found, "versions.v1.found", "Headers of version 1.")                       \
  NAMED(Counter, v1_disallowed, "versions.v1.disallowed", "Closed: version 1 is not allowed.") \
  NAMED(Counter, v1_error, "versions.v1.error", "Closed: malformed headers of version 1.")     \
  NAMED(Counter, v2_found, "versions.v2.found", "Headers of version 2.")                       \
  NAMED(Counter, v2_disallowed, "versions.v2.disallowed", "Closed: version 2 is not allowed.") \
  NAMED(Counter, v2_error, "versions.v2.error", "Closed: malformed headers of version 2.")
PILLION_STATS(ProxyProtocolStats, PILLION_PROXY_PROTOCOL_STATS)

// Without a scope: Envoy's older name for all of the failures above.
#define PILLION_PROXY_PROTOCOL_ERROR_STATS(CELL, NAMED) \
  CELL(Counter, downstream_cx_proxy_proto_error, "Connections closed for their PROXY header.")
PILLION_STATS(ProxyProtocolErrorStats, PILLION_PROXY_PROTOCOL_ERROR_STATS)

// Under "listener.<address>.": upstream connections begun before the client's first byte, and those
// of them that another filter chain's bytes made useless.
#define PILLION_DETECTION_STATS(CELL, NAMED)                                                  \
  CELL(Counter, detection_early_connect,                                                      \
       "Upstream connections begun before it was clear "                                      \
       "which filter chain is meant.")                                                        \
  CELL(Counter, detection_early_connect_unused, "Of those, the ones that were not needed.")   \
  CELL(Counter, detection_server_first, "Connections on which the server spoke first.")       \
  CELL(Counter, original_dst_unknown, "Connections whose original destination is not known.") \
  CELL(Counter, original_dst_loop, "Connections to the listener itself, not redirected ones.")
PILLION_STATS(DetectionStats, PILLION_DETECTION_STATS)

}  // namespace pillion::metrics
