#pragma once
// From a request to rate limit descriptors (envoy.config.route.v3.RateLimit): each rule is a list
// of actions that each add one entry; a rule whose action finds nothing makes no descriptor.
// Immutable, shared by all workers.

#include <google/protobuf/repeated_ptr_field.h>

#include <functional>
#include <string>
#include <vector>

#include "filters/rate_limiter.h"
#include "sidecar/filter/filter.h"

namespace envoy::config::route::v3 {
class RateLimit;
class RateLimit_Action;
}  // namespace envoy::config::route::v3
namespace pillion::xds {
class FieldPath;
}

namespace pillion::filters {

class RateLimitActions {
 public:
  RateLimitActions() = default;
  // `service_cluster` is the value of source_cluster.
  RateLimitActions(
      const google::protobuf::RepeatedPtrField<envoy::config::route::v3::RateLimit>& rules,
      std::string_view service_cluster, const xds::FieldPath& at);

  [[nodiscard]] bool empty() const { return rules_.empty(); }
  [[nodiscard]] std::vector<Descriptor> descriptors(filter::StreamContext& context,
                                                    const http::RequestHead& head) const;

  // Adds an entry and is true, or, by what the action says of absent values, adds none and is true
  // (left out) or false (no descriptor).
  using Action = std::function<bool(filter::StreamContext&, const http::RequestHead&,
                                    std::vector<DescriptorEntry>&)>;

 private:
  struct Rule {
    std::vector<Action> actions;
    double hits = 1;
  };
  std::vector<Rule> rules_;
};

}  // namespace pillion::filters
