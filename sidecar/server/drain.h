#pragma once
// The server's life as others see it: starting, live, draining, and whether an operator failed its
// health checks; and how fast a drain closes connections. Lifecycle belongs to the control thread,
// which alone changes it; workers read it at any moment.

#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sidecar/base/time.h"
#include "sidecar/server/options.h"

namespace pillion::server {

// How a drain closes connections as time goes by: a value, copied to each worker.
struct DrainSchedule {
  Time start{};
  Duration length{};
  Options::DrainStrategy strategy = Options::DrainStrategy::kGradual;

  // Whether a response sent at `now` ends its connection. Gradual: with a probability that grows
  // from 0 to 1 over the drain, so that clients do not all connect again at once. `random` is any
  // 64-bit random number.
  [[nodiscard]] bool should_close(Time now, uint64_t random) const;
  [[nodiscard]] bool over(Time now) const { return now - start >= length; }
};

enum class State : uint8_t { kLive = 0, kDraining = 1, kPreInitializing = 2, kInitializing = 3 };
// "LIVE", as /ready and /server_info show it.
std::string_view state_name(State state);

class Lifecycle {
 public:
  // kDraining while draining or while health checks are failed by hand, as Envoy's admin says it.
  [[nodiscard]] State shown() const;
  [[nodiscard]] bool draining() const { return draining_.load(std::memory_order_relaxed); }
  // What health-check filters answer by.
  [[nodiscard]] bool failing_health_checks() const {
    return failed_.load(std::memory_order_relaxed) || draining();
  }

  void set_initializing() { phase_.store(State::kInitializing, std::memory_order_relaxed); }
  void set_live() { phase_.store(State::kLive, std::memory_order_relaxed); }
  void fail_health_checks(bool fail) { failed_.store(fail, std::memory_order_relaxed); }
  // False if a drain is under way already; the first one's schedule holds.
  bool begin_drain(const DrainSchedule& schedule);
  [[nodiscard]] const std::optional<DrainSchedule>& drain() const { return drain_; }

 private:
  std::atomic<State> phase_{State::kPreInitializing};
  std::atomic<bool> failed_{false};
  std::atomic<bool> draining_{false};
  std::optional<DrainSchedule> drain_;  // control thread only
};

}  // namespace pillion::server
