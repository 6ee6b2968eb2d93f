#pragma once
// Earliest deadline first: each pick goes to the entry whose turn is due, and its next turn comes 1
// / weight later, so that picks are spread in proportion to the weights and as evenly as they can
// be. Owned by a balancer; single thread. O(log n) a pick.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sidecar/base/hash.h"
#include "sidecar/config/cluster.h"
#include "sidecar/upstream/endpoint.h"

namespace pillion::upstream {

class EdfSchedule {
 public:
  // Begins anew with entries 0..weights.size()-1, each at a random phase, so that the workers of a
  // fleet which get the same update do not all pick the same endpoint first. Weights are above
  // zero.
  void assign(std::span<const double> weights, Random& random);
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  void clear() { heap_.clear(); }
  // The entry whose turn it is; picked() must follow. Not for an empty schedule.
  [[nodiscard]] std::size_t next() const { return heap_.front().entry; }
  // Gives the entry of next() its following turn by its weight of this moment, which may have
  // changed.
  void picked(double weight);

 private:
  struct Turn {
    double deadline;
    uint64_t order;  // among equal deadlines, the one that waits longer comes first
    uint32_t entry;
    [[nodiscard]] bool before(const Turn& other) const {
      return deadline != other.deadline ? deadline < other.deadline : order < other.order;
    }
  };
  void sift_down(std::size_t at);

  std::vector<Turn> heap_;
  uint64_t order_ = 0;
  // Deadlines count in turns of the heaviest entry: then they stay small, and precise for 10^12
  // picks.
  double heaviest_ = 1;
};

// True when the weights differ, or when an endpoint is in its slow start window: then a plain
// cursor will not do.
bool needs_schedule(std::span<const Endpoint* const> endpoints, const config::SlowStart* slow_start,
                    Time now);

// `weight`, lowered while the endpoint is in its slow start window (if there is one):
// weight * max(min_weight, (age / window)^(1 / aggression)).
double slow_start_weight(double weight, const Endpoint& endpoint,
                         const config::SlowStart* slow_start, Time now);

}  // namespace pillion::upstream
