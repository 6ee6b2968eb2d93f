#include "sidecar/proxy/http2_downstream.h"

#include <algorithm>
#include <utility>

#include "sidecar/proxy/downstream.h"
#include "sidecar/upstream/http2_stats.h"

namespace pillion::proxy {

namespace {

// Frames that may wait for the socket. What else waits, waits in its stream, where a later and
// shorter response can overtake it.
constexpr std::size_t kMaxOutput = 256 * 1024;
// What one stream may keep before its source is paused.
constexpr std::size_t kStreamShare = 64 * 1024;
// Envoy's overload.premature_reset_total_stream_count.
constexpr uint64_t kResetLimit = 500;

http::CodecLimits limits_of(const config::HttpConnectionManager& config) {
  return {config.max_request_headers_kb * 1024, config.max_headers_count};
}

std::size_t output_limit(std::size_t buffer_limit) {
  return std::min(kMaxOutput, buffer_limit);
}

}  // namespace

Http2Downstream::Http2Downstream(Downstream& owner)
    : owner_(owner),
      session_(http::Role::kServer, *this, owner.http_.config().http2,
               limits_of(owner.http_.config()),
               std::min<std::size_t>(kStreamShare, owner.facts_.buffer_limit)),
      grace_timer_(
          io::Timer::of<&Http2Downstream::on_grace_over>(owner.worker_.loop.timers(), *this)),
      ping_timer_(
          io::Timer::of<&Http2Downstream::on_ping_timer>(owner.worker_.loop.timers(), *this)),
      limit_(owner.facts_.buffer_limit) {
  owner_.connection_.set_watermark(output_limit(limit_));
  on_output();  // SETTINGS
  arm_ping();
}

Http2Downstream::~Http2Downstream() = default;

metrics::Http2Stats& Http2Downstream::stats() {
  return owner_.http_.http2_stats();
}

template <class F>
void Http2Downstream::for_each_stream(F&& visit) {
  session_.for_each(
      [&visit](http::Http2Stream& stream) { visit(static_cast<Http2ServerStream&>(stream)); });
}

void Http2Downstream::on_data(std::string_view bytes) {
  Result<Unit> fed = session_.feed(bytes, owner_.worker_.loop.now());
  if (owner_.state_ != Downstream::State::kOpen) return;
  if (!fed) {
    on_protocol_error();
  } else if (over_) {
    // A window may have opened for a stream that waits for those that fill the limit.
    for_each_stream([](Http2ServerStream& stream) { stream.on_drained(); });
  }
}

void Http2Downstream::on_protocol_error() {
  owner_.http_.stats().downstream_cx_protocol_error.add();
  owner_.malformed_ = true;
  if (active_ > 0 || session_.malformed()) {
    owner_.http_.stats().downstream_cx_destroy_active_rq.add();
    owner_.http_.stats().downstream_cx_destroy_local_active_rq.add();
  }
  flush();  // GOAWAY says why
  if (owner_.state_ != Downstream::State::kOpen) return;
  for_each_stream([](Http2ServerStream& stream) {
    if (!stream.done_) stream.stream_->on_downstream_reset("http2.protocol_error", false);
  });
  owner_.begin_close(true);
}

void Http2Downstream::on_output() {
  owner_.worker_.loop.at_end(*this);
}

void Http2Downstream::on_count(http::Http2Count what) {
  upstream::count_http2(stats(), what);
}

void Http2Downstream::flush() {
  if (gone_) return;
  Buffer& out = owner_.connection_.output();
  Result<Unit> flushed = session_.flush(out, direct_limit());
  if (!flushed) {
    owner_.close(true);
    return;
  }
  bool full = owner_.connection_.clogged();
  if (over_ && !full && held() <= limit_ / 2) {
    over_ = false;
    for_each_stream([](Http2ServerStream& stream) { stream.on_drained(); });
  }
}

void Http2Downstream::at_iteration_end() {
  if (!gone_) flush();
  for (Http2ServerStream* stream : finishing_)
    if (stream->attached()) stream->await_flush();
  finishing_.clear();
  if (gone_ || owner_.state_ != Downstream::State::kOpen) return;
  if (session_.over()) {
    on_protocol_error();
  } else if (streams_ == 0 && (last_goaway_ || session_.finished())) {
    owner_.begin_close(false);
  }
}

void Http2Downstream::on_drained() {
  flush();
  if (gone_ || owner_.connection_.clogged()) return;
  for_each_stream([](Http2ServerStream& stream) { stream.on_drained(); });
}

std::size_t Http2Downstream::direct_limit() const {
  // One byte more than the watermark, so that a full output is told of when it drains.
  return output_limit(limit_) + 1;
}

std::size_t Http2Downstream::held() const {
  return session_.buffered() + owner_.connection_.unsent();
}

void Http2Downstream::note_output() {
  if (over_ || held() <= limit_) return;
  over_ = true;
  // Sources that have sent nothing yet would each deliver a first piece.
  for_each_stream([](Http2ServerStream& stream) {
    if (!stream.done_) stream.stream_->on_downstream_congested();
  });
}

bool Http2Downstream::clogged(http::Http2Stream& stream) {
  if (session_.clogged(stream) || owner_.connection_.clogged()) return true;
  return over_ && (stream.unsent() > 0 || session_.window_shut(stream));
}

std::size_t Http2Downstream::share_of(Http2ServerStream& stream) {
  promised_ -= stream.promised_;
  std::size_t used = std::min(limit_, promised_ + held());
  stream.promised_ = (limit_ - used) / 2;
  promised_ += stream.promised_;
  return stream.promised_;
}

void Http2Downstream::note_closed(bool premature) {
  ++closed_;
  if (!premature) return;
  ++premature_;
  // As Envoy counts: also once it is clear that good ones cannot make up for it before the limit.
  if (premature_ * 2 < std::max(closed_, kResetLimit)) return;
  if (std::exchange(abused_, true)) return;
  owner_.http_.stats().downstream_rq_too_many_premature_resets.add();
  session_.end_abused();
}

http::Http2Stream* Http2Downstream::on_stream(http::StreamId) {
  if (owner_.state_ != Downstream::State::kOpen) return nullptr;
  if (streams_++ == 0) owner_.timer_.cancel();
  ++active_;
  ++owner_.requests_;
  stats().streams_active.add();
  return new Http2ServerStream(*this);
}

void Http2Downstream::on_response() {
  if (!draining_) {
    if (owner_.should_drain()) drain();
    return;
  }
  uint32_t most = owner_.http_.config().max_requests_per_connection;
  if (most != 0 && owner_.requests_ >= most)
    owner_.http_.stats().downstream_cx_max_requests_reached.add();
}

void Http2Downstream::on_stream_over() {
  --streams_;
  stats().streams_active.sub();
  if (gone_ || streams_ > 0) return;
  if (owner_.state_ == Downstream::State::kOpen) owner_.go_idle();
  if (last_goaway_) on_output();
}

void Http2Downstream::drain() {
  if (std::exchange(draining_, true)) return;
  config::Millis grace = owner_.http_.config().drain_timeout;
  if (grace.count() == 0) {
    on_grace_over();
    return;
  }
  session_.shutdown_notice();
  grace_timer_.arm(grace);
}

void Http2Downstream::on_grace_over() {
  last_goaway_ = true;
  session_.goaway(http::Http2Error::kNoError);
}

void Http2Downstream::on_ping_ack() {
  ping_sent_ = false;
  ping_timer_.cancel();
  arm_ping();
}

void Http2Downstream::arm_ping() {
  Duration wait = upstream::ping_wait(owner_.http_.config().http2, owner_.worker_.random);
  if (wait > Duration::zero()) ping_timer_.arm(wait);
}

void Http2Downstream::on_ping_timer() {
  if (ping_sent_) {
    stats().keepalive_timeout.add();
    owner_.close(true);
    return;
  }
  session_.ping();
  ping_sent_ = true;
  ping_timer_.arm(owner_.http_.config().http2.ping_timeout);
}

void Http2Downstream::abort(std::string_view details) {
  for_each_stream([details](Http2ServerStream& stream) {
    if (!stream.done_) stream.stream_->abort(details);
  });
}

void Http2Downstream::on_gone() {
  if (std::exchange(gone_, true)) return;
  grace_timer_.cancel();
  ping_timer_.cancel();
  for_each_stream([](Http2ServerStream& stream) {
    if (stream.done_)
      stream.dispose();
    else
      stream.stream_->on_downstream_gone();
  });
}

}  // namespace pillion::proxy
