#pragma once
// Responses of one cluster, counted apart by what they are: to internal or external requests, from
// canaries, between zones, and under the name that a request gave itself with
// x-envoy-upstream-alt-stat-name (Envoy: configuration/upstream/cluster_manager/cluster_stats).
// Owned by the worker's Cluster; worker thread.

#include <string>
#include <string_view>
#include <unordered_map>

#include "sidecar/base/hash.h"
#include "sidecar/upstream/shared_cluster.h"

namespace pillion::upstream {

// What one response is.
struct ResponseKind {
  bool internal = false;
  bool canary = false;
  // Where this process and the endpoint are; zones count only when both are known.
  std::string_view from_zone{};
  std::string_view to_zone{};
  std::string_view alt_name{};  // empty: none
};

class ResponseStats {
 public:
  explicit ResponseStats(SharedCluster& shared) : shared_(shared) {}
  void count(int status, const ResponseKind& kind);
  void record_time(double milliseconds, const ResponseKind& kind);

 private:
  template <class F>
  void for_each(const ResponseKind& kind, F&& f);
  // This worker's cells; null when the cluster has as many names as it may have.
  metrics::ClusterOriginStats* find(std::string_view alt_name, std::string_view kind,
                                    std::string_view from = {}, std::string_view to = {});

  SharedCluster& shared_;
  std::unordered_map<std::string, metrics::ClusterOriginStats*, StringHash, std::equal_to<>> known_;
  std::string key_;  // keeps its room from look-up to look-up
};

}  // namespace pillion::upstream
