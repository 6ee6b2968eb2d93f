#pragma once
// What the proxy reads of gRPC over HTTP/2 (PROTOCOL-HTTP2.md): deadlines, statuses and what HTTP
// makes of them. Pure; any thread.

#include <optional>
#include <string>
#include <string_view>

#include "sidecar/base/time.h"
#include "sidecar/http/headers.h"

namespace pillion::http {

// grpc-timeout: up to eight digits and a unit. None when it is malformed.
std::optional<Duration> parse_grpc_timeout(std::string_view text);
// In the finest unit that eight digits can hold, rounded up; at least one nanosecond.
std::string format_grpc_timeout(Duration timeout);

// grpc-status of trailers, or of a response that is nothing but trailers; values above 16 are
// unknown to gRPC and pass as they are.
std::optional<unsigned> grpc_status_in(const Headers& headers);
// The HTTP status that says the same, for counting outcomes (google.rpc.Code's mapping).
int http_status_of_grpc(unsigned status);
// What a gRPC client makes of a response without grpc-status (gRPC's
// doc/http-grpc-status-mapping.md), and what a local reply tells it.
unsigned grpc_status_of_http(int status);

}  // namespace pillion::http
