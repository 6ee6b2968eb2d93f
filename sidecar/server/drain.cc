#include "sidecar/server/drain.h"

#include <array>

namespace pillion::server {

uint64_t DrainSchedule::close_share(Time now) const {
  if (strategy == Options::DrainStrategy::kImmediate || over(now)) return kAll;
  if (now <= start) return 0;
  double share = static_cast<double>((now - start).count()) / static_cast<double>(length.count());
  return static_cast<uint64_t>(share * static_cast<double>(kAll));
}

std::string_view state_name(State state) {
  constexpr std::array<std::string_view, 4> kNames = {"LIVE", "DRAINING", "PRE_INITIALIZING",
                                                      "INITIALIZING"};
  return kNames[static_cast<std::size_t>(state)];
}

State Lifecycle::shown() const {
  return phase_ == State::kLive && (failed_ || shutting_down_) ? State::kDraining : phase_;
}

void Lifecycle::fail_health_checks(bool fail, Time now) {
  failed_ = fail;
  process_.health_check_failed.store(fail, std::memory_order_relaxed);
  update(now);
}

bool Lifecycle::begin_drain(const DrainSchedule& schedule) {
  if (drain_) return false;
  drain_ = schedule;
  update(schedule.start);
  return true;
}

void Lifecycle::begin_shutdown(const DrainSchedule& schedule) {
  drain_ = schedule;
  drain_->strategy = Options::DrainStrategy::kImmediate;
  shutting_down_ = true;
  process_.draining.store(true, std::memory_order_relaxed);
  update(schedule.start);
}

void Lifecycle::update(Time now) {
  // Clients of a server that fails its health checks are to go elsewhere now.
  uint64_t share = failed_ ? DrainSchedule::kAll : drain_ ? drain_->close_share(now) : 0;
  process_.drain_close_share.store(share, std::memory_order_relaxed);
}

}  // namespace pillion::server
