// envoy.filters.http.health_check: answers health checks of load balancers for the process itself,
// or passes them to the service behind it, optionally remembering the answer for a while.

#include <envoy/extensions/filters/http/health_check/v3/health_check.pb.h>
#include <envoy/type/v3/percent.pb.h>

#include <atomic>
#include <limits>
#include <map>
#include <optional>

#include "filters/common.h"
#include "sidecar/metrics/stats.h"
#include "xds/any.h"
#include "xds/check_fields.h"

namespace pillion::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::health_check::v3;
using filter::Flow;
using filter::StreamContext;

#define PILLION_HEALTH_CHECK_STATS(CELL, NAMED)                                   \
  CELL(Counter, request_total, "Health checks answered by the filter.")           \
  CELL(Counter, ok, "Health checks answered as healthy.")                         \
  CELL(Counter, failed, "Health checks answered as unhealthy.")                   \
  CELL(Counter, cached_response, "Health checks answered from the cache.")        \
  CELL(Counter, failed_cluster_not_found, "Failed since a cluster is not known.") \
  CELL(Counter, failed_cluster_empty, "Failed since a cluster has no hosts.")     \
  CELL(Counter, failed_cluster_unhealthy,                                         \
       "Failed since too few of a cluster's hosts are healthy.")                  \
  CELL(Counter, degraded, "Health checks answered as degraded.")
PILLION_STATS(HealthCheckStats, PILLION_HEALTH_CHECK_STATS)

// The service's last answer, shared by all workers.
class CachedAnswer {
 public:
  struct Answer {
    int status = 0;
    bool degraded = false;
  };
  void remember(Answer answer, Time now, Duration valid) {
    answer_.store(answer.status * 2 + (answer.degraded ? 1 : 0), std::memory_order_relaxed);
    until_.store((now + valid).time_since_epoch().count(), std::memory_order_release);
  }
  [[nodiscard]] std::optional<Answer> get(Time now) const {
    if (now.time_since_epoch().count() >= until_.load(std::memory_order_acquire))
      return std::nullopt;
    const int packed = answer_.load(std::memory_order_relaxed);
    return Answer{packed / 2, (packed & 1) != 0};
  }

 private:
  std::atomic<int> answer_{0};
  std::atomic<Duration::rep> until_{std::numeric_limits<Duration::rep>::min()};
};

struct HealthCheckSettings {
  bool pass_through = false;
  Duration cache_time{0};
  std::map<std::string, uint64_t> min_healthy_percent;  // by cluster
  std::vector<http::HeaderMatcher> headers;
  std::string service_cluster;
};

struct Verdict {
  int status = 200;
  std::string_view details = "health_check_ok";
  bool degraded = false;
  // What is counted besides ok and failed; may be null.
  metrics::Counter HealthCheckStats::*reason = nullptr;

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

Verdict judge_clusters(const HealthCheckSettings& settings, const StreamContext& context) {
  Verdict verdict;
  for (const auto& [cluster, percent] : settings.min_healthy_percent) {
    const auto health = context.cluster_health(cluster);
    if (!health) {
      return {503, "health_check_failed_no_cluster_found", false,
              &HealthCheckStats::failed_cluster_not_found};
    }
    verdict.details = "health_check_ok_cluster_healthy";
    if (health->hosts == 0 && percent > 0) {
      return {503, "health_check_failed_cluster_empty", false,
              &HealthCheckStats::failed_cluster_empty};
    }
    if (100 * health->usable < health->hosts * percent) {
      return {503, "health_check_failed_cluster_unhealthy", false,
              &HealthCheckStats::failed_cluster_unhealthy};
    }
  }
  return verdict;
}

class HealthCheckFilter final : public filter::Filter {
 public:
  HealthCheckFilter(const HealthCheckSettings& settings, CachedAnswer& cache,
                    const metrics::PerWorker<HealthCheckStats>& stats)
      : settings_(settings), cache_(cache), stats_(stats) {}

  Flow on_request(StreamContext& context, http::RequestHead& head, bool end) override {
    if (!all_match(settings_.headers, head)) return Flow::kContinue;
    is_check_ = true;
    context.info().health_check = true;
    // Kept for the answer, since the cache may run out while the request's body arrives.
    cached_ = cached(context);
    if (settings_.pass_through && !context.server_draining() && !cached_) return Flow::kContinue;
    handling_ = true;
    return end ? answer(context) : Flow::kPause;
  }

  Flow on_request_body(StreamContext& context, filter::BodyPiece& piece) override {
    if (!handling_) return Flow::kContinue;
    piece.data = {};  // nobody reads it
    return piece.end ? answer(context) : Flow::kPause;
  }

