#pragma once
// One HTTP/1.1 connection to an endpoint: carries one request at a time, then goes back to its
// pool. Knows how far a request got when it fails, which decides whether it may be sent again.
// Owned by its Pool; worker thread.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "sidecar/http/codec.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/http/http1_writer.h"
#include "sidecar/io/loop.h"
#include "sidecar/net/connection.h"
#include "sidecar/upstream/endpoint.h"

namespace pillion::upstream {

class Pool;

// How far a failed request can have got at the peer.
enum class Evidence : uint8_t {
  kNothingSent,  // no byte of it has left
  kUnprocessed,  // the peer's system acknowledged none of it, so no process can have read it
  kUnknown
};

struct AttemptFailure {
  Error error;
  Evidence evidence = Evidence::kUnknown;
  bool reused_connection = false;  // the connection had served a request before
  bool was_reset = false;          // by the peer, as opposed to closed
};

// What a connection tells the request it carries. None is called after the request was released or
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
  // Output has drained after clogged() was true.
  virtual void on_request_drained() = 0;

 protected:
  ~ResponseEvents() = default;
};

class ClientConnection final : public io::Disposable,
                               public net::ConnectionEvents,
                               public http::CodecEvents,
                               public TaggedNode<ClientConnection> {
 public:
  ClientConnection(Pool& pool, net::Fd fd, uint64_t id);
  ~ClientConnection() override;

  // Sends a request's head; the response comes to `events`. `end`: no body follows. `tunnel`: it
  // asks for one, so that its fields say nothing about a body.
  void send_head(ResponseEvents& events, const http::RequestHead& head, bool end, bool tunnel);
  void send_body(std::string_view data);
  void send_end(const http::Headers* trailers);
  // The upstream agreed to a tunnel; further bytes pass both ways untouched.
  void start_tunnel();
  // The request it was given to does not use it after all.
  void release_unused();
  // Gives up the request: the connection is closed, no event follows.
  void abandon();
  [[nodiscard]] bool clogged() { return connection_.clogged(); }
  // Back-pressure from downstream; balanced calls.
  void pause_response() { connection_.pause_reads(); }
  void resume_response() { connection_.resume_reads(); }
  void finish_sending() { connection_.shutdown_write(); }

  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] const Address& local() const { return local_; }
  [[nodiscard]] uint64_t request_wire_bytes() const {
    return connection_.bytes_written() - written_at_start_;
  }
  [[nodiscard]] uint64_t response_wire_bytes() const {
    return connection_.bytes_read() - read_at_start_;
  }
  // Of the fields of the request at hand's heads, as StreamInfo counts them.
  [[nodiscard]] uint64_t request_header_bytes() const { return request_header_bytes_; }
  [[nodiscard]] uint64_t response_header_bytes() const { return response_header_bytes_; }
  [[nodiscard]] const Endpoint& endpoint() const;
  [[nodiscard]] Time connect_started() const { return connect_started_; }
  [[nodiscard]] Time connected() const { return connected_; }
  [[nodiscard]] bool busy() const { return events_ != nullptr; }
  [[nodiscard]] bool fresh() const { return requests_ == 0; }
  // For the pool: closes an idle, connecting or busy connection.
  void close(bool by_us);
  // While nobody uses it, until the cluster's idle timeout or maximum age closes it.
  void arm_idle_timer();
  void cancel_idle_timer() { idle_timer_.cancel(); }
  // May serve no further request after this one.
  void retire() { retired_ = true; }

 private:
  friend class Pool;
  // net::ConnectionEvents
  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_failed(Error error) override;
  void on_connected() override;
  void on_drained() override;
  // http::CodecEvents
  Arena& on_message_begin(http::StreamId id) override;
  void on_response(http::StreamId id, http::ResponseHead& head, bool end) override;
  void on_body(http::StreamId id, std::string_view data) override;
  void on_message_end(http::StreamId id, http::Headers* trailers) override;

  void on_connect_timeout();
  void on_idle_timeout();
  [[nodiscard]] bool too_old() const;
  void fail(Error error, bool by_us);
  void count_bytes();
  // The connection goes while its request is under way.
  void count_cut_request(bool by_us);
  void complete(http::Headers* trailers, bool by_us);

  Pool& pool_;
  net::Connection connection_;
  http::Http1Parser parser_;
  io::Timer idle_timer_;  // while connecting: the connect timeout
  ResponseEvents* events_ = nullptr;
  uint64_t id_;
  Address local_;
  Time connect_started_{};
  Time connected_{};
  uint64_t written_at_start_ = 0;
  uint64_t read_at_start_ = 0;
  uint64_t request_header_bytes_ = 0;
  uint64_t response_header_bytes_ = 0;
  uint64_t counted_read_ = 0;
  uint64_t counted_written_ = 0;
  uint32_t requests_ = 0;
  bool says_close_ = false;  // the response announced the end of the connection
  bool chunked_ = false;
  bool request_done_ = false;
  bool response_done_ = false;
  bool retired_ = false;
  bool ended_ = false;  // the peer has closed its side in order
  bool closed_ = false;
  bool tunnel_ = false;
  http::Headers* trailers_ = nullptr;
};

}  // namespace pillion::upstream
