#include "sidecar/io/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace pillion::io {

namespace {
constexpr Duration kTick = std::chrono::milliseconds(1);
}  // namespace

void Timer::arm(Duration delay) {
  if (wheel_.stale_ && wheel_.ask_time_ != nullptr) wheel_.ask_time_(wheel_.time_owner_);
  Duration at = wheel_.time_ - wheel_.origin_ + std::max(delay, Duration::zero());
  // Rounded up, so that a timer never fires early.
  auto tick = static_cast<uint64_t>((at + kTick - Duration(1)) / kTick);
  tick = std::max(tick, wheel_.tick_ + 1);
  if (linked() && tick >= tick_) {
    // Put off, as idle time-outs are at every sign of life: it stays in its slot, and moves on when
    // that is due.
    tick_ = tick;
    return;
  }
  unlink();
  tick_ = tick;
  wheel_.insert(*this);
  if (tick_ < wheel_.announced_) {
    wheel_.announced_ = tick_;
    if (wheel_.sooner_ != nullptr) wheel_.sooner_(wheel_.sooner_owner_);
  }
}

void TimerWheel::insert(Timer& timer) {
  // The level is that of the highest bits in which the tick differs from now (as in Varghese and
  // Lauck's hierarchical wheel), so that a timer moves down at most kLevels - 1 times.
  uint64_t differing = (timer.tick_ ^ tick_) | (kSlots - 1);
  unsigned level = static_cast<unsigned>(63 - std::countl_zero(differing)) / kBits;
  if (level >= kLevels) {
    level = kLevels - 1;
    timer.tick_ = tick_ | ((uint64_t{1} << (kBits * kLevels)) - 1);
  }
  unsigned slot = static_cast<unsigned>(timer.tick_ >> (kBits * level)) & (kSlots - 1);
  slots_[level][slot].push_back(timer);
  occupied_[level] |= uint64_t{1} << slot;
}

std::optional<TimerWheel::Due> TimerWheel::first_due() {
  for (unsigned level = 0; level < kLevels; ++level) {
    unsigned here = static_cast<unsigned>(tick_ >> (kBits * level)) & (kSlots - 1);
    while (occupied_[level] != 0) {
      // Slots before `here` belong to the next turn, which a higher level holds; so look from
      // `here` on.
      uint64_t ahead = occupied_[level] & (~uint64_t{0} << here);
      if (ahead == 0) break;
      unsigned slot = static_cast<unsigned>(std::countr_zero(ahead));
      if (slots_[level][slot].empty()) {
        occupied_[level] &= ~(uint64_t{1} << slot);  // its timers were cancelled
        continue;
      }
      uint64_t turn = (tick_ >> (kBits * (level + 1))) << (kBits * (level + 1));
      uint64_t tick = turn + (uint64_t{slot} << (kBits * level));
      return Due{level, slot, std::max(tick, tick_)};
    }
  }
  return std::nullopt;
}

std::optional<Time> TimerWheel::next() {
  std::optional<Due> due = first_due();
  announced_ = due ? due->tick : UINT64_MAX;
  if (!due) return std::nullopt;
  return origin_ + kTick * static_cast<int64_t>(due->tick);
}

void TimerWheel::advance(Time now) {
  set_time(std::max(time_, now));
  auto target = static_cast<uint64_t>(std::max(now - origin_, Duration::zero()) / kTick);
  while (std::optional<Due> due = first_due()) {
    if (due->tick > target) break;
    tick_ = due->tick;
    List<Timer, Timer> firing;
    List<Timer, Timer>& slot = slots_[due->level][due->slot];
    while (!slot.empty()) firing.push_back(slot.pop_front());
    occupied_[due->level] &= ~(uint64_t{1} << due->slot);
    while (!firing.empty()) {
      Timer& timer = firing.pop_front();
      if (timer.tick_ > tick_)
        insert(timer);
      else
        timer.callback_(timer.owner_);
    }
  }
  tick_ = std::max(tick_, target);
}

}  // namespace pillion::io
