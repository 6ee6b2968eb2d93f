#pragma once
// The server's life as others see it: starting, live, draining, and whether an operator failed its
// health checks; and how fast a drain closes connections. Owned by the server and changed on the
// control thread only; what workers must know of it is in proxy::ProcessState, which it keeps up to
// date.

#include <cstdint>
#include <optional>
#include <string_view>

#include "sidecar/base/time.h"
#include "sidecar/proxy/worker_context.h"
#include "sidecar/server/options.h"

namespace pillion::server {

// How a drain closes connections as time goes by.
struct DrainSchedule {
  static constexpr uint64_t kAll = uint64_t{1} << 32;

  Time start{};
  Duration length{};
  Options::DrainStrategy strategy = Options::DrainStrategy::kGradual;

  // The share (of kAll) of the responses sent at `now` that end their connection. Gradual: it grows
  // evenly from none to all over the drain, so that clients do not all connect again at once.
  [[nodiscard]] uint64_t close_share(Time now) const;
  [[nodiscard]] bool over(Time now) const { return now - start >= length; }
};

enum class State : uint8_t { kLive = 0, kDraining = 1, kPreInitializing = 2, kInitializing = 3 };
// "LIVE", as /ready and /server_info show it.
std::string_view state_name(State state);

class Lifecycle {
 public:
  explicit Lifecycle(proxy::ProcessState& process) : process_(process) {}

  // kDraining while health checks are failed by hand or the process is about to end. Draining the
  // listeners alone does not show, as in Envoy.
  [[nodiscard]] State shown() const;
  void set_initializing() { phase_ = State::kInitializing; }
  void set_live() { phase_ = State::kLive; }
  void fail_health_checks(bool fail, Time now);

  // Connections are closed by and by. False if they are being drained already.
  bool begin_drain(const DrainSchedule& schedule);
  // The process ends when its streams have: every response closes its connection.
  void begin_shutdown(const DrainSchedule& schedule);
  [[nodiscard]] bool shutting_down() const { return shutting_down_; }
  [[nodiscard]] const std::optional<DrainSchedule>& drain() const { return drain_; }
  // Tells the workers the share for this moment; called every second or so of a drain.
  void update(Time now);

 private:
  proxy::ProcessState& process_;
  State phase_ = State::kPreInitializing;
  bool failed_ = false;
  bool shutting_down_ = false;
  std::optional<DrainSchedule> drain_;
};

}  // namespace pillion::server
