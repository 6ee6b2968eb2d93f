#include "filters/fault_settings.h"

#include <envoy/extensions/filters/common/fault/v3/fault.pb.h>
#include <envoy/extensions/filters/http/fault/v3/fault.pb.h>

#include <algorithm>

#include "filters/common.h"
#include "sidecar/base/text.h"
#include "xds/check_fields.h"

namespace pillion::filters {
namespace {

constexpr std::string_view kDelayHeader = "x-envoy-fault-delay-request";
constexpr std::string_view kDelayShareHeader = "x-envoy-fault-delay-request-percentage";
constexpr std::string_view kAbortHeader = "x-envoy-fault-abort-request";
constexpr std::string_view kAbortGrpcHeader = "x-envoy-fault-abort-grpc-request";
constexpr std::string_view kAbortShareHeader = "x-envoy-fault-abort-request-percentage";
constexpr std::string_view kRateHeader = "x-envoy-fault-throughput-response";
constexpr std::string_view kRateShareHeader = "x-envoy-fault-throughput-response-percentage";

constexpr bool is_http_status(uint64_t status) {
  return status >= 200 && status < 600;
}

// The first value of a header as a number; anything else is no instruction.
std::optional<uint64_t> number_in(const http::RequestHead& head, std::string_view name) {
  const http::Header* header = head.headers.find(name);
  if (header == nullptr) return std::nullopt;
  return parse_number<uint64_t>(trim(header->value()));
}

std::string_view key_or(const std::string& key, std::string_view standard) {
  return key.empty() ? standard : std::string_view(key);
}

}  // namespace

config::Fraction FaultShare::of(const http::RequestHead& head) const {
  if (runtime) return *runtime;
  config::Fraction share = configured;
  if (header.empty()) return share;
  if (auto asked = number_in(head, header))
    share.numerator = static_cast<uint32_t>(std::min<uint64_t>(*asked, configured.numerator));
  return share;
}

FaultSettings::FaultSettings(const Message& message, const xds::FieldPath& at) {
  xds::check_fields(message, at,
                    {"delay", "abort", "upstream_cluster", "headers", "downstream_nodes",
                     "max_active_faults", "response_rate_limit", "delay_percent_runtime",
                     "abort_percent_runtime", "delay_duration_runtime", "abort_http_status_runtime",
                     "max_active_faults_runtime", "response_rate_limit_percent_runtime",
                     "abort_grpc_status_runtime", "disable_downstream_cluster_stats"});
  read_delay(message, at);
  read_abort(message, at);
  read_rate(message, at);
  read_cluster_keys(at);
  upstream_cluster_ = message.upstream_cluster();
  headers_ = compile(xds::header_matchers(message.headers(), at.field("headers")));
  nodes_.insert(message.downstream_nodes().begin(), message.downstream_nodes().end());
  if (message.has_max_active_faults()) max_active_ = message.max_active_faults().value();
  max_active_ =
      at.runtime()
          .number(key_or(message.max_active_faults_runtime(), "fault.http.max_active_faults"))
          .value_or(max_active_);
  counts_clusters_ = !message.disable_downstream_cluster_stats();
}

void FaultSettings::read_delay(const Message& message, const xds::FieldPath& at) {
  if (!message.has_delay()) return;
  const xds::FieldPath here = at.field("delay");
  const auto& delay = message.delay();
  xds::check_fields(delay, here, {"fixed_delay", "header_delay", "percentage"});
  if (delay.has_fixed_delay()) {
    delay_ = Source::kFixed;
    delay_ms_ =
        static_cast<uint64_t>(xds::millis(delay.fixed_delay(), here.field("fixed_delay")).count());
  } else if (delay.has_header_delay()) {
    delay_ = Source::kHeader;
    delay_share_.header = kDelayShareHeader;
  } else {
    here.missing("needs one of fixed_delay and header_delay");
  }
  if (delay.has_percentage())
    delay_share_.configured = xds::fraction(delay.percentage(), here.field("percentage"));
  delay_share_.runtime = at.runtime().fraction(
      key_or(message.delay_percent_runtime(), "fault.http.delay.fixed_delay_percent"));
  runtime_delay_ms_ = at.runtime().number(
      key_or(message.delay_duration_runtime(), "fault.http.delay.fixed_duration_ms"));
}

void FaultSettings::read_abort(const Message& message, const xds::FieldPath& at) {
  if (!message.has_abort()) return;
  const xds::FieldPath here = at.field("abort");
  const auto& abort = message.abort();
  xds::check_fields(abort, here, {"http_status", "grpc_status", "header_abort", "percentage"});
  switch (abort.error_type_case()) {
    case envoy::extensions::filters::http::fault::v3::FaultAbort::kHttpStatus:
      abort_ = Source::kFixed;
      fixed_abort_.http_status = static_cast<int>(abort.http_status());
      break;
    case envoy::extensions::filters::http::fault::v3::FaultAbort::kGrpcStatus:
      abort_ = Source::kFixed;
      fixed_abort_ = {200, static_cast<int>(abort.grpc_status())};
      break;
    case envoy::extensions::filters::http::fault::v3::FaultAbort::kHeaderAbort:
      abort_ = Source::kHeader;
      abort_share_.header = kAbortShareHeader;
      break;
    default:
      here.missing("needs one of http_status, grpc_status and header_abort");
  }
  if (abort.has_percentage())
    abort_share_.configured = xds::fraction(abort.percentage(), here.field("percentage"));
  abort_share_.runtime = at.runtime().fraction(
      key_or(message.abort_percent_runtime(), "fault.http.abort.abort_percent"));
  runtime_http_status_ = at.runtime().number(
      key_or(message.abort_http_status_runtime(), "fault.http.abort.http_status"));
  runtime_grpc_status_ = at.runtime().number(
      key_or(message.abort_grpc_status_runtime(), "fault.http.abort.grpc_status"));
}

void FaultSettings::read_rate(const Message& message, const xds::FieldPath& at) {
  if (!message.has_response_rate_limit()) return;
  const xds::FieldPath here = at.field("response_rate_limit");
  const auto& limit = message.response_rate_limit();
  xds::check_fields(limit, here, {"fixed_limit", "header_limit", "percentage"});
  if (limit.has_fixed_limit()) {
    rate_ = Source::kFixed;
    rate_kbps_ = limit.fixed_limit().limit_kbps();
  } else if (limit.has_header_limit()) {
    rate_ = Source::kHeader;
    rate_share_.header = kRateShareHeader;
  } else {
    here.missing("needs one of fixed_limit and header_limit");
  }
  if (limit.has_percentage())
    rate_share_.configured = xds::fraction(limit.percentage(), here.field("percentage"));
  rate_share_.runtime = at.runtime().fraction(key_or(message.response_rate_limit_percent_runtime(),
                                                     "fault.http.rate_limit.response_percent"));
}

// Runtime is static, so the keys that name a downstream cluster can be collected once, instead of
// being composed and looked up for every request.
void FaultSettings::read_cluster_keys(const xds::FieldPath& at) {
  constexpr std::string_view kPrefix = "fault.http.";
  auto collect = [&](std::string_view suffix, auto&& store) {
    for (const auto& [key, value] : at.runtime().values()) {
      std::string_view name = key;
      if (!name.starts_with(kPrefix) || !name.ends_with(suffix)) continue;
      name.remove_prefix(kPrefix.size());
      if (name.size() <= suffix.size()) continue;  // the key for all clusters
      store(clusters_[std::string(name.substr(0, name.size() - suffix.size()))], key);
    }
  };
  const xds::Runtime& runtime = at.runtime();
  collect(".delay.fixed_delay_percent",
          [&](ClusterFaults& to, std::string_view key) { to.delay_share = runtime.fraction(key); });
  collect(".delay.fixed_duration_ms",
          [&](ClusterFaults& to, std::string_view key) { to.delay_ms = runtime.number(key); });
  collect(".abort.abort_percent",
          [&](ClusterFaults& to, std::string_view key) { to.abort_share = runtime.fraction(key); });
  collect(".abort.http_status",
          [&](ClusterFaults& to, std::string_view key) { to.http_status = runtime.number(key); });
  collect(".abort.grpc_status",
          [&](ClusterFaults& to, std::string_view key) { to.grpc_status = runtime.number(key); });
}

bool FaultSettings::applies(const filter::StreamContext& context,
                            const http::RequestHead& head) const {
  if (!upstream_cluster_.empty() && context.route_cluster() != upstream_cluster_) return false;
  if (!nodes_.empty()) {
    const http::Header* node = head.headers.find("x-envoy-downstream-service-node");
    if (node == nullptr || !nodes_.contains(node->value())) return false;
  }
  return all_match(headers_, head);
}

const ClusterFaults* FaultSettings::cluster_faults(std::string_view downstream_cluster) const {
  auto found = clusters_.find(downstream_cluster);
  return found == clusters_.end() ? nullptr : &found->second;
}

config::Fraction FaultSettings::delay_share(const http::RequestHead& head,
                                            const ClusterFaults* overrides) const {
  if (overrides != nullptr && overrides->delay_share) return *overrides->delay_share;
  return delay_share_.of(head);
}

std::optional<Duration> FaultSettings::delay(const http::RequestHead& head,
                                             const ClusterFaults* overrides) const {
  std::optional<uint64_t> ms;
  if (delay_ == Source::kFixed) ms = delay_ms_;
  if (delay_ == Source::kHeader) ms = number_in(head, kDelayHeader);
  if (!ms) return std::nullopt;
  ms = runtime_delay_ms_.value_or(*ms);
  if (overrides != nullptr) ms = overrides->delay_ms.value_or(*ms);
  if (*ms == 0) return std::nullopt;
  // A client must not be able to ask for a time that overflows the clock.
  constexpr uint64_t kLongest = 24ULL * 3600 * 1000;
  return std::chrono::milliseconds(std::min(*ms, kLongest));
}

config::Fraction FaultSettings::abort_share(const http::RequestHead& head,
                                            const ClusterFaults* overrides) const {
  if (overrides != nullptr && overrides->abort_share) return *overrides->abort_share;
  return abort_share_.of(head);
}

std::optional<FaultAbort> FaultSettings::abort(const http::RequestHead& head,
                                               const ClusterFaults* overrides) const {
  std::optional<uint64_t> http;
  std::optional<uint64_t> grpc;
  if (abort_ == Source::kFixed && fixed_abort_.grpc_status < 0)
    http = static_cast<uint64_t>(fixed_abort_.http_status);
  if (abort_ == Source::kFixed && fixed_abort_.grpc_status >= 0)
    grpc = static_cast<uint64_t>(fixed_abort_.grpc_status);
  if (abort_ == Source::kHeader) {
    http = number_in(head, kAbortHeader);
    if (http && !is_http_status(*http)) http.reset();
    if (!http) grpc = number_in(head, kAbortGrpcHeader);
  }
  if (http) {
    http = runtime_http_status_.value_or(*http);
    if (overrides != nullptr) http = overrides->http_status.value_or(*http);
    if (!is_http_status(*http)) return std::nullopt;
    return FaultAbort{static_cast<int>(*http), -1};
  }
  if (!grpc) return std::nullopt;
  grpc = runtime_grpc_status_.value_or(*grpc);
  if (overrides != nullptr) grpc = overrides->grpc_status.value_or(*grpc);
  return FaultAbort{200, static_cast<int>(std::min<uint64_t>(*grpc, 65535))};
}

std::optional<uint64_t> FaultSettings::response_rate(const http::RequestHead& head) const {
  std::optional<uint64_t> kbps;
  if (rate_ == Source::kFixed) kbps = rate_kbps_;
  if (rate_ == Source::kHeader) kbps = number_in(head, kRateHeader);
  if (!kbps || *kbps == 0) return std::nullopt;
  // Beyond this no rate is a limit any more, and the product below stays in range.
  constexpr uint64_t kLargest = uint64_t{1} << 40;
  return std::min(*kbps, kLargest) * 1024;
}

}  // namespace pillion::filters
