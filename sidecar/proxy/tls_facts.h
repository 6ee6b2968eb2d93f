#pragma once
// What access logs and header formatters print of a connection's TLS. Functions over one session;
// worker thread.

#include "sidecar/base/arena.h"
#include "sidecar/format/stream_info.h"

namespace pillion::tls {
class Session;
}

namespace pillion::proxy {

// As far as some format asks for it, in `arena`; null where none does or `session` is null.
// `upstream`: the session is one with an endpoint.
const TlsFacts* tls_facts(tls::Session* session, bool upstream, Arena& arena);

// PEM with the characters encoded that mean something in a header or a URL.
std::string encoded_pem(std::string_view pem);

}  // namespace pillion::proxy
