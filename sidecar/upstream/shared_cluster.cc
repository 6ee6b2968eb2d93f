#include "sidecar/upstream/shared_cluster.h"

#include <utility>

namespace pillion::upstream {

SharedCluster::SharedCluster(std::shared_ptr<const config::Cluster> config,
                             metrics::Registry& registry,
                             std::shared_ptr<const EndpointSet> endpoints,
                             tls::ContextList* contexts)
    : config_(std::move(config)),
      registry_(registry),
      limits_{Limits(config_->breakers[0]), Limits(config_->breakers[1])},
      stats_(registry, metrics::cluster_scope(config_->stat_name()), metrics::Retain::kYes),
      internal_stats_(registry, metrics::cluster_origin_scope(config_->stat_name(), true),
                      metrics::Retain::kYes),
      external_stats_(registry, metrics::cluster_origin_scope(config_->stat_name(), false),
                      metrics::Retain::kYes),
      http2_stats_(registry, metrics::cluster_http2_scope(config_->stat_name()),
                   metrics::Retain::kYes),
      update_stats_(registry, metrics::cluster_scope(config_->stat_name()), metrics::Retain::kYes),
      endpoints_(std::move(endpoints)) {
  if (config_->original_dst != nullptr) originals_ = std::make_unique<OriginalDestinations>();
  if (config_->tls != nullptr) tls_ = std::make_unique<ClusterTls>(*config_, registry, contexts);
  // Envoy shows max_host_weight of clusters whose endpoints change only.
  Membership first = membership_of(*endpoints_);
  first.max_weight = 0;
  show(first);
  registry_.add_source(*this);
}

SharedCluster::~SharedCluster() {
  registry_.remove_source(*this);
}

std::shared_ptr<const EndpointSet> SharedCluster::endpoints() const {
  if (originals_ != nullptr) return originals_->all();
  std::lock_guard lock(mutex_);
  return endpoints_;
}

metrics::PerWorker<metrics::ClusterOriginStats>* SharedCluster::response_stats(
    const std::string& key, std::string_view alt_name,
    std::initializer_list<std::string_view> parts) {
  std::lock_guard lock(mutex_);
  if (!alt_name.empty() && alt_names_.find(alt_name) == alt_names_.end()) {
    if (alt_names_.size() == kMaxAltNames) {
      stats_.here().upstream_rq_alt_stat_name_overflow.add();
      return nullptr;
    }
    alt_names_.emplace(alt_name);
  }
  auto& stats = response_stats_[key];
  if (stats == nullptr) {
    metrics::Scope scope = metrics::cluster_scope(config_->stat_name());
    if (!alt_name.empty()) scope.push_back({metrics::sanitized(alt_name)});
    for (std::string_view part : parts)
      if (!part.empty()) scope.push_back({metrics::sanitized(part)});
    stats = std::make_unique<metrics::PerWorker<metrics::ClusterOriginStats>>(
        registry_, std::move(scope), metrics::Retain::kYes);
  }
  return stats.get();
}

void SharedCluster::update(std::shared_ptr<const EndpointSet> endpoints) {
  Membership now = membership_of(*endpoints);
  {
    std::lock_guard lock(mutex_);
    // The last owner of the old set lets go outside of the lock.
    endpoints_.swap(endpoints);
    if (!retired_) show(now);
  }
  version_.fetch_add(1, std::memory_order_release);
  update_stats_.here().membership_change.add();
}

std::shared_ptr<const Endpoint> SharedCluster::original(const Address& address, Time now) {
  bool added = false;
  auto endpoint = originals_->find_or_add(address, now, added);
  if (added) show_originals();
  return endpoint;
}

void SharedCluster::sweep_originals() {
  if (originals_->sweep() > 0) show_originals();
}

void SharedCluster::show_originals() {
  auto count = static_cast<uint32_t>(originals_->size());
  {
    std::lock_guard lock(mutex_);
    if (!retired_) show({.healthy = count, .total = count, .max_weight = 1});
  }
  update_stats_.here().membership_change.add();
}

void SharedCluster::retire() {
  std::lock_guard lock(mutex_);
  if (!retired_.exchange(true)) show({.max_weight = 0});
}

// As differences, since the threads that call this may not be the same: a gauge is the sum over
// threads.
void SharedCluster::show(const Membership& now) {
  metrics::ClusterUpdateStats& stats = update_stats_.here();
  stats.membership_total.add(int64_t{now.total} - shown_.total);
  stats.membership_healthy.add(int64_t{now.healthy} - shown_.healthy);
  stats.membership_degraded.add(int64_t{now.degraded} - shown_.degraded);
  if (now.max_weight != shown_.max_weight)
    stats.max_host_weight.add(int64_t{now.max_weight} - shown_.max_weight);
  shown_ = now;
}

void SharedCluster::collect(metrics::Collector& to) {
  if (retired_) return;
  // A gauge that was never set counts as unused, as a breaker that never opened should.
  auto flag = [](metrics::Gauge& gauge, bool open) {
    if (open) gauge.set(1);
  };
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    const Limits& limits = limits_[i];
    const config::CircuitBreaker& breaker = config_->breakers[i];
    bool high = i == static_cast<std::size_t>(config::Priority::kHigh);
    uint32_t retries_allowed = limits.retries_allowed();
    metrics::CircuitBreakerStats stats;
    flag(stats.cx_open, limits.connections.open());
    flag(stats.rq_open, limits.requests.open());
    flag(stats.rq_pending_open, limits.pending.open());
    flag(stats.rq_retry_open, limits.retries.count() >= retries_allowed);
    to.add(metrics::circuit_breaker_scope(config_->stat_name(), high), stats);
    if (!breaker.track_remaining) continue;
    metrics::CircuitBreakerRemainingStats remaining;
    remaining.remaining_cx.set(limits.connections.remaining());
    remaining.remaining_cx_pools.set(breaker.max_connection_pools);
    remaining.remaining_pending.set(limits.pending.remaining());
    remaining.remaining_rq.set(limits.requests.remaining());
    // Envoy clears this gauge where a retry budget rules.
    remaining.remaining_retries.set(limits.budget ? 0 : limits.retries.remaining());
    to.add(metrics::circuit_breaker_scope(config_->stat_name(), high), remaining);
  }
}

}  // namespace pillion::upstream
