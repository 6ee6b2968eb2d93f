// PrioritySet: which priority, then which locality, then the policy's pick.

#include <algorithm>
#include <array>

#include "sidecar/base/check.h"
#include "sidecar/upstream/lb_edf.h"
#include "sidecar/upstream/load_balancer.h"
#include "sidecar/upstream/priority_load.h"

namespace pillion::upstream {

namespace {

using Health = config::Endpoint::Health;
using Endpoints = std::vector<const Endpoint*>;

bool same_locality(const Endpoint& a, const Endpoint& b) {
  if (a.locality == b.locality) return true;
  if (!a.locality || !b.locality) return false;
  return a.locality->region == b.locality->region && a.locality->zone == b.locality->zone &&
         a.locality->sub_zone == b.locality->sub_zone;
}

}  // namespace

// What the rebuilding of every part needs.
struct PrioritySet::Rebuild {
  const config::Cluster& cluster;
  Random& random;
  uint32_t overprovisioning_percent;
  Time now;
};

// The endpoints of one priority that may be picked alike: the healthy, the degraded, or in panic
// all of them.
struct PrioritySet::Source {
  // Without locality weights one balancer over all; else one for each locality that has weight.
  std::vector<std::unique_ptr<LoadBalancer>> balancers;
  std::vector<double> weights;
  EdfSchedule localities;

  void rebuild(const Endpoints& eligible, const Rebuild& with) {
    localities.clear();
    weights.clear();
    if (balancers.empty() && eligible.empty()) return;
    rebuild_one(0, eligible, with);
    balancers.resize(1);
  }

  void rebuild_one(std::size_t index, std::span<const Endpoint* const> eligible,
                   const Rebuild& with) {
    if (index == balancers.size())
      balancers.push_back(make_load_balancer(with.cluster, with.random));
    balancers[index]->rebuild(eligible, with.now);
  }

  const Endpoint* pick(Time now) {
    if (localities.empty()) return balancers.empty() ? nullptr : balancers[0]->pick(now);
    std::size_t locality = localities.next();
    localities.picked(weights[locality]);
    return balancers[locality]->pick(now);
  }
};

struct PrioritySet::Level {
  Endpoints all;
  PriorityLoad load;
  Source healthy;  // in panic: all of them
  Source degraded;

  [[nodiscard]] PriorityHealth health() const {
    PriorityHealth counted;
    counted.total = static_cast<uint32_t>(all.size());
    for (const Endpoint* endpoint : all) {
      if (endpoint->health == Health::kHealthy) ++counted.healthy;
      if (endpoint->health == Health::kDegraded) ++counted.degraded;
    }
    return counted;
  }

  [[nodiscard]] Endpoints of_health(Health wanted) const {
    Endpoints out;
    for (const Endpoint* endpoint : all)
      if (endpoint->health == wanted) out.push_back(endpoint);
    return out;
  }

  void rebuild(const Rebuild& with) {
    if (load.panic) {
      healthy.rebuild(all, with);
      degraded.rebuild(all, with);
      return;
    }
    for (auto [source, wanted] :
         {std::pair{&healthy, Health::kHealthy}, std::pair{&degraded, Health::kDegraded}}) {
      if (!with.cluster.locality_weighted || !rebuild_by_locality(*source, wanted, with))
        source->rebuild(of_health(wanted), with);
    }
  }

  // One balancer per locality, picked in proportion to locality weight times availability. False
  // when no locality has weight: then locality weights say nothing.
  bool rebuild_by_locality(Source& source, Health wanted, const Rebuild& with) const {
    source.weights.clear();
    std::vector<Endpoints> eligible;
    Endpoints rest = all;
    while (!rest.empty()) {
      const Endpoint& first = *rest.front();
      auto others = std::stable_partition(rest.begin(), rest.end(), [&first](const Endpoint* e) {
        return same_locality(*e, first);
      });
      Endpoints able;
      std::copy_if(rest.begin(), others, std::back_inserter(able),
                   [wanted](const Endpoint* e) { return e->health == wanted; });
      double ratio = static_cast<double>(able.size()) / static_cast<double>(others - rest.begin());
      double weight =
          first.locality_weight * std::min(1.0, with.overprovisioning_percent / 100.0 * ratio);
      if (weight > 0) {
        source.weights.push_back(weight);
        eligible.push_back(std::move(able));
      }
      rest.erase(rest.begin(), others);
    }
    if (eligible.empty()) return false;
    for (std::size_t i = 0; i < eligible.size(); ++i) source.rebuild_one(i, eligible[i], with);
    source.balancers.resize(eligible.size());
    source.localities.assign(source.weights, with.random);
    return true;
  }
};

PrioritySet::PrioritySet(const config::Cluster& cluster, Random& random)
    : cluster_(cluster), random_(random) {
  rebuild(std::make_shared<EndpointSet>(), Time{});
}

PrioritySet::~PrioritySet() = default;

void PrioritySet::rebuild(std::shared_ptr<const EndpointSet> endpoints, Time now) {
  uint32_t last = 0;
  for (const auto& endpoint : endpoints->all) last = std::max(last, endpoint->priority);
  levels_.resize(last + 1);
  for (auto& level : levels_) {
    if (!level) level = std::make_unique<Level>();
    level->all.clear();
  }
  for (const auto& endpoint : endpoints->all)
    levels_[endpoint->priority]->all.push_back(endpoint.get());

  std::vector<PriorityHealth> health;
  for (const auto& level : levels_) health.push_back(level->health());
  Rebuild with{cluster_, random_, endpoints->overprovisioning_percent, now};
  std::vector<PriorityLoad> loads =
      spread_load(health, endpoints->overprovisioning_percent, cluster_.panic_threshold_percent);
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    levels_[i]->load = loads[i];
    levels_[i]->rebuild(with);
  }
  // Only now may the endpoints of the previous set go.
  endpoints_ = std::move(endpoints);
}

const Endpoint* PrioritySet::pick(const PickHint& hint, bool* panicked) {
  const Endpoint* picked = pick_once(hint.now, panicked);
  if (hint.avoid.empty()) return picked;
  for (uint32_t i = 0; i < hint.attempts && picked != nullptr; ++i) {
    if (std::find(hint.avoid.begin(), hint.avoid.end(), picked) == hint.avoid.end()) break;
    picked = pick_once(hint.now, panicked);
  }
  return picked;
}

const Endpoint* PrioritySet::pick_once(Time now, bool* panicked) {
  auto [level, source] = choose();
  if (level->load.panic) {
    if (panicked != nullptr) *panicked = true;
    if (cluster_.fail_traffic_on_panic) return nullptr;
  }
  return source->pick(now);
}

std::pair<PrioritySet::Level*, PrioritySet::Source*> PrioritySet::choose() {
  Level& first = *levels_[0];
  if (first.load.healthy == 100) return {&first, &first.healthy};
  // 1 to 100, as the loads are whole per cents that add up to 100.
  uint64_t at = random_.below(100) + 1;
  uint64_t sum = 0;
  for (auto& level : levels_) {
    sum += level->load.healthy;
    if (at <= sum) return {level.get(), &level->healthy};
  }
  for (auto& level : levels_) {
    sum += level->load.degraded;
    if (at <= sum) return {level.get(), &level->degraded};
  }
  CHECK(sum == 100);
  return {&first, &first.healthy};
}

}  // namespace pillion::upstream
