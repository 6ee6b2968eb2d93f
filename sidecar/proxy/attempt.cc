#include "sidecar/proxy/attempt.h"

#include <utility>

#include "sidecar/proxy/stream.h"

namespace pillion::proxy {

void Attempt::start(upstream::Cluster& cluster, upstream::Pool& pool) {
  cluster_ = &cluster;
  pool_ = &pool;
  endpoint_ = pool.endpoint();
  exchange_ = nullptr;
  response_started_ = response_paused_ = false;
  started_ = cluster.loop().now();
  cluster_->hold();
  active_ = true;
  counted_ = false;
  pool.acquire(*this);
}

bool Attempt::leave() {
  if (!active_) return false;
  active_ = false;
  if (std::exchange(counted_, false)) {
    pool_->limits().requests.give();
    cluster_->stats().upstream_rq_active.sub();
    endpoint_->counts.rq_active.fetch_sub(1, std::memory_order_relaxed);
  }
  cluster_->release();
  return true;
}

void Attempt::cancel() {
  if (!active_) return;
  upstream::Exchange* exchange = std::exchange(exchange_, nullptr);
  if (exchange != nullptr) {
    note_wire(*exchange);
    exchange->abandon();
  } else {
    cluster_->stats().upstream_rq_cancelled.add();
    pool_->cancel(*this);
  }
  leave();
}

void Attempt::on_pool_ready(upstream::Exchange& exchange) {
  metrics::ClusterStats& stats = cluster_->stats();
  if (!pool_->limits().requests.try_take()) {
    stats.upstream_rq_active_overflow.add();
    leave();
    exchange.release_unused();
    stream_.on_attempt_failed(AttemptEnd::kOverflow,
                              {{Code::kOverload, Origin::kSelf, true, "too many requests"},
                               upstream::Evidence::kNothingSent,
                               false});
    return;
  }
  counted_ = true;
  stats.upstream_rq_total.add();
  stats.upstream_rq_active.add();
  endpoint_->counts.rq_total.fetch_add(1, std::memory_order_relaxed);
  endpoint_->counts.rq_active.fetch_add(1, std::memory_order_relaxed);
  exchange_ = &exchange;
  stream_.on_attempt_ready();
}

void Attempt::send_head(const http::RequestHead& head, bool end, bool tunnel) {
  exchange_->send_head(*this, head, end, tunnel);
}

void Attempt::on_pool_failed(upstream::PoolFailure failure, Error error) {
  if (!leave()) return;
  AttemptEnd end = failure == upstream::PoolFailure::kOverflow        ? AttemptEnd::kOverflow
                   : failure == upstream::PoolFailure::kConnectFailed ? AttemptEnd::kConnectFailed
                                                                      : AttemptEnd::kConnectTimeout;
  stream_.on_attempt_failed(end, {error, upstream::Evidence::kNothingSent, false});
}

Arena& Attempt::response_arena() {
  return stream_.arena();
}

void Attempt::on_response_head(http::ResponseHead& head, bool end) {
  if (head.status >= 200 || head.status == 101) response_started_ = true;
  stream_.on_attempt_head(head, end);
}

void Attempt::on_response_body(std::string_view data) {
  stream_.on_attempt_body(data);
}

void Attempt::on_connection_leaving() {
  if (std::exchange(response_paused_, false)) exchange_->resume_response();
  note_wire(*exchange_);
  exchange_ = nullptr;
}

void Attempt::on_response_end(http::Headers* trailers) {
  if (!leave()) return;
  stream_.on_attempt_end(trailers);
}

void Attempt::note_wire(const upstream::Exchange& exchange) {
  StreamInfo& info = stream_.info();
  info.upstream_wire_sent += exchange.request_wire_bytes();
  info.upstream_wire_received += exchange.response_wire_bytes();
  info.upstream_header_sent += exchange.request_header_bytes();
  info.upstream_header_received += exchange.response_header_bytes();
}

void Attempt::on_response_failed(const upstream::AttemptFailure& failure) {
  if (exchange_ != nullptr) note_wire(*exchange_);
  exchange_ = nullptr;
  if (!leave()) return;
  AttemptEnd end = failure.error.code == Code::kProtocol ? AttemptEnd::kProtocol
                   : failure.by_goaway                   ? AttemptEnd::kReset
                   : failure.refused                     ? AttemptEnd::kRefused
                   : failure.reset                       ? AttemptEnd::kRemoteReset
                                                         : AttemptEnd::kReset;
  stream_.on_attempt_failed(end, failure);
}

std::size_t Attempt::response_window() {
  return stream_.response_window();
}

void Attempt::on_request_drained() {
  stream_.on_attempt_drained();
}

void Attempt::pause_response() {
  if (response_paused_ || exchange_ == nullptr) return;
  response_paused_ = true;
  cluster_->stats().upstream_flow_control_paused_reading_total.add();
  exchange_->pause_response();
}

void Attempt::resume_response() {
  if (!response_paused_) return;
  response_paused_ = false;
  if (exchange_ == nullptr) return;
  cluster_->stats().upstream_flow_control_resumed_reading_total.add();
  exchange_->resume_response();
}

}  // namespace pillion::proxy
