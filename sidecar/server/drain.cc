#include "sidecar/server/drain.h"

#include <array>

namespace pillion::server {

bool DrainSchedule::should_close(Time now, uint64_t random) const {
  if (strategy == Options::DrainStrategy::kImmediate || over(now)) return true;
  if (now <= start) return false;
  // The top 53 bits are a fraction in [0, 1) without rounding.
  double fraction = static_cast<double>(random >> 11) * 0x1p-53;
  return fraction * static_cast<double>(length.count()) <
         static_cast<double>((now - start).count());
}

std::string_view state_name(State state) {
  constexpr std::array<std::string_view, 4> kNames = {"LIVE", "DRAINING", "PRE_INITIALIZING",
                                                      "INITIALIZING"};
  return kNames[static_cast<std::size_t>(state)];
}

State Lifecycle::shown() const {
  State phase = phase_.load(std::memory_order_relaxed);
  return phase == State::kLive && failing_health_checks() ? State::kDraining : phase;
}

bool Lifecycle::begin_drain(const DrainSchedule& schedule) {
  if (drain_) return false;
  drain_ = schedule;
  draining_.store(true, std::memory_order_relaxed);
  return true;
}

}  // namespace pillion::server
