// envoy.filters.http.fault: delays, aborts and slows a share of requests, by configuration or as
// the request's headers ask. Delay and abort are independent: an abort follows its delay.

#include <envoy/extensions/filters/http/fault/v3/fault.pb.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "filters/common.h"
#include "filters/fault_settings.h"
#include "sidecar/metrics/stats.h"
#include "xds/any.h"

namespace pillion::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::fault::v3;
using filter::Flow;
using filter::StreamContext;

#define PILLION_FAULT_STATS(CELL, NAMED)                                                   \
  CELL(Counter, aborts_injected, "Requests answered with the configured error.")           \
  CELL(Counter, delays_injected, "Requests held back.")                                    \
  CELL(Counter, response_rl_injected, "Responses slowed down.")                            \
  CELL(Counter, faults_overflow, "Faults left out because max_active_faults were active.") \
  CELL(Counter, downstream_clusters_overflow,                                              \
       "Faults not counted by downstream cluster because too many names were seen.")       \
  CELL(Gauge, active_faults, "Requests that meet a fault at this moment.")
PILLION_STATS(FaultStats, PILLION_FAULT_STATS)

#define PILLION_FAULT_CLUSTER_STATS(CELL, NAMED)                                                 \
  CELL(Counter, aborts_injected, "Requests of this cluster answered with the configured error.") \
  CELL(Counter, delays_injected, "Requests of this cluster held back.")
PILLION_STATS(FaultClusterStats, PILLION_FAULT_CLUSTER_STATS)

// Stats by the name in x-envoy-downstream-service-cluster. Names come from requests, so their
// number is bounded. Locked, since only requests that carry the header and meet a fault come here.
class FaultClusters {
 public:
  static constexpr std::size_t kMax = 100;
  FaultClusters(metrics::Registry& registry, metrics::Scope scope)
      : registry_(registry), scope_(std::move(scope)) {}

  // Null when there are too many names already.
  FaultClusterStats* here(std::string_view cluster) {
    std::lock_guard lock(mutex_);
    auto found = clusters_.find(cluster);
    if (found == clusters_.end()) {
      if (clusters_.size() >= kMax) return nullptr;
      metrics::Scope scope = scope_;
      scope.push_back({metrics::sanitized(cluster), "envoy_fault_downstream_cluster"});
      found = clusters_.try_emplace(std::string(cluster), registry_, std::move(scope)).first;
    }
    return &found->second.here();
  }

 private:
  metrics::Registry& registry_;
  metrics::Scope scope_;
  std::mutex mutex_;
  std::map<std::string, metrics::PerWorker<FaultClusterStats>, std::less<>> clusters_;
};

// What the streams of one chain share.
struct FaultShared {
  explicit FaultShared(const filter::ParseContext& context)
      : stats(context.metrics, http_scope(context, "fault")),
        clusters(context.metrics, http_scope(context, "fault")) {}
  metrics::PerWorker<FaultStats> stats;
  FaultClusters clusters;
  // The limit counts faults of all workers; the gauge's cells are per worker.
  std::atomic<uint64_t> active{0};
};

// Lets a response's body pass at a fixed rate: a bucket that holds one second's worth and starts
// with what one interval brings.
class BodyThrottle {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(50);

  void start(uint64_t bytes_per_second, Time now) {
    rate_ = static_cast<double>(bytes_per_second);
    tokens_ = rate_ * std::chrono::duration<double>(kInterval).count();
    filled_ = now;
  }
  [[nodiscard]] bool active() const { return rate_ > 0; }
  // How many of `wanted` bytes may pass now.
  std::size_t take(std::size_t wanted, Time now) {
    tokens_ =
        std::min(rate_, tokens_ + rate_ * std::chrono::duration<double>(now - filled_).count());
    filled_ = now;
    auto taken = static_cast<std::size_t>(std::min(tokens_, static_cast<double>(wanted)));
    tokens_ -= static_cast<double>(taken);
    return taken;
  }

 private:
  double rate_ = 0;
  double tokens_ = 0;
  Time filled_{};
};

class FaultFilter final : public filter::Filter {
 public:
  FaultFilter(FaultShared& shared, const FaultSettings& settings)
      : shared_(shared), settings_(&settings) {}

  Flow on_request(StreamContext& context, http::RequestHead& head, bool) override {
    if (const auto* route = route_settings<FaultSettings>(context)) settings_ = route;
    if (!settings_->applies(context, head)) return Flow::kContinue;
    if (const auto* cluster = head.headers.find("x-envoy-downstream-service-cluster")) {
      downstream_cluster_ = cluster->value();
      overrides_ = settings_->cluster_faults(downstream_cluster_);
    }
    throttle_response(context, head);
    if (delay(context, head)) return Flow::kPause;
    return abort(context, head) ? Flow::kReplied : Flow::kContinue;
  }

  Flow on_response(StreamContext&, http::ResponseHead&, bool) override {
    delaying_ = false;  // the request was answered while it waited
    return Flow::kContinue;
  }

