#include "sidecar/upstream/cluster.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace pillion::upstream {

Cluster::Cluster(std::shared_ptr<SharedCluster> shared, io::EventLoop& loop, Random& random)
    : shared_(std::move(shared)),
      loop_(loop),
      random_(random),
      protocol_(http_options(shared_->config()).protocol),
      priorities_(shared_->config(), random) {
  refresh();
}

Cluster::~Cluster() = default;

void Cluster::refresh() {
  uint64_t version = shared_->version();
  if (version == version_) return;
  version_ = version;
  priorities_.rebuild(shared_->endpoints(), loop_.now());
  if (pools_.empty()) return;
  std::unordered_set<const Endpoint*> present;
  for (const auto& endpoint : priorities_.endpoints()->all) present.insert(endpoint.get());
  for (auto it = pools_.begin(); it != pools_.end();) {
    Pool& pool = *it->second;
    if (present.count(it->first.endpoint) == 0 && !pool.draining()) pool.drain();
    it = pool.draining() && pool.empty() ? pools_.erase(it) : std::next(it);
  }
}

namespace {

Speaks speaks_of(config::UpstreamHttp::Protocol protocol, bool http2_client) {
  using Protocol = config::UpstreamHttp::Protocol;
  if (protocol == Protocol::kDownstream) return http2_client ? Speaks::kHttp2 : Speaks::kHttp1;
  if (protocol == Protocol::kAuto) return Speaks::kAuto;
  return protocol == Protocol::kHttp2 ? Speaks::kHttp2 : Speaks::kHttp1;
}

}  // namespace

Pool* Cluster::choose(const PickHint& hint, config::Priority priority, bool http2_client) {
  return choose_speaking(hint, priority, speaks_of(protocol_, http2_client));
}

Pool* Cluster::choose_raw(const PickHint& hint, config::Priority priority) {
  return choose_speaking(hint, priority, Speaks::kRaw);
}

Pool* Cluster::choose_speaking(const PickHint& hint, config::Priority priority, Speaks speaks) {
  bool panicked = false;
  const Endpoint* endpoint = priorities_.pick(hint, &panicked);
  if (panicked) stats().lb_healthy_panic.add();
  if (endpoint == nullptr) return nullptr;
  auto [it, added] = pools_.try_emplace(Key{endpoint, priority, speaks});
  if (added) {
    const auto& all = priorities_.endpoints()->all;
    auto owner = std::find_if(all.begin(), all.end(),
                              [&](const auto& held) { return held.get() == endpoint; });
    it->second = std::make_unique<Pool>(*this, *owner, priority, speaks);
  }
  return it->second.get();
}

std::shared_ptr<const Endpoint> Cluster::pick(const PickHint& hint) {
  bool panicked = false;
  const Endpoint* endpoint = priorities_.pick(hint, &panicked);
  if (panicked) stats().lb_healthy_panic.add();
  if (endpoint == nullptr) return nullptr;
  const auto& all = priorities_.endpoints()->all;
  return *std::find_if(all.begin(), all.end(),
                       [&](const auto& held) { return held.get() == endpoint; });
}

bool Cluster::idle() const {
  return holders_ == 0 && std::all_of(pools_.begin(), pools_.end(),
                                      [](const auto& entry) { return entry.second->empty(); });
}

void Cluster::drain() {
  for (auto& [key, pool] : pools_) pool->drain();
}

}  // namespace pillion::upstream
