#include "sidecar/proxy/downstream.h"

#include <string>
#include <utility>

#include "sidecar/http/http1_writer.h"
#include "sidecar/proxy/http2_downstream.h"
#include "sidecar/proxy/listener_log.h"

namespace pillion::proxy {

namespace {

// Pipelined bytes that may wait before reading pauses.
constexpr std::size_t kMaxPending = 64 * 1024;

http::CodecLimits limits_of(const config::HttpConnectionManager& config) {
  return {config.max_request_headers_kb * 1024, config.max_headers_count,
          config.allow_chunked_length};
}

}  // namespace

Downstream::Downstream(WorkerContext& worker, std::shared_ptr<const ListenerRuntime> listener,
                       const HttpRuntime& http, net::Fd fd, const Address& remote,
                       const Address& local)
    : worker_(worker),
      listener_(std::move(listener)),
      http_(http),
      connection_(worker.loop, *this, std::move(fd)),
      facts_{++worker.next_connection_id * metrics::kMaxWorkers + worker.index,
             remote,
             local,
             listener_->config().name,
             listener_->config().buffer_limit,
             http.chain_name(),
             connection_.fd(),
             worker.loop.now(),
             http::Version::kHttp11,
             nullptr,
             nullptr},
      timer_(io::Timer::of<&Downstream::on_timer>(worker.loop.timers(), *this)),
      opened_(worker.loop.now()) {
  connection_.set_watermark(listener_->config().buffer_limit);
  connection_.watch_hangup(true);
  metrics::HttpStats& stats = http_.stats();
  stats.downstream_cx_total.add();
  stats.downstream_cx_active.add();
  metrics::ListenerStats& listener_stats = listener_->stats();
  listener_stats.downstream_cx_total.add();
  listener_stats.downstream_cx_active.add();
  worker_.active_connections.fetch_add(1, std::memory_order_relaxed);
  if (config::Millis lifetime = http_.config().max_connection_duration; lifetime.count() > 0) {
    lifetime_ = io::Timer::make<&Downstream::on_lifetime>(worker.loop.timers(), *this);
    lifetime_->arm(lifetime);
  }
  go_idle();
  if (http_.tls() != nullptr) start_tls(*http_.tls());
}

Downstream::~Downstream() = default;

void Downstream::start_tls(const ChainTls& tls) {
  connection_.secure(tls.make_session());
  facts_.session = connection_.session();
  http_.stats().downstream_cx_ssl_total.add();
  http_.stats().downstream_cx_ssl_active.add();
  if (config::Millis limit = tls.handshake_timeout(); limit.count() > 0) timer_.arm(limit);
}

void Downstream::on_connected() {
  http_.tls()->counts().count_handshake(*connection_.session());
  timer_.cancel();
  if (state_ == State::kOpen) go_idle();
}

filter::ConnectionSlots& Downstream::connection_slots() {
  if (slots_ == nullptr) slots_ = std::make_unique<filter::ConnectionSlots>();
  return *slots_;
}

void Downstream::go_idle() {
  if (config::Millis limit = http_.config().idle_timeout; limit.count() > 0) timer_.arm(limit);
}

void Downstream::on_data(std::string_view bytes) {
  if (state_ != State::kOpen) return;  // a closing connection discards what still comes
  if (!codec_chosen_ && !choose_codec(bytes)) return;
  if (http2_ != nullptr) {
    http2_->on_data(bytes);
    return;
  }
  if (!pending_.empty() || (stream_ != nullptr && parser_->paused())) {
    keep_pending(bytes);
    return;
  }
  feed(bytes);
}

bool Downstream::choose_codec(std::string_view bytes) {
  using Codec = config::HttpConnectionManager::Codec;
  // RFC 9113 section 3.4.
  constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  Codec codec = http_.config().codec;
  if (codec == Codec::kAuto) {
    tls::Session* session = connection_.session();
    std::string_view agreed = session == nullptr ? std::string_view{} : session->alpn();
    if (agreed == "h2") codec = Codec::kHttp2;
    if (agreed == "http/1.1" || agreed == "http/1.0") codec = Codec::kHttp1;
  }
  if (codec == Codec::kAuto) {
    std::string_view rest = kPreface.substr(pending_.size());
    bool matches = rest.starts_with(bytes.substr(0, rest.size()));
    if (matches && bytes.size() < rest.size()) {
      // A client that never completes it is held to the time for a request's head.
      if (config::Millis limit = http_.config().request_headers_timeout;
          limit.count() > 0 && pending_.empty())
        timer_.arm(limit);
      pending_.append(bytes);
      return false;
    }
    codec = matches ? Codec::kHttp2 : Codec::kHttp1;
  }
  start_codec(codec == Codec::kHttp2);
  if (pending_.empty()) return true;
  // The beginning was held back; it goes first.
  timer_.cancel();
  go_idle();
  Buffer first = std::move(pending_);
  std::string held = first.to_string();
  on_data(held);
  return state_ == State::kOpen;
}

void Downstream::start_codec(bool http2) {
  codec_chosen_ = true;
  metrics::HttpStats& stats = http_.stats();
  if (!http2) {
    stats.downstream_cx_http1_total.add();
    stats.downstream_cx_http1_active.add();
    return;
  }
  stats.downstream_cx_http2_total.add();
  stats.downstream_cx_http2_active.add();
  facts_.version = http::Version::kHttp2;
  http2_ = std::make_unique<Http2Downstream>(*this);
}

void Downstream::keep_pending(std::string_view bytes) {
  pending_.append(bytes);
  if (pending_.size() > kMaxPending && !pending_paused_) {
    pending_paused_ = true;
    connection_.pause_reads();
  }
}

void Downstream::feed(std::string_view bytes) {
  while (!bytes.empty() && state_ == State::kOpen) {
    if (parser_ == nullptr) {
      parser_ = std::make_unique<http::Http1Parser>(http::Role::kServer, *this,
                                                    limits_of(http_.config()));
    }
    if (parser_->paused()) {
      keep_pending(bytes);
      return;
    }
    feeding_ = true;
    feeding_size_ = bytes.size();
    Result<std::size_t> taken = parser_->feed(bytes);
    feeding_ = false;
    feeding_size_ = 0;
    if (state_ != State::kOpen) return;
    if (!taken) {
      http_.stats().downstream_cx_protocol_error.add();
      malformed_ = true;
      // The codec may refuse a message before anything of it made a stream.
      if (stream_ == nullptr) on_message_begin(0);
      stream_->on_request_malformed(parser_->error());
      return;
    }
    bytes.remove_prefix(*taken);
    // The response may be complete already; then the next request can be parsed from these bytes.
    if (stream_ == nullptr) next_request();
  }
}

void Downstream::feed_pending() {
  Buffer waiting = std::move(pending_);
  while (!waiting.empty() && state_ == State::kOpen) {
    std::string_view piece = waiting.front();
    if (parser_ != nullptr && parser_->paused()) break;
    feed(piece);
    waiting.drain(piece.size());
  }
  if (!waiting.empty()) {
    Buffer later = std::move(pending_);
    pending_ = std::move(waiting);
    pending_.append(std::move(later));
  }
  if (pending_paused_ && pending_.size() <= kMaxPending) {
    pending_paused_ = false;
    connection_.resume_reads();
  }
}

Arena& Downstream::on_message_begin(http::StreamId) {
  ++requests_;
  chunked_ = ended_ = head_request_ = http10_ = false;
  // The bytes being fed were counted when they were read.
  read_before_ = connection_.bytes_read() - feeding_size_;
  sent_before_ = connection_.bytes_written() + connection_.unsent();
  stream_ = Stream::make(*this, worker_, http_, facts_);
  return stream_->arena();
}

void Downstream::on_request(http::StreamId, http::RequestHead& head, bool end) {
  head_request_ = head.method == http::Method::kHead;
  http10_ = head.version == http::Version::kHttp10 && http_.config().accept_http_10;
  if (!parser_->keep_alive()) close_after_ = true;
  stream_->info().request_header_bytes = parser_->head_field_bytes(head.headers);
  stream_->on_request(head, end);
}

void Downstream::on_body(http::StreamId, std::string_view data) {
  if (stream_ != nullptr) stream_->on_request_body(data);
}

void Downstream::on_message_end(http::StreamId, http::Headers* trailers) {
  if (stream_ != nullptr) stream_->on_request_end(trailers);
}

bool Downstream::should_drain() {
  if (close_after_) return true;
  const config::HttpConnectionManager& config = http_.config();
  if (config.max_requests_per_connection != 0 && requests_ >= config.max_requests_per_connection) {
    http_.stats().downstream_cx_max_requests_reached.add();
    return true;
  }
  uint64_t share = worker_.process.drain_close_share.load(std::memory_order_relaxed);
  if (share != 0 && (worker_.random.next() >> 32) < share) {
    http_.stats().downstream_cx_drain_close.add();
    return true;
  }
  return false;
}

void Downstream::send_head(http::ResponseHead& head, bool end, bool tunnel) {
  http::Http1Tail tail;
  tail.proper_case = http_.config().proper_case_headers;
  tail.http10 = http10_;
  ended_ = end;
  if (tunnel) {
    chunked_ = false;
    stream_->info().response_header_bytes += http::write_head(connection_.output(), head, tail);
    return;
  }
  bool bodiless = head.status == 204 || head.status == 304;
  bool sized = head.headers.has(http::HeaderId::kContentLength);
  // A request that is not all here yet cannot be followed by another.
  if (!stream_->request_complete() || should_drain()) close_after_ = true;
  // An HTTP/1.0 client knows the end of an unsized body by the end of the connection (RFC 9112
  // section 6.3).
  if (http10_ && !end && !sized && !bodiless && !head_request_) close_after_ = true;
  // To HEAD go the fields that GET would have got (RFC 9110 section 9.3.2), framing included.
  bool unsized = !sized && !bodiless && !http10_;
  tail.chunked = unsized && (head_request_ || !end);
  tail.content_length_zero = end && !sized && !bodiless && !head_request_;
  chunked_ = tail.chunked && !head_request_;
  tail.close = close_after_;
  tail.keep_alive = http10_ && !close_after_;
  stream_->info().response_header_bytes += http::write_head(connection_.output(), head, tail);
  // For the log: %RESP(connection)%, and what the fields weigh.
  if (close_after_) head.headers.add_view(http::HeaderId::kConnection, "close");
}

void Downstream::wire_bytes(uint64_t& received, uint64_t& sent) {
  received = connection_.bytes_read() - read_before_ - pending_.size();
  sent = connection_.bytes_written() + connection_.unsent() - sent_before_;
}

void Downstream::send_interim(int status, const http::ResponseHead* head) {
  if (http10_) return;  // HTTP/1.0 has no interim responses
  if (head != nullptr) {
    stream_->info().response_header_bytes += http::write_head(connection_.output(), *head, {});
  } else {
    std::string line = "HTTP/1.1 " + std::to_string(status) + " ";
    line += http::reason_phrase(status);
    line += "\r\n\r\n";
    connection_.output().append(line);
  }
}

void Downstream::send_body(std::string_view data) {
  if (ended_ || head_request_ || state_ != State::kOpen) return;
  if (chunked_) {
    http::write_chunk_size(connection_.output(), data.size());
    connection_.write(data);
    connection_.write("\r\n");
  } else {
    connection_.write(data);
  }
}

void Downstream::send_end(const http::Headers* trailers) {
  if (std::exchange(ended_, true)) return;
  if (!http_.config().enable_trailers) trailers = nullptr;
  if (chunked_) http::write_last_chunk(connection_.output(), trailers);
}

void Downstream::start_tunnel() {
  connection_.watch_hangup(false);
  parser_->start_tunnel();
  // What the client has sent already belongs to the tunnel; it follows once this call has returned.
  if (!pending_.empty() && !feeding_) feed_pending();
}

void Downstream::on_stream_done(bool intact, bool reset) {
  Stream* stream = std::exchange(stream_, nullptr);
  worker_.loop.delete_later(std::unique_ptr<io::Disposable>(stream));
  if (state_ != State::kOpen) return;
  if (reset) {
    // What was said so far still leaves, so that the client sees a response cut short.
    if (connection_.unsent() > 0)
      begin_close(false);
    else
      close(true);
    return;
  }
  if (!intact || close_after_) {
    begin_close(!intact);
    return;
  }
  // Inside feed() its loop goes on with the next request.
  if (!feeding_) next_request();
}

void Downstream::next_request() {
  if (state_ != State::kOpen || stream_ != nullptr) return;
  if (read_closed_) {
    begin_close(false);
    return;
  }
  if (feeding_ || !pending_.empty())
    parser_->resume();
  else
    parser_.reset();  // an idle connection holds nothing that it can make anew
  go_idle();
  if (!pending_.empty()) feed_pending();
}

void Downstream::begin_close(bool wait_for_peer) {
  state_ = State::kClosing;
  wait_for_peer_ = wait_for_peer;
  pending_.clear();
  timer_.cancel();
  connection_.notify_flushed();
  // A peer that does not read must not keep the connection for ever.
  if (config::Millis limit = http_.config().delayed_close_timeout; limit.count() > 0)
    timer_.arm(limit);
}

void Downstream::on_flushed() {
  if (state_ != State::kClosing) return;
  if (!wait_for_peer_ || read_closed_ || http_.config().delayed_close_timeout.count() == 0) {
    close(true);
    return;
  }
  // Closing while the client still sends would reset the connection and may destroy the response on
  // its way; so say FIN, discard what comes, and close when the client does or the time is over.
  connection_.shutdown_write();
  timer_.arm(http_.config().delayed_close_timeout);
}

void Downstream::on_timer() {
  metrics::HttpStats& stats = http_.stats();
  // Left armed while a stream runs: putting it off at the stream's end costs less than disarming it
  // at each beginning.
  if (stream_ != nullptr && state_ == State::kOpen) return;
  if (state_ == State::kClosing) {
    stats.downstream_cx_delayed_close_timeout.add();
  } else if (connection_.connecting()) {
    listener_->stats().downstream_cx_transport_socket_connect_timeout.add();
  } else {
    stats.downstream_cx_idle_timeout.add();
    if (http2_ != nullptr) {
      http2_->drain();
      return;
    }
  }
  close(true);
}

void Downstream::on_lifetime() {
  http_.stats().downstream_cx_max_duration_reached.add();
  end_when_idle();
}

void Downstream::drain() {
  if (end_when_idle()) http_.stats().downstream_cx_drain_close.add();
}

bool Downstream::end_when_idle() {
  if (state_ != State::kOpen) return false;
  if (http2_ != nullptr) {
    http2_->drain();
    return true;
  }
  close_after_ = true;
  // A request that has arrived but was not read yet is served, and not lost with its connection.
  if (stream_ == nullptr && !in_message()) connection_.read_now();
  if (state_ != State::kOpen || stream_ != nullptr || in_message()) return false;
  begin_close(false);
  return true;
}

void Downstream::abort(std::string_view details) {
  if (stream_ != nullptr) stream_->abort(details);
  if (http2_ != nullptr) http2_->abort(details);
  close(true);
}

void Downstream::on_end() {
  if (state_ == State::kClosing) {
    close(false);
    return;
  }
  read_closed_ = true;
  // As Envoy's HTTP connections, these have no half-closed state: a client that stops sending is
  // gone.
  close(false);
}

void Downstream::on_failed(Error error) {
  was_reset_ = error.code == Code::kReset;
  if (stream_ != nullptr && was_reset_) stream_->info().downstream_close_type = "RemoteReset";
  if (http_.tls() != nullptr) http_.tls()->counts().count_failure(*connection_.session());
  close(false);
}

void Downstream::on_drained() {
  if (http2_ != nullptr) http2_->on_drained();
  if (stream_ != nullptr) stream_->on_downstream_drained();
}

void Downstream::log_connection() {
  StreamInfo info = connection_facts(
      worker_, *listener_, {facts_.remote, facts_.local, facts_.inspection.get(), facts_.opened});
  info.connection_id = facts_.id;
  info.filter_chain_name = facts_.filter_chain_name;
  info.downstream_socket = facts_.socket;
  info.request_body_bytes = connection_.bytes_read();
  info.response_body_bytes = connection_.bytes_written();
  if (requests_ > 0 && !malformed_) info.protocol = facts_.version;
  if (malformed_) info.set_flag(ResponseFlag::kDownstreamProtocolError);
  if (was_reset_) info.downstream_close_type = "RemoteReset";
  if (facts_.session != nullptr) info.downstream_transport_failure = facts_.session->failure_text();
  log_to_listener(worker_, *listener_, info);
}

void Downstream::close(bool by_us) {
  if (state_ == State::kClosed) return;
  bool active = stream_ != nullptr || (http2_ != nullptr && http2_->active());
  state_ = State::kClosed;
  metrics::HttpStats& stats = http_.stats();
  if (active) {
    stats.downstream_cx_destroy_active_rq.add();
    (by_us ? stats.downstream_cx_destroy_local_active_rq
           : stats.downstream_cx_destroy_remote_active_rq)
        .add();
    if (stream_ != nullptr) stream_->on_downstream_gone();
  }
  if (http2_ != nullptr) http2_->on_gone();
  stats.downstream_cx_destroy.add();
  (by_us ? stats.downstream_cx_destroy_local : stats.downstream_cx_destroy_remote).add();
  stats.downstream_cx_active.sub();
  if (http_.tls() != nullptr) stats.downstream_cx_ssl_active.sub();
  if (codec_chosen_)
    (http2_ != nullptr ? stats.downstream_cx_http2_active : stats.downstream_cx_http1_active).sub();
  stats.downstream_cx_rx_bytes_total.add(connection_.bytes_read());
  stats.downstream_cx_tx_bytes_total.add(connection_.bytes_written());
  double ms = std::chrono::duration<double, std::milli>(worker_.loop.now() - opened_).count();
  stats.downstream_cx_length_ms.record(ms);
  metrics::ListenerStats& listener_stats = listener_->stats();
  listener_stats.downstream_cx_active.sub();
  listener_stats.downstream_cx_destroy.add();
  listener_stats.downstream_cx_length_ms.record(ms);
  worker_.active_connections.fetch_sub(1, std::memory_order_relaxed);
  timer_.cancel();
  lifetime_.reset();
  if (!listener_->loggers().empty()) log_connection();
  connection_.close();
  TaggedNode<Inbound>::unlink();
  worker_.loop.delete_later(std::unique_ptr<io::Disposable>(this));
}

}  // namespace pillion::proxy
