#pragma once
// The HTTP/2 side of a client's connection: many streams at once over one session. Decides when the
// connection takes no more, bounds what all responses together may hold, and pings. Owned by its
// Downstream, which keeps socket, idle time and close; worker thread.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sidecar/http/http2_session.h"
#include "sidecar/io/loop.h"
#include "sidecar/proxy/stream.h"

namespace pillion::proxy {

class Downstream;
class Http2ServerStream;

class Http2Downstream final : public http::Http2Events, public io::IterationEnd {
 public:
  explicit Http2Downstream(Downstream& owner);
  ~Http2Downstream();

  // From the connection.
  void on_data(std::string_view bytes);
  void on_drained();
  // GOAWAY that forbids nothing yet, and after the drain timeout the one that does; closes when the
  // last stream has ended.
  void drain();
  void abort(std::string_view details);
  // The connection is gone.
  void on_gone();
  // Streams whose response is not complete.
  [[nodiscard]] bool active() const { return active_ > 0; }

 private:
  friend class Http2ServerStream;
  // http::Http2Events
  http::Http2Stream* on_stream(http::StreamId id) override;
  void on_output() override;
  void on_count(http::Http2Count what) override;
  void on_ping_ack() override;
  void at_iteration_end() override;

  void flush();
  void on_protocol_error();
  void on_grace_over();
  void on_ping_timer();
  void arm_ping();
  // Output was added: when all of it together is too much, streams that cannot send wait at their
  // source.
  void note_output();
  [[nodiscard]] bool clogged(http::Http2Stream& stream);
  // What may be on its way for a stream: half of what the limit leaves after all others, so that
  // there is some left for the next, and equal streams converge to equal shares.
  [[nodiscard]] std::size_t share_of(Http2ServerStream& stream);
  // Streams that a client opens only to have them end before a response are abuse, by Envoy's
  // measure: more than half of 500.
  void note_closed(bool premature);
  [[nodiscard]] std::size_t held() const;
  [[nodiscard]] std::size_t direct_limit() const;
  void on_stream_over();
  void on_response();
  template <class F>
  void for_each_stream(F&& visit);
  metrics::Http2Stats& stats();

  Downstream& owner_;
  http::Http2Session session_;
  io::Timer grace_timer_;
  io::Timer ping_timer_;
  std::vector<Http2ServerStream*> finishing_;  // responses completed in this iteration
  std::size_t limit_;                          // of bytes held for the client
  std::size_t streams_ = 0;
  std::size_t active_ = 0;
  std::size_t promised_ = 0;  // to sources of responses, and not here yet
  uint64_t closed_ = 0;       // streams so far
  uint64_t premature_ = 0;    // ... of which so many were reset early and without a response
  bool over_ = false;         // held() has passed the limit, and not fallen to half of it
  bool abused_ = false;
  bool draining_ = false;
  bool last_goaway_ = false;
  bool ping_sent_ = false;
  bool gone_ = false;
};

// One request of an HTTP/2 client. Lives until its response has left; deleted by the loop.
class Http2ServerStream final : public io::Disposable,
                                public http::Http2Stream,
                                private StreamOwner {
 public:
  explicit Http2ServerStream(Http2Downstream& connection);
  ~Http2ServerStream() override = default;

 private:
  friend class Http2Downstream;
  // http::Http2Stream
  Arena& arena() override { return stream_->arena(); }
  void on_request(http::RequestHead& head, bool end) override;
  void on_refused(const http::ProtocolError& error) override;
  void on_body(std::string_view data) override;
  void on_message_end(http::Headers* trailers) override;
  void on_closed(const http::Http2End& end) override;
  void on_drained() override;
  // StreamOwner
  void send_head(http::ResponseHead& head, bool end, bool tunnel) override;
  void send_interim(int status, const http::ResponseHead* head) override;
  void send_body(std::string_view data) override;
  void send_end(const http::Headers* trailers) override;
  void start_tunnel() override { tunnel_ = true; }
  bool clogged() override { return connection_.clogged(*this); }
  std::size_t response_window() override { return connection_.share_of(*this); }
  void pause_request() override { connection_.session_.pause(*this); }
  void resume_request() override { connection_.session_.resume(*this); }
  // Says something about HTTP/1.1 connections; this one serves on.
  void close_after_response() override {}
  void on_stream_done(bool intact, bool reset) override;
  filter::ConnectionSlots& connection_slots() override;
  void wire_bytes(uint64_t& received, uint64_t& sent) override;

  // The response is whole before the request is. What is under way may still end the request, or
  // break the rules and be told so; then it is cut off.
  void await_rest();
  void on_rest_unwanted();
  void on_flush_timeout();
  // The client does not read the response; without end that would hold its memory.
  void await_flush();
  void dispose();

  Http2Downstream& connection_;
  uint64_t received_ = 0;
  uint64_t sent_ = 0;
  std::size_t promised_ = 0;  // of the connection's, for this response
  std::unique_ptr<io::Timer> flush_timer_;
  std::unique_ptr<io::Timer> rest_timer_;
  bool head_request_ = false;
  bool head_sent_ = false;
  bool tunnel_ = false;
  bool done_ = false;
  bool disposed_ = false;
  std::unique_ptr<Stream> stream_;
};

}  // namespace pillion::proxy
