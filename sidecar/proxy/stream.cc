#include "sidecar/proxy/stream.h"

#include "sidecar/base/check.h"
#include "sidecar/proxy/tls_facts.h"

namespace pillion::proxy {

Stream* Stream::make(StreamOwner& owner, WorkerContext& worker, const HttpRuntime& http,
                     const ConnectionFacts& connection) {
  static_assert(sizeof(Stream) <= BlockPool::kBlockSize / 2);
  return new (worker.blocks.take()) Stream(owner, worker, http, connection);
}

void Stream::operator delete(Stream* stream, std::destroying_delete_t) {
  BlockPool& blocks = stream->worker_.blocks;
  stream->~Stream();
  blocks.give(stream);
}

Stream::Stream(StreamOwner& owner, WorkerContext& worker, const HttpRuntime& http,
               const ConnectionFacts& connection)
    : owner_(owner),
      worker_(worker),
      http_(http),
      connection_(connection),
      arena_(worker.blocks, this + 1, BlockPool::kBlockSize - sizeof(Stream)),
      remote_(connection.remote),
      attempt_(*this),
      body_limit_(connection.buffer_limit),
      idle_limit_(http.config().stream_idle_timeout),
      timeout_timer_(io::Timer::of<&Stream::on_route_timeout>(worker.loop.timers(), *this)),
      per_try_timer_(io::Timer::of<&Stream::on_per_try_timeout>(worker.loop.timers(), *this)),
      idle_timer_(io::Timer::of<&Stream::on_idle_timeout>(worker.loop.timers(), *this)),
      filter_timer_(io::Timer::of<&Stream::on_filter_timer>(worker.loop.timers(), *this)) {
  info_.start_wall = worker.loop.wall_now();
  info_.times.start = worker.loop.now();
  info_.connection_id = connection.id;
  if (connection.inspection != nullptr) {
    info_.requested_server_name = connection.inspection->server_name;
    info_.dynamic_metadata = connection.inspection->metadata.get();
  }
  info_.downstream_remote = &remote_;
  info_.downstream_direct_remote = &connection.remote;
  info_.downstream_local = info_.downstream_direct_local = &connection.local;
  if (connection.inspection != nullptr) {
    info_.downstream_direct_remote = &connection.inspection->direct_remote;
    info_.downstream_direct_local = &connection.inspection->direct_local;
  }
  info_.downstream_socket = connection.socket;
  info_.times.connection_start = connection.opened;
  info_.listener_name = connection.listener_name;
  info_.filter_chain_name = connection.filter_chain_name;
  info_.downstream_tls = tls_facts(connection.session, false, arena_);
  metrics::HttpStats& stats = http.stats();
  stats.downstream_rq_total.add();
  (http2() ? stats.downstream_rq_http2_total : stats.downstream_rq_http1_total).add();
  stats.downstream_rq_active.add();
  worker.active_streams.store(worker.active_streams.load(std::memory_order_relaxed) + 1,
                              std::memory_order_relaxed);
  touch();
  arm_request_timers();
}

Stream::~Stream() = default;

void Stream::enter(Phase next) {
  // kDone follows anything; a reply of our own may come from any phase before the response; else
  // one step at a time, but for retries, which stay in kAttempt.
  bool step = next == Phase::kDone || (next == Phase::kFilterResponse && phase_ < next) ||
              static_cast<int>(next) == static_cast<int>(phase_) + 1 ||
              (next == Phase::kAttempt && phase_ == Phase::kAttempt);
  CHECK(step && phase_ != Phase::kDone);
  phase_ = next;
}

format::Context Stream::context() const {
  return {&info_, request_, response_, response_trailers_, reply_body_};
}

filter::Overrides Stream::overrides() const {
  filter::Overrides levels;
  const config::RouteTable& table = http_.router().table();
  levels.add(&table.filters);
  if (match_.virtual_host != nullptr) levels.add(match_.virtual_host->config().filters.get());
  if (match_.route != nullptr) levels.add(match_.route->config().filters.get());
  if (match_.weighted != nullptr) levels.add(&match_.weighted->filters);
  return levels;
}

std::optional<filter::ClusterHealth> Stream::cluster_health(std::string_view name) const {
  upstream::Cluster* cluster = worker_.clusters.find(name);
  if (cluster == nullptr) return std::nullopt;
  filter::ClusterHealth health;
  for (const auto& endpoint : cluster->priorities().endpoints()->all) {
    ++health.hosts;
    if (endpoint->health == config::Endpoint::Health::kHealthy ||
        endpoint->health == config::Endpoint::Health::kDegraded)
      ++health.usable;
  }
  return health;
}

bool Stream::server_draining() const {
  return worker_.process.draining.load(std::memory_order_relaxed) ||
         worker_.process.health_check_failed.load(std::memory_order_relaxed);
}

UnderscoreCounts Stream::underscore_counts() const {
  if (http2()) {
    metrics::Http2Stats& stats = http_.http2_stats();
    return {stats.dropped_headers_with_underscores,
            stats.requests_rejected_with_underscores_in_headers};
  }
  metrics::Http1Stats& stats = http_.http1_stats();
  return {stats.dropped_headers_with_underscores,
          stats.requests_rejected_with_underscores_in_headers};
}

}  // namespace pillion::proxy
