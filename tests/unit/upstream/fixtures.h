#pragma once
// Clusters and endpoint sets for the tests of this folder, in as few words as possible.

#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/base/check.h"
#include "sidecar/config/cluster.h"
#include "sidecar/upstream/endpoint.h"
#include "sidecar/upstream/load_balancer.h"

namespace pillion::upstream {

using Health = config::Endpoint::Health;

inline Address address(const std::string& ip, uint16_t port = 80) {
  auto parsed = Address::parse_ip(ip, port);
  CHECK(parsed.has_value());
  return *parsed;
}

// What a test says of one endpoint; the rest is made up.
struct Spec {
  uint32_t weight = 1;
  Health health = Health::kHealthy;
  uint32_t priority = 0;
  std::string zone = {};
  uint32_t locality_weight = 0;
  Time added = {};
};

// Endpoint i of the result stands at 10.0.x.y with the port 1000 + i.
inline std::shared_ptr<const EndpointSet> endpoint_set(const std::vector<Spec>& specs) {
  auto set = std::make_shared<EndpointSet>();
  std::map<std::string, std::shared_ptr<const config::Locality>> localities;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const Spec& spec = specs[i];
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->address =
        address("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1),
                static_cast<uint16_t>(1000 + i));
    endpoint->address_text = endpoint->address.to_string();
    endpoint->weight = spec.weight;
    endpoint->health = spec.health;
    endpoint->priority = spec.priority;
    auto& locality = localities[spec.zone];
    if (!locality)
      locality = std::make_shared<const config::Locality>(config::Locality{"r", spec.zone, ""});
    endpoint->locality = locality;
    endpoint->locality_weight = spec.locality_weight;
    endpoint->added = spec.added;
    set->all.push_back(std::move(endpoint));
  }
  return set;
}

// Picks so often and counts by the index in `set`; picks of nothing are not counted.
inline std::vector<std::size_t> count_picks(PrioritySet& picker, const EndpointSet& set,
                                            std::size_t picks, Time now = {}) {
  std::map<const Endpoint*, std::size_t> index;
  for (std::size_t i = 0; i < set.all.size(); ++i) index[set.all[i].get()] = i;
  std::vector<std::size_t> counts(set.all.size());
  PickHint hint;
  hint.now = now;
  for (std::size_t i = 0; i < picks; ++i) {
    const Endpoint* picked = picker.pick(hint);
    if (picked == nullptr) continue;
    auto found = index.find(picked);
    CHECK(found != index.end());
    ++counts[found->second];
  }
  return counts;
}

}  // namespace pillion::upstream
