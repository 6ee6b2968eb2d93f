#pragma once
// One worker's side of a cluster in use: its balancer and its pools. The counts it respects are
// process-wide, in the SharedCluster. Owned by the worker's ClusterSet; worker thread.

#include <memory>
#include <unordered_map>

#include "sidecar/base/hash.h"
#include "sidecar/io/loop.h"
#include "sidecar/upstream/load_balancer.h"
#include "sidecar/upstream/pool.h"
#include "sidecar/upstream/response_stats.h"
#include "sidecar/upstream/shared_cluster.h"

namespace pillion::upstream {

class Cluster {
 public:
  Cluster(std::shared_ptr<SharedCluster> shared, io::EventLoop& loop, Random& random);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // The pool of the endpoint that the balancer picks; null when no endpoint is healthy.
  // `http2_client`: for clusters that speak what the client does.
  Pool* choose(const PickHint& hint, config::Priority priority, bool http2_client = false,
               const TlsNames& names = {});
  // The same for a tunnel whose CONNECT request ends here.
  Pool* choose_raw(const PickHint& hint, config::Priority priority, const TlsNames& names = {});
  // The endpoint that the balancer picks, for who makes a connection of its own; may be null.
  std::shared_ptr<const Endpoint> pick(const PickHint& hint);
  // Endpoints have changed: rebuilds the balancer and drains the pools of those that are gone.
  void refresh();
  [[nodiscard]] const config::Cluster& config() const { return shared_->config(); }
  // Null in plain text.
  ClusterTls* tls() { return shared_->tls(); }
  [[nodiscard]] const std::shared_ptr<SharedCluster>& shared() const { return shared_; }
  metrics::ClusterStats& stats() { return shared_->stats().here(); }
  ResponseStats& response_stats() { return response_stats_; }
  io::EventLoop& loop() { return loop_; }
  Random& random() { return random_; }
  [[nodiscard]] const PrioritySet& priorities() const { return priorities_; }
  // Pools in the table, draining ones among them.
  [[nodiscard]] std::size_t pools() const { return pools_.size(); }
  // No connection, no waiter and no stream that refers to this is left.
  [[nodiscard]] bool idle() const;
  // A stream keeps the cluster from being freed while it refers to it.
  void hold() { ++holders_; }
  void release() { --holders_; }
  // Closes what is idle and takes no new requests, since another configuration has replaced this
  // one.
  void drain();
  uint64_t next_connection_id() { return ++connection_ids_; }

 private:
  friend class Pool;
  // ORIGINAL_DST: the endpoint for the hint's address, if it has one.
  std::shared_ptr<const Endpoint> original(const PickHint& hint);
  void clean_up();
  Pool* choose_speaking(const PickHint& hint, config::Priority priority, Speaks speaks,
                        const TlsNames& names);
  // Names come from clients: pools that serve nobody any more make room for new ones.
  void limit_named_pools();
  // Drains those for which `which` is true.
  template <class F>
  void drain_pools(F&& which);
  // A draining pool has nothing left: it goes as soon as nobody runs in it.
  void release_pool(Pool& pool);
  struct Key {
    const Endpoint* endpoint;
    config::Priority priority;
    Speaks speaks;
    TlsNames names;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const {
      return mix(reinterpret_cast<uintptr_t>(k.endpoint) + static_cast<unsigned>(k.priority) +
                 2 * static_cast<unsigned>(k.speaks) + (k.names.empty() ? 0 : of(k.names)));
    }
    static std::size_t of(const TlsNames& names) {
      return std::hash<std::string>{}(names.sni) * 31 + std::hash<std::string>{}(names.san);
    }
  };

  std::shared_ptr<SharedCluster> shared_;
  ResponseStats response_stats_;
  io::EventLoop& loop_;
  Random& random_;
  config::UpstreamHttp::Protocol protocol_;
  PrioritySet priorities_;
  uint64_t version_ = 0;
  uint64_t connection_ids_ = 0;
  uint32_t holders_ = 0;
  std::size_t named_pools_ = 0;
  std::unordered_map<Key, std::unique_ptr<Pool>, KeyHash> pools_;
  std::unique_ptr<io::Timer> cleanup_timer_;  // ORIGINAL_DST, while it has pools
};

}  // namespace pillion::upstream
