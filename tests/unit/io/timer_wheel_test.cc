#include "sidecar/io/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "sidecar/base/function.h"
#include "sidecar/base/hash.h"

namespace pillion::io {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr Time kOrigin = Time{} + hours(5);

// A timer that calls whatever the test says.
struct Alarm {
  explicit Alarm(TimerWheel& wheel) : timer(Timer::of<&Alarm::fire>(wheel, *this)) {}
  void fire() {
    ++fired;
    if (then) then();
  }
  Timer timer;
  int fired = 0;
  Function<void()> then;
};

TEST(TimerWheel, FiresNothingBeforeItsTime) {
  TimerWheel wheel(kOrigin);
  Alarm alarm(wheel);
  alarm.timer.arm(milliseconds(10));
  wheel.advance(kOrigin + milliseconds(9) + microseconds(999));
  EXPECT_EQ(alarm.fired, 0);
  EXPECT_TRUE(alarm.timer.armed());
  wheel.advance(kOrigin + milliseconds(10));
  EXPECT_EQ(alarm.fired, 1);
  EXPECT_FALSE(alarm.timer.armed());
  wheel.advance(kOrigin + hours(1));
  EXPECT_EQ(alarm.fired, 1);
}

TEST(TimerWheel, RoundsUpToAWholeTick) {
  TimerWheel wheel(kOrigin);
  Alarm alarm(wheel);
  wheel.set_time(kOrigin + microseconds(300));
  alarm.timer.arm(milliseconds(1));
  wheel.advance(kOrigin + milliseconds(1) + microseconds(300));
  EXPECT_EQ(alarm.fired, 0);
  wheel.advance(kOrigin + milliseconds(2));
  EXPECT_EQ(alarm.fired, 1);
}

TEST(TimerWheel, TreatsNegativeAndZeroDelaysAsTheNextTick) {
  TimerWheel wheel(kOrigin);
  Alarm zero(wheel);
  Alarm negative(wheel);
  zero.timer.arm(Duration(0));
  negative.timer.arm(milliseconds(-50));
  wheel.advance(kOrigin + milliseconds(1));
  EXPECT_EQ(zero.fired, 1);
  EXPECT_EQ(negative.fired, 1);
}

TEST(TimerWheel, MovesATimerThatIsArmedAgain) {
  TimerWheel wheel(kOrigin);
  Alarm alarm(wheel);
  alarm.timer.arm(milliseconds(10));
  alarm.timer.arm(milliseconds(100));
  wheel.advance(kOrigin + milliseconds(99));
  EXPECT_EQ(alarm.fired, 0);
  alarm.timer.arm(milliseconds(1));
  wheel.advance(kOrigin + milliseconds(200));
  EXPECT_EQ(alarm.fired, 1);
}

TEST(TimerWheel, ForgetsATimerThatIsCancelledOrDestroyed) {
  TimerWheel wheel(kOrigin);
  Alarm cancelled(wheel);
  cancelled.timer.arm(milliseconds(5));
  cancelled.timer.cancel();
  {
    Alarm destroyed(wheel);
    destroyed.timer.arm(milliseconds(5));
  }
  EXPECT_FALSE(wheel.next().has_value());
  wheel.advance(kOrigin + milliseconds(10));
  EXPECT_EQ(cancelled.fired, 0);
}

TEST(TimerWheel, LetsCallbacksCancelWhatIsDueInTheSameTick) {
  TimerWheel wheel(kOrigin);
  Alarm first(wheel);
  auto second = std::make_unique<Alarm>(wheel);
  first.timer.arm(milliseconds(5));
  second->timer.arm(milliseconds(5));
  first.then = [&second] { second.reset(); };
  wheel.advance(kOrigin + milliseconds(5));
  EXPECT_EQ(first.fired, 1);
}

TEST(TimerWheel, FiresWhatACallbackArmsWithinTheSameAdvance) {
  TimerWheel wheel(kOrigin);
  Alarm alarm(wheel);
  int left = 5;
  alarm.then = [&] {
    if (--left > 0) alarm.timer.arm(Duration(0));
  };
  alarm.timer.arm(milliseconds(1));
  // What counts is the time that the wheel was told: delays run from there, not from the tick that
  // fires.
  wheel.advance(kOrigin + milliseconds(1));
  EXPECT_EQ(alarm.fired, 1);
  for (int i = 2; i < 10; ++i) wheel.advance(kOrigin + milliseconds(i));
  EXPECT_EQ(alarm.fired, 5);
}

TEST(TimerWheel, HoldsTimersForYears) {
  TimerWheel wheel(kOrigin);
  Alarm year(wheel);
  Alarm century(wheel);
  Alarm beyond(wheel);
  year.timer.arm(hours(24 * 365));
  century.timer.arm(hours(24 * 365 * 100));
  beyond.timer.arm(hours(24 * 365 * 200));  // past the wheel's range
  wheel.advance(kOrigin + hours(24 * 365) - milliseconds(1));
  EXPECT_EQ(year.fired, 0);
  wheel.advance(kOrigin + hours(24 * 365));
  EXPECT_EQ(year.fired, 1);
  wheel.advance(kOrigin + hours(24 * 365 * 100));
  EXPECT_EQ(century.fired, 1);
  EXPECT_TRUE(beyond.timer.armed());
}

TEST(TimerWheel, IgnoresATimeThatGoesBack) {
  TimerWheel wheel(kOrigin);
  Alarm alarm(wheel);
  wheel.advance(kOrigin + milliseconds(100));
  wheel.advance(kOrigin + milliseconds(50));
  alarm.timer.arm(milliseconds(10));
  wheel.advance(kOrigin + milliseconds(109));
  EXPECT_EQ(alarm.fired, 0);
  wheel.advance(kOrigin + milliseconds(110));
  EXPECT_EQ(alarm.fired, 1);
}

TEST(TimerWheel, TellsOfTimersThatAreSoonerThanAllBefore) {
  TimerWheel wheel(kOrigin);
  int calls = 0;
  wheel.on_sooner([](void* counter) { ++*static_cast<int*>(counter); }, &calls);
  Alarm late(wheel);
  Alarm later(wheel);
  Alarm soon(wheel);
  late.timer.arm(milliseconds(1000));
  EXPECT_EQ(calls, 1);
  later.timer.arm(milliseconds(2000));
  EXPECT_EQ(calls, 1);
  soon.timer.arm(milliseconds(10));
  EXPECT_EQ(calls, 2);
  soon.timer.cancel();
  ASSERT_TRUE(wheel.next().has_value());
  // After a new look the old announcement does not count any more.
  soon.timer.arm(milliseconds(20));
  EXPECT_EQ(calls, 3);
}

// All timers by their tick, in a plain map: what the wheel must do.
class Oracle {
 public:
  void arm(int timer, uint64_t tick) { ticks_[timer] = tick; }
  void cancel(int timer) { ticks_.erase(timer); }
  std::vector<std::pair<uint64_t, int>> advance(uint64_t tick) {
    std::vector<std::pair<uint64_t, int>> due;
    for (const auto& [timer, at] : ticks_)
      if (at <= tick) due.emplace_back(at, timer);
    for (const auto& [at, timer] : due) ticks_.erase(timer);
    std::sort(due.begin(), due.end());
    return due;
  }
  [[nodiscard]] uint64_t first() const {
    uint64_t first = UINT64_MAX;
    for (const auto& [timer, at] : ticks_) first = std::min(first, at);
    return first;
  }

