// One request of an HTTP/2 client, between its session and its Stream.

#include <utility>

#include "sidecar/proxy/downstream.h"
#include "sidecar/proxy/http2_downstream.h"

namespace pillion::proxy {

namespace {

// Envoy's overload.premature_reset_min_stream_lifetime_seconds.
constexpr Duration kPremature = std::chrono::seconds(1);

}  // namespace

Http2ServerStream::Http2ServerStream(Http2Downstream& connection)
    : connection_(connection),
      stream_(Stream::make(*this, connection.owner_.worker_, connection.owner_.http_,
                           connection.owner_.facts_)) {}

void Http2ServerStream::on_request(http::RequestHead& head, bool end) {
  head_request_ = head.method == http::Method::kHead;
  received_ += head.headers.byte_size() + head.path.size() + head.authority.size();
  stream_->info().request_header_bytes = head.headers.byte_size();
  stream_->on_request(head, end);
}

void Http2ServerStream::on_refused(const http::ProtocolError& error) {
  stream_->on_request_malformed(error);
}

void Http2ServerStream::on_body(std::string_view data) {
  received_ += data.size();
  if (!done_) stream_->on_request_body(data);
}

void Http2ServerStream::on_message_end(http::Headers* trailers) {
  if (!done_) stream_->on_request_end(trailers);
}

void Http2ServerStream::on_closed(const http::Http2End& end) {
  Time begun = stream_->info().times.start;
  bool early = connection_.owner_.worker_.loop.now() - begun <= kPremature;
  bool premature = !end.complete && early && !stream_->head_sent();
  if (!done_) stream_->on_downstream_reset(end.details, end.remote);
  dispose();
  connection_.note_closed(premature);
}

void Http2ServerStream::on_drained() {
  if (!done_ && !clogged()) stream_->on_downstream_drained();
}

void Http2ServerStream::send_head(http::ResponseHead& head, bool end, bool tunnel) {
  connection_.on_response();
  head_sent_ = true;
  sent_ += head.headers.byte_size();
  stream_->info().response_header_bytes += head.headers.byte_size();
  // RFC 8441 section 5: where HTTP/1.1 switches protocols, HTTP/2 says that the CONNECT was good.
  int status = tunnel && head.status == 101 ? 200 : head.status;
  // That a response to HEAD has no body does not make it complete: its origin may still fail.
  connection_.session_.send_head(*this, head, status, end);
}

void Http2ServerStream::send_interim(int status, const http::ResponseHead* head) {
  if (head == nullptr) {
    auto* made = arena().make<http::ResponseHead>(arena());
    made->status = status;
    head = made;
  }
  connection_.session_.send_interim(*this, *head);
}

void Http2ServerStream::send_body(std::string_view data) {
  if (!attached() || head_request_) return;
  sent_ += data.size();
  // A large piece goes out without being kept, where windows and the socket take it.
  constexpr std::size_t kDirect = 4096;
  net::Connection& socket = connection_.owner_.connection_;
  if (data.size() >= kDirect && unsent() == 0 && !socket.clogged())
    connection_.session_.send_body(*this, data, socket.output(), connection_.direct_limit());
  else
    connection_.session_.send_body(*this, data);
  connection_.note_output();
}

void Http2ServerStream::send_end(const http::Headers* trailers) {
  connection_.session_.send_end(*this, trailers);
}

filter::ConnectionSlots& Http2ServerStream::connection_slots() {
  return connection_.owner_.connection_slots();
}

void Http2ServerStream::wire_bytes(uint64_t& received, uint64_t& sent) {
  received = received_;
  sent = sent_;
}

void Http2ServerStream::on_stream_done(bool /*intact*/, bool reset) {
  done_ = true;
  --connection_.active_;
  connection_.promised_ -= std::exchange(promised_, 0);
  http::Http2Session& session = connection_.session_;
  if (connection_.gone_ || !attached()) {
    dispose();
    return;
  }
  if (reset) {
    // What was said so far still leaves, so that the client sees a response cut short.
    if (head_sent_ && !session.feeding()) connection_.flush();
    if (connection_.gone_ || !attached()) {
      dispose();
      return;
    }
    session.reset(*this, http::Http2Error::kInternal);
    dispose();
    return;
  }
  if (tunnel_) session.send_end(*this, nullptr);
  if (!remote_ended()) await_rest();
  connection_.finishing_.push_back(this);
  connection_.on_output();
}

void Http2ServerStream::await_rest() {
  constexpr Duration kRestOfRequest = std::chrono::milliseconds(100);
  rest_timer_ = io::Timer::make<&Http2ServerStream::on_rest_unwanted>(
      connection_.owner_.worker_.loop.timers(), *this);
  rest_timer_->arm(kRestOfRequest);
}

void Http2ServerStream::on_rest_unwanted() {
  connection_.session_.finish(*this);
}

void Http2ServerStream::await_flush() {
  Duration limit = connection_.owner_.http_.config().stream_idle_timeout;
  if (limit <= Duration::zero() || flush_timer_ != nullptr) return;
  flush_timer_ = io::Timer::make<&Http2ServerStream::on_flush_timeout>(
      connection_.owner_.worker_.loop.timers(), *this);
  flush_timer_->arm(limit);
}

void Http2ServerStream::on_flush_timeout() {
  connection_.stats().tx_flush_timeout.add();
  connection_.session_.reset(*this, http::Http2Error::kCancel);
  dispose();
}

void Http2ServerStream::dispose() {
  if (std::exchange(disposed_, true)) return;
  flush_timer_.reset();
  rest_timer_.reset();
  io::EventLoop& loop = connection_.owner_.worker_.loop;
  connection_.on_stream_over();
  loop.delete_later(std::unique_ptr<io::Disposable>(this));
}

}  // namespace pillion::proxy
