#pragma once
// The names that TLS to an endpoint takes from a request (auto_sni, auto_san_validation). A
// function; any thread.

#include "sidecar/config/cluster.h"
#include "sidecar/http/message.h"
#include "sidecar/upstream/tls_names.h"

namespace pillion::proxy {

// From the host as the route sends it on, or from the header that the configuration names. An
// address is no SNI (RFC 6066 section 3), but a certificate may have it.
upstream::TlsNames upstream_names(const config::UpstreamHttp& settings,
                                  const http::RequestHead& head);

}  // namespace pillion::proxy
