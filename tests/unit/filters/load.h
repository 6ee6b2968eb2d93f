#pragma once
// Loads filters of the built-in table from YAML, as a configuration file does, and reads the stats
// that they count. Keep it alive for as long as what it made.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/filter/registry.h"
#include "sidecar/metrics/registry.h"
#include "xds/field_path.h"

namespace pillion::filters {

class Load {
 public:
  // The filter with that name in the table; null when parsing found problems.
  std::shared_ptr<const filter::Factory> filter(std::string_view name, const std::string& yaml);
  // Settings as in typed_per_filter_config.
  std::shared_ptr<const filter::RouteConfig> route(std::string_view name, const std::string& yaml);
  // "field.path: what is wrong", in the order found.
  [[nodiscard]] std::vector<std::string> problems() const;
  // A counter or gauge by its full name ("http.test.fault.active_faults"); -1 if it is not there.
  [[nodiscard]] int64_t stat(std::string_view name) const;
  // Values of the bootstrap's layered_runtime; before the filter is loaded.
  void set_runtime(const std::string& yaml);

  std::string service_cluster;
  metrics::Registry registry;
  xds::LoadContext context{"test.yaml"};
};

}  // namespace pillion::filters
