#pragma once
// Counters, gauges and histograms as cells of one thread: the owner adds with a relaxed load and store (no
// lock prefix), the scraper on the control thread reads and sums over threads. A cell belongs to a Block,
// which is made when its subject (cluster, listener, ...) is first used on that thread, so that a series
// exists once used and not once configured.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::metrics {

class Counter {
 public:
  void add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Signed, since one thread may see more ends than starts; the sum over threads is what counts.
class Gauge {
 public:
  void add(int64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(int64_t n = 1) { add(-n); }
  void set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Envoy's default bounds (config/metrics/v3/stats.proto), in the unit of the histogram (ms by default).
inline constexpr std::array<double, 19> kDefaultBounds = {
    0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6, 3.6e6};

class Histogram {
 public:
  void record(double value);
  // Observations in (bounds[i-1], bounds[i]], the last one above all bounds.
  [[nodiscard]] uint64_t bucket(std::size_t i) const {
    return buckets_[i].load(std::memory_order_relaxed);
  }
  [[nodiscard]] double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<uint64_t>, kDefaultBounds.size() + 1> buckets_{};
  std::atomic<double> sum_{0};
};

enum class Kind : uint8_t { kCounter, kGauge, kHistogram };

// One cell of a block type: its name within the scope and where it lies in the block.
struct CellInfo {
  std::string_view name;
  Kind kind;
  uint32_t offset;
};

// One piece of a dotted stat name. A piece with a tag becomes a Prometheus label of that name and leaves
// the metric's name; a piece without one stays. {"cluster"}, {"a", "envoy_cluster_name"} gives
// "cluster.a.upstream_rq_total" and envoy_cluster_upstream_rq_total{envoy_cluster_name="a"}.
struct Segment {
  std::string text;
  std::string_view tag;  // static storage
};
using Scope = std::vector<Segment>;

class Registry;

// Counters made on demand by HTTP status: upstream_rq_200, upstream_rq_2xx and the like. One owner
// thread adds; the scraper walks the list, which only grows.
class CodeCounters {
 public:
  CodeCounters() = default;
  CodeCounters(const CodeCounters&) = delete;
  CodeCounters& operator=(const CodeCounters&) = delete;
  ~CodeCounters();
  // Counts one response with this status (100..599; others are counted as 0).
  void add(int status);
  // Calls visit(status, count) for each status seen.
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

// The thread's slot in PerWorker arrays: 0 for the control thread and for threads that never set one;
// workers set 1..kMaxWorkers-1 when they start.
inline constexpr unsigned kMaxWorkers = 65;
unsigned this_worker();
void set_this_worker(unsigned index);

// Type-erased list of the blocks of one subject, which the registry walks when scraped.
class BlockOwner {
 public:
  virtual ~BlockOwner() = default;
  [[nodiscard]] virtual std::span<const CellInfo> cells() const = 0;
  [[nodiscard]] virtual const Scope& scope() const = 0;
  // The block of that worker as bytes, or null if it was never used there.
  [[nodiscard]] virtual const std::byte* block(unsigned worker) const = 0;
  // Name prefix of status counters ("upstream_rq") or empty, and the counters themselves.
  [[nodiscard]] virtual std::string_view code_prefix() const { return {}; }
  [[nodiscard]] virtual const CodeCounters* codes(unsigned /*worker*/) const { return nullptr; }
};

void register_owner(Registry& registry, BlockOwner& owner);
void unregister_owner(Registry& registry, BlockOwner& owner);

// The stats of one subject on every thread. `Stats` is a struct of cells with
//   static std::span<const CellInfo> cells();
//   static constexpr std::string_view kCodePrefix = "upstream_rq";   (optional, with a member `codes`)
// `here()` is this thread's struct, made at first use. Shared by all threads; the registry must outlive it.
template <class Stats>
class PerWorker final : public BlockOwner {
 public:
  PerWorker(Registry& registry, Scope scope) : registry_(registry), scope_(std::move(scope)) {}
  ~PerWorker() override {
    if (registered_.load(std::memory_order_acquire)) unregister_owner(registry_, *this);
    for (auto& slot : slots_) delete slot.load(std::memory_order_relaxed);
  }
  PerWorker(const PerWorker&) = delete;
  PerWorker& operator=(const PerWorker&) = delete;

  Stats& here() {
    Stats* stats = slots_[this_worker()].load(std::memory_order_relaxed);
    return stats != nullptr ? *stats : create();
  }

  [[nodiscard]] std::span<const CellInfo> cells() const override { return Stats::cells(); }
  [[nodiscard]] const Scope& scope() const override { return scope_; }
  [[nodiscard]] const std::byte* block(unsigned worker) const override {
    return reinterpret_cast<const std::byte*>(slots_[worker].load(std::memory_order_acquire));
  }
  [[nodiscard]] std::string_view code_prefix() const override {
    if constexpr (requires { Stats::kCodePrefix; }) return Stats::kCodePrefix;
    return {};
  }
  [[nodiscard]] const CodeCounters* codes(unsigned worker) const override {
    if constexpr (requires(const Stats& s) { s.codes; }) {
      const Stats* stats = slots_[worker].load(std::memory_order_acquire);
      return stats == nullptr ? nullptr : &stats->codes;
    }
    return nullptr;
  }

 private:
  Stats& create() {
    auto* stats = new Stats();
    slots_[this_worker()].store(stats, std::memory_order_release);
    if (!registered_.exchange(true)) register_owner(registry_, *this);
    return *stats;
  }

  Registry& registry_;
  Scope scope_;
  std::atomic<bool> registered_{false};
  std::array<std::atomic<Stats*>, kMaxWorkers> slots_{};
};

}  // namespace pillion::metrics
