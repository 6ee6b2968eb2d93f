#pragma once
// The facts of one stream that access logs, header formatters, log filters and metrics read. Filled
// in by the data path as it learns them; plain data, owned by the stream, single thread.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sidecar/base/address.h"
#include "sidecar/base/time.h"
#include "sidecar/config/route.h"
#include "sidecar/config/value.h"
#include "sidecar/format/response_flags.h"
#include "sidecar/http/message.h"

namespace pillion {

// Why a request is traced.
enum class TraceReason : uint8_t {
  kNone,     // it is not
  kSampled,  // by chance
  kForced,   // x-envoy-force-trace
  kClient    // x-client-trace-id
};

// When things happened; an unset point is the epoch (time_since_epoch() == 0).
struct StreamTimes {
  Time connection_start{};  // the client's connection was accepted
  Time connection_end{};    // and was over before the stream was
  Time start{};             // first byte of the request head
  Time request_received{};  // last byte of the request
  Time pool_requested{};    // the first attempt asked its pool for a connection
  Time pool_ready{};        // and had one
  Time upstream_connect_start{};
  Time upstream_connected{};
  Time request_sent_first{};  // first byte sent upstream
  Time request_sent_last{};
  Time response_first{};       // first byte received from upstream
  Time response_body_first{};  // and of its body
  Time response_last{};
  Time downstream_first{};  // first byte sent downstream
  Time downstream_last{};   // last byte of a response that was sent whole
  Time end{};               // the stream's end
};

// One host that a request was tried on, in the stream's arena; oldest first.
struct AttemptedHost {
  const Address* address = nullptr;
  std::string_view name;       // as StreamInfo::upstream_host_name
  uint64_t connection_id = 0;  // 0: no connection was had
  AttemptedHost* next = nullptr;
};

// What TLS says of one connection, as %..._TLS_...%, %..._PEER_...% and %..._LOCAL_...% print it.
enum class TlsField : uint8_t {
  kVersion,
  kCipher,
  kGroup,
  kSessionId,
  kServerName,
  kPeerUris,
  kPeerDnsNames,
  kPeerIps,
  kPeerEmails,
  kPeerOtherNames,
  kPeerSubject,
  kPeerIssuer,
  kPeerSerial,
  kPeerSha1,
  kPeerSha256,
  kPeerChainSerials,
  kPeerChainSha1,
  kPeerChainSha256,
  kPeerIssuerSerial,
  kPeerIssuerSha256,
  kPeerPem,  // with the characters that mean something in a URL encoded
  kLocalUris,
  kLocalDnsNames,
  kLocalIps,
  kLocalEmails,
  kLocalOtherNames,
  kLocalSubject,
  kCount
};
struct TlsFacts {
  std::array<std::string_view, static_cast<std::size_t>(TlsField::kCount)> text;
  std::optional<WallTime> peer_not_before;
  std::optional<WallTime> peer_not_after;
};

struct StreamInfo {
  WallTime start_wall{};
  StreamTimes times;

  const Address* downstream_remote = nullptr;         // after x-forwarded-for or PROXY protocol
  const Address* downstream_direct_remote = nullptr;  // the socket's peer
  const Address* downstream_local = nullptr;          // after original_dst; else as the next
  const Address* downstream_direct_local = nullptr;   // the socket's own
  uint64_t connection_id = 0;
  int downstream_socket = -1;  // for what only the system knows, such as round-trip times
  std::string_view requested_server_name;
  std::string_view listener_name;
  std::string_view filter_chain_name;
  std::optional<http::Version> protocol;

  uint64_t request_body_bytes = 0;   // %BYTES_RECEIVED%
  uint64_t response_body_bytes = 0;  // %BYTES_SENT%
  // Of field lines, all attempts together. As Envoy counts: sent ones whole, received ones by name,
  // value and three bytes more.
  uint64_t request_header_bytes = 0;   // %DOWNSTREAM_HEADER_BYTES_RECEIVED%
  uint64_t response_header_bytes = 0;  // %DOWNSTREAM_HEADER_BYTES_SENT%
  uint64_t upstream_header_received = 0;
  uint64_t upstream_header_sent = 0;
  uint64_t downstream_wire_received = 0;
  uint64_t downstream_wire_sent = 0;
  uint64_t upstream_wire_received = 0;
  uint64_t upstream_wire_sent = 0;

  int response_code = 0;  // 0: no response was started
  std::string_view response_code_details;
  std::string_view upstream_transport_failure;
  std::string_view downstream_transport_failure;
  // Null: plain text, or nobody asks (format::wanted_tls_fields()).
  const TlsFacts* downstream_tls = nullptr;
  const TlsFacts* upstream_tls = nullptr;
  // "RemoteReset" once the peer has reset the connection; else "Normal", also while it is open.
  std::string_view downstream_close_type = "Normal";
  std::string_view upstream_close_type;  // of the last attempt
  // Why a connection was closed from here, where there is a word for it.
  std::string_view downstream_local_close_reason;
  std::string_view upstream_local_close_reason;
  ResponseFlags flags;
  uint32_t attempts = 0;
  uint32_t route_resolutions = 0;    // how often a route was looked for
  Duration route_resolution_time{};  // measured when format::route_times_wanted()

  std::string_view route_name;
  std::string_view virtual_host_name;
  std::string_view virtual_cluster_name;
  std::string_view upstream_cluster;      // the observability name (alt_stat_name or name)
  std::string_view upstream_cluster_raw;  // the name
  const config::Metadata* dynamic_metadata = nullptr;
  const config::Metadata* route_metadata = nullptr;
  const config::Metadata* virtual_host_metadata = nullptr;
  const config::Metadata* cluster_metadata = nullptr;
  const config::Metadata* upstream_metadata = nullptr;

  const Address* upstream_host = nullptr;    // the endpoint that was picked
  const Address* upstream_remote = nullptr;  // the peer of the connection to it, once there is one
  const Address* upstream_local = nullptr;
  std::string_view upstream_host_name;  // endpoint's hostname, or its address as text
  std::optional<http::Version> upstream_protocol;
  uint64_t upstream_connection_id = 0;
  AttemptedHost* attempted = nullptr;  // the first

  TraceReason trace_reason = TraceReason::kNone;
  std::string_view log_type = "DownstreamEnd";  // %ACCESS_LOG_TYPE%
  bool health_check = false;                    // answered by, or marked as, a health check
  std::string_view request_id;

  void set_flag(ResponseFlag flag) { flags.set(flag); }
  [[nodiscard]] bool has_flag(ResponseFlag flag) const { return flags.has(flag); }
};

}  // namespace pillion
