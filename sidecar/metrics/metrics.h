#pragma once
// The stats of one subject (cluster, listener, filter, ...) on every thread. A thread's block of
// cells is made when the subject is first used there, so that a series exists once used and not
// once configured. Shared by all threads; each touches only its own block. How a stats struct is
// declared: stats.h.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/metrics/cells.h"

namespace pillion::metrics {

// One cell of a stats struct: its name within the scope and where it lies in the struct. All static
// storage.
struct CellInfo {
  std::string_view name;
  Kind kind;
  uint32_t offset;
  std::string_view help;
};

// One piece of a dotted stat name. A piece with a tag becomes a Prometheus label of that name and
// leaves the metric's name; a piece without one stays. {"cluster"}, {"a", kClusterTag} gives
// "cluster.a.upstream_rq_total" and envoy_cluster_upstream_rq_total{envoy_cluster_name="a"}.
// A stem is the part of a tagged piece that stays in the name: {"worker_0", kWorkerTag, "worker"}
// gives envoy_..._worker_...{envoy_worker_id="0"}.
struct Segment {
  std::string text;
  std::string_view tag = {};   // static storage
  std::string_view stem = {};  // static storage
};
using Scope = std::vector<Segment>;

// Envoy's tag names (source/common/config/well_known_names.cc) as Prometheus shows them.
inline constexpr std::string_view kClusterTag = "envoy_cluster_name";
inline constexpr std::string_view kHttpPrefixTag = "envoy_http_conn_manager_prefix";
inline constexpr std::string_view kListenerTag = "envoy_listener_address";
inline constexpr std::string_view kVirtualHostTag = "envoy_virtual_host";
inline constexpr std::string_view kVirtualClusterTag = "envoy_virtual_cluster";
inline constexpr std::string_view kRouteTag = "envoy_route";
inline constexpr std::string_view kWorkerTag = "envoy_worker_id";
inline constexpr std::string_view kTcpPrefixTag = "envoy_tcp_prefix";
inline constexpr std::string_view kProxyProtocolPrefixTag = "envoy_proxy_protocol_prefix";
inline constexpr std::string_view kHttpLocalRateLimitTag = "envoy_local_http_ratelimit_prefix";

// A configured name as Envoy writes it into stat names: "://", ":/" and ":" become "_".
std::string sanitized(std::string_view name);

// The thread's slot in PerWorker arrays: 0 for the control thread and for threads that never set
// one; workers set 1..kMaxWorkers-2 when they start; the last is the access logs' writer's.
inline constexpr unsigned kMaxWorkers = 66;
inline constinit thread_local unsigned worker_slot = 0;
inline unsigned this_worker() {
  return worker_slot;
}
inline void set_this_worker(unsigned index) {
  worker_slot = index;
}

// Whether the counts of a subject outlive it, so that its counters go on when it is made anew under
// the same scope: a cluster changed by an update, or dropped while idle. See Registry for what is
// kept, and how much.
enum class Retain : uint8_t { kNo, kYes };

class Registry;

// Type-erased blocks of one subject, which the registry walks when scraped.
class BlockOwner {
 public:
  virtual ~BlockOwner() = default;
  [[nodiscard]] virtual std::span<const CellInfo> cells() const = 0;
  [[nodiscard]] virtual const Scope& scope() const = 0;
  [[nodiscard]] virtual Retain retain() const = 0;
  // The block of that worker as bytes, or null if it was never used there.
  [[nodiscard]] virtual const std::byte* block(unsigned worker) const = 0;
};

void register_owner(Registry& registry, const BlockOwner& owner);
void unregister_owner(Registry& registry, const BlockOwner& owner);

// `Stats` is declared with PILLION_STATS. `here()` is this thread's struct, made at first use. The
// registry must outlive it. Before it is destroyed, its users on other threads must have stopped
// using it. One that is never used costs little more than its scope's strings.
template <class Stats>
class PerWorker final : public BlockOwner {
 public:
  PerWorker(Registry& registry, Scope scope, Retain retain = Retain::kNo)
      : registry_(registry), scope_(std::move(scope)), retain_(retain) {}
  ~PerWorker() override {
    const Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) return;
    unregister_owner(registry_, *this);
    for (auto& slot : *slots) delete slot.load(std::memory_order_relaxed);
    delete slots;
  }
  PerWorker(const PerWorker&) = delete;
  PerWorker& operator=(const PerWorker&) = delete;

  // Const, since stats are counted where all else is shared and immutable (a filter's parsed
  // config).
  Stats& here() const {
    Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) [[unlikely]]
      return create();
    Stats* stats = (*slots)[this_worker()].load(std::memory_order_relaxed);
    return stats != nullptr ? *stats : create();
  }
  // True once any thread has used it.
  [[nodiscard]] bool used() const { return slots_.load(std::memory_order_relaxed) != nullptr; }

  [[nodiscard]] std::span<const CellInfo> cells() const override { return Stats::cells(); }
  [[nodiscard]] const Scope& scope() const override { return scope_; }
  [[nodiscard]] Retain retain() const override { return retain_; }
  [[nodiscard]] const std::byte* block(unsigned worker) const override {
    const Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) return nullptr;
    return reinterpret_cast<const std::byte*>((*slots)[worker].load(std::memory_order_acquire));
  }

 private:
  using Slots = std::array<std::atomic<Stats*>, kMaxWorkers>;

  Stats& create() const {
    Slots* slots = slots_.load(std::memory_order_acquire);
    if (slots == nullptr) {
      auto fresh = std::make_unique<Slots>();
      if (slots_.compare_exchange_strong(slots, fresh.get(), std::memory_order_acq_rel)) {
        slots = fresh.release();
        register_owner(registry_, *this);
      }
    }
    auto* stats = new Stats();
    (*slots)[this_worker()].store(stats, std::memory_order_release);
    return *stats;
  }

  Registry& registry_;
  Scope scope_;
  Retain retain_;
  mutable std::atomic<Slots*> slots_{nullptr};
};

}  // namespace pillion::metrics
