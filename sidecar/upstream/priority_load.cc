#include "sidecar/upstream/priority_load.h"

#include <algorithm>

namespace pillion::upstream {

namespace {

// How much of its share a priority can carry, 0 to 100.
uint32_t availability(uint32_t able, uint32_t total, uint32_t overprovisioning_percent) {
  if (total == 0) return 0;
  return static_cast<uint32_t>(
      std::min<uint64_t>(100, uint64_t{overprovisioning_percent} * able / total));
}

bool below_threshold(const PriorityHealth& priority, uint32_t threshold) {
  if (priority.total == 0) return threshold > 0;
  double able = 100.0 * (priority.healthy + priority.degraded) / priority.total;
  return able < threshold;
}

// In total panic nothing is known to be better than anything else: load goes by the number of
// endpoints.
void spread_by_size(std::span<const PriorityHealth> priorities, std::vector<PriorityLoad>& loads) {
  uint64_t total = 0;
  for (const PriorityHealth& priority : priorities) total += priority.total;
  if (total == 0) {
    loads[0].healthy = 100;
    return;
  }
  uint32_t left = 100;
  PriorityLoad* first = nullptr;
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    loads[i].healthy = static_cast<uint32_t>(100 * uint64_t{priorities[i].total} / total);
    loads[i].degraded = 0;
    left -= loads[i].healthy;
    if (first == nullptr && priorities[i].total > 0) first = &loads[i];
  }
  first->healthy += left;
}

// A very low overprovisioning factor can round every availability down to 0. Where nothing is able
// at all and panic is off, the picks find nothing at the first priority.
void give_all_to_first_able(std::span<const PriorityHealth> priorities,
                            std::vector<PriorityLoad>& loads) {
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    if (priorities[i].healthy == 0) continue;
    loads[i].healthy = 100;
    return;
  }
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    if (priorities[i].degraded == 0) continue;
    loads[i].degraded = 100;
    return;
  }
  loads[0].healthy = 100;
}

// As much as each can carry, the healthy of all priorities before the degraded of any. `available`
// is above 0.
void spread_by_health(std::span<const uint32_t> healthy, std::span<const uint32_t> degraded,
                      uint32_t available, std::vector<PriorityLoad>& loads) {
  uint32_t left = 100;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    loads[i].healthy = std::min(left, healthy[i] * 100 / available);
    left -= loads[i].healthy;
  }
  for (std::size_t i = 0; i < loads.size(); ++i) {
    loads[i].degraded = std::min(left, degraded[i] * 100 / available);
    left -= loads[i].degraded;
  }
  // What rounding left over goes to the first priority that is able at all.
  auto able = [](uint32_t n) { return n > 0; };
  auto first = std::find_if(healthy.begin(), healthy.end(), able);
  if (first != healthy.end()) {
    loads[static_cast<std::size_t>(first - healthy.begin())].healthy += left;
    return;
  }
  first = std::find_if(degraded.begin(), degraded.end(), able);
  loads[static_cast<std::size_t>(first - degraded.begin())].degraded += left;
}

}  // namespace

std::vector<PriorityLoad> spread_load(std::span<const PriorityHealth> priorities,
                                      uint32_t overprovisioning_percent,
                                      double panic_threshold_percent) {
  std::vector<PriorityLoad> loads(priorities.size());
  std::vector<uint32_t> healthy;
  std::vector<uint32_t> degraded;
  uint32_t sum = 0;
  for (const PriorityHealth& priority : priorities) {
    healthy.push_back(availability(priority.healthy, priority.total, overprovisioning_percent));
    degraded.push_back(availability(priority.degraded, priority.total, overprovisioning_percent));
    sum += healthy.back() + degraded.back();
  }
  uint32_t available = std::min(sum, 100u);
  if (available > 0) spread_by_health(healthy, degraded, available, loads);

  auto threshold = static_cast<uint32_t>(std::clamp(panic_threshold_percent, 0.0, 100.0));
  bool all = true;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    loads[i].panic = available < 100 && below_threshold(priorities[i], threshold);
    all = all && loads[i].panic;
  }
  if (all) {
    spread_by_size(priorities, loads);
  } else if (available == 0) {
    give_all_to_first_able(priorities, loads);
  }
  return loads;
}

}  // namespace pillion::upstream
