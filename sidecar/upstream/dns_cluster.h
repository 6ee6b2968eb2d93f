#pragma once
// Learns the endpoints of a STRICT_DNS or LOGICAL_DNS cluster: looks its names up again and again
// and updates the cluster's runtime. Owned by the ClusterDirectory; control thread only.

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "sidecar/base/function.h"
#include "sidecar/base/hash.h"
#include "sidecar/io/timer_wheel.h"
#include "sidecar/upstream/dns.h"
#include "sidecar/upstream/shared_cluster.h"

namespace pillion::upstream {

// One resolver for all clusters whose settings allow it: each has its sockets and its copy of
// resolv.conf.
class DnsResolvers {
 public:
  explicit DnsResolvers(io::EventLoop& loop) : loop_(loop) {}
  std::shared_ptr<DnsResolver> find(const config::DnsSettings& settings);

 private:
  struct Known {
    config::DnsSettings settings;
    std::weak_ptr<DnsResolver> resolver;
  };
  io::EventLoop& loop_;
  std::vector<Known> known_;
};

// Envoy's rules. STRICT_DNS: every address is an endpoint; an answer without addresses removes
// those of that name, a failed lookup keeps them. LOGICAL_DNS: the first address is where new
// connections go; an answer without addresses counts as a failure and changes nothing. The next
// lookup comes after dns_refresh_rate, or after the TTL if that is respected, plus a random part of
// dns_jitter; after a failure, by dns_failure_refresh_rate if configured: random within a bound
// that doubles.
class DnsCluster {
 public:
  struct Events {
    Function<void()> on_update;  // the runtime has other endpoints now
    Function<void()> on_first;   // once: a first lookup has ended, well or not
  };
  // `loop` and `random` outlive the cluster. Lookups begin in start(), events come only after it.
  DnsCluster(io::EventLoop& loop, Random& random, std::shared_ptr<DnsResolver> resolver,
             std::shared_ptr<SharedCluster> runtime, Events events);
  ~DnsCluster();
  DnsCluster(const DnsCluster&) = delete;
  DnsCluster& operator=(const DnsCluster&) = delete;

  // Uses what the cluster that had this name until now has learned, until its own lookups end.
  // Before start().
  // True when that changed the endpoints.
  bool inherit(const DnsCluster& predecessor);
  void start();
  // A first lookup has ended.
  [[nodiscard]] bool resolved() const { return resolved_; }
  [[nodiscard]] const std::shared_ptr<SharedCluster>& runtime() const { return runtime_; }

 private:
  struct Target;
  void look_up(Target& target);
  void on_answer(Target& target, const DnsAnswer& answer);
  enum class Change : uint8_t { kNone, kMoved, kUpdated };
  Change take(Target& target, const std::vector<Address>& addresses);
  bool rebuild();
  std::chrono::milliseconds delay_after(const DnsAnswer& answer, bool success);

  io::EventLoop& loop_;
  Random& random_;
  std::shared_ptr<DnsResolver> resolver_;
  std::shared_ptr<SharedCluster> runtime_;
  Events events_;
  const config::DnsSettings& settings_;
  bool logical_;
  bool resolved_ = false;
  std::chrono::milliseconds failure_bound_{0};
  std::vector<std::unique_ptr<Target>> targets_;
};

}  // namespace pillion::upstream
