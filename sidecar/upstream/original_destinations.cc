#include "sidecar/upstream/original_destinations.h"

#include <utility>

namespace pillion::upstream {

std::shared_ptr<const Endpoint> OriginalDestinations::find_or_add(const Address& address, Time now,
                                                                  bool& added) {
  std::lock_guard lock(mutex_);
  added = false;
  if (auto found = entries_.find(address); found != entries_.end()) {
    found->second.asked = true;
    return found->second.endpoint;
  }
  if (entries_.size() >= kMost) return nullptr;
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->address = address;
  endpoint->address_text = address.to_string();
  endpoint->added = now;
  static const auto kNowhere = std::make_shared<const config::Locality>();
  endpoint->locality = kNowhere;
  added = true;
  return entries_.try_emplace(address, Entry{std::move(endpoint)}).first->second.endpoint;
}

std::size_t OriginalDestinations::sweep() {
  std::lock_guard lock(mutex_);
  std::size_t before = entries_.size();
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    bool asked = std::exchange(entry->second.asked, false);
    if (asked || entry->second.endpoint.use_count() > 1)
      ++entry;
    else
      entry = entries_.erase(entry);
  }
  return before - entries_.size();
}

std::shared_ptr<const EndpointSet> OriginalDestinations::all() const {
  auto set = std::make_shared<EndpointSet>();
  std::lock_guard lock(mutex_);
  set->all.reserve(entries_.size());
  for (const auto& [address, entry] : entries_) set->all.push_back(entry.endpoint);
  return set;
}

std::size_t OriginalDestinations::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace pillion::upstream
