#include "sidecar/io/loop.h"

#include <uv.h>

#include <algorithm>
#include <utility>

#include "sidecar/base/check.h"

namespace pillion::io {

struct EventLoop::Handles {
  uv_async_t async;
  uv_prepare_t prepare;
  uv_check_t check;
  uv_timer_t wake;

  static EventLoop& loop_of(void* handle) {
    return *static_cast<EventLoop*>(static_cast<uv_handle_t*>(handle)->data);
  }
  template <class H>
  static void adopt(EventLoop& loop, H& handle) {
    handle.data = &loop;
  }
};

void EventLoop::LoopDelete::operator()(uv_loop_s* loop) const {
  uv_loop_close(loop);
  delete loop;
}

EventLoop::EventLoop(ManualClock* clock)
    : clock_(clock),
      timers_(clock != nullptr ? clock->now() : std::chrono::steady_clock::now()),
      loop_(new uv_loop_t),
      handles_(new Handles) {
  CHECK(uv_loop_init(loop_.get()) == 0);
  Handles& h = *handles_;
  CHECK(uv_async_init(loop_.get(), &h.async,
                      [](uv_async_t* a) { Handles::loop_of(a).run_posted(); }) == 0);
  uv_prepare_init(loop_.get(), &h.prepare);
  uv_check_init(loop_.get(), &h.check);
  uv_timer_init(loop_.get(), &h.wake);
  Handles::adopt(*this, h.async);
  Handles::adopt(*this, h.prepare);
  Handles::adopt(*this, h.check);
  Handles::adopt(*this, h.wake);
  // Output made by timers and posted work leaves before the loop blocks, output made by reads right
  // after them.
  uv_prepare_start(&h.prepare, [](uv_prepare_t* p) {
    EventLoop& loop = Handles::loop_of(p);
    loop.end_iteration();
    loop.forget_time();
  });
  uv_check_start(&h.check, [](uv_check_t* c) { Handles::loop_of(c).end_iteration(); });
  uv_unref(reinterpret_cast<uv_handle_t*>(&h.prepare));
  uv_unref(reinterpret_cast<uv_handle_t*>(&h.check));
  timers_.on_sooner([](void* self) { static_cast<EventLoop*>(self)->schedule_wake(); }, this);
  timers_.on_stale(
      [](void* self) {
        auto& loop = *static_cast<EventLoop*>(self);
        loop.timers_.set_time(loop.now());
      },
      this);
}

EventLoop::~EventLoop() {
  end_iteration();
  Handles& h = *handles_;
  for (auto* handle :
       {reinterpret_cast<uv_handle_t*>(&h.async), reinterpret_cast<uv_handle_t*>(&h.prepare),
        reinterpret_cast<uv_handle_t*>(&h.check), reinterpret_cast<uv_handle_t*>(&h.wake)})
    uv_close(handle, nullptr);
  // Runs the close callbacks of these and of every descriptor watcher that was given up.
  uv_run(loop_.get(), UV_RUN_DEFAULT);
}

void EventLoop::run() {
  running_ = true;
  uv_run(loop_.get(), UV_RUN_DEFAULT);
  running_ = false;
}

void EventLoop::run_once() {
  forget_time();
  fire_timers();
  uv_run(loop_.get(), UV_RUN_NOWAIT);
  end_iteration();
}

void EventLoop::stop() {
  uv_stop(loop_.get());
}

void EventLoop::post(Function<void()> work) {
  {
    std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(work));
  }
  uv_async_send(&handles_->async);
}

void EventLoop::run_posted() {
  std::vector<Function<void()>> work;
  {
    std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (auto& item : work) item();
}

void EventLoop::delete_later(std::unique_ptr<Disposable> object) {
  doomed_.push_back(std::move(object));
}

void EventLoop::end_iteration() {
  while (!ends_.empty()) ends_.pop_front().at_iteration_end();
  // Destructors may doom further objects; those go in the next round of this loop.
  while (!doomed_.empty()) {
    auto doomed = std::exchange(doomed_, {});
    doomed.clear();
    while (!ends_.empty()) ends_.pop_front().at_iteration_end();
  }
}

void EventLoop::read_clock() {
  now_ = clock_ != nullptr ? clock_->now() : std::chrono::steady_clock::now();
  now_valid_ = true;
}

void EventLoop::forget_time() {
  now_valid_ = wall_valid_ = false;
  timers_.forget_time();
}

Time EventLoop::exact_now() {
  return clock_ != nullptr ? clock_->now() : std::chrono::steady_clock::now();
}

WallTime EventLoop::wall_now() {
  if (!wall_valid_) {
    wall_ = std::chrono::system_clock::now();
    wall_valid_ = true;
  }
  return wall_;
}

void EventLoop::fire_timers() {
  firing_ = true;
  timers_.advance(now());
  firing_ = false;
  schedule_wake();
}

void EventLoop::schedule_wake() {
  // A manual clock fires timers in run_once() only. While timers fire, the next wake is not known
  // yet.
  if (clock_ != nullptr || firing_) return;
  std::optional<Time> next = timers_.next();
  if (!next) {
    uv_timer_stop(&handles_->wake);
    return;
  }
  auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - exact_now()).count();
  uv_update_time(loop_.get());
  uv_timer_start(
      &handles_->wake,
      [](uv_timer_t* t) {
        EventLoop& loop = Handles::loop_of(t);
        loop.forget_time();
        loop.fire_timers();
      },
      // Never 0: libuv runs timers until none is due, so that one which is armed anew for a moment
      // that its own work has used up would keep the loop from its descriptors.
      static_cast<uint64_t>(std::max<int64_t>(wait, 1)), 0);
}

}  // namespace pillion::io
