#pragma once
// HTTP/2 on one connection in either role (RFC 9113, RFC 8441), on nghttp2 and without a socket:
// bytes in, events out to streams; messages in, bytes out. Windows are credited as the owner
// consumes; validation and limits are this side's. Owned by a connection; single thread.

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sidecar/base/time.h"
#include "sidecar/config/http2.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/http/http2_closed.h"
#include "sidecar/http/http2_frame_heads.h"
#include "sidecar/http/http2_limits.h"
#include "sidecar/http/http2_stream.h"

struct nghttp2_session;

namespace pillion::http {

// What a session tells its owner, from inside feed() and flush().
class Http2Events {
 public:
  // Servers: a stream begins. Null refuses it.
  virtual Http2Stream* on_stream(StreamId id) = 0;
  // There is something to flush(); called once until it is.
  virtual void on_output() = 0;
  virtual void on_count(Http2Count what) = 0;
  // Clients: the peer takes no further streams. Those above its last one close as unprocessed.
  virtual void on_goaway(Http2Error /*code*/) {}
  virtual void on_settings() {}
  virtual void on_ping_ack() {}

 protected:
  ~Http2Events() = default;
};

class Http2Session {
 public:
  // `config` outlives the session. `stream_share`: output of one stream beyond which it is clogged.
  Http2Session(Role role, Http2Events& events, const config::Http2Protocol& config,
               CodecLimits limits, std::size_t stream_share = 64 * 1024);
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // On error the connection is over: flush() what is said about it, then close. Of most errors it
  // is over() that tells, once flush() has written what there is to say.
  Result<Unit> feed(std::string_view bytes, Time now);
  // Appends frames to `out` until there are none or `out` holds `most` bytes. On error (the peer
  // makes this side hold too much) close at once.
  Result<Unit> flush(Buffer& out, std::size_t most);

  // Clients: begins a stream. `tunnel`: extended CONNECT, when the head names a protocol. False
  // when the peer takes none.
  bool open(Http2Stream& stream, const RequestHead& head, bool end, bool tunnel);
  // Servers:
  void send_head(Http2Stream& stream, const ResponseHead& head, bool end) {
    send_head(stream, head, head.status, end);
  }
  // With another status than the head's.
  void send_head(Http2Stream& stream, const ResponseHead& head, int status, bool end);
  void send_interim(Http2Stream& stream, const ResponseHead& head);
  void send_body(Http2Stream& stream, std::string_view data);
  // The same, for a piece worth writing without a copy: into `out`, as far as windows and `most`
  // allow; the rest is kept.
  void send_body(Http2Stream& stream, std::string_view data, Buffer& out, std::size_t most);
  // Trailers live as long as the stream.
  void send_end(Http2Stream& stream, const Headers* trailers);
  // The stream leaves at once, without an event.
  void reset(Http2Stream& stream, Http2Error code);
  // After a whole response: a request that goes on is cut off with NO_ERROR (RFC 9113 section 8.1).
  void finish(Http2Stream& stream);
  // Back-pressure: while paused, what a stream receives is not credited to the peer.
  void pause(Http2Stream& stream) { stream.paused_ = true; }
  void resume(Http2Stream& stream);

  void ping();
  // Announces the end; streams that are on their way are still served.
  void shutdown_notice();
  // The connection ends for what the peer has done: GOAWAY, and then over().
  void end_abused();
  // No further streams; those that exist go on.
  void goaway(Http2Error code);

  // The peer has broken the rules, and knows: what is left is to close.
  [[nodiscard]] bool over() const { return over_; }
  // Inside feed(): no output may be asked for.
  [[nodiscard]] bool feeding() const { return feeding_; }
  // A message of the peer's has cost it the connection.
  [[nodiscard]] bool malformed() const { return malformed_; }
  // The peer has said GOAWAY, no stream is left, and all is written: neither side has any more to
  // say.
  [[nodiscard]] bool finished() const;
  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] std::size_t streams() const { return stream_count_; }
  // Bytes of bodies that wait in streams.
  [[nodiscard]] std::size_t buffered() const { return buffered_; }
  // The stream's body cannot leave now, whatever the socket takes: its window or the connection's
  // is used up.
  [[nodiscard]] bool window_shut(const Http2Stream& stream) const;
  [[nodiscard]] bool clogged(Http2Stream& stream);
  // Clients: how many streams the peer allows at once, and whether it takes extended CONNECT.
  [[nodiscard]] uint32_t peer_max_streams() const;
  [[nodiscard]] bool peer_allows_connect() const;
  // The next stream's id would be too large (RFC 9113 section 5.1.1).
  [[nodiscard]] bool exhausted() const;
  template <class F>
  void for_each(F&& visit) {
    streams_.for_each(visit);
  }

 private:
  friend class Http2Stream;
  friend struct Http2Fields;
  friend struct Http2Sending;

  void want_output() {
    if (output_wanted_) return;
    output_wanted_ = true;
    events_.on_output();
  }
  void attach(Http2Stream& stream, int32_t id);
  // `peer_ended`: the peer has said its last about the stream, by END_STREAM or RST_STREAM.
  void detach(Http2Stream& stream, bool peer_ended);
  void flood(Http2Count what);
  // A message breaks the rules: its stream leaves, and by default the connection ends. `reset`: the
  // library has seen to the stream itself.
  void refuse(Http2Stream& stream, std::string_view details, bool reset = false);
  void count(Http2Count what) { events_.on_count(what); }
  void account(std::size_t before, const Http2Stream& stream) {
    buffered_ += stream.out_.size();
    buffered_ -= before;
  }
  // What the library says to bytes that have come.
  ssize_t take(std::string_view bytes);
  ssize_t take_from_client(std::string_view bytes);
  // RFC 9113 section 5.1: a client that goes on with a stream that it has ended, or opens one out
  // of order, has lost track of the connection, which ends then.
  bool expects(int32_t id);
  void submit_goaway();
  Result<Unit> write_frames(Buffer& out, std::size_t most);
  void wake(Http2Stream& stream);
  void cut_off(Http2Stream& stream);
  void settle();
  // The stream's owner has taken so many bytes: its peer may send as many more.
  void credit(Http2Stream& stream, uint32_t size);
  void adjust_window(Http2Stream& stream);
  // That the peer has for a stream at first.
  [[nodiscard]] uint32_t first_window() const {
    if (role_ == Role::kServer) return config_.stream_window;
    return std::min(config_.stream_window, config_.first_window);
  }

  Role role_;
  Http2Events& events_;
  const config::Http2Protocol& config_;
  CodecLimits limits_;
  Http2Limits abuse_;
  Http2ClosedStreams closed_;
  std::optional<Http2Error> goaway_due_;  // asked for, and not yet said
  Http2FrameHeads frame_heads_;
  int32_t last_id_ = 0;  // of the latest stream that a client has opened
  std::size_t stream_share_;
  nghttp2_session* native_ = nullptr;
  List<Http2Stream, Http2Stream> streams_;
  std::size_t stream_count_ = 0;
  std::size_t buffered_ = 0;
  uint64_t written_ = 0;  // bytes of frames so far
  Time now_{};
  std::size_t most_ = 0;
  Http2Stream* heading_ = nullptr;  // whose fields are being read, spared a lookup for each
  Buffer* out_ = nullptr;           // where flush() puts frames, while it runs
  bool feeding_ = false;
  bool output_wanted_ = false;
  bool over_ = false;
  bool flooded_ = false;
  bool malformed_ = false;
  bool drained_any_ = false;
};

}  // namespace pillion::http
