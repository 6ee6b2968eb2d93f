#pragma once
// One thread's event loop over libuv: readiness of descriptors, timers, posted work, and what runs
// once at the end of each iteration (flushing output, deleting what callbacks have finished with).
// Owned by a Worker or by the control thread; only post() may be called from other threads.

#include <memory>
#include <mutex>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/base/function.h"
#include "sidecar/base/list.h"
#include "sidecar/base/time.h"
#include "sidecar/io/timer_wheel.h"

struct uv_loop_s;

namespace pillion::io {

// Deleted by the loop once no callback of it can be on the stack.
class Disposable {
 public:
  virtual ~Disposable() = default;
};

// Something with work to do at the end of the current iteration, such as output to flush.
class IterationEnd : public TaggedNode<IterationEnd> {
 public:
  virtual void at_iteration_end() = 0;

 protected:
  ~IterationEnd() = default;
};

// Time for tests, moved by hand. Without one the loop reads CLOCK_MONOTONIC.
class ManualClock {
 public:
  [[nodiscard]] Time now() const { return now_; }
  void advance(Duration by) { now_ += by; }

 private:
  Time now_ = Time{} + std::chrono::hours(1);
};

class EventLoop {
 public:
  explicit EventLoop(ManualClock* clock = nullptr);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs until stop().
  void run();
  // One iteration that does not block (tests); fires timers due on a manual clock.
  void run_once();
  void stop();
  // From any thread: runs `work` on the loop's thread, soon. Work posted after the loop has stopped
  // is destroyed.
  void post(Function<void()> work);
  void delete_later(std::unique_ptr<Disposable> object);
  // Adds `work` to the end of this iteration; once however often it is called.
  void at_end(IterationEnd& work) {
    if (!work.linked()) ends_.push_back(work);
  }
  // Read once per iteration, on first use.
  [[nodiscard]] Time now() {
    if (!now_valid_) read_clock();
    return now_;
  }
  // As the wall clock would show now(), from one reading per iteration too.
  [[nodiscard]] WallTime wall_now();
  // Reads the clock afresh, for the end of a request.
  [[nodiscard]] Time exact_now();
  TimerWheel& timers() { return timers_; }
  [[nodiscard]] uv_loop_s* raw() { return loop_.get(); }

 private:
  struct Handles;
  friend struct Handles;
  struct LoopDelete {
    void operator()(uv_loop_s* loop) const;
  };

  void read_clock();
  // After this the clock is read again when someone asks for the time.
  void forget_time();
  void end_iteration();
  void fire_timers();
  void schedule_wake();
  void run_posted();

  ManualClock* clock_;
  bool now_valid_ = false;
  bool wall_valid_ = false;
  bool running_ = false;
  bool firing_ = false;
  Time now_{};
  WallTime wall_{};
  TimerWheel timers_;
  std::unique_ptr<uv_loop_s, LoopDelete> loop_;
  std::unique_ptr<Handles> handles_;
  List<IterationEnd, IterationEnd> ends_;
  std::vector<std::unique_ptr<Disposable>> doomed_;
  std::mutex posted_mutex_;
  std::vector<Function<void()>> posted_;
};

}  // namespace pillion::io
