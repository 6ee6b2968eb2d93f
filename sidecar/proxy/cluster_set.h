#pragma once
// The clusters one worker has in use, by name, made when first needed. Owned by the Worker; worker
// thread.

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/base/hash.h"
#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/cluster_directory.h"

namespace pillion::proxy {

class ClusterSet {
 public:
  ClusterSet(upstream::ClusterDirectory& directory, io::EventLoop& loop, Random& random)
      : directory_(directory), loop_(loop), random_(random) {}
  // Null for a name that is not configured.
  upstream::Cluster* find(std::string_view name);
  // The endpoints of that cluster have changed.
  void refresh(const upstream::SharedCluster& shared);
  // The configuration has changed: clusters that were replaced or removed drain and go when their
  // streams have ended.
  void reconcile();
  // Frees drained clusters and those that have been idle; called now and then.
  void sweep();
  // Closes every connection: the worker is at its end.
  void clear();
  [[nodiscard]] std::size_t size() const { return clusters_.size(); }

 private:
  upstream::ClusterDirectory& directory_;
  io::EventLoop& loop_;
  Random& random_;
  std::unordered_map<std::string, std::unique_ptr<upstream::Cluster>, StringHash, std::equal_to<>>
      clusters_;
  std::vector<std::unique_ptr<upstream::Cluster>> leaving_;
};

}  // namespace pillion::proxy
