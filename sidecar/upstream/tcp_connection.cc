#include "sidecar/upstream/tcp_connection.h"

#include <utility>

namespace pillion::upstream {

namespace {

constexpr config::Priority kPriority = config::Priority::kDefault;

double milliseconds(Duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

Result<net::Fd> start_connect(Cluster& cluster, const Address& remote) {
  if (ClusterTls* tls = cluster.tls(); tls != nullptr && !tls->loaded())
    return fail({Code::kTls, Origin::kSelf, false, tls->problem()});
  const config::Cluster& config = cluster.config();
  net::ConnectOptions options;
  options.source = config.bind_source.get();
  if (config.keepalive)
    options.keepalive = {true, config.keepalive->probes, config.keepalive->time_s,
                         config.keepalive->interval_s};
  return net::start_connect(remote, options);
}

}  // namespace

Result<TcpConnection*, TcpConnection::Refusal> TcpConnection::begin(
    Cluster& cluster, std::shared_ptr<const Endpoint> endpoint, TcpEvents& events,
    std::string_view first) {
  metrics::ClusterStats& stats = cluster.stats();
  Limits& limits = cluster.shared()->limits(kPriority);
  if (!limits.pending.try_take()) {
    stats.upstream_rq_pending_overflow.add();
    return Unexpected(Refusal{TcpFailure::kPendingOverflow,
                              {Code::kOverload, Origin::kSelf, true, "too many pending"}});
  }
  if (!limits.connections.try_take()) {
    limits.pending.give();
    stats.upstream_cx_overflow.add();
    return Unexpected(Refusal{TcpFailure::kOverflow,
                              {Code::kOverload, Origin::kSelf, true, "too many connections"}});
  }
  stats.upstream_rq_pending_total.add();
  stats.upstream_cx_total.add();
  endpoint->counts.cx_total.fetch_add(1, std::memory_order_relaxed);
  Address remote = endpoint->connect_address();
  Result<net::Fd> fd = start_connect(cluster, remote);
  if (!fd) {
    limits.pending.give();
    limits.connections.give();
    stats.upstream_cx_connect_fail.add();
    stats.upstream_rq_pending_failure_eject.add();
    endpoint->counts.cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
    return Unexpected(Refusal{TcpFailure::kConnectFailed, fd.error()});
  }
  auto* connection =
      new TcpConnection(cluster, std::move(endpoint), events, std::move(*fd), std::move(remote));
  if (!first.empty()) connection->connection_.output().append(first);
  connection->first_size_ = first.size();
  return connection;
}

TcpConnection::TcpConnection(Cluster& cluster, std::shared_ptr<const Endpoint> endpoint,
                             TcpEvents& events, net::Fd fd, Address remote)
    : cluster_(cluster),
      endpoint_(std::move(endpoint)),
      events_(&events),
      connection_(cluster.loop(), *this, std::move(fd), net::Connection::Connecting{}),
      connect_timer_(
          io::Timer::of<&TcpConnection::on_connect_timeout>(cluster.loop().timers(), *this)),
      remote_(std::move(remote)),
      started_(cluster.loop().now()),
      id_(cluster.next_connection_id()) {
  cluster_.hold();
  connection_.set_watermark(cluster.config().buffer_limit);
  if (ClusterTls* tls = cluster.tls()) connection_.secure(tls->make_session(*endpoint_, {}, {}));
  connect_timer_.arm(cluster.config().connect_timeout);
  cluster_.stats().upstream_cx_active.add();
  cluster_.stats().upstream_rq_pending_active.add();
  endpoint_->counts.cx_active.fetch_add(1, std::memory_order_relaxed);
}

TcpConnection::~TcpConnection() = default;

void TcpConnection::write(std::string_view bytes) {
  connection_.write(bytes);
  count_bytes();
}

void TcpConnection::count_bytes() {
  metrics::ClusterStats& stats = cluster_.stats();
  uint64_t read = connection_.bytes_read();
  uint64_t written = connection_.bytes_written();
  if (read != counted_read_) stats.upstream_cx_rx_bytes_total.add(read - counted_read_);
  if (written != counted_written_) stats.upstream_cx_tx_bytes_total.add(written - counted_written_);
  counted_read_ = read;
  counted_written_ = written;
}

void TcpConnection::on_connected() {
  connect_timer_.cancel();
  if (ClusterTls* tls = cluster_.tls()) tls->counts().count_handshake(*connection_.session());
  connected_at_ = cluster_.loop().now();
  local_ = net::local_address(connection_.fd());
  metrics::ClusterStats& stats = cluster_.stats();
  stats.upstream_cx_connect_ms.record(milliseconds(connected_at_ - started_));
  // As Envoy, which counts what is served by a TCP pool as a request.
  pending_ = false;
  cluster_.shared()->limits(kPriority).pending.give();
  stats.upstream_rq_pending_active.sub();
  stats.upstream_rq_total.add();
  stats.upstream_rq_active.add();
  endpoint_->counts.rq_total.fetch_add(1, std::memory_order_relaxed);
  endpoint_->counts.rq_active.fetch_add(1, std::memory_order_relaxed);
  events_->on_tcp_connected();
}

void TcpConnection::leave(bool by_us) {
  if (std::exchange(gone_, true)) return;
  connect_timer_.cancel();
  count_bytes();
  metrics::ClusterStats& stats = cluster_.stats();
  Limits& limits = cluster_.shared()->limits(kPriority);
  if (pending_) {
    limits.pending.give();
    stats.upstream_rq_pending_active.sub();
  } else {
    stats.upstream_rq_active.sub();
    endpoint_->counts.rq_active.fetch_sub(1, std::memory_order_relaxed);
    stats.upstream_cx_destroy_with_active_rq.add();
    (by_us ? stats.upstream_cx_destroy_local_with_active_rq
           : stats.upstream_cx_destroy_remote_with_active_rq)
        .add();
  }
  limits.connections.give();
  stats.upstream_cx_active.sub();
  stats.upstream_cx_destroy.add();
  (by_us ? stats.upstream_cx_destroy_local : stats.upstream_cx_destroy_remote).add();
  Time since = connected() ? connected_at_ : started_;
  stats.upstream_cx_length_ms.record(milliseconds(cluster_.loop().now() - since));
  endpoint_->counts.cx_active.fetch_sub(1, std::memory_order_relaxed);
  cluster_.loop().delete_later(std::unique_ptr<io::Disposable>(this));
  cluster_.release();
}

void TcpConnection::close(bool by_us) {
  if (gone_) return;
  if (pending_) cluster_.stats().upstream_rq_cancelled.add();
  connection_.close();
  leave(by_us);
}

void TcpConnection::abort() {
  if (gone_) return;
  connection_.abort();
  leave(true);
}

void TcpConnection::fail_connect(TcpFailure failure, Error error, bool by_us) {
  metrics::ClusterStats& stats = cluster_.stats();
  stats.upstream_cx_connect_fail.add();
  stats.upstream_rq_pending_failure_eject.add();
  endpoint_->counts.cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
  connection_.close();
  leave(by_us);
  events_->on_tcp_failed(failure, error);
}

void TcpConnection::on_connect_timeout() {
  cluster_.stats().upstream_cx_connect_timeout.add();
  fail_connect(TcpFailure::kConnectTimeout,
               {Code::kTimeout, Origin::kUpstream, true, "connect timeout"}, true);
}

void TcpConnection::on_failed(Error error) {
  if (gone_) return;
  if (ClusterTls* tls = cluster_.tls()) tls->counts().count_failure(*connection_.session());
  if (!connected()) {
    fail_connect(TcpFailure::kConnectFailed, error, false);
    return;
  }
  leave(false);
  events_->on_tcp_reset(error);
}

void TcpConnection::on_data(std::string_view bytes) {
  if (gone_) return;
  count_bytes();
  events_->on_tcp_data(bytes);
}

void TcpConnection::on_end() {
  if (!gone_) events_->on_tcp_end();
}

void TcpConnection::on_drained() {
  count_bytes();
  events_->on_tcp_drained();
}

void TcpConnection::on_flushed() {
  count_bytes();
  events_->on_tcp_flushed();
}

void TcpConnection::on_readable() {
  events_->on_tcp_readable();
}

}  // namespace pillion::upstream
