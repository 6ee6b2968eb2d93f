#pragma once
// The table of HTTP filters a binary knows: name, message types, parsers. main() shows the table it
// passes; there is no global registration. Used on the control thread at configuration time only.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sidecar/filter/filter.h"

namespace google::protobuf {
class Message;
}
namespace pillion::metrics {
class Registry;
}
namespace pillion::xds {
class FieldPath;  // where in a file we are, and where problems are reported (xds/field_path.h)
}

namespace pillion::filter {

struct ParseContext {
  const xds::FieldPath& at;  // report every problem here; parse on to find further ones
  metrics::Registry& metrics;
  std::string_view stat_prefix;           // stat_prefix of the HCM, as configured
  std::string_view service_cluster = {};  // --service-cluster or node.cluster
};

struct FilterType {
  // envoy.filters.http.fault
  std::string_view name;
  // Full names of the protobuf messages: of the filter, and of its per-route settings (empty:
  // none).
  std::string_view config_message;
  std::string_view route_message;
  // Null when the message has problems, all of which were reported.
  std::shared_ptr<const Factory> (*parse)(const google::protobuf::Message&, const ParseContext&);
  std::shared_ptr<const RouteConfig> (*parse_route)(const google::protobuf::Message&,
                                                    const ParseContext&);
};

using FilterTable = std::span<const FilterType>;

}  // namespace pillion::filter