  Flow on_request_trailers(StreamContext& context, http::Headers&) override {
    return handling_ ? answer(context) : Flow::kContinue;
  }

  Flow on_response(StreamContext& context, http::ResponseHead& head, bool) override {
    if (is_check_) {
      if (settings_.cache_time > Duration::zero() && !handling_)
        cache_.remember({head.status, head.headers.find("x-envoy-degraded") != nullptr},
                        context.now(), settings_.cache_time);
      head.headers.set(http::HeaderId::kEnvoyHealthCheckedCluster, settings_.service_cluster);
    } else if (context.server_draining()) {
      head.headers.set(http::HeaderId::kEnvoyImmediateHealthCheckFail, "true");
    }
    return Flow::kContinue;
  }

 private:
  [[nodiscard]] std::optional<CachedAnswer::Answer> cached(const StreamContext& context) const {
    if (!settings_.pass_through || settings_.cache_time == Duration::zero()) return std::nullopt;
    return cache_.get(context.now());
  }

  [[nodiscard]] Verdict judge(const StreamContext& context) const {
    if (context.server_draining()) return {503, "health_check_failed", false};
    if (cached_) {
      return {cached_->status, "health_check_cached", cached_->degraded,
              &HealthCheckStats::cached_response};
    }
    return judge_clusters(settings_, context);
  }

  Flow answer(StreamContext& context) {
    const Verdict verdict = judge(context);
    HealthCheckStats& stats = stats_.here();
    stats.request_total.add();
    (verdict.ok() ? stats.ok : stats.failed).add();
    if (verdict.degraded) stats.degraded.add();
    if (verdict.reason != nullptr) (stats.*verdict.reason).add();
    context.reply(
        {.status = verdict.status,
         .details = verdict.details,
         .flag = verdict.ok() ? ResponseFlag::kCount : ResponseFlag::kFailedLocalHealthCheck,
         .edit =
             [](http::ResponseHead& head, const void* it) {
               if (static_cast<const Verdict*>(it)->degraded)
                 head.headers.set("x-envoy-degraded", "");
             },
         .edit_context = &verdict});
    return Flow::kReplied;
  }

  const HealthCheckSettings& settings_;
  CachedAnswer& cache_;
  const metrics::PerWorker<HealthCheckStats>& stats_;
  std::optional<CachedAnswer::Answer> cached_;
  bool is_check_ = false;
  bool handling_ = false;
};

class HealthCheckFactory final : public filter::Factory {
 public:
  HealthCheckFactory(HealthCheckSettings settings, const filter::ParseContext& context)
      : settings_(std::move(settings)),
        stats_(context.metrics, http_scope(context, "health_check")) {}
  filter::Filter* create(Arena& arena) const override {
    return arena.make<HealthCheckFilter>(settings_, cache_, stats_);
  }
  filter::Hooks hooks() const override {
    return {.request_body = true, .response = true, .request_trailers = true};
  }

 private:
  HealthCheckSettings settings_;
  mutable CachedAnswer cache_;
  metrics::PerWorker<HealthCheckStats> stats_;
};

std::shared_ptr<const filter::Factory> parse(const google::protobuf::Message& message,
                                             const filter::ParseContext& context) {
  const auto& from = xds::as<v3::HealthCheck>(message);
  xds::check_fields(
      from, context.at,
      {"pass_through_mode", "cache_time", "cluster_min_healthy_percentages", "headers"});
  HealthCheckSettings settings;
  settings.pass_through = from.pass_through_mode().value();
  if (from.has_cache_time())
    settings.cache_time = xds::millis(from.cache_time(), context.at.field("cache_time"));
  if (from.has_cache_time() && !settings.pass_through)
    context.at.field("cache_time")
        .problem("is of no use without pass_through_mode; remove it or set pass_through_mode");
  if (settings.pass_through && !from.cluster_min_healthy_percentages().empty())
    context.at.field("cluster_min_healthy_percentages")
        .warning("has no effect in pass_through_mode");
  for (const auto& [cluster, percent] : from.cluster_min_healthy_percentages())
    settings.min_healthy_percent[cluster] = static_cast<uint64_t>(percent.value());
  settings.headers = compile(xds::header_matchers(from.headers(), context.at.field("headers")));
  settings.service_cluster = context.service_cluster;
  return std::make_shared<HealthCheckFactory>(std::move(settings), context);
}

}  // namespace

filter::FilterType health_check_filter() {
  return {"envoy.filters.http.health_check",
          "envoy.extensions.filters.http.health_check.v3.HealthCheck",
          {},
          parse,
          nullptr};
}

}  // namespace pillion::filters
