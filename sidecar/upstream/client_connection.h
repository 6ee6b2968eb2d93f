#pragma once
// One connection to an endpoint. Speaking HTTP/1.1 it carries one request at a time, then goes back
// to its pool; speaking HTTP/2 it leaves streams to its Http2Client. Knows how far a request got
// when it fails, which decides whether it may be sent again. Owned by its Pool; worker thread.

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
#include "sidecar/upstream/exchange.h"

namespace pillion::upstream {

class Pool;
class Http2Client;

// How the cluster is spoken to; the defaults where it says nothing.
const config::UpstreamHttp& http_options(const config::Cluster& cluster);

class ClientConnection final : public io::Disposable,
                               public net::ConnectionEvents,
                               public http::CodecEvents,
                               public Exchange,
                               public TaggedNode<ClientConnection> {
 public:
  ClientConnection(Pool& pool, net::Fd fd, uint64_t id);
  ~ClientConnection() override;

  // Exchange, for HTTP/1.1.
  void send_head(ResponseEvents& events, const http::RequestHead& head, bool end,
                 bool tunnel) override;
  void send_body(std::string_view data) override;
  void send_end(const http::Headers* trailers) override;
  void start_tunnel() override;
  void release_unused() override;
  // The connection is closed.
  void abandon() override;
  [[nodiscard]] bool clogged() override { return connection_.clogged(); }
  void pause_response() override { connection_.pause_reads(); }
  void resume_response() override { connection_.resume_reads(); }
  [[nodiscard]] const ClientConnection& connection() const override { return *this; }

  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] const Address& local() const { return local_; }
  // Null in plain text.
  [[nodiscard]] tls::Session* session() const { return connection_.session(); }
  // Null while it connects and when it speaks HTTP/1.1.
  [[nodiscard]] Http2Client* http2() { return http2_.get(); }
  [[nodiscard]] http::Version version() const {
    return http2_ != nullptr ? http::Version::kHttp2 : http::Version::kHttp11;
  }
  [[nodiscard]] uint64_t request_wire_bytes() const override {
    return connection_.bytes_written() - written_at_start_;
  }
  [[nodiscard]] uint64_t response_wire_bytes() const override {
    return connection_.bytes_read() - read_at_start_;
  }
  [[nodiscard]] uint64_t request_header_bytes() const override { return request_header_bytes_; }
  [[nodiscard]] uint64_t response_header_bytes() const override { return response_header_bytes_; }
  [[nodiscard]] const Endpoint& endpoint() const;
  [[nodiscard]] Time connect_started() const { return connect_started_; }
  [[nodiscard]] Time connected() const { return connected_; }
  [[nodiscard]] bool fresh() const { return requests_ == 0; }
  // For the pool: closes an idle, connecting or busy connection.
  void close(bool by_us);
  // While nobody uses it, until the cluster's idle timeout or maximum age closes it.
  void arm_idle_timer();
  void cancel_idle_timer() { idle_timer_.cancel(); }
  // May serve no further request after those at hand.
  void retire();
  [[nodiscard]] bool retired() const { return retired_; }

 private:
  friend class Pool;
  friend class Http2Client;
  friend class Http2ClientStream;
  // net::ConnectionEvents
  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_failed(Error error) override;
  void on_connected() override;
  void on_drained() override;
  void on_flushed() override { answer_raw(); }
  // http::CodecEvents
  Arena& on_message_begin(http::StreamId id) override;
  void on_response(http::StreamId id, http::ResponseHead& head, bool end) override;
  void on_body(http::StreamId id, std::string_view data) override;
  void on_message_end(http::StreamId id, http::Headers* trailers) override;

  [[nodiscard]] bool should_speak_http2();
  [[nodiscard]] bool raw() const;
  // What a proxy says to the CONNECT request that ends here, as soon as it is connected.
  void answer_raw();
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
  std::unique_ptr<Http2Client> http2_;
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
  bool raw_answered_ = false;
  http::Headers* trailers_ = nullptr;
};

}  // namespace pillion::upstream
