#pragma once
// How much of the load each priority of a cluster gets, by the health of its endpoints: Envoy's
// integer percentages (docs/root/intro/arch_overview/upstream/load_balancing/priority, degraded,
// panic_threshold). Pure functions.

#include <cstdint>
#include <span>
#include <vector>

namespace pillion::upstream {

// The endpoints of one priority, counted.
struct PriorityHealth {
  uint32_t total = 0;
  uint32_t healthy = 0;
  uint32_t degraded = 0;
};

// Per cent of all picks; the loads of all priorities add up to 100.
struct PriorityLoad {
  uint32_t healthy = 0;
  uint32_t degraded = 0;
  bool panic = false;  // health is ignored at this priority
};

// One result for each priority; there must be at least one. The whole part of the panic threshold
// counts; 0 turns panic off.
std::vector<PriorityLoad> spread_load(std::span<const PriorityHealth> priorities,
                                      uint32_t overprovisioning_percent,
                                      double panic_threshold_percent);

}  // namespace pillion::upstream
