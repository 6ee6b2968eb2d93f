#include "sidecar/upstream/cluster.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pillion::upstream {

Cluster::Cluster(std::shared_ptr<SharedCluster> shared, io::EventLoop& loop, Random& random)
    : shared_(std::move(shared)),
      response_stats_(*shared_),
      loop_(loop),
      random_(random),
      protocol_(http_options(shared_->config()).protocol),
      priorities_(shared_->config(), random) {
  refresh();
}

Cluster::~Cluster() = default;

template <class F>
void Cluster::drain_pools(F&& which) {
  // A pool that has nothing leaves the table at once.
  std::vector<Pool*> found;
  for (const auto& [key, pool] : pools_)
    if (!pool->draining() && which(*pool)) found.push_back(pool.get());
  for (Pool* pool : found) pool->drain();
}

void Cluster::refresh() {
  uint64_t version = shared_->version();
  if (version == version_ || shared_->config().original_dst != nullptr) return;
  version_ = version;
  priorities_.rebuild(shared_->endpoints(), loop_.now());
  if (pools_.empty()) return;
  std::unordered_set<const Endpoint*> present;
  for (const auto& endpoint : priorities_.endpoints()->all) present.insert(endpoint.get());
  drain_pools([&present](const Pool& pool) { return present.count(pool.endpoint().get()) == 0; });
}

namespace {

Speaks speaks_of(config::UpstreamHttp::Protocol protocol, bool http2_client) {
  using Protocol = config::UpstreamHttp::Protocol;
  if (protocol == Protocol::kDownstream) return http2_client ? Speaks::kHttp2 : Speaks::kHttp1;
  if (protocol == Protocol::kAuto) return Speaks::kAuto;
  return protocol == Protocol::kHttp2 ? Speaks::kHttp2 : Speaks::kHttp1;
}

}  // namespace

Pool* Cluster::choose(const PickHint& hint, config::Priority priority, bool http2_client,
                      const TlsNames& names) {
  return choose_speaking(hint, priority, speaks_of(protocol_, http2_client), names);
}

Pool* Cluster::choose_raw(const PickHint& hint, config::Priority priority, const TlsNames& names) {
  return choose_speaking(hint, priority, Speaks::kRaw, names);
}

void Cluster::limit_named_pools() {
  constexpr std::size_t kMaxNamedPools = 256;
  if (named_pools_ < kMaxNamedPools) return;
  for (auto it = pools_.begin(); it != pools_.end();) {
    if (it->first.names.empty() || !it->second->empty() || it->second->draining()) {
      ++it;
      continue;
    }
    --named_pools_;
    loop_.delete_later(std::move(it->second));
    it = pools_.erase(it);
  }
}

Pool* Cluster::choose_speaking(const PickHint& hint, config::Priority priority, Speaks speaks,
                               const TlsNames& names) {
  if (config().original_dst != nullptr) {
    auto endpoint = original(hint);
    if (endpoint == nullptr) return nullptr;
    auto [it, added] = pools_.try_emplace(Key{endpoint.get(), priority, speaks, names});
    if (added)
      it->second = std::make_unique<Pool>(*this, std::move(endpoint), priority, speaks, names);
    it->second->note_use();
    return it->second.get();
  }
  bool panicked = false;
  const Endpoint* endpoint = priorities_.pick(hint, &panicked);
  if (panicked) stats().lb_healthy_panic.add();
  if (endpoint == nullptr) return nullptr;
  Key key{endpoint, priority, speaks, names};
  if (!names.empty() && pools_.count(key) == 0) {
    limit_named_pools();
    ++named_pools_;
  }
  auto [it, added] = pools_.try_emplace(std::move(key));
  if (added) {
    const auto& all = priorities_.endpoints()->all;
    auto owner = std::find_if(all.begin(), all.end(),
                              [&](const auto& held) { return held.get() == endpoint; });
    it->second = std::make_unique<Pool>(*this, *owner, priority, speaks, names);
  }
  return it->second.get();
}

std::shared_ptr<const Endpoint> Cluster::original(const PickHint& hint) {
  if (hint.original == nullptr) {
    stats().original_dst_host_invalid.add();
    return nullptr;
  }
  if (cleanup_timer_ == nullptr)
    cleanup_timer_ = io::Timer::make<&Cluster::clean_up>(loop_.timers(), *this);
  if (!cleanup_timer_->armed()) cleanup_timer_->arm(config().original_dst->cleanup_interval);
  return shared_->original(*hint.original, hint.now);
}

void Cluster::clean_up() {
  drain_pools([](Pool& pool) { return !pool.take_use() && pool.quiet(); });
  shared_->sweep_originals();
  if (!shared_->endpoints()->all.empty())
    cleanup_timer_->arm(config().original_dst->cleanup_interval);
}

std::shared_ptr<const Endpoint> Cluster::pick(const PickHint& hint) {
  if (config().original_dst != nullptr) return original(hint);
  bool panicked = false;
  const Endpoint* endpoint = priorities_.pick(hint, &panicked);
  if (panicked) stats().lb_healthy_panic.add();
  if (endpoint == nullptr) return nullptr;
  const auto& all = priorities_.endpoints()->all;
  return *std::find_if(all.begin(), all.end(),
                       [&](const auto& held) { return held.get() == endpoint; });
}

void Cluster::release_pool(Pool& pool) {
  auto it = pools_.find(Key{pool.endpoint().get(), pool.priority(), pool.speaks(), pool.names()});
  if (it == pools_.end() || it->second.get() != &pool) return;
  if (!pool.names().empty()) --named_pools_;
  loop_.delete_later(std::move(it->second));
  pools_.erase(it);
}

bool Cluster::idle() const {
  return holders_ == 0 && std::all_of(pools_.begin(), pools_.end(),
                                      [](const auto& entry) { return entry.second->empty(); });
}

void Cluster::drain() {
  drain_pools([](const Pool&) { return true; });
}

}  // namespace pillion::upstream