 private:
  std::map<int, uint64_t> ticks_;
};

struct Tracked {
  Tracked(TimerWheel& wheel, int number, std::vector<int>& into)
      : timer(Timer::of<&Tracked::fire>(wheel, *this)), id(number), log(into) {}
  void fire() { log.push_back(id); }
  Timer timer;
  int id;
  std::vector<int>& log;
};

TEST(TimerWheel, AgreesWithANaiveOracleOnRandomWork) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    TimerWheel wheel(kOrigin);
    Oracle oracle;
    std::vector<int> fired;
    std::vector<std::unique_ptr<Tracked>> timers;
    for (int i = 0; i < 60; ++i) timers.push_back(std::make_unique<Tracked>(wheel, i, fired));
    uint64_t now = 0;
    for (int step = 0; step < 3000; ++step) {
      int timer = static_cast<int>(random.below(timers.size()));
      // Delays and jumps of every size up to about twelve days.
      uint64_t span = uint64_t{1} << random.below(31);
      switch (random.below(4)) {
        case 0:
        case 1: {
          uint64_t delay = random.below(span) + 1;
          timers[static_cast<std::size_t>(timer)]->timer.arm(milliseconds(delay));
          oracle.arm(timer, now + delay);
          break;
        }
        case 2:
          timers[static_cast<std::size_t>(timer)]->timer.cancel();
          oracle.cancel(timer);
          break;
        default: {
          auto next = wheel.next();
          ASSERT_EQ(next.has_value(), oracle.first() != UINT64_MAX);
          if (next) {
            ASSERT_LE(*next, kOrigin + milliseconds(oracle.first()));
            ASSERT_GE(*next, kOrigin + milliseconds(now));
          }
          now += random.below(span);
          wheel.advance(kOrigin + milliseconds(now));
          auto due = oracle.advance(now);
          ASSERT_EQ(fired.size(), due.size()) << "step " << step;
          // Within one tick the order is free.
          std::vector<int> sorted = fired;
          for (std::size_t i = 0; i < due.size();) {
            std::size_t end = i;
            while (end < due.size() && due[end].first == due[i].first) ++end;
            std::sort(sorted.begin() + static_cast<long>(i),
                      sorted.begin() + static_cast<long>(end));
            i = end;
          }
          for (std::size_t i = 0; i < due.size(); ++i) ASSERT_EQ(sorted[i], due[i].second);
          fired.clear();
        }
      }
    }
  }
}

TEST(TimerWheel, NeedsFewWakesForAFarTimer) {
  TimerWheel wheel(kOrigin);
  Alarm alarm(wheel);
  alarm.timer.arm(hours(1));
  int wakes = 0;
  while (alarm.fired == 0) {
    ASSERT_TRUE(wheel.next().has_value());
    wheel.advance(*wheel.next());
    ASSERT_LE(++wakes, 7) << "one for each level at most";
  }
}

}  // namespace
}  // namespace pillion::io
