#include "sidecar/filter/filter.h"

namespace pillion::filter {

std::unique_ptr<ConnectionState>& ConnectionSlots::of(const void* key) {
  // A chain has a handful of filters that keep something, so a scan beats a map.
  for (Slot& slot : slots_)
    if (slot.key == key) return slot.state;
  slots_.push_back({key, nullptr});
  return slots_.back().state;
}

}  // namespace pillion::filter
