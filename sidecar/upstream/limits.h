#pragma once
// Circuit-breaker limits of one cluster and priority: process-wide counts, so that a limit means
// what it says however many workers there are. Relaxed atomics; shared by all workers.

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>

#include "sidecar/config/cluster.h"

namespace pillion::upstream {

// One counted resource with a maximum. try_take() never lets the count pass the maximum.
class Limit {
 public:
  void set_max(uint32_t max) { max_.store(max, std::memory_order_relaxed); }
  [[nodiscard]] uint32_t max() const { return max_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint32_t count() const { return count_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool open() const { return count() >= max(); }  // breaker open: no more
  // How many more may be taken.
  [[nodiscard]] uint32_t remaining() const { return max() - std::min(max(), count()); }
  bool try_take() { return try_take_below(max()); }
  // Compares and swaps rather than adding first: a refused attempt must not make another thread's
  // fail too.
  bool try_take_below(uint32_t max) {
    uint32_t count = count_.load(std::memory_order_relaxed);
    while (count < max)
      if (count_.compare_exchange_weak(count, count + 1, std::memory_order_relaxed)) return true;
    return false;
  }
  // Takes one even above the maximum (Envoy lets each worker have one connection).
  void take() { count_.fetch_add(1, std::memory_order_relaxed); }
  void give() { count_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<uint32_t> max_{0};
  std::atomic<uint32_t> count_{0};
};

struct Limits {
  Limit connections;
  Limit pending;
  Limit requests;
  Limit retries;
  std::optional<config::RetryBudget> budget;

  explicit Limits(const config::CircuitBreaker& breaker) : budget(breaker.retry_budget) {
    connections.set_max(breaker.max_connections);
    pending.set_max(breaker.max_pending_requests);
    requests.set_max(breaker.max_requests);
    retries.set_max(breaker.max_retries);
  }
  // A retry budget allows max(min_retry_concurrency, percent of active and pending requests);
  // without one max_retries counts.
  [[nodiscard]] uint32_t retries_allowed() const {
    if (!budget) return retries.max();
    double active = static_cast<double>(requests.count()) + pending.count();
    double allowed = std::min(budget->budget_percent * active / 100.0, 4e9);
    return std::max(static_cast<uint32_t>(allowed), budget->min_retry_concurrency);
  }
  bool try_take_retry() { return retries.try_take_below(retries_allowed()); }
};

}  // namespace pillion::upstream
