#pragma once
// x-forwarded-client-cert: passes on, replaces or extends what a request says of the certificate of
// the client (Envoy: HttpConnectionManager.forward_client_cert_details). A function over one
// request; worker thread.

#include "sidecar/config/listener.h"
#include "sidecar/http/headers.h"

namespace pillion::tls {
class Session;
}

namespace pillion::proxy {

// `session` is the client's connection's; null in plain text.
void forward_client_cert(http::Headers& headers, const config::HttpConnectionManager& config,
                         tls::Session* session);

}  // namespace pillion::proxy
