#pragma once
// The sans-IO face of a protocol on one connection: bytes in, events out; messages in, bytes out. A
// codec knows no socket and no loop. HTTP/1 has one stream at a time, always with id 0. Single
// thread.

#include <cstdint>
#include <string_view>

#include "sidecar/base/buffer.h"
#include "sidecar/base/error.h"
#include "sidecar/http/message.h"

namespace pillion::http {

using StreamId = uint32_t;

// What a codec tells its owner while it is fed. A callee may send messages through the codec, but
// must neither feed nor destroy it. Heads and trailers live in the arena of on_message_begin.
class CodecEvents {
 public:
  // A message begins (its first byte has been seen); the arena must live until the stream ends.
  virtual Arena& on_message_begin(StreamId id) = 0;
  // `end`: no body and no trailers follow; on_message_end is still called.
  virtual void on_request(StreamId /*id*/, RequestHead& /*head*/, bool /*end*/) {}
  // Interim (1xx) responses come here too, each before the final one, with end == false.
  virtual void on_response(StreamId /*id*/, ResponseHead& /*head*/, bool /*end*/) {}
  // Body, or a tunnel's bytes. The view is valid during the call.
  virtual void on_body(StreamId id, std::string_view data) = 0;
  // The message is complete; `trailers` is null when there are none. Not called for tunnels.
  virtual void on_message_end(StreamId id, Headers* trailers) = 0;

 protected:
  ~CodecEvents() = default;
};

// Bounds of what a peer may make a codec hold.
struct CodecLimits {
  uint32_t max_header_bytes = 60 * 1024;
  uint32_t max_header_count = 100;
  // A request may have both Content-Length and chunked coding; the former is dropped then.
  bool allow_chunked_length = false;
};

// Why feed() refused its input, and what to answer where an answer is due.
struct ProtocolError {
  int status = 400;
  std::string_view details = "http1.codec_error";  // %RESPONSE_CODE_DETAILS%
};

}  // namespace pillion::http
