#pragma once
// The whole process: starts the workers once everything is known to be in order, serves the admin
// interface, and ends without cutting off what is in flight. Made by main(), lives on the control
// thread.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sidecar/config/bootstrap.h"
#include "sidecar/io/loop.h"
#include "sidecar/io/signal.h"
#include "sidecar/metrics/registry.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/snapshot.h"
#include "sidecar/server/admin.h"
#include "sidecar/server/admin_context.h"
#include "sidecar/server/admin_server.h"
#include "sidecar/server/drain.h"
#include "sidecar/server/listen_sockets.h"
#include "sidecar/server/options.h"
#include "sidecar/server/secret_watch.h"
#include "sidecar/server/server_stats.h"
#include "sidecar/server/worker.h"
#include "sidecar/upstream/cluster_directory.h"

namespace pillion::server {

// What comes from outside of sidecar/: main() binds it to xds/.
struct ServerDeps {
  // Reads, translates and validates. The error is every problem, ready to print. Filters keep the
  // registry.
  std::function<Result<config::Bootstrap, std::vector<std::string>>(const Options&,
                                                                    metrics::Registry&)>
      load;
  std::function<std::string(const config::Bootstrap&)> dump_json;
  // For tests: stop() is how they end the server; no signals are watched.
  bool watch_signals = true;
};

class Server {
 public:
  Server(Options options, ServerDeps deps);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Serves until told to end. The process's exit code: 0, or 1 after what is wrong was printed.
  int run();

  // From any thread, once run() has been called.
  // Ends after what is in flight, or at the end of the drain time.
  void shut_down();
  // Ends now.
  void stop();

  // Once live; control thread, or with run() not yet called or over. As bound.
  [[nodiscard]] const std::vector<OpenAddress>& listeners() const { return sockets_; }
  // Called on the control thread when workers accept connections.
  void on_live(std::function<void()> callback) { on_live_ = std::move(callback); }

 private:
  Result<Unit, std::vector<std::string>> prepare();
  Result<Unit, std::vector<std::string>> load();
  Result<Unit, Problem> open_admin();
  void fill_admin();
  std::vector<BoundListener> bound_listeners() const;
  void watch_signals();
  void start_workers();
  void begin_shutdown();
  void drain_listeners(const ListenerDrain& drain);
  void stop_listeners(bool inbound_only);
  void drain_tick();
  void reopen_logs();
  void stop_workers();

  const Options options_;
  const ServerDeps deps_;
  const WallTime started_wall_ = std::chrono::system_clock::now();
  metrics::Registry registry_;
  io::EventLoop loop_;
  const Time started_;
  proxy::ProcessState process_;
  Lifecycle life_;
  config::Bootstrap bootstrap_;
  tls::ContextList contexts_;
  std::unique_ptr<proxy::AccessLogSinks> log_sinks_;
  std::shared_ptr<const proxy::Snapshot> snapshot_;
  std::unique_ptr<upstream::ClusterDirectory> clusters_;
  std::vector<OpenAddress> sockets_;
  std::vector<std::unique_ptr<proxy::AccessLogger>> admin_logs_;
  std::unique_ptr<AdminContext> admin_context_;
  Admin admin_;
  std::unique_ptr<AdminServer> admin_server_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<ServerStatsSource> stats_;
  std::unique_ptr<SecretWatch> secret_watch_;
  std::vector<std::unique_ptr<io::SignalWatcher>> signals_;
  io::Timer drain_timer_;
  ListenerDrain listener_drain_;
  bool interrupted_ = false;
  std::function<void()> on_live_;
};

}  // namespace pillion::server
