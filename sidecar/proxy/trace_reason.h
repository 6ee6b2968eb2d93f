#pragma once
// Why a request is traced, which one character of a UUID in x-request-id tells all hops (Envoy:
// request_id/uuid, and mutateTracingRequestHeader of the connection manager). Functions over one
// head; worker thread.

#include <string_view>

#include "sidecar/base/hash.h"
#include "sidecar/config/tracing.h"
#include "sidecar/format/stream_info.h"
#include "sidecar/http/message.h"

namespace pillion::proxy {

// What the id says; kNone also when it is no UUID.
TraceReason trace_reason(std::string_view request_id);
// Writes the reason into x-request-id if that is a UUID.
void set_trace_reason(http::RequestHead& head, TraceReason reason);
// Decides, unless an earlier hop has: an id that cannot be read as a number is never traced. With
// `pack` the id says so from now on, else it neither tells nor learns.
TraceReason decide_trace(http::RequestHead& head, const config::Tracing& tracing, bool pack,
                         Random& random);

}  // namespace pillion::proxy
