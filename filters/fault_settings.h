#pragma once
// What the fault filter does to which requests (HTTPFault): the settings of a chain or of a route,
// with runtime keys resolved. Immutable, shared by all workers.

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/matcher.h"
#include "sidecar/filter/filter.h"
#include "sidecar/http/matcher.h"

namespace envoy::extensions::filters::http::fault::v3 {
class HTTPFault;
}
namespace pillion::xds {
class FieldPath;
}

namespace pillion::filters {

// The share of requests that meet a fault. A runtime value wins over the request's header.
struct FaultShare {
  config::Fraction configured{0, 100};
  std::optional<config::Fraction> runtime;
  std::string_view header;  // may lower the share; empty: the client has no say

  [[nodiscard]] config::Fraction of(const http::RequestHead& head) const;
};

// What runtime keys of the form fault.http.<downstream cluster>.... change for requests that carry
// that name in x-envoy-downstream-service-cluster.
struct ClusterFaults {
  std::optional<config::Fraction> delay_share;
  std::optional<config::Fraction> abort_share;
  std::optional<uint64_t> delay_ms;
  std::optional<uint64_t> http_status;
  std::optional<uint64_t> grpc_status;
};

struct FaultAbort {
  int http_status = 0;
  int grpc_status = -1;  // -1: an HTTP fault
};

// Every lookup may be given `overrides` of the request's downstream cluster, or null.
class FaultSettings final : public filter::RouteConfig {
 public:
  FaultSettings(const envoy::extensions::filters::http::fault::v3::HTTPFault& message,
                const xds::FieldPath& at);

  // Whether this request may meet faults at all.
  [[nodiscard]] bool applies(const filter::StreamContext& context,
                             const http::RequestHead& head) const;
  [[nodiscard]] const ClusterFaults* cluster_faults(std::string_view downstream_cluster) const;

  [[nodiscard]] config::Fraction delay_share(const http::RequestHead& head,
                                             const ClusterFaults* overrides) const;
  // Nothing when there is none to inject: no header, a bad one, or zero.
  [[nodiscard]] std::optional<Duration> delay(const http::RequestHead& head,
                                              const ClusterFaults* overrides) const;
  [[nodiscard]] config::Fraction abort_share(const http::RequestHead& head,
                                             const ClusterFaults* overrides) const;
  [[nodiscard]] std::optional<FaultAbort> abort(const http::RequestHead& head,
                                                const ClusterFaults* overrides) const;
  [[nodiscard]] config::Fraction rate_share(const http::RequestHead& head) const {
    return rate_share_.of(head);
  }
  // Bytes of response body per second.
  [[nodiscard]] std::optional<uint64_t> response_rate(const http::RequestHead& head) const;
  [[nodiscard]] uint64_t max_active() const { return max_active_; }
  [[nodiscard]] bool counts_downstream_clusters() const { return counts_clusters_; }

 private:
  enum class Source : uint8_t { kNone, kFixed, kHeader };
  using Message = envoy::extensions::filters::http::fault::v3::HTTPFault;
  void read_delay(const Message& message, const xds::FieldPath& at);
  void read_abort(const Message& message, const xds::FieldPath& at);
  void read_rate(const Message& message, const xds::FieldPath& at);
  void read_cluster_keys(const xds::FieldPath& at);

  Source delay_ = Source::kNone;
  Source abort_ = Source::kNone;
  Source rate_ = Source::kNone;
  bool counts_clusters_ = true;
  uint64_t delay_ms_ = 0;
  std::optional<uint64_t> runtime_delay_ms_;
  FaultShare delay_share_;
  FaultAbort fixed_abort_;
  std::optional<uint64_t> runtime_http_status_;
  std::optional<uint64_t> runtime_grpc_status_;
  FaultShare abort_share_;
  uint64_t rate_kbps_ = 0;
  FaultShare rate_share_;
  uint64_t max_active_ = std::numeric_limits<uint64_t>::max();
  std::string upstream_cluster_;
  std::vector<http::HeaderMatcher> headers_;
  std::set<std::string, std::less<>> nodes_;
  std::map<std::string, ClusterFaults, std::less<>> clusters_;
};

}  // namespace pillion::filters
