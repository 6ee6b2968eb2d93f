#pragma once
// Stats of an HTTP connection manager and its router, under "http.<stat_prefix>." (Envoy:
// configuration/http/http_conn_man/stats.rst and http_filters/router_filter.rst). Owned by the
// compiled connection manager; counted by workers.

#include <string_view>

#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

inline Scope http_scope(std::string_view stat_prefix) {
  return {{"http"}, {sanitized(stat_prefix), kHttpPrefixTag}};
}

#define PILLION_HTTP_STATS(CELL, NAMED)                                                            \
  CELL(Counter, downstream_cx_total, "Connections accepted.")                                      \
  CELL(Gauge, downstream_cx_active, "Connections that are open.")                                  \
  CELL(Counter, downstream_cx_http1_total, "HTTP/1.1 connections accepted.")                       \
  CELL(Gauge, downstream_cx_http1_active, "HTTP/1.1 connections that are open.")                   \
  CELL(Counter, downstream_cx_http1_soft_drain, "HTTP/1.1 connections asked to close.")            \
  CELL(Counter, downstream_cx_http2_total, "HTTP/2 connections accepted.")                         \
  CELL(Gauge, downstream_cx_http2_active, "HTTP/2 connections that are open.")                     \
  CELL(Counter, downstream_cx_ssl_total, "TLS connections accepted.")                              \
  CELL(Gauge, downstream_cx_ssl_active, "TLS connections that are open.")                          \
  CELL(Counter, downstream_cx_upgrades_total, "Connections that became a tunnel.")                 \
  CELL(Gauge, downstream_cx_upgrades_active, "Connections that are a tunnel.")                     \
  CELL(Counter, downstream_cx_destroy, "Connections closed.")                                      \
  CELL(Counter, downstream_cx_destroy_local, "Connections closed by this side.")                   \
  CELL(Counter, downstream_cx_destroy_remote, "Connections closed by the client.")                 \
  CELL(Counter, downstream_cx_destroy_active_rq, "Connections closed under a request.")            \
  CELL(Counter, downstream_cx_destroy_local_active_rq, "Closed by this side under a request.")     \
  CELL(Counter, downstream_cx_destroy_remote_active_rq, "Closed by the client under a request.")   \
  CELL(Counter, downstream_cx_drain_close, "Connections closed because of draining.")              \
  CELL(Counter, downstream_cx_delayed_close_timeout, "Connections whose delayed close timed out.") \
  CELL(Counter, downstream_cx_idle_timeout, "Connections closed because they were idle.")          \
  CELL(Counter, downstream_cx_max_duration_reached, "Connections closed at their maximum age.")    \
  CELL(Counter, downstream_cx_max_requests_reached,                                                \
       "Connections closed after their last request.")                                             \
  CELL(Counter, downstream_cx_overload_disable_keepalive,                                          \
       "Connections closed by overload control.")                                                  \
  CELL(Counter, downstream_cx_protocol_error, "Connections whose client broke the protocol.")      \
  CELL(Histogram, downstream_cx_length_ms, "Milliseconds that a connection lasted.")               \
  CELL(Counter, downstream_cx_rx_bytes_total, "Bytes received from clients.")                      \
  CELL(Gauge, downstream_cx_rx_bytes_buffered, "Bytes received and not yet passed on.")            \
  CELL(Counter, downstream_cx_tx_bytes_total, "Bytes sent to clients.")                            \
  CELL(Gauge, downstream_cx_tx_bytes_buffered, "Bytes not yet sent to clients.")                   \
  CELL(Counter, downstream_flow_control_paused_reading_total, "Times reading a client paused.")    \
  CELL(Counter, downstream_flow_control_resumed_reading_total, "Times reading a client resumed.")  \
  CELL(Counter, downstream_rq_total, "Requests received.")                                         \
  CELL(Gauge, downstream_rq_active, "Requests being served.")                                      \
  CELL(Counter, downstream_rq_http1_total, "HTTP/1.1 requests received.")                          \
  CELL(Counter, downstream_rq_http2_total, "HTTP/2 requests received.")                            \
  CELL(ClassCounters, downstream_rq, "Responses by class of status.")                              \
  CELL(Histogram, downstream_rq_time, "Milliseconds from the request to the end of the response.") \
  CELL(Counter, downstream_rq_timeout, "Requests that were not complete within request_timeout.")  \
  CELL(Counter, downstream_rq_header_timeout, "Requests whose headers came too slowly.")           \
  CELL(Counter, downstream_rq_idle_timeout, "Requests ended by stream_idle_timeout.")              \
  CELL(Counter, downstream_rq_max_duration_reached,                                                \
       "Requests that reached their maximum duration.")                                            \
  CELL(Counter, downstream_rq_overload_close, "Requests refused by overload control.")             \
  CELL(Counter, downstream_rq_rx_reset, "Requests reset by the client.")                           \
  CELL(Counter, downstream_rq_tx_reset, "Requests reset by this side.")                            \
  CELL(Counter, downstream_rq_too_many_premature_resets,                                           \
       "Connections closed for streams reset before a response.")                                  \
  CELL(Counter, downstream_rq_too_large, "Requests whose body was too large to be buffered.")      \
  CELL(Counter, downstream_rq_non_relative_path, "Requests whose path is not a path.")             \
  CELL(Counter, downstream_rq_response_before_rq_complete, "Responses that overtook the request.") \
  CELL(Counter, downstream_rq_ws_on_non_ws_route, "Upgrades refused by their route.")              \
  CELL(Counter, downstream_rq_failed_path_normalization, "Requests whose path was refused.")       \
  CELL(Counter, downstream_rq_redirected_with_normalized_path,                                     \
       "Redirects to the normalized path.")                                                        \
  CELL(Counter, downstream_rq_rejected_via_ip_detection, "Requests refused by IP detection.")      \
  CELL(Counter, rs_too_large, "Responses whose body was too large to be buffered.")                \
  CELL(Counter, rq_total, "Requests that reached the router.")                                     \
  CELL(Counter, no_route, "Requests that no route matched.")                                       \
  CELL(Counter, no_cluster, "Requests whose cluster does not exist.")                              \
  CELL(Counter, rq_redirect, "Requests answered with a redirect.")                                 \
  CELL(Counter, rq_direct_response, "Requests answered by the route itself.")                      \
  CELL(Counter, rq_overload_local_reply, "Requests answered by overload control.")                 \
  CELL(Counter, rq_reset_after_downstream_response_started, "Responses cut after their start.")
