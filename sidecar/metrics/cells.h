#pragma once
// Counters, gauges, histograms and status counters as cells of one thread: the owning thread adds
// with a relaxed load and store (no lock prefix, no sharing of cache lines between workers); the
// scraper on the control thread reads at any moment. All are plain members of a stats struct (see
// stats.h).

#include <array>
#include <atomic>
#include <cstdint>

namespace pillion::metrics {

enum class Kind : uint8_t { kCounter, kGauge, kHistogram, kStatuses, kClasses };

class Counter {
 public:
  static constexpr Kind kKind = Kind::kCounter;
  void add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Signed, since one thread may see more ends than starts; the sum over threads is what counts. The
// lowest bit says whether the gauge was ever touched, which `?usedonly` asks for; the value lies
// above it.
class Gauge {
 public:
  static constexpr Kind kKind = Kind::kGauge;
  void add(int64_t n = 1) {
    raw_.store((raw_.load(std::memory_order_relaxed) + 2 * n) | 1, std::memory_order_relaxed);
  }
  void sub(int64_t n = 1) { add(-n); }
  void set(int64_t n) { raw_.store((2 * n) | 1, std::memory_order_relaxed); }
  [[nodiscard]] int64_t value() const { return raw_.load(std::memory_order_relaxed) >> 1; }
  [[nodiscard]] bool used() const { return (raw_.load(std::memory_order_relaxed) & 1) != 0; }

 private:
  std::atomic<int64_t> raw_{0};
};

// Envoy's default bounds (config/metrics/v3/stats.proto), in the unit of the histogram (ms by
// default).
inline constexpr std::array<double, 19> kDefaultBounds = {
    0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6, 3.6e6};
inline constexpr std::size_t kBuckets = kDefaultBounds.size() + 1;

class Histogram {
 public:
  static constexpr Kind kKind = Kind::kHistogram;
  // Negative values and NaN count as zero.
  void record(double value);
  // Observations in (bounds[i-1], bounds[i]], the last one above all bounds.
  [[nodiscard]] uint64_t bucket(std::size_t i) const {
    return buckets_[i].load(std::memory_order_relaxed);
  }
  [[nodiscard]] double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<double> sum_{0};
};

// Counters made on demand by HTTP status. A cell of this type named "upstream_rq" is shown as
// upstream_rq_200 for each status seen, upstream_rq_2xx for each class seen, upstream_rq_unknown
// for those of no class and upstream_rq_completed (the sum of all). The owner thread adds; the
// scraper walks the list, which only grows, by at most 500 nodes.
class StatusCounters {
 public:
  static constexpr Kind kKind = Kind::kStatuses;
  StatusCounters() = default;
  StatusCounters(const StatusCounters&) = delete;
  StatusCounters& operator=(const StatusCounters&) = delete;
  ~StatusCounters();
  // Counts one response with this status. One outside of 100..599 counts as unknown.
  void add(int status);
  // Calls visit(status, count) for each status seen, 0 standing for those outside of 100..599.
  template <class F>
  void for_each(F&& visit) const {
    for (const Node* n = head_.load(std::memory_order_acquire); n != nullptr; n = n->next)
      visit(n->status, n->count.value());
  }

 private:
  struct Node {
    int status;
    Counter count;
    Node* next;
  };
  std::atomic<Node*> head_{nullptr};
};

// Counters of the five status classes and of all responses: "downstream_rq" is shown as
// downstream_rq_1xx to downstream_rq_5xx and downstream_rq_completed, zeros included, as Envoy's
// connection manager shows them.
class ClassCounters {
 public:
  static constexpr Kind kKind = Kind::kClasses;
  void add(int status) {
    completed_.add();
    if (status >= 100 && status < 600) classes_[static_cast<std::size_t>(status / 100 - 1)].add();
  }
  // Responses of the class 1..5.
  [[nodiscard]] uint64_t of_class(int number) const {
    return classes_[static_cast<std::size_t>(number - 1)].value();
  }
  [[nodiscard]] uint64_t completed() const { return completed_.value(); }

 private:
  std::array<Counter, 5> classes_;
  Counter completed_;
};

}  // namespace pillion::metrics
