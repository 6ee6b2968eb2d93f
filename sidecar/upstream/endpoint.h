#pragma once
// One endpoint of a cluster while it is in use, and the order in which priorities, localities and health make
// endpoints eligible. Endpoints are shared by all workers: counts are relaxed atomics, the rest is constant.

#include <atomic>
#include <cstdint>
#include <memory>
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
  Time added{};  // for slow start
  mutable EndpointCounts counts;
};

// The endpoints of one cluster at one moment. Immutable; replaced as a whole; an endpoint that stays keeps its
// object (same address, hostname and weight), so that counts and pools live on.
struct EndpointSet {
  std::vector<std::shared_ptr<const Endpoint>> all;
  uint32_t overprovisioning_percent = 140;
};

}  // namespace pillion::upstream
