// Round robin: a cursor over endpoints of equal weight, an EDF schedule when weights differ or an
// endpoint is in its slow start window.

#include <algorithm>
#include <vector>

#include "sidecar/upstream/lb_edf.h"
#include "sidecar/upstream/lb_policies.h"

namespace pillion::upstream {

namespace {

class RoundRobin final : public LoadBalancer {
 public:
  RoundRobin(const config::Cluster& cluster, Random& random)
      : slow_start_(cluster.slow_start.get()), random_(random), cursor_(random.next() >> 1) {}

  void rebuild(std::span<const Endpoint* const> eligible, Time now) override {
    endpoints_.assign(eligible.begin(), eligible.end());
    schedule_.clear();
    if (!needs_schedule(endpoints_, slow_start_, now)) {
      if (!endpoints_.empty()) cursor_ %= endpoints_.size();
      return;
    }
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
    if (cursor_ >= endpoints_.size()) cursor_ = 0;
    return endpoints_[cursor_++];
  }

 private:
  [[nodiscard]] double weight_of(const Endpoint& endpoint, Time now) const {
    return slow_start_weight(std::max(endpoint.weight, 1u), endpoint, slow_start_, now);
  }

  const config::SlowStart* slow_start_;
  Random& random_;
  std::size_t cursor_;
  std::vector<const Endpoint*> endpoints_;
  EdfSchedule schedule_;
};

}  // namespace

std::unique_ptr<LoadBalancer> make_round_robin(const config::Cluster& cluster, Random& random) {
  return std::make_unique<RoundRobin>(cluster, random);
}

}  // namespace pillion::upstream
