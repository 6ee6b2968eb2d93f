#pragma once
// envoy.config.cluster.v3.Cluster.OriginalDstLbConfig: which address a request of an ORIGINAL_DST
// cluster goes to. Plain validated data; immutable.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace pillion::config {

struct OriginalDst {
  std::string header;  // lower case; empty: no header decides
  // Dynamic metadata: its namespace and the path in it; empty: none decides.
  std::string metadata_namespace;
  std::vector<std::string> metadata_path;
  uint16_t port = 0;  // in place of the destination's; 0: keep it
  // Destinations that nobody has asked for during a whole one are forgotten.
  std::chrono::milliseconds cleanup_interval{5000};
};

}  // namespace pillion::config
