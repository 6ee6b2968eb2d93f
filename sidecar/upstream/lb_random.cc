// Random: any endpoint with the same probability. Weights of endpoints do not count, as in Envoy.

#include <vector>

#include "sidecar/upstream/lb_policies.h"

namespace pillion::upstream {

namespace {

class RandomChoice final : public LoadBalancer {
 public:
  explicit RandomChoice(Random& random) : random_(random) {}

  void rebuild(std::span<const Endpoint* const> eligible, Time /*now*/) override {
    endpoints_.assign(eligible.begin(), eligible.end());
  }

  const Endpoint* pick(Time /*now*/) override {
    return endpoints_.empty() ? nullptr : endpoints_[random_.below(endpoints_.size())];
  }

 private:
  Random& random_;
  std::vector<const Endpoint*> endpoints_;
};

}  // namespace

std::unique_ptr<LoadBalancer> make_random(const config::Cluster& /*cluster*/, Random& random) {
  return std::make_unique<RandomChoice>(random);
}

}  // namespace pillion::upstream
