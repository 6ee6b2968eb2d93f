// How streams end: time-outs, disconnects, and the accounting that every stream goes through once.

#include <utility>

#include "sidecar/proxy/stream.h"
#include "sidecar/tls/session.h"

namespace pillion::proxy {

void Stream::begin_without_head() {
  request_ = arena_.make<http::RequestHead>(arena_);
  info_.protocol = connection_.version;  // what this codec speaks
  enter(Phase::kFilterRequest);
  owner_.close_after_response();
}

void Stream::on_route_timeout() {
  if (request_ == nullptr) {
    const config::HttpConnectionManager& config = http_.config();
    begin_without_head();
    // Of the two limits the shorter one was armed.
    if (config.request_headers_timeout.count() > 0 &&
        (config.request_timeout.count() == 0 ||
         config.request_headers_timeout < config.request_timeout)) {
      http_.stats().downstream_rq_header_timeout.add();
      reply(408, "request header timeout", "request_header_timeout");
      return;
    }
  }
  if (!request_complete_) {
    http_.stats().downstream_rq_timeout.add();
    reply(408, "request timeout", "request_overall_timeout");
    return;
  }
  cluster_->stats().upstream_rq_timeout.add();
  count_named([](metrics::VirtualClusterStats& s) { s.upstream_rq_timeout.add(); });
  if (attempt_.active())
    attempt_.endpoint().counts.rq_timeout.fetch_add(1, std::memory_order_relaxed);
  attempt_.cancel();
  retry_pending_ = false;
  info_.set_flag(ResponseFlag::kUpstreamRequestTimeout);
  if (head_sent_) {
    fail_after_head("response_timeout");
    return;
  }
  int status = timeout_alt_response_ ? 204 : 504;
  charge_upstream(status, false);
  if (status == 204) {
    reply(204, {}, "response_timeout", ResponseFlag::kUpstreamRequestTimeout);
    return;
  }
  reply(504, "upstream request timeout", "response_timeout", ResponseFlag::kUpstreamRequestTimeout);
}

void Stream::on_per_try_timeout() {
  if (retry_pending_) {  // the back-off is over
    start_attempt();
    return;
  }
  cluster_->stats().upstream_rq_per_try_timeout.add();
  attempt_.endpoint().counts.rq_timeout.fetch_add(1, std::memory_order_relaxed);
  attempt_.cancel();
  on_attempt_failed(AttemptEnd::kPerTryTimeout,
                    {{Code::kTimeout, Origin::kUpstream, true, "per try timeout"},
                     upstream::Evidence::kUnknown,
                     false});
}

void Stream::on_idle_timeout() {
  http_.stats().downstream_rq_idle_timeout.add();
  info_.set_flag(ResponseFlag::kStreamIdleTimeout);
  if (request_ == nullptr) begin_without_head();
  if (head_sent_) {
    fail_after_head("stream_idle_timeout");
    return;
  }
  reply(request_complete_ ? 504 : 408, "stream timeout", "stream_idle_timeout");
}

void Stream::on_max_duration() {
  // No response flag: Envoy's DT is of connections.
  http_.stats().downstream_rq_max_duration_reached.add();
  if (request_ == nullptr) begin_without_head();
  if (head_sent_) {
    fail_after_head("max_duration_timeout");
    return;
  }
  filter::LocalReply wanted;
  wanted.status = request_complete_ ? 504 : 408;
  wanted.body = "downstream duration timeout";
  wanted.details = "max_duration_timeout";
  wanted.grpc_status = 4;  // DEADLINE_EXCEEDED
  reply(wanted);
}

void Stream::on_request_malformed(const http::ProtocolError& error) {
  if (done()) return;
  info_.set_flag(ResponseFlag::kDownstreamProtocolError);
  owner_.close_after_response();
  if (request_ == nullptr) begin_without_head();
  if (head_sent_) {
    fail_after_head(error.details);
    return;
  }
  reply(error.status, http::reason_phrase(error.status), error.details);
}

void Stream::on_downstream_gone() {
  if (done()) return;
  info_.set_flag(ResponseFlag::kDownstreamConnectionTermination);
  info_.response_code_details = "downstream_remote_disconnect";
  info_.times.connection_end = worker_.loop.now();
  if (!info_.protocol) info_.protocol = connection_.version;  // it got no further than this codec
  count_rx_reset();
  finish(true);
}

void Stream::on_downstream_reset(std::string_view details, bool by_client) {
  if (done()) return;
  info_.set_flag(by_client ? ResponseFlag::kDownstreamRemoteReset
                           : ResponseFlag::kDownstreamProtocolError);
  info_.response_code_details = details;
  if (!info_.protocol) info_.protocol = connection_.version;
  count_rx_reset();
  finish(true);
}

void Stream::on_downstream_congested() {
  if (!done() && attempt_.ready()) check_response_flow();
}

void Stream::abort(std::string_view details) {
  if (done()) return;
  info_.response_code_details = details;
  finish(true);
}

void Stream::count_rx_reset() {
  if (!std::exchange(rx_reset_counted_, true)) http_.stats().downstream_rq_rx_reset.add();
}

void Stream::find_named_stats() {
  const config::VirtualHost& host = match_.virtual_host->config();
  if (!host.virtual_clusters.empty()) {
    static const std::string kOther = "other";
    const config::VirtualCluster* named = match_.virtual_host->virtual_cluster(*request_);
    const std::string& name = named != nullptr ? named->name : kOther;
    if (named != nullptr) info_.virtual_cluster_name = named->name;
    named_stats_[0] = &http_.virtual_cluster_stats(host.name, name);
  }
  const std::string& prefix = match_.route->config().stat_prefix;
  if (!prefix.empty()) named_stats_[1] = &http_.route_stats(host.name, prefix);
}

void Stream::charge_upstream(int status, bool retried) {
  if (info_.health_check) return;  // Envoy leaves health checks out of a cluster's status counts
  metrics::ClusterStats& stats = cluster_->stats();
  if (retried) {
    stats.retry_upstream_rq.add(status);
    return;
  }
  stats.upstream_rq.add(status);
  cluster_->response_stats().count(status, response_kind_);
  count_named([status](metrics::VirtualClusterStats& s) { s.upstream_rq.add(status); });
}

void Stream::finish(bool reset) {
  if (done()) return;
  enter(Phase::kDone);
  attempt_.cancel();
  retry_.give_back();
  timeout_timer_.cancel();
  per_try_timer_.cancel();
  idle_timer_.cancel();
  filter_timer_.cancel();
  duration_timer_.reset();
  info_.times.end = worker_.loop.now();
  owner_.wire_bytes(info_.downstream_wire_received, info_.downstream_wire_sent);
  chain_.finish();
  metrics::HttpStats& stats = http_.stats();
  stats.downstream_rq_active.sub();
  if (tunnel_admitted_) stats.downstream_cx_upgrades_active.sub();
  if (head_sent_) {
    if (!info_.health_check) {
      stats.downstream_rq.add(info_.response_code);
      http_.listener_stats().downstream_rq.add(info_.response_code);
    }
    if (!request_complete()) {
      stats.downstream_rq_response_before_rq_complete.add();
      // A tunnel in HTTP/2 has an end in each direction.
      if (!http2() || !request_complete_) count_rx_reset();
    }
  }
  double ms =
      std::chrono::duration<double, std::milli>(info_.times.end - info_.times.start).count();
  stats.downstream_rq_time.record(ms);
  if (reset && head_sent_ && !info_.has_flag(ResponseFlag::kDownstreamConnectionTermination) &&
      !info_.has_flag(ResponseFlag::kDownstreamRemoteReset))
    stats.downstream_rq_tx_reset.add();
  log();
  if (cluster_ != nullptr) {
    cluster_->release();
    cluster_ = nullptr;
  }
  worker_.active_streams.store(worker_.active_streams.load(std::memory_order_relaxed) - 1,
                               std::memory_order_relaxed);
  if (request_flow_paused_) {
    request_flow_paused_ = false;
    owner_.resume_request();
  }
  bool intact = response_end_ && request_complete();
  owner_.on_stream_done(intact, reset);
}

void Stream::log() {
  if (connection_.session != nullptr)
    info_.downstream_transport_failure = connection_.session->failure_text();
  format::Context facts = context();
  for (const auto& logger : http_.loggers()) logger->log(facts, worker_.random.next());
}

}  // namespace pillion::proxy
