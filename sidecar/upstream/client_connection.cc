#include "sidecar/upstream/client_connection.h"

#include <algorithm>
#include <utility>

#include "sidecar/base/text.h"
#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/http2_client.h"
#include "sidecar/upstream/pool.h"

namespace pillion::upstream {

const config::UpstreamHttp& http_options(const config::Cluster& cluster) {
  static const config::UpstreamHttp kDefaults;
  return cluster.http ? *cluster.http : kDefaults;
}

namespace {

http::CodecLimits limits_of(const config::Cluster& cluster) {
  const config::UpstreamHttp& http = http_options(cluster);
  return {http.max_response_headers_kb * 1024, http.max_headers_count};
}

bool says_empty(http::Method method) {
  return method == http::Method::kPost || method == http::Method::kPut ||
         method == http::Method::kPatch || method == http::Method::kOptions ||
         method == http::Method::kOther;
}

// In any of the lines of that name, since a response's have not been joined yet.
bool has_token(const http::Headers& headers, http::HeaderId id, std::string_view token) {
  return headers.has(id) &&
         headers.any_value(http::header_name(id), [token](std::string_view value) {
           return list_has_token(value, token);
         });
}

// What ALPN offers where the configuration does not say.
std::vector<std::string> protocols_of(Speaks speaks) {
  if (speaks == Speaks::kRaw) return {};
  if (speaks == Speaks::kAuto) return {"h2", "http/1.1"};
  return {speaks == Speaks::kHttp2 ? "h2" : "http/1.1"};
}

double milliseconds(Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

}  // namespace

ClientConnection::ClientConnection(Pool& pool, net::Fd fd, uint64_t id)
    : pool_(pool),
      connection_(pool.cluster().loop(), *this, std::move(fd), net::Connection::Connecting{}),
      parser_(http::Role::kClient, *this, limits_of(pool.cluster().config())),
      idle_timer_(
          pool.cluster().loop().timers(),
          [](void* self) {
            auto* c = static_cast<ClientConnection*>(self);
            if (c->connection_.connecting())
              c->on_connect_timeout();
            else
              c->on_idle_timeout();
          },
          this),
      id_(id),
      connect_started_(pool.cluster().loop().now()) {
  connection_.set_watermark(pool.cluster().config().buffer_limit);
  if (ClusterTls* tls = pool.cluster().tls())
    connection_.secure(
        tls->make_session(*pool.endpoint(), protocols_of(pool.speaks()), pool.names()));
  idle_timer_.arm(pool.cluster().config().connect_timeout);
}

ClientConnection::~ClientConnection() = default;

const Endpoint& ClientConnection::endpoint() const {
  return *pool_.endpoint();
}

void ClientConnection::on_connected() {
  idle_timer_.cancel();
  if (ClusterTls* tls = pool_.cluster().tls())
    tls->counts().count_handshake(*connection_.session());
  connected_ = pool_.cluster().loop().now();
  local_ = net::local_address(connection_.fd());
  pool_.cluster().stats().upstream_cx_connect_ms.record(
      milliseconds(connected_ - connect_started_));
  metrics::ClusterStats& stats = pool_.cluster().stats();
  bool agreed = pool_.speaks() == Speaks::kAuto;  // else it was counted when it was begun
  if (should_speak_http2()) {
    http2_ = std::make_unique<Http2Client>(*this, http_options(pool_.cluster().config()));
    if (agreed) stats.upstream_cx_http2_total.add();
  } else if (agreed) {
    stats.upstream_cx_http1_total.add();
  }
  pool_.on_ready(*this);
}

bool ClientConnection::should_speak_http2() {
  if (pool_.speaks() != Speaks::kAuto) return pool_.speaks() == Speaks::kHttp2;
  const tls::Session* session = connection_.session();
  return session != nullptr && session->alpn() == "h2";
}

bool ClientConnection::raw() const {
  return pool_.speaks() == Speaks::kRaw;
}

void ClientConnection::answer_raw() {
  if (!raw() || raw_answered_ || events_ == nullptr) return;
  raw_answered_ = true;
  Arena& arena = events_->response_arena();
  auto* head = arena.make<http::ResponseHead>(arena);
  head->status = 200;
  events_->on_response_head(*head, false);
}

void ClientConnection::retire() {
  retired_ = true;
  if (http2_ != nullptr) http2_->on_retired();
}

void ClientConnection::send_head(ResponseEvents& events, const http::RequestHead& head, bool end,
                                 bool tunnel) {
  events_ = &events;
  written_at_start_ = connection_.bytes_written() + connection_.unsent();
  read_at_start_ = connection_.bytes_read();
  response_done_ = false;
  if (raw()) {
    // The answer follows once this call has returned.
    retired_ = true;
    connection_.notify_flushed();
    return;
  }
  bool connect = head.method == http::Method::kConnect;
  parser_.expect(head.method == http::Method::kHead ? http::ExpectedBody::kNone
                 : connect                          ? http::ExpectedBody::kTunnel
                                                    : http::ExpectedBody::kNormal);
  http::Http1Tail tail;
  tail.proper_case = http_options(pool_.cluster().config()).proper_case_headers;
  chunked_ = !end && !tunnel && !head.headers.has(http::HeaderId::kContentLength);
  tail.chunked = chunked_;
  // Methods that are expected to carry content say so when they do not (RFC 9110 section 8.6).
  tail.content_length_zero = end && !tunnel && says_empty(head.method) &&
                             !head.headers.has(http::HeaderId::kContentLength);
  request_header_bytes_ = http::write_head(connection_.output(), head, tail);
  response_header_bytes_ = 0;
  request_done_ = end;
}

void ClientConnection::send_body(std::string_view data) {
  if (closed_ || data.empty()) return;
  if (chunked_) {
    http::write_chunk_size(connection_.output(), data.size());
    connection_.write(data);
    connection_.write("\r\n");
  } else {
    connection_.write(data);
  }
}

void ClientConnection::send_end(const http::Headers* trailers) {
  if (closed_) return;
  if (tunnel_) {
    connection_.shutdown_write();
    return;
  }
  bool pass = http_options(pool_.cluster().config()).enable_trailers;
  if (chunked_) http::write_last_chunk(connection_.output(), pass ? trailers : nullptr);
  request_done_ = true;
}

void ClientConnection::start_tunnel() {
  tunnel_ = true;
  if (!raw()) parser_.start_tunnel();
}

void ClientConnection::release_unused() {
  pool_.on_released(*this);
}

void ClientConnection::abandon() {
  events_ = nullptr;
  count_cut_request(true);
  close(true);
}

Arena& ClientConnection::on_message_begin(http::StreamId) {
  return events_->response_arena();
}

void ClientConnection::on_data(std::string_view bytes) {
  if (http2_ != nullptr) {
    http2_->on_data(bytes);
    return;
  }
  if (events_ == nullptr) {
    // An idle peer has nothing to say; whatever this is, it answers no request of ours.
    pool_.cluster().stats().upstream_cx_protocol_error.add();
    close(true);
    return;
  }
  if (raw()) {
    answer_raw();
    if (events_ != nullptr) events_->on_response_body(bytes);
    return;
  }
  Result<std::size_t> taken = parser_.feed(bytes);
  if (closed_) return;
  if (!taken) {
    pool_.cluster().stats().upstream_cx_protocol_error.add();
    fail({Code::kProtocol, Origin::kUpstream, false, "malformed response"}, true);
    return;
  }
  if (response_done_) {
    // Bytes after a response are no answer to anything; do not let them meet the next request.
    if (*taken < bytes.size()) {
      retired_ = true;
      pool_.cluster().stats().upstream_cx_protocol_error.add();
    }
    complete(trailers_, true);
  }
}

void ClientConnection::on_response(http::StreamId, http::ResponseHead& head, bool end) {
  // Proxy-Connection counts although no RFC has it: the parser heeds it too.
  says_close_ = has_token(head.headers, http::HeaderId::kConnection, "close") ||
                has_token(head.headers, http::HeaderId::kProxyConnection, "close") ||
                (head.version == http::Version::kHttp10 &&
                 !has_token(head.headers, http::HeaderId::kConnection, "keep-alive"));
  response_header_bytes_ += parser_.head_field_bytes(head.headers);
  if (events_ != nullptr) events_->on_response_head(head, end);
}

void ClientConnection::on_body(http::StreamId, std::string_view data) {
  if (events_ != nullptr) events_->on_response_body(data);
}

void ClientConnection::on_message_end(http::StreamId, http::Headers* trailers) {
  // Finished after feed() has returned, when it is known whether stray bytes follow.
  response_done_ = true;
  trailers_ = trailers;
}

void ClientConnection::complete(http::Headers* trailers, bool by_us) {
  ResponseEvents* events = std::exchange(events_, nullptr);
  response_done_ = false;
  trailers_ = nullptr;
  ++requests_;
  count_bytes();
  const config::UpstreamHttp& http = http_options(pool_.cluster().config());
  if (!http.enable_trailers) trailers = nullptr;
  bool full =
      http.max_requests_per_connection != 0 && requests_ >= http.max_requests_per_connection;
  if (full) pool_.cluster().stats().upstream_cx_max_requests.add();
  if (!retired_ && too_old()) {
    pool_.cluster().stats().upstream_cx_max_duration_reached.add();
    retired_ = true;
  }
  bool reusable = parser_.keep_alive() && request_done_ && !retired_ && !full;
  if (says_close_) pool_.cluster().stats().upstream_cx_close_notify.add();
  events->on_connection_leaving();
  if (reusable) {
    parser_.resume();
    pool_.on_released(*this);
  } else {
    if (!request_done_) count_cut_request(by_us);
    close(by_us);
  }
  events->on_response_end(trailers);
}

void ClientConnection::on_end() {
  ended_ = true;
  if (http2_ != nullptr) {
    fail({Code::kReset, Origin::kUpstream, false, "connection closed by upstream"}, false);
    return;
  }
  if (events_ == nullptr) {
    close(false);
    return;
  }
  answer_raw();
  if (tunnel_ && events_ != nullptr) {
    ResponseEvents* events = std::exchange(events_, nullptr);
    count_cut_request(false);
    events->on_connection_leaving();
    close(false);
    events->on_response_end(nullptr);
    return;
  }
  // A body that lasts to the end of the connection is whole only if its end can be believed.
  bool believable = !connection_.cut_short();
  if (parser_.in_message() && !parser_.in_head() && believable && parser_.finish()) {
    retired_ = true;
    complete(trailers_, false);
    return;
  }
  if (parser_.in_message()) {
    // An end in the middle of a message: nothing that was said so far can be trusted.
    pool_.cluster().stats().upstream_cx_protocol_error.add();
    fail({Code::kProtocol, Origin::kUpstream, false, "response cut short"}, false);
    return;
  }
  fail({Code::kReset, Origin::kUpstream, false, "connection closed by upstream"}, false);
}

void ClientConnection::on_failed(Error error) {
  if (ClusterTls* tls = pool_.cluster().tls()) tls->counts().count_failure(*connection_.session());
  if (connection_.connecting()) {
    pool_.cluster().stats().upstream_cx_connect_fail.add();
    pool_.cluster().stats().upstream_cx_destroy.add();
    pool_.cluster().stats().upstream_cx_destroy_remote.add();
    closed_ = true;
    idle_timer_.cancel();
    pool_.on_closed(*this, true, PoolFailure::kConnectFailed, error);
    return;
  }
  fail(error, false);
}

void ClientConnection::on_connect_timeout() {
  metrics::ClusterStats& stats = pool_.cluster().stats();
  stats.upstream_cx_connect_timeout.add();
  stats.upstream_cx_connect_fail.add();
  stats.upstream_cx_destroy.add();
  stats.upstream_cx_destroy_local.add();
  closed_ = true;
  connection_.close();
  pool_.on_closed(*this, true, PoolFailure::kConnectTimeout,
                  {Code::kTimeout, Origin::kUpstream, true, "connect timeout"});
}

bool ClientConnection::too_old() const {
  Duration most = http_options(pool_.cluster().config()).max_connection_duration;
  return most > Duration::zero() && pool_.cluster().loop().now() - connected_ >= most;
}

void ClientConnection::arm_idle_timer() {
  const config::UpstreamHttp& http = http_options(pool_.cluster().config());
  Duration wait = http.idle_timeout;
  if (http.max_connection_duration > Duration::zero()) {
    Duration left = connected_ + http.max_connection_duration - pool_.cluster().loop().now();
    if (wait <= Duration::zero() || left < wait) wait = std::max(left, Duration(1));
  }
  if (wait > Duration::zero()) idle_timer_.arm(wait);
}

void ClientConnection::on_idle_timeout() {
  metrics::ClusterStats& stats = pool_.cluster().stats();
  (too_old() ? stats.upstream_cx_max_duration_reached : stats.upstream_cx_idle_timeout).add();
  close(true);
}

void ClientConnection::on_drained() {
  if (http2_ != nullptr) {
    http2_->on_drained();
    return;
  }
  if (events_ != nullptr) events_->on_request_drained();
}

void ClientConnection::fail(Error error, bool by_us) {
  if (http2_ != nullptr) {
    http2_->fail(error, by_us);
    return;
  }
  ResponseEvents* events = std::exchange(events_, nullptr);
  // An orderly end comes by way of on_end().
  bool was_reset = !by_us && !ended_ && error.code == Code::kReset;
  // A response that has begun and cannot end is malformed, as in Envoy.
  if (error.code == Code::kReset && parser_.in_message()) error.code = Code::kProtocol;
  AttemptFailure failure;
  failure.error = error;
  failure.reused_connection = requests_ > 0;
  failure.was_reset = was_reset;
  if (events != nullptr && !parser_.in_message() && error.code == Code::kReset) {
    int64_t acknowledged = connection_.acknowledged();
    if (connection_.bytes_written() <= written_at_start_)
      failure.evidence = Evidence::kNothingSent;
    else if (acknowledged >= 0 && static_cast<uint64_t>(acknowledged) <= written_at_start_)
      failure.evidence = Evidence::kUnprocessed;
  }
  if (events != nullptr) count_cut_request(by_us);
  close(by_us);
  if (events != nullptr) events->on_response_failed(failure);
}

void ClientConnection::count_cut_request(bool by_us) {
  metrics::ClusterStats& stats = pool_.cluster().stats();
  stats.upstream_cx_destroy_with_active_rq.add();
  (by_us ? stats.upstream_cx_destroy_local_with_active_rq
         : stats.upstream_cx_destroy_remote_with_active_rq)
      .add();
}

void ClientConnection::count_bytes() {
  metrics::ClusterStats& stats = pool_.cluster().stats();
  stats.upstream_cx_rx_bytes_total.add(connection_.bytes_read() -
                                       std::exchange(counted_read_, connection_.bytes_read()));
  stats.upstream_cx_tx_bytes_total.add(
      connection_.bytes_written() - std::exchange(counted_written_, connection_.bytes_written()));
}

void ClientConnection::close(bool by_us) {
  if (closed_) return;
  closed_ = true;
  bool was_connecting = connection_.connecting();
  idle_timer_.cancel();
  metrics::ClusterStats& stats = pool_.cluster().stats();
  if (!was_connecting) {
    count_bytes();
    stats.upstream_cx_length_ms.record(milliseconds(pool_.cluster().loop().now() - connected_));
    stats.upstream_cx_destroy.add();
    (by_us ? stats.upstream_cx_destroy_local : stats.upstream_cx_destroy_remote).add();
  }
  connection_.close();
  pool_.on_closed(*this, was_connecting, PoolFailure::kConnectFailed,
                  {Code::kReset, Origin::kSelf, true, "connection closed"});
}

}  // namespace pillion::upstream
