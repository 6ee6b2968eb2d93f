#pragma once
// What the connection manager does to a request's head before it is routed, and to a response's
// before it leaves: hop-by-hop fields, x-forwarded-*, internal headers, x-request-id, via, server
// (Envoy: configuration/http/http_conn_man/headers). Functions over one message; worker thread.

#include <optional>
#include <string_view>

#include "sidecar/config/listener.h"
#include "sidecar/format/stream_info.h"
#include "sidecar/http/message.h"
#include "sidecar/metrics/http_stats.h"
#include "sidecar/proxy/worker_context.h"

namespace pillion::tls {
class Session;
}

namespace pillion::proxy {

// What is wrong with a request, and how to answer it.
struct Refusal {
  int status = 400;
  std::string_view details;
  std::string_view location;  // of a redirect to the normalized path
};

struct RequestFacts {
  const Address& direct_remote;
  // Set to the client's address: the connection's or one from x-forwarded-for.
  Address& remote;
  uint16_t local_port = 0;
  bool internal = false;            // the request came from an internal address
  tls::Session* session = nullptr;  // of the client's connection; null in plain text
};

// Where requests are counted that have an underscore in a name.
struct UnderscoreCounts {
  metrics::Counter& dropped;
  metrics::Counter& refused;
};

// Path and header policies that may refuse the request: Host, normalization, underscores,
// connection-named fields.
std::optional<Refusal> check_request(http::RequestHead& head,
                                     const config::HttpConnectionManager& config,
                                     UnderscoreCounts counts);
// Edits the head in place; cannot fail.
void prepare_request(http::RequestHead& head, const config::HttpConnectionManager& config,
                     RequestFacts& facts, WorkerContext& worker);
// Removes hop-by-hop fields from a response and adds via, server and date. `from_upstream`: not a
// local reply.
void prepare_response(http::ResponseHead& head, const config::HttpConnectionManager& config,
                      WorkerContext& worker);
// A random version 4 UUID in the arena.
std::string_view make_request_id(Arena& arena, Random& random);

}  // namespace pillion::proxy
