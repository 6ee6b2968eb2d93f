#pragma once
// Listeners, filter chains and the HTTP connection manager as plain validated data
// (envoy.config.listener.v3, envoy...http_connection_manager.v3). Immutable, shared by all workers.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/config/access_log.h"
#include "sidecar/config/cluster.h"
#include "sidecar/config/http2.h"
#include "sidecar/config/listener_filter.h"
#include "sidecar/config/route.h"
#include "sidecar/config/tcp_proxy.h"
#include "sidecar/config/tracing.h"

namespace pillion::filter {
class Factory;  // a filter's parsed configuration, opaque here
}

namespace pillion::config {

struct HttpFilter {
  std::string name;  // the instance's name in the chain, the key of per-route overrides
  std::shared_ptr<const filter::Factory> factory;  // null for the router, which ends the chain
  bool disabled = false;                           // unless a route enables it
};

struct UpgradeConfig {
  std::string type;  // lower case: "websocket", "connect"
  bool enabled = true;
  // upgrade_configs[].filters: a chain of its own for such requests.
  std::optional<std::vector<HttpFilter>> filters;
};

// HCM.local_reply_config: rewrites replies the proxy makes itself.
struct LocalReplyMapper {
  LogFilter filter;
  std::optional<int> status;
  std::optional<std::string> body;
  std::optional<AccessLog> body_format;  // only the format fields are used
  std::string body_format_content_type;
  HeaderEdits headers;
};
struct LocalReplyConfig {
  std::vector<LocalReplyMapper> mappers;
  std::optional<AccessLog> body_format;
  std::string body_format_content_type;
};

struct HttpConnectionManager {
  // kAuto: HTTP/2 where ALPN says so or the connection begins with its preface.
  enum class Codec : uint8_t { kAuto, kHttp1, kHttp2 } codec = Codec::kAuto;
  Http2Protocol http2;
  std::string stat_prefix;
  std::shared_ptr<const RouteTable> routes;
  std::vector<HttpFilter> filters;
  std::vector<AccessLog> access_logs;
  std::vector<UpgradeConfig> upgrades;

  std::string server_name = "envoy";
  enum class ServerHeader : uint8_t { kOverwrite, kAppendIfAbsent, kPassThrough };
  ServerHeader server_header = ServerHeader::kOverwrite;
  std::string via;

  // Timeouts; zero: none.
  Millis idle_timeout{3600 * 1000};  // connection without an active stream
  Millis max_connection_duration{0};
  Millis max_stream_duration{0};
  Millis stream_idle_timeout{300 * 1000};
  Millis request_timeout{0};
  Millis request_headers_timeout{0};
  Millis drain_timeout{5000};
  Millis delayed_close_timeout{1000};

  uint32_t max_request_headers_kb = 60;
  uint32_t max_headers_count = 100;
  uint32_t max_requests_per_connection = 0;  // 0: unlimited

  // x-forwarded-client-cert, and what of a client's certificate goes into it.
  enum class ForwardClientCert : uint8_t {
    kSanitize,
    kForwardOnly,
    kAppendForward,
    kSanitizeSet,
    kAlwaysForwardOnly
  } forward_client_cert = ForwardClientCert::kSanitize;
  struct ClientCertDetails {
    bool subject = false;
    bool cert = false;
    bool chain = false;
    bool dns = false;
    bool uri = false;
  } client_cert_details;

  bool use_remote_address = false;
  uint32_t xff_num_trusted_hops = 0;
  bool skip_xff_append = false;
  std::vector<CidrRange> internal_addresses;
  bool internal_addresses_configured = false;  // internal_address_config given
  bool unix_sockets_internal = false;

  bool generate_request_id = true;
  bool preserve_external_request_id = false;
  bool always_set_request_id_in_response = false;
  bool pack_trace_reason = true;   // request id's UuidRequestIdConfig
  std::optional<Tracing> tracing;  // none: requests are neither chosen nor marked

