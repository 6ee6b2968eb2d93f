#pragma once
// A hierarchical timing wheel of one-millisecond ticks: arming and cancelling are O(1), whatever
// the number of timers. Knows nothing of a loop; a loop (or a test) tells it the time. Single
// thread.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "sidecar/base/list.h"
#include "sidecar/base/time.h"

namespace pillion::io {

class TimerWheel;

// One timer, a member of what it times. Destroying it cancels it. 56 bytes.
class Timer : public TaggedNode<Timer> {
 public:
  using Callback = void (*)(void* owner);
  Timer(TimerWheel& wheel, Callback callback, void* owner)
      : wheel_(wheel), callback_(callback), owner_(owner) {}

  // Timer::of<&Stream::on_timeout>(wheel, *this)
  template <auto Method, class Owner>
  static Timer of(TimerWheel& wheel, Owner& owner) {
    return Timer(
        wheel, [](void* self) { (static_cast<Owner*>(self)->*Method)(); }, &owner);
  }

  template <auto Method, class Owner>
  static std::unique_ptr<Timer> make(TimerWheel& wheel, Owner& owner) {
    return std::make_unique<Timer>(
        wheel, [](void* self) { (static_cast<Owner*>(self)->*Method)(); }, &owner);
  }

  // Fires once, `delay` from the wheel's now, rounded up to a tick; a second call moves it.
  void arm(Duration delay);
  void cancel() { unlink(); }
  [[nodiscard]] bool armed() const { return linked(); }

 private:
  friend class TimerWheel;
  TimerWheel& wheel_;
  Callback callback_;
  void* owner_;
  uint64_t tick_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(Time origin) : origin_(origin), time_(origin) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Fires all timers due at `now`, in order of their ticks. Callbacks may arm and cancel any timer.
  void advance(Time now);
  // What arm() counts from.
  void set_time(Time now) {
    time_ = now;
    stale_ = false;
  }
  // The thread may have slept since: the next arm() has the time set anew.
  void forget_time() { stale_ = true; }
  // Called by arm() when the time was forgotten, to set it.
  void on_stale(void (*callback)(void*), void* owner) {
    ask_time_ = callback;
    time_owner_ = owner;
  }
  // When advance() should next be called: never later than the first timer, possibly earlier.
  [[nodiscard]] std::optional<Time> next();
  // Called when a timer is armed for sooner than all that were known at the last next().
  void on_sooner(void (*callback)(void*), void* owner) {
    sooner_ = callback;
    sooner_owner_ = owner;
  }

 private:
  friend class Timer;
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1u << kBits;
  static constexpr unsigned kLevels = 7;  // 64^7 ms: 139 years
  struct Due {
    unsigned level;
    unsigned slot;
    uint64_t tick;
  };

  void insert(Timer& timer);
  std::optional<Due> first_due();

  Time origin_;
  Time time_;
  uint64_t tick_ = 0;  // all earlier ticks have fired
  uint64_t announced_ = UINT64_MAX;
  void (*sooner_)(void*) = nullptr;
  void* sooner_owner_ = nullptr;
  bool stale_ = false;
  void (*ask_time_)(void*) = nullptr;
  void* time_owner_ = nullptr;
  std::array<uint64_t, kLevels> occupied_{};
  std::array<std::array<List<Timer, Timer>, kSlots>, kLevels> slots_;
};

}  // namespace pillion::io
