#include "sidecar/filter/filter.h"

#include <atomic>

namespace pillion::filter {

uint64_t ConnectionSlots::new_key() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

std::unique_ptr<ConnectionState>& ConnectionSlots::of(uint64_t key) {
  // A chain has a handful of filters that keep something, so a scan beats a map.
  for (Slot& slot : slots_)
    if (slot.key == key) return slot.state;
  if (slots_.size() >= kMax) slots_.erase(slots_.begin());
  slots_.push_back({key, nullptr});
  return slots_.back().state;
}

}  // namespace pillion::filter
