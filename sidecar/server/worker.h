#pragma once
// One worker: a thread, its event loop, the connections it accepted and the clusters it uses.
// Shares nothing on the data path with other workers but counts. Owned by the Server; every method
// may be called from the control thread.

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "sidecar/io/loop.h"
#include "sidecar/net/listener.h"
#include "sidecar/proxy/inbound.h"
#include "sidecar/proxy/snapshot.h"
#include "sidecar/proxy/worker_context.h"
#include "sidecar/upstream/cluster_directory.h"

namespace pillion::server {

struct WorkerDeps {
  upstream::ClusterDirectory& directory;
  proxy::ProcessState& process;
  // For tests: time that is moved by hand, and a fixed seed.
  io::ManualClock* clock = nullptr;
  uint64_t seed = 0;  // 0: from the system
};

class Worker {
 public:
  // `index` counts from 1; 0 is the control thread's slot in stats.
  Worker(unsigned index, const WorkerDeps& deps);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  // Takes over a listening socket for the snapshot's listener of that index.
  void add_listener(net::Fd fd, std::size_t listener);
  void apply(std::shared_ptr<const proxy::Snapshot> snapshot);
  // Endpoints of a cluster have changed.
  void refresh(std::shared_ptr<upstream::SharedCluster> cluster);
  // Closes listening sockets; connections live on. `inbound_only` is for listeners with that
  // traffic direction.
  void stop_listeners(bool inbound_only = false);
  // Idle connections close now, others after their response.
  void drain_connections();
  [[nodiscard]] uint64_t connections() const {
    return context_.active_connections.load(std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t streams() const {
    return context_.active_streams.load(std::memory_order_relaxed);
  }
  // Ends the loop: whatever is still open is cut off.
  void stop();
  void join();
  io::EventLoop& loop() { return loop_; }

 private:
  class Acceptor;
  void run();
  void accept(std::size_t listener, net::Fd fd, const Address& peer);
  void shut_down();

  BlockPool blocks_;  // outlives the loop, which frees the last streams
  io::EventLoop loop_;
  Random random_;
  proxy::ClusterSet clusters_;
  proxy::WorkerContext context_;
  std::shared_ptr<const proxy::Snapshot> snapshot_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  List<proxy::Inbound, proxy::Inbound> connections_;
  std::thread thread_;
};

}  // namespace pillion::server
