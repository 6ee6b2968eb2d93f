#include "sidecar/proxy/tcp_tunnel.h"

#include <utility>

#include "sidecar/proxy/listener_log.h"
#include "sidecar/proxy/tls_facts.h"

namespace pillion::proxy {

TcpTunnel::TcpTunnel(WorkerContext& worker, std::shared_ptr<const ListenerRuntime> listener,
                     const ChainRuntime& chain, Accepted accepted)
    : worker_(worker),
      listener_(std::move(listener)),
      tcp_(*chain.tcp),
      chain_(chain),
      connection_(worker.loop, *this, std::move(accepted.fd)),
      remote_(std::move(accepted.remote)),
      local_(std::move(accepted.local)),
      inspection_(std::move(accepted.inspection)),
      idle_timer_(io::Timer::of<&TcpTunnel::on_idle_timer>(worker.loop.timers(), *this)),
      id_(++worker.next_connection_id * metrics::kMaxWorkers + worker.index),
      opened_(worker.loop.now()),
      last_move_(opened_) {
  connection_.set_watermark(listener_->config().buffer_limit);
  if (const ChainTls* tls = tcp_.tls()) {
    connection_.secure(tls->make_session());
    spliceable_ = false;
    if (config::Millis limit = tls->handshake_timeout(); limit.count() > 0) {
      handshake_ = io::Timer::make<&TcpTunnel::on_handshake_timeout>(worker.loop.timers(), *this);
      handshake_->arm(limit);
    }
  }
  // What the client says waits in its socket until there is somebody to tell it.
  connection_.pause_reads();
  tcp_.stats().downstream_cx_total.add();
  listener_->stats().downstream_cx_total.add();
  listener_->stats().downstream_cx_active.add();
  worker_.active_connections.fetch_add(1, std::memory_order_relaxed);
  if (config::Millis most = tcp_.config().max_duration; most.count() > 0) {
    lifetime_ = io::Timer::make<&TcpTunnel::on_lifetime>(worker.loop.timers(), *this);
    lifetime_->arm(most);
  }
  if (config::Millis every = tcp_.config().log_interval; every.count() > 0) {
    log_timer_ = io::Timer::make<&TcpTunnel::on_log_timer>(worker.loop.timers(), *this);
    log_timer_->arm(every);
  }
}

TcpTunnel::~TcpTunnel() = default;

TcpConnector::Plan TcpTunnel::plan(const TcpRuntime& tcp, Random& random) {
  const config::TcpProxy& config = tcp.config();
  return {tcp.pick_cluster(random), config.max_connect_attempts, config.backoff_base,
          config.backoff_max};
}

void TcpTunnel::start(std::string_view early) {
  if (!early.empty()) connection_.receive(early);
  connector_ = std::make_unique<TcpConnector>(worker_, *this, plan(tcp_, worker_.random));
  connector_->start({remote_, local_, inspection_ ? &inspection_->tlvs : nullptr,
                     inspection_ != nullptr && inspection_->restored});
}

void TcpTunnel::adopt(std::unique_ptr<TcpConnector> connector, upstream::TcpConnection* upstream,
                      std::string_view early) {
  if (!early.empty()) connection_.receive(early);
  connector_ = std::move(connector);
  connector_->set_owner(*this);
  if (upstream != nullptr)
    on_upstream_ready(*upstream);
  else if (connector_->failed())
    on_upstream_failed(connector_->failure());
}

void TcpTunnel::on_upstream_failed(ConnectFailure failure) {
  if (failure == ConnectFailure::kNoCluster) tcp_.stats().downstream_cx_no_route.add();
  // Spelt as Envoy does, since logs are searched for it.
  static constexpr std::string_view kReasons[] = {
      "tcp_initializion_failure:0", "tcp_initializion_failure:1", "tcp_initializion_failure:2",
      "tcp_initializion_failure:3"};
  close_reason_ = kReasons[static_cast<std::size_t>(failure)];
  finish();
}

void TcpTunnel::on_upstream_ready(upstream::TcpConnection& connection) {
  upstream_ = &connection;
  upstream_->set_events(*this);
  if (upstream_->cluster().tls() != nullptr) spliceable_ = false;
  last_move_ = worker_.loop.now();
  if (config::Millis limit = tcp_.config().idle_timeout; limit.count() > 0) idle_timer_.arm(limit);
  if (tcp_.config().log_on_connected) log("TcpUpstreamConnected");
  while (!early_.empty()) {
    std::string_view piece = early_.front();
    upstream_->write(piece);
    early_.drain(piece.size());
  }
  if (client_ended_) upstream_->shutdown_write();
  connection_.resume_reads();
  move_on();
}

void TcpTunnel::on_data(std::string_view bytes) {
  if (upstream_ == nullptr) {
    early_.append(bytes);
    return;
  }
  upstream_->write(bytes);
  move_on();
  consider_splice(up_way_, up_full_reads_, bytes.size());
}

void TcpTunnel::on_tcp_data(std::string_view bytes) {
  if (client_gone_) {  // nobody is left to tell it to
    finish();
    return;
  }
  connection_.write(bytes);
  move_on();
  consider_splice(down_way_, down_full_reads_, bytes.size());
}

void TcpTunnel::consider_splice(std::unique_ptr<SpliceWay>& way, unsigned& full_reads,
                                std::size_t bytes) {
  full_reads = bytes >= SpliceWay::kBulkRead ? full_reads + 1 : 0;
  if (full_reads < SpliceWay::kBulkReads || !spliceable_) return;
  bool up = &way == &up_way_;
  net::Connection& from = up ? connection_ : upstream_->raw();
  net::Connection& to = up ? upstream_->raw() : connection_;
  // What was copied before goes out first.
  if (!from.open() || !to.open() || to.unsent() > 0) return;
  full_reads = 0;
  if (way == nullptr) way = std::make_unique<SpliceWay>(from, to);
  if (!way->start()) spliceable_ = false;
}

void TcpTunnel::splice(SpliceWay& way) {
  last_move_ = worker_.loop.now();
  bool was_blocked = way.blocked();
  way.move();
  if (done_) return;
  if (upstream_ != nullptr && way.blocked() != was_blocked)
    count_pause(&way == up_way_.get(), way.blocked());
  count();
}

// After bytes have moved: slows down a side whose bytes the other does not take.
void TcpTunnel::move_on() {
  last_move_ = worker_.loop.now();
  if (!client_paused_ && upstream_->clogged()) {
    client_paused_ = true;
    connection_.pause_reads();
    count_pause(true, true);
  }
  if (!upstream_paused_ && connection_.clogged()) {
    upstream_paused_ = true;
    upstream_->pause_reads();
    count_pause(false, true);
  }
  // To see the gauges fall, and the end.
  if (connection_.unsent() > 0) connection_.notify_flushed();
  if (upstream_->unsent() > 0) upstream_->notify_flushed();
  count();
}

void TcpTunnel::count_pause(bool client, bool paused) {
  metrics::ClusterStats& cluster = upstream_->cluster().stats();
  if (client) {
    metrics::TcpStats& stats = tcp_.stats();
    (paused ? stats.downstream_flow_control_paused_reading_total
            : stats.downstream_flow_control_resumed_reading_total)
        .add();
    (paused ? cluster.upstream_flow_control_backed_up_total
            : cluster.upstream_flow_control_drained_total)
        .add();
  } else {
    (paused ? cluster.upstream_flow_control_paused_reading_total
            : cluster.upstream_flow_control_resumed_reading_total)
        .add();
  }
}

void TcpTunnel::on_tcp_drained() {
  last_move_ = worker_.loop.now();
  if (!std::exchange(client_paused_, false)) return;
  if (client_gone_) {
    upstream_->cluster().stats().upstream_flow_control_drained_total.add();
    return;
  }
  count_pause(true, false);
  connection_.resume_reads();
}

void TcpTunnel::on_drained() {
  last_move_ = worker_.loop.now();
  if (!std::exchange(upstream_paused_, false)) return;
  count_pause(false, false);
  upstream_->resume_reads();
}

void TcpTunnel::count() {
  metrics::TcpStats& stats = tcp_.stats();
  uint64_t read = connection_.bytes_read();
  uint64_t written = connection_.bytes_written();
  if (read != counted_read_) stats.downstream_cx_rx_bytes_total.add(read - counted_read_);
  if (written != counted_written_)
    stats.downstream_cx_tx_bytes_total.add(written - counted_written_);
  counted_read_ = read;
  counted_written_ = written;
  auto unsent = static_cast<int64_t>(connection_.unsent());
  if (unsent != shown_downstream_) {
    stats.downstream_cx_tx_bytes_buffered.add(unsent - shown_downstream_);
    shown_downstream_ = unsent;
  }
  if (upstream_ == nullptr) return;
  upstream_->count_bytes();
  unsent = static_cast<int64_t>(upstream_->unsent());
  if (unsent != shown_upstream_) {
    upstream_->cluster().stats().upstream_cx_tx_bytes_buffered.add(unsent - shown_upstream_);
    shown_upstream_ = unsent;
  }
}

void TcpTunnel::on_flushed() {
  last_move_ = worker_.loop.now();
  if (down_way_ != nullptr && down_way_->blocked()) {
    splice(*down_way_);
    return;
  }
  if (reset_client_) {
    connection_.abort();
    finish();
    return;
  }
  count();
  check_done();
}

void TcpTunnel::on_tcp_flushed() {
  last_move_ = worker_.loop.now();
  if (up_way_ != nullptr && up_way_->blocked()) {
    if (!client_gone_) {
      splice(*up_way_);
      return;
    }
    if (!up_way_->drain()) return;
  }
  if (client_gone_) {
    finish();
    return;
  }
  count();
  check_done();
}

void TcpTunnel::on_end() {
  client_ended_ = true;
  client_ended_last_ = upstream_ended_;
  if (upstream_ == nullptr) return;
  upstream_->shutdown_write();
  check_done();
}

void TcpTunnel::on_tcp_end() {
  upstream_ended_ = true;
  if (client_gone_) {
    finish();
    return;
  }
  connection_.shutdown_write();
  check_done();
}

// Each side has said all, and it has left; closing says FIN to who has not heard it yet.
void TcpTunnel::check_done() {
  if (!client_ended_ || !upstream_ended_) return;
  if (connection_.unsent() > 0) {
    connection_.notify_flushed();
  } else if (upstream_->unsent() > 0) {
    upstream_->notify_flushed();
  } else {
    finish();
  }
}

void TcpTunnel::on_failed(Error) {
  if (tcp_.tls() != nullptr) tcp_.tls()->counts().count_failure(*connection_.session());
  client_close_ = "RemoteReset";
  if (upstream_ == nullptr) {
    finish();
    return;
  }
  // What the client had sent before it left still goes to the endpoint.
  if (upstream_->unsent() > 0 || (up_way_ != nullptr && up_way_->blocked())) {
    flush_upstream();
    return;
  }
  reset_upstream_ = true;
  finish();
}

void TcpTunnel::on_tcp_reset(Error) {
  upstream_close_ = "RemoteReset";
  flags_.set(ResponseFlag::kUpstreamRemoteReset);
  keep_upstream_facts();
  upstream_ = nullptr;
  upstream_paused_ = false;
  if (client_gone_) {
    finish();
    return;
  }
  client_close_ = "LocalReset";
  // The last words of the endpoint reach the client before the reset does.
  if (connection_.unsent() > 0) {
    reset_client_ = true;
    if (!client_paused_) {
      client_paused_ = true;
      connection_.pause_reads();
    }
    connection_.notify_flushed();
    return;
  }
  connection_.abort();
  finish();
}

void TcpTunnel::keep_upstream_facts() {
  count();
  upstream_->cluster().stats().upstream_cx_tx_bytes_buffered.add(-shown_upstream_);
  shown_upstream_ = 0;
  upstream_read_ = upstream_->raw().bytes_read();
  upstream_written_ = upstream_->sent();
  upstream_arena_ = std::make_unique<Arena>(worker_.blocks);
  upstream_tls_ = tls_facts(upstream_->raw().session(), true, *upstream_arena_);
}

void TcpTunnel::flush_upstream() {
  client_gone_ = true;
  tcp_.stats().upstream_flush_total.add();
  tcp_.stats().upstream_flush_active.add();
  end_client();
  if (upstream_paused_) {
    upstream_paused_ = false;
    upstream_->resume_reads();
  }
  upstream_->shutdown_write();
  upstream_->notify_flushed();
}

void TcpTunnel::on_idle_timer() {
  Duration limit = tcp_.config().idle_timeout;
  // Armed once, not with each byte: the time of the last one says how long is left.
  Duration quiet = worker_.loop.now() - last_move_;
  if (quiet < limit) {
    idle_timer_.arm(limit - quiet);
    return;
  }
  tcp_.stats().idle_timeout.add();
  close_reason_ = "tcp_session_idle_timeout";
  finish();
}

void TcpTunnel::on_connected() {
  tcp_.tls()->counts().count_handshake(*connection_.session());
  handshake_.reset();
}

void TcpTunnel::on_handshake_timeout() {
  listener_->stats().downstream_cx_transport_socket_connect_timeout.add();
  finish();
}

void TcpTunnel::on_lifetime() {
  tcp_.stats().max_downstream_connection_duration.add();
  flags_.set(ResponseFlag::kDurationTimeout);
  close_reason_ = "max_connection_duration_reached";
  finish();
}

void TcpTunnel::on_log_timer() {
  log("TcpPeriodic");
  log_timer_->arm(tcp_.config().log_interval);
}

void TcpTunnel::abort(std::string_view) {
  finish();
}

StreamInfo TcpTunnel::facts(Arena& arena) {
  StreamInfo info =
      connection_facts(worker_, *listener_, {remote_, local_, inspection_.get(), opened_});
  info.connection_id = id_;
  info.filter_chain_name = chain_.config->name;
  info.request_body_bytes = info.downstream_wire_received = connection_.bytes_read();
  info.response_body_bytes = info.downstream_wire_sent = connection_.bytes_written();
  info.upstream_wire_received = upstream_ ? upstream_->raw().bytes_read() : upstream_read_;
  info.upstream_wire_sent = upstream_ ? upstream_->sent() : upstream_written_;
  info.downstream_close_type = client_close_;
  info.upstream_close_type = upstream_close_;
  info.downstream_local_close_reason = close_reason_;
  if (connector_ != nullptr) connector_->describe(info);
  if (info.upstream_remote != nullptr) info.upstream_local_close_reason = close_reason_;
  info.downstream_transport_failure = connection_.transport_failure();
  info.downstream_tls = tls_facts(connection_.session(), false, arena);
  info.upstream_tls =
      upstream_ == nullptr ? upstream_tls_ : tls_facts(upstream_->raw().session(), true, arena);
  info.flags.add(flags_);
  return info;
}

void TcpTunnel::log(std::string_view type) {
  if (tcp_.loggers().empty()) return;
  Arena arena(worker_.blocks);
  StreamInfo info = facts(arena);
  info.log_type = type;
  format::Context context;
  context.info = &info;
  for (const auto& logger : tcp_.loggers()) logger->log(context, worker_.random.next());
}

void TcpTunnel::end_client() {
  count();
  tcp_.stats().downstream_cx_tx_bytes_buffered.add(-shown_downstream_);
  shown_downstream_ = 0;
  if (!listener_->loggers().empty()) {
    Arena arena(worker_.blocks);
    StreamInfo info = facts(arena);
    log_to_listener(worker_, *listener_, info);
  }
  log("TcpConnectionEnd");
  lifetime_.reset();
  handshake_.reset();
  log_timer_.reset();
  metrics::ListenerStats& stats = listener_->stats();
  stats.downstream_cx_active.sub();
  stats.downstream_cx_destroy.add();
  stats.downstream_cx_length_ms.record(
      std::chrono::duration<double, std::milli>(worker_.loop.now() - opened_).count());
  worker_.active_connections.fetch_sub(1, std::memory_order_relaxed);
  connection_.close();
}

void TcpTunnel::finish() {
  if (std::exchange(done_, true)) return;
  idle_timer_.cancel();
  if (client_gone_)
    tcp_.stats().upstream_flush_active.sub();
  else
    end_client();
  if (upstream_ != nullptr) {
    keep_upstream_facts();
    if (reset_upstream_)
      upstream_->abort();
    else
      upstream_->close(!upstream_ended_ || client_ended_last_);
    upstream_ = nullptr;
  }
  // Not destroyed: it may be what has called.
  if (connector_ != nullptr) connector_->cancel();
  TaggedNode<Inbound>::unlink();
  worker_.loop.delete_later(std::unique_ptr<io::Disposable>(this));
}

}  // namespace pillion::proxy
