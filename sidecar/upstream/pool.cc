#include "sidecar/upstream/pool.h"

#include <utility>

#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/http2_client.h"

namespace pillion::upstream {

Pool::Pool(Cluster& cluster, std::shared_ptr<const Endpoint> endpoint, config::Priority priority,
           Speaks speaks, TlsNames names)
    : cluster_(cluster),
      endpoint_(std::move(endpoint)),
      priority_(priority),
      speaks_(speaks),
      names_(std::move(names)) {}

Pool::~Pool() {
  // Its cluster has let it go already, or ends with it.
  draining_ = false;
  // Nobody is left to tell, and nothing may be begun for those who wait.
  while (!queue_.empty()) cancel(queue_.front());
  // Connections outlive the pool only inside the loop's list of what is to be deleted, closed and
  // silent.
  in_use_.for_each([](ClientConnection& c) { c.close(true); });
  idle_.for_each([](ClientConnection& c) { c.close(true); });
  sharing_.for_each([](ClientConnection& c) { c.close(true); });
}

Limits& Pool::limits() {
  return cluster_.shared()->limits(priority_);
}

void Pool::give(ClientConnection& connection) {
  connection.cancel_idle_timer();
  in_use_.push_back(connection);
}

void Pool::follow_endpoint() {
  Address now = endpoint_->connect_address();
  if (now == connected_to_) return;
  connected_to_ = now;
  retire_all();
}

void Pool::retire_all() {
  idle_.for_each([](ClientConnection& c) { c.close(true); });
  // Those without a stream close, and those with one move to the list that comes next.
  sharing_.for_each([](ClientConnection& c) { c.retire(); });
  in_use_.for_each([](ClientConnection& c) { c.retire(); });
}

Exchange* Pool::take() {
  if (!idle_.empty()) {
    ClientConnection& connection = idle_.front();
    give(connection);
    return &connection;
  }
  // Beginning a stream may move the connection to those that are full.
  return sharing_.empty() ? nullptr : &sharing_.front().http2()->begin();
}

bool Pool::needs_connection() const {
  bool http2 = speaks_ == Speaks::kHttp2 || (speaks_ == Speaks::kAuto && found_http2_);
  uint64_t each = http2 ? http_options(cluster_.config()).http2.max_concurrent_streams : 1;
  return waiting_ > connecting_ * each;
}

void Pool::acquire(PoolWaiter& waiter) {
  if (endpoint_->moving != nullptr) follow_endpoint();
  if (Exchange* exchange = take()) {
    waiter.on_pool_ready(*exchange);
    return;
  }
  metrics::ClusterStats& stats = cluster_.stats();
  if (!limits().pending.try_take()) {
    stats.upstream_rq_pending_overflow.add();
    waiter.on_pool_failed(PoolFailure::kOverflow,
                          {Code::kOverload, Origin::kSelf, true, "too many pending requests"});
    return;
  }
  stats.upstream_rq_pending_total.add();
  stats.upstream_rq_pending_active.add();
  queue_.push_back(waiter);
  ++waiting_;
  // A connection that is being made serves those who wait, so one more is needed only when all are
  // spoken for.
  if (needs_connection()) connect();
}

void Pool::cancel(PoolWaiter& waiter) {
  if (!waiter.linked()) return;
  waiter.unlink();
  --waiting_;
  limits().pending.give();
  cluster_.stats().upstream_rq_pending_active.sub();
}

Result<net::Fd> Pool::start_connect(const net::ConnectOptions& options) {
  if (ClusterTls* tls = cluster_.tls(); tls != nullptr && !tls->loaded())
    return pillion::fail({Code::kTls, Origin::kSelf, false, tls->problem()});
  return net::start_connect(endpoint_->connect_address(), options);
}

void Pool::connect() {
  metrics::ClusterStats& stats = cluster_.stats();
  const config::Cluster& config = cluster_.config();
  bool first = connections_ == 0;
  Limit& limit = limits().connections;
  if (!limit.try_take()) {
    stats.upstream_cx_overflow.add();
    // Each endpoint may have one connection beyond the limit, or its waiters would wait for ever.
    if (!first) return;
    limit.take();
  }
  net::ConnectOptions options;
  options.source = config.bind_source.get();
  if (config.keepalive) {
    options.keepalive = {true, config.keepalive->probes, config.keepalive->time_s,
                         config.keepalive->interval_s};
  }
  stats.upstream_cx_total.add();
  if (speaks_ == Speaks::kHttp1) stats.upstream_cx_http1_total.add();
  if (speaks_ == Speaks::kHttp2) stats.upstream_cx_http2_total.add();
  endpoint_->counts.cx_total.fetch_add(1, std::memory_order_relaxed);
  Result<net::Fd> fd = start_connect(options);
  if (!fd) {
    limit.give();
    stats.upstream_cx_connect_fail.add();
    endpoint_->counts.cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
    // Those who wait behind the first may still be served by connections that exist, if any do.
    uint32_t failing = connections_ == 0 ? waiting_ : 1;
    for (; failing > 0; --failing) fail_first(PoolFailure::kConnectFailed, fd.error());
    return;
  }
  stats.upstream_cx_active.add();
  endpoint_->counts.cx_active.fetch_add(1, std::memory_order_relaxed);
  ++connections_;
  ++connecting_;
  auto* connection = new ClientConnection(*this, std::move(*fd), cluster_.next_connection_id());
  if (draining_) connection->retire();
  in_use_.push_back(*connection);
}

void Pool::fail_first(PoolFailure failure, Error error) {
  if (queue_.empty()) return;
  PoolWaiter& waiter = queue_.front();
  cancel(waiter);
  cluster_.stats().upstream_rq_pending_failure_eject.add();
  waiter.on_pool_failed(failure, error);
}

void Pool::serve() {
  while (!queue_.empty()) {
    Exchange* exchange = take();
    if (exchange == nullptr) return;
    PoolWaiter& waiter = queue_.front();
    cancel(waiter);
    waiter.on_pool_ready(*exchange);
  }
}

void Pool::on_ready(ClientConnection& connection) {
  --connecting_;
  if (connection.http2() == nullptr) {
    on_released(connection);
  } else {
    found_http2_ = true;
    connection.http2()->on_ready();
  }
  // What was made may take fewer streams than was hoped for.
  if (needs_connection()) connect();
}

void Pool::on_room(ClientConnection& connection, bool room) {
  if (!room) {
    in_use_.push_back(connection);
    return;
  }
  sharing_.push_front(connection);
  serve();
}

void Pool::on_released(ClientConnection& connection) {
  // A connection of a draining pool was retired, so that it serves one waiter at most.
  if (draining_ && queue_.empty()) {
    connection.close(true);
    return;
  }
  idle_.push_front(connection);
  connection.arm_idle_timer();
  serve();
}

void Pool::on_closed(ClientConnection& connection, bool was_connecting, PoolFailure failure,
                     Error error) {
  connection.TaggedNode<ClientConnection>::unlink();
  --connections_;
  if (was_connecting) --connecting_;
  limits().connections.give();
  cluster_.stats().upstream_cx_active.sub();
  endpoint_->counts.cx_active.fetch_sub(1, std::memory_order_relaxed);
  cluster_.loop().delete_later(std::unique_ptr<io::Disposable>(&connection));
  if (was_connecting) {
    endpoint_->counts.cx_connect_fail.fetch_add(1, std::memory_order_relaxed);
    fail_first(failure, error);
  }
  // Those still waiting need a connection in place of this one, even where the endpoint is gone:
  // they were promised it when they were let into the queue.
  if (needs_connection()) connect();
  if (draining_ && empty()) cluster_.release_pool(*this);
}

bool Pool::quiet() {
  if (waiting_ > 0 || !in_use_.empty()) return false;
  bool streams = false;
  sharing_.for_each([&](ClientConnection& c) { streams = streams || c.http2()->streams() > 0; });
  return !streams;
}

void Pool::drain() {
  draining_ = true;
  retire_all();
  if (empty()) cluster_.release_pool(*this);
}

}  // namespace pillion::upstream
