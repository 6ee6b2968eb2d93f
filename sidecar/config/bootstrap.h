#pragma once
// A whole bootstrap file as plain validated data (envoy.config.bootstrap.v3.Bootstrap).

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/config/cluster.h"
#include "sidecar/config/listener.h"

namespace pillion::config {

struct Node {
  std::string id;
  std::string cluster;
  Locality locality;
  Metadata metadata;
};

struct Admin {
  std::optional<Address> address;
  std::vector<AccessLog> access_logs;
};

// Histogram bucket bounds for stats whose name matches (StatsConfig.histogram_bucket_settings).
struct HistogramBuckets {
  StringMatcher match;
  std::vector<double> bounds;
};

struct Bootstrap {
  Node node;
  Admin admin;
  std::vector<std::shared_ptr<const Listener>> listeners;
  std::vector<std::shared_ptr<const Cluster>> clusters;
  std::map<std::string, std::string, std::less<>> runtime;  // merged static layers, as text
  std::chrono::milliseconds stats_flush_interval{5000};
  std::string log_format;  // of the process's own log: a spdlog pattern; empty: not given
  std::vector<HistogramBuckets> histogram_buckets;
  // The whole bootstrap message in a packed form, for xds::dump_json (the admin's /config_dump): a
  // tenth of the heap that the message or its JSON would take.
  std::string packed;
};

}  // namespace pillion::config
