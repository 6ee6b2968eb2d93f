#include "sidecar/upstream/http2_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/http2_stats.h"
#include "sidecar/upstream/pool.h"

namespace pillion::upstream {

namespace {

http::CodecLimits limits_of(const config::UpstreamHttp& http) {
  return {http.http2_max_response_headers_kb * 1024, http.max_headers_count};
}

}  // namespace

Http2Client::Http2Client(ClientConnection& connection, const config::UpstreamHttp& config)
    : connection_(connection),
      config_(config),
      session_(http::Role::kClient, *this, config.http2, limits_of(config)),
      ping_timer_(io::Timer::of<&Http2Client::on_ping_timer>(
          connection.pool_.cluster().loop().timers(), *this)),
      idle_since_(connection.pool_.cluster().loop().now()) {
  on_output();  // the preface
}

Http2Client::~Http2Client() = default;

Pool& Http2Client::pool() {
  return connection_.pool_;
}

metrics::Http2Stats& Http2Client::stats() {
  return pool().cluster().shared()->http2_stats();
}

void Http2Client::on_output() {
  pool().cluster().loop().at_end(*this);
}

void Http2Client::on_count(http::Http2Count what) {
  count_http2(stats(), what);
}

bool Http2Client::accepts() const {
  uint64_t most = std::min(config_.http2.max_concurrent_streams, session_.peer_max_streams());
  return !failed_ && !connection_.retired_ && !connection_.closed_ && active_ < most &&
         !session_.over() && !session_.exhausted();
}

void Http2Client::on_ready() {
  arm_ping();
  // Those who wait in a pool that drains were promised a connection.
  bool last = std::exchange(connection_.retired_, false);
  connection_.arm_idle_timer();
  has_room_ = true;
  pool().on_room(connection_, true);
  if (last) connection_.retire();
}

Exchange& Http2Client::begin() {
  if (active_ == 0) {
    connection_.cancel_idle_timer();
    Duration limit = config_.http2.ping_after_idle;
    if (limit > Duration::zero() && connection_.requests_ > 0 && !ping_sent_ &&
        pool().cluster().loop().now() - idle_since_ >= limit)
      ping();
  }
  ++active_;
  uint32_t most = config_.max_requests_per_connection;
  if (most != 0 && connection_.requests_ + active_ >= most) {
    pool().cluster().stats().upstream_cx_max_requests.add();
    connection_.retired_ = true;
  } else if (connection_.too_old()) {
    pool().cluster().stats().upstream_cx_max_duration_reached.add();
    connection_.retired_ = true;
  }
  auto* stream = new Http2ClientStream(*this);
  stats().streams_active.add();
  if (!accepts()) {
    has_room_ = false;
    pool().on_room(connection_, false);
  }
  return *stream;
}

void Http2Client::on_data(std::string_view bytes) {
  Result<Unit> fed = session_.feed(bytes, pool().cluster().loop().now());
  connection_.count_bytes();
  if (fed || connection_.closed_) return;
  pool().cluster().stats().upstream_cx_protocol_error.add();
  flush();  // says why, if the endpoint still listens
  fail({Code::kProtocol, Origin::kUpstream, false, "malformed HTTP/2 frames"}, true);
}

void Http2Client::flush() {
  if (failed_ || connection_.closed_) return;
  Buffer& out = connection_.connection_.output();
  std::size_t most = pool().cluster().config().buffer_limit;
  Result<Unit> flushed = session_.flush(out, most);
  if (!flushed) fail(flushed.error(), true);
}

void Http2Client::on_settings() {
  review_ = true;
  settled_ = true;
  for (Http2ClientStream* stream : std::exchange(awaiting_settings_, {})) stream->open_tunnel();
}

void Http2Client::doom(Http2ClientStream& stream) {
  doomed_.push_back(&stream);
  on_output();
}

void Http2Client::at_iteration_end() {
  if (!doomed_.empty()) {
    for (Http2ClientStream* stream : std::exchange(doomed_, {})) {
      stream->note_evidence();
      stream->on_connection_failed({Code::kProtocol, Origin::kSelf, false, "no such stream"});
    }
  }
  flush();
  if (connection_.closed_) return;
  if (session_.over()) {
    pool().cluster().stats().upstream_cx_protocol_error.add();
    fail({Code::kProtocol, Origin::kUpstream, false, "HTTP/2 connection error"}, true);
    return;
  }
  if (std::exchange(review_, false)) review();
}

void Http2Client::on_drained() {
  flush();
  if (connection_.closed_ || connection_.connection_.clogged()) return;
  session_.for_each(
      [](http::Http2Stream& stream) { static_cast<Http2ClientStream&>(stream).notify_drained(); });
}

void Http2Client::on_goaway(http::Http2Error) {
  if (std::exchange(connection_.retired_, true)) return;
  pool().cluster().stats().upstream_cx_close_notify.add();
  // At once: what begins here from now on would not leave.
  if (std::exchange(has_room_, false)) pool().on_room(connection_, false);
  review_ = true;
  on_output();
}

void Http2Client::on_retired() {
  review_ = true;
  review();
}

void Http2Client::review() {
  if (connection_.closed_) return;
  if (connection_.retired_ && active_ == 0) {
    connection_.close(true);
    return;
  }
  bool room = accepts();
  if (room == has_room_) return;
  has_room_ = room;
  pool().on_room(connection_, room);
}

void Http2Client::on_stream_over() {
  --active_;
  ++connection_.requests_;
  stats().streams_active.sub();
  if (active_ == 0 && !connection_.closed_) {
    idle_since_ = pool().cluster().loop().now();
    connection_.arm_idle_timer();
  }
  // Not from inside a call of the session or of the request that ends.
  review_ = true;
  on_output();
}

void Http2Client::ping() {
  if (config_.http2.ping_timeout.count() == 0) return;
  session_.ping();
  ping_sent_ = true;
  ping_timer_.arm(config_.http2.ping_timeout);
}

void Http2Client::on_ping_ack() {
  ping_sent_ = false;
  ping_timer_.cancel();
  arm_ping();
}

void Http2Client::arm_ping() {
  Duration wait = ping_wait(config_.http2, pool().cluster().random());
  if (wait > Duration::zero()) ping_timer_.arm(wait);
}

void Http2Client::on_ping_timer() {
  if (!ping_sent_) {
    ping();
    return;
  }
  stats().keepalive_timeout.add();
  fail({Code::kTimeout, Origin::kUpstream, false, "HTTP/2 ping timeout"}, true);
}

void Http2Client::fail(Error error, bool by_us) {
  if (std::exchange(failed_, true)) return;
  ping_timer_.cancel();
  if (active_ > 0) {
    metrics::ClusterStats& cluster = pool().cluster().stats();
    cluster.upstream_cx_destroy_with_active_rq.add();
    (by_us ? cluster.upstream_cx_destroy_local_with_active_rq
           : cluster.upstream_cx_destroy_remote_with_active_rq)
        .add();
  }
  // Each stream leaves the list when it is told, and may begin an attempt elsewhere; this
  // connection is out of the pool first.
  std::vector<Http2ClientStream*> streams;
  session_.for_each([&streams](http::Http2Stream& stream) {
    streams.push_back(static_cast<Http2ClientStream*>(&stream));
  });
  streams.insert(streams.end(), awaiting_settings_.begin(), awaiting_settings_.end());
  awaiting_settings_.clear();
  for (Http2ClientStream* stream : streams) stream->note_evidence();
  connection_.close(by_us);
  for (Http2ClientStream* stream : streams) stream->on_connection_failed(error);
}

}  // namespace pillion::upstream