  Flow on_response_body(StreamContext& context, filter::BodyPiece& piece) override {
    if (!throttle_.active()) return Flow::kContinue;
    if (piece.data.empty() && context.held_response_bytes() == 0) return Flow::kContinue;
    if (!throttling_) {
      throttling_ = true;
      context.wake_after(Duration::zero());
    }
    return Flow::kPause;
  }

  Flow on_response_trailers(StreamContext& context, http::Headers&) override {
    return context.held_response_bytes() > 0 ? Flow::kPause : Flow::kContinue;
  }

  void on_wake(StreamContext& context) override {
    if (delaying_) {
      delaying_ = false;
      if (!abort(context, context.request())) context.resume();
      return;
    }
    const std::size_t held = context.held_response_bytes();
    const std::size_t passes = throttle_.take(held, context.now());
    throttling_ = passes < held;
    if (throttling_) context.wake_after(BodyThrottle::kInterval);
    if (passes > 0) context.release_response(passes);
  }

  void on_done(StreamContext&) override {
    if (!active_) return;
    shared_.active.fetch_sub(1, std::memory_order_relaxed);
    shared_.stats.here().active_faults.sub();
  }

 private:
  // However many faults a request meets, it counts as one; the limit is asked once.
  bool activate() {
    if (active_) return true;
    FaultStats& stats = shared_.stats.here();
    if (shared_.active.fetch_add(1, std::memory_order_relaxed) >= settings_->max_active()) {
      shared_.active.fetch_sub(1, std::memory_order_relaxed);
      stats.faults_overflow.add();
      return false;
    }
    stats.active_faults.add();
    active_ = true;
    return true;
  }

  void throttle_response(StreamContext& context, const http::RequestHead& head) {
    auto rate = settings_->response_rate(head);
    if (!rate || !chance(settings_->rate_share(head), context) || !activate()) return;
    shared_.stats.here().response_rl_injected.add();
    throttle_.start(*rate, context.now());
  }

  bool delay(StreamContext& context, const http::RequestHead& head) {
    auto duration = settings_->delay(head, overrides_);
    if (!duration || !chance(settings_->delay_share(head, overrides_), context) || !activate())
      return false;
    count(&FaultStats::delays_injected, &FaultClusterStats::delays_injected);
    context.info().set_flag(ResponseFlag::kDelayInjected);
    delaying_ = true;
    context.wake_after(*duration);
    return true;
  }

  bool abort(StreamContext& context, const http::RequestHead& head) {
    auto fault = settings_->abort(head, overrides_);
    if (!fault || !chance(settings_->abort_share(head, overrides_), context) || !activate())
      return false;
    count(&FaultStats::aborts_injected, &FaultClusterStats::aborts_injected);
    context.reply({.status = fault->http_status,
                   .body = "fault filter abort",
                   .details = "fault_filter_abort",
                   .flag = ResponseFlag::kFaultInjected,
                   .grpc_status = fault->grpc_status});
    return true;
  }

  void count(metrics::Counter FaultStats::*all, metrics::Counter FaultClusterStats::*one) {
    FaultStats& stats = shared_.stats.here();
    (stats.*all).add();
    if (downstream_cluster_.empty() || !settings_->counts_downstream_clusters()) return;
    FaultClusterStats* cluster = shared_.clusters.here(downstream_cluster_);
    if (cluster == nullptr) {
      stats.downstream_clusters_overflow.add();
    } else {
      (cluster->*one).add();
    }
  }

  FaultShared& shared_;
  const FaultSettings* settings_;
  const ClusterFaults* overrides_ = nullptr;
  std::string_view downstream_cluster_;
  BodyThrottle throttle_;
  bool active_ = false;
  bool delaying_ = false;
  bool throttling_ = false;  // a wake for the held body is due
};

class FaultFactory final : public filter::Factory {
 public:
  FaultFactory(const v3::HTTPFault& message, const filter::ParseContext& context)
      : settings_(message, context.at), shared_(context) {}
  filter::Filter* create(Arena& arena) const override {
    return arena.make<FaultFilter>(shared_, settings_);
  }
  filter::Hooks hooks() const override {
    return {.response = true, .response_body = true, .response_trailers = true};
  }

 private:
  FaultSettings settings_;
  mutable FaultShared shared_;
};

std::shared_ptr<const filter::Factory> parse(const google::protobuf::Message& message,
                                             const filter::ParseContext& context) {
  return std::make_shared<FaultFactory>(xds::as<v3::HTTPFault>(message), context);
}

std::shared_ptr<const filter::RouteConfig> parse_route(const google::protobuf::Message& message,
                                                       const filter::ParseContext& context) {
  return std::make_shared<FaultSettings>(xds::as<v3::HTTPFault>(message), context.at);
}

}  // namespace

filter::FilterType fault_filter() {
  return {"envoy.filters.http.fault", "envoy.extensions.filters.http.fault.v3.HTTPFault",
          "envoy.extensions.filters.http.fault.v3.HTTPFault", parse, parse_route};
}

}  // namespace pillion::filters