PILLION_STATS(HttpStats, PILLION_HTTP_STATS)

// "http.<prefix>.tracing": why requests were chosen for tracing, where tracing is configured.
inline Scope tracing_scope(std::string_view stat_prefix) {
  return {{"http"}, {sanitized(stat_prefix), kHttpPrefixTag}, {"tracing"}};
}
#define PILLION_TRACING_STATS(CELL, NAMED)                                  \
  CELL(Counter, random_sampling, "Requests traced by chance.")              \
  CELL(Counter, service_forced, "Requests traced for x-envoy-force-trace.") \
  CELL(Counter, client_enabled, "Requests traced for x-client-trace-id.")   \
  CELL(Counter, not_traceable, "Requests that are not traced.")
PILLION_STATS(TracingStats, PILLION_TRACING_STATS)

// Counters of the HTTP/1 codec: "http1." for clients, "cluster.<name>.http1." for endpoints.
inline Scope http1_scope() {
  return {{"http1"}};
}
inline Scope cluster_http1_scope(std::string_view cluster) {
  return {{"cluster"}, {sanitized(cluster), kClusterTag}, {"http1"}};
}
#define PILLION_HTTP1_STATS(CELL, NAMED)                                                   \
  CELL(Counter, dropped_headers_with_underscores, "Headers dropped for an underscore.")    \
  CELL(Counter, metadata_not_supported_error, "METADATA frames that HTTP/1 cannot carry.") \
  CELL(Counter, requests_rejected_with_underscores_in_headers,                             \
       "Requests refused for an underscore.")                                              \
  CELL(Counter, response_flood, "Connections closed for too many queued responses.")
PILLION_STATS(Http1Stats, PILLION_HTTP1_STATS)

// Counters of the HTTP/2 codec: "http2." for clients, "cluster.<name>.http2." for endpoints.
inline Scope http2_scope() {
  return {{"http2"}};
}
inline Scope cluster_http2_scope(std::string_view cluster) {
  return {{"cluster"}, {sanitized(cluster), kClusterTag}, {"http2"}};
}
#define PILLION_HTTP2_STATS(CELL, NAMED)                                                          \
  CELL(Counter, dropped_headers_with_underscores, "Headers dropped for an underscore.")           \
  CELL(Counter, goaway_sent, "GOAWAY frames sent.")                                               \
  CELL(Counter, header_list_size_too_large, "Streams reset for too large headers.")               \
  CELL(Counter, header_overflow, "Streams reset for too many headers.")                           \
  CELL(Counter, inbound_continuation_flood, "Connections closed for too many CONTINUATIONs.")     \
  CELL(Counter, inbound_empty_frames_flood, "Connections closed for frames without payload.")     \
  CELL(Counter, inbound_priority_frames_flood, "Connections closed for too many PRIORITYs.")      \
  CELL(Counter, inbound_reset_flood, "Connections closed for too many streams reset.")            \
  CELL(Counter, inbound_window_update_frames_flood,                                               \
       "Connections closed for too many WINDOW_UPDATEs.")                                         \
  CELL(Counter, keepalive_timeout, "Connections closed because a ping was not answered.")         \
  CELL(Counter, outbound_control_flood, "Connections closed for unread answers to their frames.") \
  CELL(Counter, outbound_flood, "Connections closed for too many unread frames.")                 \
  CELL(Counter, requests_rejected_with_underscores_in_headers,                                    \
       "Requests refused for an underscore.")                                                     \
  CELL(Counter, rx_messaging_error, "Messages that broke the rules of HTTP.")                     \
  CELL(Counter, rx_reset, "Streams reset by the peer.")                                           \
  CELL(Gauge, streams_active, "Streams that are open.")                                           \
  CELL(Counter, stream_refused_errors, "Streams refused.")                                        \
  CELL(Counter, trailers, "Trailers received.")                                                   \
  CELL(Counter, tx_flush_timeout, "Streams reset because the peer did not read them.")            \
  CELL(Counter, tx_reset, "Streams reset by this side.")
PILLION_STATS(Http2Stats, PILLION_HTTP2_STATS)

}  // namespace pillion::metrics
