#pragma once
// One endpoint of a cluster while it is in use, and the order in which priorities, localities and
// health make endpoints eligible. Endpoints are shared by all workers: counts are relaxed atomics,
// the rest is constant.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/base/time.h"
#include "sidecar/config/cluster.h"

namespace pillion::upstream {

// Envoy's per-host stats as /clusters shows them.
struct EndpointCounts {
  std::atomic<uint64_t> cx_total{0};
  std::atomic<uint64_t> cx_connect_fail{0};
  std::atomic<uint32_t> cx_active{0};
  std::atomic<uint32_t> rq_active{0};  // read by least request
  std::atomic<uint64_t> rq_total{0};
  std::atomic<uint64_t> rq_success{0};
  std::atomic<uint64_t> rq_error{0};
  std::atomic<uint64_t> rq_timeout{0};
};

// Where a LOGICAL_DNS endpoint stands now. The endpoint stays the same object when DNS answers
// otherwise, so that its connections live on; only new ones go to the new address. Written by the
// control thread, read by any.
class MovingAddress {
 public:
  explicit MovingAddress(Address address) : address_(std::move(address)) {}
  [[nodiscard]] Address load() const {
    std::lock_guard lock(mutex_);
    return address_;
  }
  void store(const Address& address) {
    std::lock_guard lock(mutex_);
    address_ = address;
  }

 private:
  mutable std::mutex mutex_;
  Address address_;
};

struct Endpoint {
  Address address;
  std::string address_text;  // "10.0.0.1:80"
  std::string hostname;
  uint32_t weight = 1;
  uint32_t priority = 0;
  config::Endpoint::Health health = config::Endpoint::Health::kHealthy;
  std::shared_ptr<const config::Locality> locality;
  uint32_t locality_weight = 0;
  std::shared_ptr<const config::Metadata> metadata;
  bool canary = false;  // by its metadata: envoy.lb, canary
  Time added{};         // for slow start
  mutable EndpointCounts counts;
  std::unique_ptr<MovingAddress> moving;  // LOGICAL_DNS only

  // Where a new connection goes.
  [[nodiscard]] Address connect_address() const { return moving ? moving->load() : address; }
};

// The endpoints of one cluster at one moment. Immutable; replaced as a whole; an endpoint that
// stays keeps its object (same address, hostname and weight), so that counts and pools live on.
struct EndpointSet {
  std::vector<std::shared_ptr<const Endpoint>> all;
  uint32_t overprovisioning_percent = 140;
};

// What the membership_* gauges show. Unhealthy and draining endpoints are in `total` only.
struct Membership {
  uint32_t healthy = 0;
  uint32_t degraded = 0;
  uint32_t total = 0;
  uint32_t max_weight = 1;
};
Membership membership_of(const EndpointSet& endpoints);

// The addresses that DNS gave for one endpoint of an assignment that has a dns_name.
struct ResolvedName {
  const config::Endpoint* endpoint;
  std::vector<Address> addresses;  // with port, each once
  bool moving = false;             // LOGICAL_DNS: later answers move the endpoint
};

// Builds the set of an assignment. An endpoint of `previous` that is the same in address, hostname,
// weight, locality, priority, health and metadata keeps its object; `previous` may be null.
// Endpoints with a dns_name contribute what `resolved` has for them. An address that is configured
// twice is two endpoints, as in Envoy.
std::shared_ptr<const EndpointSet> build_endpoints(const config::Assignment& assignment,
                                                   std::span<const ResolvedName> resolved,
                                                   const EndpointSet* previous, Time now);

// True when both hold the same objects in the same order.
bool same_endpoints(const EndpointSet& a, const EndpointSet& b);

}  // namespace pillion::upstream
