#include "sidecar/upstream/load_balancer.h"

#include <array>

#include "sidecar/base/check.h"
#include "sidecar/upstream/lb_policies.h"

namespace pillion::upstream {

namespace {

struct Policy {
  config::Cluster::Lb name;
  std::unique_ptr<LoadBalancer> (*make)(const config::Cluster& cluster, Random& random);
};

constexpr std::array<Policy, 3> kPolicies = {{
    {config::Cluster::Lb::kRoundRobin, make_round_robin},
    {config::Cluster::Lb::kLeastRequest, make_least_request},
    {config::Cluster::Lb::kRandom, make_random},
}};

}  // namespace

std::unique_ptr<LoadBalancer> make_load_balancer(const config::Cluster& cluster, Random& random) {
  for (const Policy& policy : kPolicies)
    if (policy.name == cluster.lb) return policy.make(cluster, random);
  CHECK(!"every config::Cluster::Lb is in the table");
  return nullptr;
}

}  // namespace pillion::upstream
