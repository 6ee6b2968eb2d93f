#pragma once
// The process-wide runtime of one cluster in use: circuit-breaker counts, stats and the endpoints
// of the moment. Held by each worker's Cluster and, for DNS clusters, by the ClusterDirectory;
// dropped when nobody uses it. Any thread may read; only the control thread calls update() and
// retire().

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "sidecar/config/cluster.h"
#include "sidecar/config/route.h"
#include "sidecar/metrics/cluster_stats.h"
#include "sidecar/metrics/http_stats.h"
#include "sidecar/metrics/metrics.h"
#include "sidecar/metrics/registry.h"
#include "sidecar/upstream/cluster_tls.h"
#include "sidecar/upstream/endpoint.h"
#include "sidecar/upstream/limits.h"
#include "sidecar/upstream/original_destinations.h"

namespace pillion::upstream {

class SharedCluster final : private metrics::ScrapeSource {
 public:
  // `endpoints` is what the cluster starts with, never null; the registry outlives the cluster, and
  // so do the contexts, which may be null (ClusterTls).
  SharedCluster(std::shared_ptr<const config::Cluster> config, metrics::Registry& registry,
                std::shared_ptr<const EndpointSet> endpoints, tls::ContextList* contexts = nullptr);
  ~SharedCluster() override;
  SharedCluster(const SharedCluster&) = delete;
  SharedCluster& operator=(const SharedCluster&) = delete;

  [[nodiscard]] const config::Cluster& config() const { return *config_; }
  [[nodiscard]] const std::shared_ptr<const config::Cluster>& config_pointer() const {
    return config_;
  }
  Limits& limits(config::Priority priority) { return limits_[static_cast<std::size_t>(priority)]; }
  metrics::PerWorker<metrics::ClusterStats>& stats() { return stats_; }
  // Responses to requests of internal or of other origin (x-envoy-internal).
  metrics::ClusterOriginStats& origin_stats(bool internal) {
    return (internal ? internal_stats_ : external_stats_).here();
  }
  metrics::Http2Stats& http2_stats() { return http2_stats_.here(); }
  // Those under "<alt_name>.<parts...>", empty ones left out. `key` tells them apart. Null when the
  // requests have named kMaxAltNames names already, which is counted: the names come from outside.
  // Takes a lock.
  static constexpr std::size_t kMaxAltNames = 128;
  metrics::PerWorker<metrics::ClusterOriginStats>* response_stats(
      const std::string& key, std::string_view alt_name,
      std::initializer_list<std::string_view> parts);
  metrics::PerWorker<metrics::ClusterUpdateStats>& update_stats() { return update_stats_; }
  // Null where the cluster is spoken to in plain text.
  ClusterTls* tls() { return tls_.get(); }
  // Never null. Takes a lock: a worker reads it when it starts to use the cluster and after
  // on_change.
  [[nodiscard]] std::shared_ptr<const EndpointSet> endpoints() const;
  // Grows with each update(); a worker that sees the same number need not rebuild.
  [[nodiscard]] uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // ORIGINAL_DST: the endpoint of that address; null when there are too many. Any thread.
  std::shared_ptr<const Endpoint> original(const Address& address, Time now);
  // Forgets those that are not in use. Any thread.
  void sweep_originals();
  // Replaces the endpoints and counts a membership change.
  void update(std::shared_ptr<const EndpointSet> endpoints);
  // Another configuration has taken this one's name, or none has it any more: what this one holds
  // no longer shows in the membership and circuit breaker gauges, while the streams that still use
  // it end.
  void retire();

 private:
  void collect(metrics::Collector& to) override;
  void show(const Membership& now);
  void show_originals();

  std::shared_ptr<const config::Cluster> config_;
  metrics::Registry& registry_;
  std::array<Limits, 2> limits_;
  metrics::PerWorker<metrics::ClusterStats> stats_;
  metrics::PerWorker<metrics::ClusterOriginStats> internal_stats_;
  metrics::PerWorker<metrics::ClusterOriginStats> external_stats_;
  metrics::PerWorker<metrics::Http2Stats> http2_stats_;
  metrics::PerWorker<metrics::ClusterUpdateStats> update_stats_;
  std::unique_ptr<ClusterTls> tls_;
  std::unique_ptr<OriginalDestinations> originals_;
  std::atomic<uint64_t> version_{1};
  std::atomic<bool> retired_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, std::unique_ptr<metrics::PerWorker<metrics::ClusterOriginStats>>>
      response_stats_;
  std::set<std::string, std::less<>> alt_names_;
  std::shared_ptr<const EndpointSet> endpoints_;
  Membership shown_{.max_weight = 0};  // what this cluster has added to the membership gauges
};

}  // namespace pillion::upstream
