#include "sidecar/proxy/cluster_set.h"

#include <utility>

namespace pillion::proxy {

upstream::Cluster* ClusterSet::find(std::string_view name) {
  if (auto it = clusters_.find(name); it != clusters_.end()) return it->second.get();
  std::shared_ptr<upstream::SharedCluster> shared = directory_.find(name);
  if (shared == nullptr) return nullptr;
  auto cluster = std::make_unique<upstream::Cluster>(std::move(shared), loop_, random_);
  return clusters_.emplace(std::string(name), std::move(cluster)).first->second.get();
}

void ClusterSet::refresh(const upstream::SharedCluster& shared) {
  auto it = clusters_.find(shared.config().name);
  if (it != clusters_.end() && it->second->shared().get() == &shared) it->second->refresh();
}

void ClusterSet::reconcile() {
  for (auto it = clusters_.begin(); it != clusters_.end();) {
    if (directory_.find(it->first) == it->second->shared()) {
      ++it;
      continue;
    }
    it->second->drain();
    leaving_.push_back(std::move(it->second));
    it = clusters_.erase(it);
  }
  sweep();
}

void ClusterSet::clear() {
  clusters_.clear();
  leaving_.clear();
}

void ClusterSet::sweep() {
  std::erase_if(leaving_, [](const auto& cluster) { return cluster->idle(); });
}

}  // namespace pillion::proxy
