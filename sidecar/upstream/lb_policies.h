#pragma once
// The table of policies: what make_load_balancer() chooses from. A new policy is a lb_*.cc file
// that defines a function of this form, its declaration here and its line in load_balancer.cc.

#include <memory>

#include "sidecar/base/hash.h"
#include "sidecar/config/cluster.h"
#include "sidecar/upstream/load_balancer.h"

namespace pillion::upstream {

std::unique_ptr<LoadBalancer> make_round_robin(const config::Cluster& cluster, Random& random);
std::unique_ptr<LoadBalancer> make_least_request(const config::Cluster& cluster, Random& random);
std::unique_ptr<LoadBalancer> make_random(const config::Cluster& cluster, Random& random);

}  // namespace pillion::upstream
