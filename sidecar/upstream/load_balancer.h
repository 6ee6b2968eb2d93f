#pragma once
// Picks an endpoint for each attempt. One per worker and cluster; cursors are this worker's own,
// active counts are process-wide. A policy is one lb_*.cc file and one line in make_load_balancer's
// table.

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sidecar/base/hash.h"
#include "sidecar/base/time.h"
#include "sidecar/config/cluster.h"
#include "sidecar/upstream/endpoint.h"

namespace pillion::upstream {

struct PickHint {
  // Endpoints that this stream has tried and the retry policy asks to avoid; the set repicks up to
  // `attempts` times (Envoy's host_selection_retry_max_attempts), then takes what it has.
  std::span<const Endpoint* const> avoid;
  uint32_t attempts = 1;
  Time now{};
  // Where the connection was going, for clusters that take it there; null: not known.
  const Address* original = nullptr;
};

// One policy over one eligible set (one priority and, when locality weighted, one locality).
class LoadBalancer {
 public:
  virtual ~LoadBalancer() = default;
  // Replaces the eligible endpoints; may be empty. `now` serves slow start. The span's endpoints
  // live until the next rebuild(); cursors go on where they are.
  virtual void rebuild(std::span<const Endpoint* const> eligible, Time now) = 0;
  // Null when there is none. O(1) for equal weights, O(log n) at most.
  virtual const Endpoint* pick(Time now) = 0;
};

// `cluster` and `random` outlive the balancer.
std::unique_ptr<LoadBalancer> make_load_balancer(const config::Cluster& cluster, Random& random);

// All priorities of a cluster: spreads load by health (overprovisioning, panic threshold, degraded
// hosts), then by locality weight if asked for, then by the policy.
class PrioritySet {
 public:
  // Both outlive the set.
  PrioritySet(const config::Cluster& cluster, Random& random);
  ~PrioritySet();
  PrioritySet(const PrioritySet&) = delete;
  PrioritySet& operator=(const PrioritySet&) = delete;
  void rebuild(std::shared_ptr<const EndpointSet> endpoints, Time now);
  // Null: no healthy upstream. `panicked` is set to true when health was ignored, or when all is so
  // unhealthy that the cluster refuses (lb_healthy_panic counts both, as in Envoy); it is never set
  // to false.
  const Endpoint* pick(const PickHint& hint, bool* panicked = nullptr);
  [[nodiscard]] const std::shared_ptr<const EndpointSet>& endpoints() const { return endpoints_; }

 private:
  struct Rebuild;
  struct Source;
  struct Level;
  const Endpoint* pick_once(Time now, bool* panicked);
  std::pair<Level*, Source*> choose();

  const config::Cluster& cluster_;
  Random& random_;
  std::shared_ptr<const EndpointSet> endpoints_;
  std::vector<std::unique_ptr<Level>> levels_;
};

}  // namespace pillion::upstream