  bool accept_http_10 = false;
  std::string default_host_for_http_10;
  bool proxy_100_continue = false;
  bool allow_absolute_url = true;
  bool proper_case_headers = false;
  bool enable_trailers = false;
  bool allow_chunked_length = false;
  bool stream_error_on_invalid_message = false;

  bool normalize_path = false;
  bool merge_slashes = false;
  enum class EscapedSlashes : uint8_t {
    kKeep,
    kReject,
    kUnescapeAndRedirect,
    kUnescapeAndForward
  } escaped_slashes = EscapedSlashes::kKeep;
  enum class HeadersWithUnderscores : uint8_t { kAllow, kReject, kDrop };
  HeadersWithUnderscores underscores = HeadersWithUnderscores::kAllow;
  enum class StripPort : uint8_t { kKeep, kMatching, kAny } strip_port = StripPort::kKeep;
  bool strip_trailing_host_dot = false;

  bool suppress_envoy_headers = false;       // router filter
  bool respect_expected_rq_timeout = false;  // router filter
  bool append_x_forwarded_port = false;
  bool append_local_overload = false;
  std::optional<LocalReplyConfig> local_reply;
  std::string scheme_to_overwrite;  // scheme_header_transformation
};

struct FilterChainMatch {
  std::optional<uint16_t> destination_port;
  std::vector<CidrRange> prefix_ranges;
  std::vector<std::string> server_names;  // lower case; "*.example.com" takes all names below
  std::string transport_protocol;         // "raw_buffer", "tls"; empty: any
  std::vector<std::string> application_protocols;
  std::vector<CidrRange> direct_source_ranges;
  enum class SourceType : uint8_t { kAny, kSameIpOrLoopback, kExternal };
  SourceType source_type = SourceType::kAny;
  std::vector<CidrRange> source_prefix_ranges;
  std::vector<uint16_t> source_ports;
  // Nothing is asked: every connection matches.
  [[nodiscard]] bool empty() const {
    return !destination_port && prefix_ranges.empty() && !inspected() &&
           direct_source_ranges.empty() && source_type == SourceType::kAny &&
           source_prefix_ranges.empty() && source_ports.empty();
  }
  // Something is asked that only the connection's bytes can tell.
  [[nodiscard]] bool inspected() const {
    return !server_names.empty() || !transport_protocol.empty() || !application_protocols.empty();
  }
};

struct DownstreamTls;  // tls.h

struct FilterChain {
  std::string name;
  FilterChainMatch match;
  // One of the two.
  std::shared_ptr<const HttpConnectionManager> http;
  std::shared_ptr<const TcpProxy> tcp;
  std::shared_ptr<const DownstreamTls> tls;  // null: plain text
  Millis transport_connect_timeout{0};
};

struct Listener {
  std::string name;
  std::vector<Address> addresses;  // the address, then additional_addresses
  bool ipv4_compat = false;
  bool reuse_port = true;
  bool bind_to_port = true;
  // Connections go on to the listener of their original destination, where there is one.
  bool use_original_dst = false;
  bool transparent = false;
  bool freebind = false;
  uint32_t backlog = 4096;
  uint32_t buffer_limit = 1024 * 1024;
  std::string stat_prefix;  // empty: the address, as "0.0.0.0_10000"
  std::vector<FilterChain> chains;
  std::optional<FilterChain> default_chain;
  std::vector<AccessLog> access_logs;
  std::unique_ptr<TcpKeepalive> keepalive;
  uint32_t max_connections = 0;        // 0: unlimited (connection limit per listener)
  uint32_t max_accepts_per_event = 0;  // max_connections_to_accept_per_socket_event; 0: any
  bool ignore_global_conn_limit = false;
  std::vector<ListenerFilter> listener_filters;
  Millis listener_filters_timeout{15000};
  bool continue_on_listener_filters_timeout = false;
  uint32_t tcp_fast_open_queue = 0;
  enum class DrainType : uint8_t { kDefault, kModifyOnly } drain_type = DrainType::kDefault;
  // As declared; nothing is inferred from it.
  enum class Direction : uint8_t { kUnspecified, kInbound, kOutbound };
  Direction direction = Direction::kUnspecified;
};

}  // namespace pillion::config
