#pragma once
// The HTTP/2 side of a connection to an endpoint: many requests at once, each a stream. Keeps the
// pool informed of whether there is room, pings, and turns what the endpoint says into evidence
// about each request. Owned by its ClientConnection; worker thread.

#include <memory>
#include <string_view>
#include <vector>

#include "sidecar/base/buffer.h"
#include "sidecar/config/cluster.h"
#include "sidecar/http/http2_session.h"
#include "sidecar/io/loop.h"
#include "sidecar/upstream/exchange.h"

namespace pillion::metrics {
struct Http2Stats;
}

namespace pillion::upstream {

class Http2ClientStream;
class Pool;

class Http2Client final : public http::Http2Events, public io::IterationEnd {
 public:
  Http2Client(ClientConnection& connection, const config::UpstreamHttp& config);
  ~Http2Client();

  [[nodiscard]] std::size_t streams() const { return active_; }
  // A stream for a request; the connection has room for one.
  Exchange& begin();

  // From the connection.
  void on_ready();
  void on_data(std::string_view bytes);
  void on_drained();
  // Nothing new goes here; closes when the last stream has ended.
  void on_retired();
  // The connection is lost, or is given up: all streams fail.
  void fail(Error error, bool by_us);

 private:
  friend class Http2ClientStream;
  // http::Http2Events
  http::Http2Stream* on_stream(http::StreamId) override { return nullptr; }  // no server push
  void on_output() override;
  void on_count(http::Http2Count what) override;
  void on_goaway(http::Http2Error code) override;
  void on_settings() override;
  void on_ping_ack() override;
  void at_iteration_end() override;

  [[nodiscard]] bool accepts() const;
  void flush();
  // Tells the pool when room appears or goes, and closes a retired connection that is empty.
  void review();
  void on_stream_over();
  // The first SETTINGS of the endpoint have come.
  [[nodiscard]] bool settled() const { return settled_; }
  // The stream could not be opened; it fails at the end of the iteration.
  void doom(Http2ClientStream& stream);
  void ping();
  void arm_ping();
  void on_ping_timer();
  metrics::Http2Stats& stats();
  Pool& pool();

  ClientConnection& connection_;
  const config::UpstreamHttp& config_;
  http::Http2Session session_;
  std::vector<Http2ClientStream*> doomed_;
  std::vector<Http2ClientStream*> awaiting_settings_;
  io::Timer ping_timer_;  // until the next ping, or until its answer is overdue
  Time idle_since_{};
  std::size_t active_ = 0;
  bool has_room_ = false;
  bool review_ = false;
  bool settled_ = false;
  bool ping_sent_ = false;
  bool failed_ = false;
};

// One request on an HTTP/2 connection. Deleted by the loop when it has left the session.
class Http2ClientStream final : public Exchange, public http::Http2Stream, public io::Disposable {
 public:
  explicit Http2ClientStream(Http2Client& client) : client_(&client) {}
  ~Http2ClientStream() override = default;

  // Exchange
  void send_head(ResponseEvents& events, const http::RequestHead& head, bool end,
                 bool tunnel) override;
  void send_body(std::string_view data) override;
  void send_end(const http::Headers* trailers) override;
  void start_tunnel() override { tunnel_ = true; }
  void release_unused() override;
  void abandon() override;
  [[nodiscard]] bool clogged() override;
  void pause_response() override;
  void resume_response() override;
  [[nodiscard]] const ClientConnection& connection() const override;
  [[nodiscard]] uint64_t request_wire_bytes() const override { return sent_; }
  [[nodiscard]] uint64_t response_wire_bytes() const override { return received_; }
  [[nodiscard]] uint64_t request_header_bytes() const override { return request_header_bytes_; }
  [[nodiscard]] uint64_t response_header_bytes() const override { return response_header_bytes_; }

  // The connection is about to be lost: what is known of this request's fate; and now it is.
  void note_evidence();
  void on_connection_failed(Error error);
  void notify_drained();

 private:
  friend class Http2Client;
  // http::Http2Stream
  Arena& arena() override;
  void on_response(http::ResponseHead& head, bool end) override;
  void on_body(std::string_view data) override;
  void on_message_end(http::Headers* trailers) override;
  void on_closed(const http::Http2End& end) override;
  std::size_t wider_window() override {
    return events_ == nullptr ? 0 : events_->response_window();
  }
  void on_drained() override { notify_drained(); }

  // An extended CONNECT, now that the endpoint has said whether it takes any.
  void open_tunnel();
  void doom();
  void leave();
  void dispose();
  void give_up(const AttemptFailure& failure);

  Http2Client* client_;
  ResponseEvents* events_ = nullptr;
  const http::RequestHead* waiting_ = nullptr;  // for the endpoint's SETTINGS
  Buffer early_;                                // what the tunnel's client has said meanwhile
  bool early_end_ = false;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  uint64_t request_header_bytes_ = 0;
  uint64_t response_header_bytes_ = 0;
  uint64_t written_before_ = 0;  // on the connection's wire when the request was handed over
  Evidence evidence_ = Evidence::kUnknown;
  bool reused_ = false;
  bool unsendable_ = false;  // the session did not take the request
  bool tunnel_ = false;
  bool upgrading_ = false;  // extended CONNECT: the response becomes a 101
  bool head_seen_ = false;
  bool left_ = false;
  bool disposed_ = false;
};

}  // namespace pillion::upstream
