// Least request: the least busy of a few endpoints drawn at random (two by default: the power of
// two choices) when all weights are equal; otherwise an EDF schedule whose weights fall as an
// endpoint gets busy, weight / (active + 1)^bias. Active requests are those of all workers.

#include <algorithm>
#include <cmath>
#include <vector>

#include "sidecar/upstream/lb_edf.h"
#include "sidecar/upstream/lb_policies.h"

namespace pillion::upstream {

namespace {

class LeastRequest final : public LoadBalancer {
 public:
  LeastRequest(const config::Cluster& cluster, Random& random)
      : choices_(std::max(cluster.choice_count, 1u)),
        bias_(cluster.active_request_bias),
        slow_start_(cluster.slow_start.get()),
        random_(random) {}

  void rebuild(std::span<const Endpoint* const> eligible, Time now) override {
    endpoints_.assign(eligible.begin(), eligible.end());
    schedule_.clear();
    if (!needs_schedule(endpoints_, slow_start_, now)) return;
    std::vector<double> weights;
    weights.reserve(endpoints_.size());
    for (const Endpoint* endpoint : endpoints_) weights.push_back(weight_of(*endpoint, now));
    schedule_.assign(weights, random_);
  }

  const Endpoint* pick(Time now) override {
    if (!schedule_.empty()) {
      const Endpoint* picked = endpoints_[schedule_.next()];
      schedule_.picked(weight_of(*picked, now));
      return picked;
    }
    if (endpoints_.empty()) return nullptr;
    const Endpoint* best = draw();
    for (uint32_t i = 1; i < choices_; ++i) {
      const Endpoint* other = draw();
      if (active(*other) < active(*best)) best = other;
    }
    return best;
  }

 private:
  const Endpoint* draw() { return endpoints_[random_.below(endpoints_.size())]; }
  static uint32_t active(const Endpoint& endpoint) {
    return endpoint.counts.rq_active.load(std::memory_order_relaxed);
  }
  [[nodiscard]] double weight_of(const Endpoint& endpoint, Time now) const {
    double weight = std::max(endpoint.weight, 1u);
    double busy = static_cast<double>(active(endpoint)) + 1;
    if (bias_ == 1.0) {
      weight /= busy;
    } else if (bias_ != 0.0) {
      weight /= std::pow(busy, bias_);
    }
    return slow_start_weight(weight, endpoint, slow_start_, now);
  }

  uint32_t choices_;
  double bias_;
  const config::SlowStart* slow_start_;
  Random& random_;
  std::vector<const Endpoint*> endpoints_;
  EdfSchedule schedule_;
};

}  // namespace

std::unique_ptr<LoadBalancer> make_least_request(const config::Cluster& cluster, Random& random) {
  return std::make_unique<LeastRequest>(cluster, random);
}

}  // namespace pillion::upstream
