#pragma once
// The stats of the process itself ("server.", "listener_manager.", "cluster_manager.", "runtime."),
// computed when somebody asks for them. Owned by the server, control thread.

#include <cstdint>
#include <functional>
#include <optional>

#include "sidecar/base/time.h"
#include "sidecar/metrics/registry.h"
#include "sidecar/server/drain.h"

namespace pillion::server {

// What does not change by itself; the server writes it as things happen.
struct ServerFacts {
  unsigned concurrency = 0;
  std::size_t clusters = 0;
  std::size_t clusters_warming = 0;
  std::size_t runtime_keys = 0;
  std::size_t listeners = 0;           // configured
  std::size_t listeners_active = 0;    // that accept connections
  std::size_t listeners_draining = 0;  // that will be closed at the end of a drain
  std::size_t listeners_stopped = 0;
  std::size_t sockets = 0;  // opened, of all workers
  bool workers_started = false;
  std::optional<Duration> initialization;
};

class ServerStatsSource final : public metrics::ScrapeSource {
 public:
  // Joins the registry, and leaves it when destroyed. `connections` counts those of clients, on all
  // workers; `days_to_expiry` is nothing where there is no certificate.
  ServerStatsSource(metrics::Registry& registry, const Lifecycle& life, std::function<Time()> now,
                    std::function<uint64_t()> connections,
                    std::function<std::optional<int64_t>()> days_to_expiry);
  ~ServerStatsSource() override;
  ServerStatsSource(const ServerStatsSource&) = delete;
  ServerStatsSource& operator=(const ServerStatsSource&) = delete;

  ServerFacts facts;

  void collect(metrics::Collector& to) override;

 private:
  void collect_server(metrics::Collector& to) const;
  void collect_listeners(metrics::Collector& to) const;

  metrics::Registry& registry_;
  const Lifecycle& life_;
  const std::function<Time()> now_;
  const std::function<uint64_t()> connections_;
  const std::function<std::optional<int64_t>()> days_to_expiry_;
  const Time started_;
};

}  // namespace pillion::server
