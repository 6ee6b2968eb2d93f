#include "sidecar/upstream/endpoint.h"

#include <algorithm>
#include <unordered_map>

#include "sidecar/base/hash.h"

namespace pillion::upstream {

namespace {

bool same(const config::Locality& a, const config::Locality& b) {
  return a.region == b.region && a.zone == b.zone && a.sub_zone == b.sub_zone;
}

bool same(const config::Metadata* a, const config::Metadata* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return *a == *b;
}

bool is_canary(const config::Metadata& metadata) {
  auto lb = metadata.find("envoy.lb");
  if (lb == metadata.end()) return false;
  const auto* fields = std::get_if<config::Value::Object>(&lb->second.data);
  if (fields == nullptr) return false;
  auto canary = fields->find("canary");
  if (canary == fields->end()) return false;
  const bool* is = std::get_if<bool>(&canary->second.data);
  return is != nullptr && *is;
}

// Takes endpoints over from the previous set, each at most once.
class Heirs {
 public:
  explicit Heirs(const EndpointSet* previous) {
    if (previous == nullptr) return;
    left_.reserve(previous->all.size());
    for (const auto& endpoint : previous->all) left_.emplace(endpoint->address.hash(), endpoint);
  }

  // The old object for what `fresh` describes, or null.
  std::shared_ptr<const Endpoint> take(const Endpoint& fresh, const config::Endpoint& source) {
    auto [begin, end] = left_.equal_range(fresh.address.hash());
    auto found = std::find_if(begin, end, [&](const auto& candidate) {
      const Endpoint& old = *candidate.second;
      return old.address == fresh.address && old.hostname == fresh.hostname &&
             old.weight == fresh.weight && old.priority == fresh.priority &&
             old.health == fresh.health && old.locality_weight == fresh.locality_weight &&
             same(*old.locality, *fresh.locality) &&
             same(old.metadata.get(), source.metadata.get());
    });
    if (found == end) return nullptr;
    auto old = std::move(found->second);
    left_.erase(found);
    return old;
  }

 private:
  std::unordered_multimap<uint64_t, std::shared_ptr<const Endpoint>> left_;
};

const ResolvedName* find_name(const config::Endpoint& endpoint,
                              std::span<const ResolvedName> resolved) {
  for (const ResolvedName& name : resolved)
    if (name.endpoint == &endpoint) return &name;
  return nullptr;
}

class Builder {
 public:
  Builder(EndpointSet& set, const EndpointSet* previous, Time now)
      : set_(set), heirs_(previous), now_(now) {}

  // Later endpoints belong to this group; its locality is copied, since an endpoint may outlive the
  // assignment.
  void begin(const config::LocalityEndpoints& group) {
    group_ = &group;
    locality_ = std::make_shared<const config::Locality>(group.locality);
  }

  void add_resolved(const config::Endpoint& source, std::span<const ResolvedName> resolved) {
    const ResolvedName* name = find_name(source, resolved);
    if (name == nullptr) return;
    for (const Address& address : name->addresses) add(source, address, name->moving);
  }

  void add(const config::Endpoint& source, const Address& address, bool moving = false) {
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->address = address;
    endpoint->hostname =
        source.hostname.empty() && !source.dns_name.empty() ? source.dns_name : source.hostname;
    endpoint->weight = source.weight;
    // A LOGICAL_DNS cluster has one endpoint, so that its priority says nothing; Envoy takes 0 too.
    endpoint->priority = moving ? 0 : group_->priority;
    endpoint->health = source.health;
    endpoint->locality = locality_;
    endpoint->locality_weight = group_->weight;
    if (auto old = heirs_.take(*endpoint, source)) {
      set_.all.push_back(std::move(old));
      return;
    }
    endpoint->address_text = address.to_string();
    endpoint->added = now_;
    if (moving) endpoint->moving = std::make_unique<MovingAddress>(address);
    if (source.metadata) {
      endpoint->metadata = std::make_shared<const config::Metadata>(*source.metadata);
      endpoint->canary = is_canary(*source.metadata);
    }
    set_.all.push_back(std::move(endpoint));
  }

 private:
  EndpointSet& set_;
  Heirs heirs_;
  Time now_;
  const config::LocalityEndpoints* group_ = nullptr;
  std::shared_ptr<const config::Locality> locality_;
};

}  // namespace

Membership membership_of(const EndpointSet& endpoints) {
  Membership counted;
  counted.total = static_cast<uint32_t>(endpoints.all.size());
  for (const auto& endpoint : endpoints.all) {
    counted.max_weight = std::max(counted.max_weight, endpoint->weight);
    if (endpoint->health == config::Endpoint::Health::kHealthy) ++counted.healthy;
    if (endpoint->health == config::Endpoint::Health::kDegraded) ++counted.degraded;
  }
  return counted;
}

std::shared_ptr<const EndpointSet> build_endpoints(const config::Assignment& assignment,
                                                   std::span<const ResolvedName> resolved,
                                                   const EndpointSet* previous, Time now) {
  auto set = std::make_shared<EndpointSet>();
  set->overprovisioning_percent = assignment.overprovisioning_percent;
  Builder builder(*set, previous, now);
  for (const config::LocalityEndpoints& group : assignment.localities) {
    builder.begin(group);
    for (const config::Endpoint& endpoint : group.endpoints) {
      if (endpoint.dns_name.empty()) {
        builder.add(endpoint, endpoint.address);
      } else {
        builder.add_resolved(endpoint, resolved);
      }
    }
  }
  set->all.shrink_to_fit();
  return set;
}

bool same_endpoints(const EndpointSet& a, const EndpointSet& b) {
  return a.overprovisioning_percent == b.overprovisioning_percent && a.all == b.all;
}

}  // namespace pillion::upstream
