#pragma once
// All configured clusters by name. Configured costs one entry of an index; the runtime
// (SharedCluster) is made on first use and, unless DNS keeps it busy, dropped when its last user
// lets go. Owned by the control thread, which alone calls apply(), listing() and the on_* setters;
// find() and has() are for any thread.

#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/base/function.h"
#include "sidecar/base/hash.h"
#include "sidecar/base/time.h"
#include "sidecar/config/cluster.h"
#include "sidecar/upstream/dns_cluster.h"
#include "sidecar/upstream/shared_cluster.h"

namespace pillion::io {
class EventLoop;
}

namespace pillion::upstream {

class ClusterDirectory {
 public:
  using Configs = std::span<const std::shared_ptr<const config::Cluster>>;
  using Runtime = std::shared_ptr<SharedCluster>;

  // Loop, registry and contexts (which may be null) outlive the directory; `random` is for back-off
  // and jitter.
  ClusterDirectory(io::EventLoop& control, metrics::Registry& registry,
                   Random random = Random::from_system(), tls::ContextList* contexts = nullptr);
  ~ClusterDirectory();
  ClusterDirectory(const ClusterDirectory&) = delete;
  ClusterDirectory& operator=(const ClusterDirectory&) = delete;

  // Makes `clusters` the whole configuration. A cluster whose pointer is unchanged keeps its
  // runtime; a changed one gets a new runtime at the next find(), and what workers still hold of
  // the old one lives until they drop it. So a worker that applies a new snapshot asks find() again
  // for each cluster it uses, and compares. A second cluster of the same name is ignored;
  // validation refuses it before.
  void apply(Configs clusters);
  // Null for a name that is not configured. The first call for a name makes its runtime.
  Runtime find(std::string_view name);
  [[nodiscard]] bool has(std::string_view name) const;
  // A cluster and, while it is in use, its runtime.
  struct Listed {
    std::shared_ptr<const config::Cluster> config;
    Runtime runtime;
  };
  // All clusters, by name.
  [[nodiscard]] std::vector<Listed> listing() const;

  // After the endpoints of a cluster in use have changed.
  void on_change(Function<void(Runtime)> callback) { on_change_ = std::move(callback); }
  // Called once: as soon as every DNS cluster of the first apply() has had an answer or a failure;
  // at once if that is so already.
  void on_initialized(Function<void()> callback);
  [[nodiscard]] bool initialized() const { return initialized_; }

 private:
  struct Entry {
    std::shared_ptr<const config::Cluster> config;
    // Weak, so that the runtime goes with its last user; a DnsCluster is a user.
    std::weak_ptr<SharedCluster> runtime;
    Time applied;
    bool used = false;  // had a runtime before
  };
  // Keys are the names inside the configs.
  using Entries = std::unordered_map<std::string_view, Entry, StringHash, std::equal_to<>>;
  using DnsClusters = std::unordered_map<std::string_view, std::unique_ptr<DnsCluster>, StringHash,
                                         std::equal_to<>>;

  Entries replace_entries(Configs clusters, std::vector<const Entry*>& fresh);
  Runtime runtime_of(Entry& entry);
  void follow_dns(const Entry& entry, Runtime runtime, const DnsCluster* predecessor);
  void on_first_answer();
  void check_initialized();

  io::EventLoop& control_;
  metrics::Registry& registry_;
  Random random_;
  tls::ContextList* contexts_;  // where those of clusters in use are kept
  Function<void(Runtime)> on_change_;
  Function<void()> on_initialized_;
  bool applied_ = false;
  bool initialized_ = false;
  std::size_t unresolved_ = 0;  // DNS clusters without a first answer
  mutable std::mutex mutex_;    // guards entries_
  Entries entries_;
  DnsResolvers resolvers_;
  DnsClusters dns_;  // control thread only
};

}  // namespace pillion::upstream
