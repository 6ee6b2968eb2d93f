#pragma once
// Stats of TLS on one listener ("listener.<address>.ssl.") or towards one cluster
// ("cluster.<name>.ssl."), with Envoy's names. Counted by workers when handshakes end.

#include <string_view>

#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

#define PILLION_SSL_STATS(CELL, NAMED)                                                         \
  CELL(Counter, handshake, "Handshakes completed.")                                            \
  CELL(Counter, session_reused, "Handshakes that resumed a session.")                          \
  CELL(Counter, connection_error, "Connections failed by TLS but for certificates.")           \
  CELL(Counter, no_certificate, "Handshakes without a certificate of the peer's.")             \
  CELL(Counter, fail_verify_no_cert, "Connections failed because the peer's was missing.")     \
  CELL(Counter, fail_verify_error, "Connections failed because its chain was not acceptable.") \
  CELL(Counter, fail_verify_san, "Connections failed because its names did not match.")        \
  CELL(Counter, fail_verify_cert_hash, "Connections failed because no pin matched.")           \
  CELL(Counter, ocsp_staple_failed, "Connections refused for want of a good OCSP staple.")     \
  CELL(Counter, ocsp_staple_omitted, "Handshakes without the staple that was asked for.")      \
  CELL(Counter, ocsp_staple_requests, "Handshakes whose client asked for a staple.")           \
  CELL(Counter, ocsp_staple_responses, "Handshakes with a staple.")
PILLION_STATS(SslStats, PILLION_SSL_STATS)

// How often one cipher, version, curve or signature algorithm was used: the scope's last segment is
// its name ("ssl.ciphers.TLS_AES_128_GCM_SHA256"), so the one cell has none.
#define PILLION_SSL_NAME_STATS(CELL, NAMED) \
  NAMED(Counter, handshakes, "", "Handshakes that used it.")
PILLION_STATS(SslNameStats, PILLION_SSL_NAME_STATS)

inline constexpr std::string_view kSslCipherTag = "envoy_ssl_cipher";
// Envoy's tag of the same thing on clusters.
inline constexpr std::string_view kSslCipherSuiteTag = "cipher_suite";
inline constexpr std::string_view kSslCurveTag = "envoy_ssl_curve";
inline constexpr std::string_view kSslVersionTag = "envoy_ssl_version";
inline constexpr std::string_view kSslSignatureTag = "envoy_ssl_sigalg";

}  // namespace pillion::metrics
