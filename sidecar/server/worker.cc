#include "sidecar/server/worker.h"

#include <pthread.h>

#include <cstring>
#include <utility>

#include "sidecar/base/log.h"
#include "sidecar/proxy/incoming.h"

namespace pillion::server {

// One listening socket and the listener it belongs to.
class Worker::Acceptor final : public net::ListenerEvents {
 public:
  Acceptor(Worker& worker, net::Fd fd, std::size_t listener, uint32_t max_accepts)
      : worker_(worker),
        listener_(listener),
        socket_(worker.loop_, *this, std::move(fd), max_accepts) {}
  net::Listener& socket() { return socket_; }
  [[nodiscard]] bool inbound() const {
    return worker_.snapshot_->listeners[listener_]->config().direction ==
           config::Listener::Direction::kInbound;
  }

 private:
  void on_accept(net::Fd fd, const Address& peer) override {
    worker_.accept(listener_, std::move(fd), peer);
  }
  void on_accept_failed(int error) override {
    log::warning("listener", "cannot accept on {}: {}; trying again", socket_.address().to_string(),
                 std::strerror(error));
  }

  Worker& worker_;
  std::size_t listener_;
  net::Listener socket_;
};

Worker::Worker(unsigned index, const WorkerDeps& deps)
    : loop_(deps.clock),
      random_(deps.seed == 0 ? Random::from_system() : Random(deps.seed)),
      clusters_(deps.directory, loop_, random_),
      context_{index, loop_, random_, blocks_, clusters_, deps.process, {}, nullptr, 0, 0, 0} {}

Worker::~Worker() {
  if (thread_.joinable()) {
    stop();
    join();
  }
  // A worker that a test drives by hand has no thread that would have done so.
  shut_down();
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::run() {
  std::string name = "wrk:worker_" + std::to_string(context_.index - 1);
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
  metrics::set_this_worker(context_.index);
  loop_.run();
  shut_down();
}

void Worker::add_listener(net::Fd fd, std::size_t listener) {
  loop_.post([this, listener, held = std::move(fd)]() mutable {
    uint32_t most = snapshot_->listeners[listener]->config().max_accepts_per_event;
    acceptors_.push_back(std::make_unique<Acceptor>(*this, std::move(held), listener, most));
  });
}

void Worker::apply(std::shared_ptr<const proxy::Snapshot> snapshot) {
  loop_.post([this, next = std::move(snapshot)]() mutable {
    snapshot_ = std::move(next);
    context_.snapshot = snapshot_.get();
    clusters_.reconcile();
  });
}

void Worker::refresh(std::shared_ptr<upstream::SharedCluster> cluster) {
  loop_.post([this, changed = std::move(cluster)] { clusters_.refresh(*changed); });
}

void Worker::accept(std::size_t index, net::Fd fd, const Address& peer) {
  const auto& listener = snapshot_->listeners[index];
  const config::Listener& config = listener->config();
  metrics::ListenerStats& stats = listener->stats();
  if (config.max_connections != 0 &&
      stats.downstream_cx_active.value() >= static_cast<int64_t>(config.max_connections)) {
    stats.downstream_cx_overflow.add();
    return;
  }
  if (config.keepalive)
    net::set_keepalive(fd.number(), {true, config.keepalive->probes, config.keepalive->time_s,
                                     config.keepalive->interval_s});
  // Deletes itself through the loop when the connection ends.
  proxy::begin_connection(context_, connections_, listener, std::move(fd), peer);
}

void Worker::stop_listeners(bool inbound_only) {
  loop_.post([this, inbound_only] {
    for (auto& acceptor : acceptors_)
      if (!inbound_only || acceptor->inbound()) acceptor->socket().stop();
  });
}

void Worker::drain_connections() {
  loop_.post([this] { connections_.for_each([](proxy::Inbound& c) { c.drain(); }); });
}

void Worker::shut_down() {
  acceptors_.clear();
  while (!connections_.empty()) connections_.front().abort("server_shutdown");
  clusters_.clear();
}

void Worker::stop() {
  loop_.post([this] { loop_.stop(); });
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace pillion::server
