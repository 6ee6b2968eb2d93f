#pragma once
// The TCP proxy (envoy.extensions.filters.network.tcp_proxy.v3) as plain validated data. Immutable,
// shared by all workers.

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/config/access_log.h"
#include "sidecar/config/route.h"

namespace pillion::config {

struct TcpProxy {
  std::string stat_prefix;
  struct Target {
    std::string cluster;
    uint32_t weight = 1;
  };
  std::vector<Target> targets;  // at least one
  uint64_t total_weight = 1;
  Millis idle_timeout{3600 * 1000};  // zero: none
  Millis max_duration{0};            // of the downstream connection; zero: unlimited
  uint32_t max_connect_attempts = 1;
  Millis backoff_base{0};  // zero: the next attempt follows at once
  Millis backoff_max{0};
  std::vector<AccessLog> access_logs;
  Millis log_interval{0};         // zero: only at the end
  bool log_on_connected = false;  // besides, when the upstream is connected
};

}  // namespace pillion::config
