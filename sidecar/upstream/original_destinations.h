#pragma once
// The endpoints of an ORIGINAL_DST cluster: one for each address that a connection was going to,
// made when it is first asked for and forgotten when it is no longer. Owned by the SharedCluster;
// any thread.

#include <memory>
#include <mutex>
#include <unordered_map>

#include "sidecar/upstream/endpoint.h"

namespace pillion::upstream {

class OriginalDestinations {
 public:
  // Addresses come from outside; beyond so many none is added.
  static constexpr std::size_t kMost = 16 * 1024;

  // The endpoint of that address; null when there are too many. `added`: it is new.
  std::shared_ptr<const Endpoint> find_or_add(const Address& address, Time now, bool& added);
  // Forgets those that were not asked for since the last call and that nobody holds; returns how
  // many.
  std::size_t sweep();
  [[nodiscard]] std::shared_ptr<const EndpointSet> all() const;
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const Endpoint> endpoint;
    bool asked = true;
  };
  struct Hash {
    std::size_t operator()(const Address& address) const { return address.hash(); }
  };
  mutable std::mutex mutex_;
  std::unordered_map<Address, Entry, Hash> entries_;
};

}  // namespace pillion::upstream
