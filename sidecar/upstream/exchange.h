#pragma once
// One request on its way to an endpoint, whatever the connection speaks: what an attempt sends
// through, and what it hears back. An HTTP/1.1 connection is an exchange itself, one at a time; an
// HTTP/2 connection makes one per stream. Worker thread.

#include <cstdint>
#include <string_view>

#include "sidecar/base/arena.h"
#include "sidecar/base/error.h"
#include "sidecar/http/message.h"

namespace pillion::upstream {

class ClientConnection;

// How far a failed request can have got at the peer.
enum class Evidence : uint8_t {
  kNothingSent,  // no byte of it has left
  kUnprocessed,  // the peer said so, or its system acknowledged none of it
  kUnknown
};

struct AttemptFailure {
  Error error;
  Evidence evidence = Evidence::kUnknown;
  bool reused_connection = false;  // the connection had served a request before
  bool was_reset = false;          // the peer has reset the connection, as opposed to closed it
  bool reset = false;              // the endpoint reset this stream, its connection lives on
  bool refused = false;            // ... and said that it had not begun (REFUSED_STREAM)
  bool by_goaway = false;          // ... because it takes no further streams on that connection
};

// What an exchange tells the request it carries. None is called after the request was released or
// abandoned.
class ResponseEvents {
 public:
  virtual Arena& response_arena() = 0;
  // Interim responses too; 101 and a CONNECT's 2xx begin a tunnel.
  virtual void on_response_head(http::ResponseHead& head, bool end) = 0;
  virtual void on_response_body(std::string_view data) = 0;
  // The response is complete; the connection leaves the request with this call.
  virtual void on_connection_leaving() = 0;
  // Follows at once: the connection is free again, so that the next request can have it.
  virtual void on_response_end(http::Headers* trailers) = 0;
  // The connection failed or was closed first; it has left the request already.
  virtual void on_response_failed(const AttemptFailure& failure) = 0;
  // Of an HTTP/2 response: how much more than a first piece may be on its way, so that all that was
  // asked for can be held if nobody reads it. The answer changes as others come and go.
  virtual std::size_t response_window() = 0;
  // Output has drained after clogged() was true.
  virtual void on_request_drained() = 0;

 protected:
  ~ResponseEvents() = default;
};

class Exchange {
 public:
  // Sends a request's head; the response comes to `events`. `end`: no body follows. `tunnel`: it
  // asks for one, so that its fields say nothing about a body. What the head refers to lives as
  // long as the request.
  virtual void send_head(ResponseEvents& events, const http::RequestHead& head, bool end,
                         bool tunnel) = 0;
  virtual void send_body(std::string_view data) = 0;
  // In a tunnel: nothing further comes from the client.
  virtual void send_end(const http::Headers* trailers) = 0;
  // The upstream agreed to a tunnel; further bytes pass both ways untouched.
  virtual void start_tunnel() = 0;
  // The request it was given to does not use it after all.
  virtual void release_unused() = 0;
  // Gives up the request; no event follows.
  virtual void abandon() = 0;
  [[nodiscard]] virtual bool clogged() = 0;
  // Back-pressure from downstream; balanced calls.
  virtual void pause_response() = 0;
  virtual void resume_response() = 0;
  [[nodiscard]] virtual const ClientConnection& connection() const = 0;
  [[nodiscard]] virtual uint64_t request_wire_bytes() const = 0;
  [[nodiscard]] virtual uint64_t response_wire_bytes() const = 0;
  // Of the fields of the heads alone, as StreamInfo counts them.
  [[nodiscard]] virtual uint64_t request_header_bytes() const = 0;
  [[nodiscard]] virtual uint64_t response_header_bytes() const = 0;

 protected:
  ~Exchange() = default;
};

}  // namespace pillion::upstream
