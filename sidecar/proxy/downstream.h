#pragma once
// One connection from a client: socket, codec and, for HTTP/1.1, the stream of the moment; HTTP/2
// is left to an Http2Downstream. Serves pipelined requests one after the other, decides when the
// connection ends, and holds nothing of size while idle. Owned by its Worker through the loop's
// deletion list; worker thread.

#include <algorithm>
#include <memory>
#include <string_view>

#include "sidecar/base/buffer.h"
#include "sidecar/filter/filter.h"
#include "sidecar/http/codec.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/net/connection.h"
#include "sidecar/proxy/inbound.h"
#include "sidecar/proxy/snapshot.h"
#include "sidecar/proxy/stream.h"

namespace pillion::proxy {

class Http2Downstream;

class Downstream final : public Inbound,
                         public net::ConnectionEvents,
                         public http::CodecEvents,
                         public StreamOwner {
 public:
  Downstream(WorkerContext& worker, std::shared_ptr<const ListenerRuntime> listener,
             const HttpRuntime& http, net::Fd fd, const Address& remote, const Address& local);
  ~Downstream() override;

  // The server drains: closes now if idle, else after the response at hand.
  void drain() override;
  // Closes at once.
  void abort(std::string_view details) override;
  [[nodiscard]] const ListenerRuntime& listener() const override { return *listener_; }
  // What listener filters found out, before the first byte.
  void set_inspection(std::unique_ptr<Inspection> inspection) {
    facts_.inspection = std::move(inspection);
  }
  // Bytes that were read before, as though they came now.
  void receive(std::string_view bytes) { connection_.receive(bytes); }

 private:
  friend class Http2Downstream;
  friend class Http2ServerStream;
  enum class State : uint8_t { kOpen, kClosing /* flushing, then a delayed close */, kClosed };

  // net::ConnectionEvents
  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_failed(Error error) override;
  void on_connected() override;
  void on_drained() override;
  void on_flushed() override;
  // http::CodecEvents
  Arena& on_message_begin(http::StreamId id) override;
  void on_request(http::StreamId id, http::RequestHead& head, bool end) override;
  void on_body(http::StreamId id, std::string_view data) override;
  void on_message_end(http::StreamId id, http::Headers* trailers) override;
  // StreamOwner
  void send_head(http::ResponseHead& head, bool end, bool tunnel) override;
  void wire_bytes(uint64_t& received, uint64_t& sent) override;
  void send_interim(int status, const http::ResponseHead* head) override;
  void send_body(std::string_view data) override;
  void send_end(const http::Headers* trailers) override;
  void start_tunnel() override;
  bool clogged() override { return connection_.clogged(); }
  std::size_t response_window() override {
    return facts_.buffer_limit - std::min<std::size_t>(facts_.buffer_limit, connection_.unsent());
  }
  void pause_request() override { connection_.pause_reads(); }
  void resume_request() override { connection_.resume_reads(); }
  void close_after_response() override { close_after_ = true; }
  void on_stream_done(bool intact, bool reset) override;
  filter::ConnectionSlots& connection_slots() override;

  // Which version the client speaks. False while too little has come to tell.
  [[nodiscard]] bool choose_codec(std::string_view bytes);
  void start_codec(bool http2);
  void feed(std::string_view bytes);
  void feed_pending();
  void keep_pending(std::string_view bytes);
  void next_request();
  [[nodiscard]] bool should_drain();
  [[nodiscard]] bool in_message() const { return parser_ != nullptr && parser_->in_message(); }
  // Closes after the response at hand, or now; true if now.
  bool end_when_idle();
  void go_idle();
  void start_tls(const ChainTls& tls);
  void on_timer();
  void on_lifetime();
  void begin_close(bool wait_for_peer);
  void log_connection();
  void close(bool by_us);

  WorkerContext& worker_;
  std::shared_ptr<const ListenerRuntime> listener_;
  const HttpRuntime& http_;
  net::Connection connection_;
  ConnectionFacts facts_;
  std::unique_ptr<http::Http1Parser> parser_;  // while there is something to parse
  std::unique_ptr<Http2Downstream> http2_;
  Stream* stream_ = nullptr;
  Buffer pending_;   // bytes of pipelined requests that wait for the response at hand
  io::Timer timer_;  // idle while there is no stream; the delayed close afterwards
  std::unique_ptr<io::Timer> lifetime_;
  std::unique_ptr<filter::ConnectionSlots> slots_;
  Time opened_;
  uint64_t read_before_ = 0;  // on the wire before the stream at hand
  uint64_t sent_before_ = 0;
  uint32_t requests_ = 0;
  State state_ = State::kOpen;
  std::size_t feeding_size_ = 0;
  bool feeding_ = false;
  bool close_after_ = false;
  bool chunked_ = false;
  bool ended_ = false;  // the response's end was written
  bool head_request_ = false;
  bool http10_ = false;
  bool pending_paused_ = false;
  bool read_closed_ = false;
  bool wait_for_peer_ = false;
  bool codec_chosen_ = false;
  bool malformed_ = false;
  bool was_reset_ = false;
};

}  // namespace pillion::proxy
