#pragma once
// Messages to HTTP/1.1 bytes (RFC 9112), appended to a connection's output. Framing is the caller's
// decision; the head must not hold transfer-encoding or connection fields of its own, but for those
// of an upgrade. Pure functions.

#include <cstdint>
#include <string_view>

#include "sidecar/base/buffer.h"
#include "sidecar/http/message.h"

namespace pillion::http {

// How a head ends: fields that depend on the connection and not on the message.
struct Http1Tail {
  bool chunked = false;              // transfer-encoding: chunked
  bool close = false;                // connection: close
  bool keep_alive = false;           // connection: keep-alive, said to an HTTP/1.0 peer
  bool content_length_zero = false;  // content-length: 0
  bool http10 = false;               // the status line says HTTP/1.0, to such a client
  bool proper_case = false;          // Content-Type rather than content-type
};

// Both return how many bytes the field lines took: all but the start line and the empty line.
std::size_t write_head(Buffer& out, const RequestHead& head, const Http1Tail& tail);
// `version` goes on the status line: HTTP/1.1 whatever the message came as.
std::size_t write_head(Buffer& out, const ResponseHead& head, const Http1Tail& tail);
void write_chunk(Buffer& out, std::string_view data);
// The line before a chunk's data, for callers that write the data themselves; "\r\n" follows the
// data.
void write_chunk_size(Buffer& out, std::size_t size);
// The last chunk and the trailers, if any.
void write_last_chunk(Buffer& out, const Headers* trailers);

}  // namespace pillion::http
