#include "sidecar/upstream/cluster_directory.h"

#include <algorithm>
#include <utility>

#include "sidecar/io/loop.h"

namespace pillion::upstream {

namespace {

bool by_dns(const config::Cluster& cluster) {
  return cluster.type != config::Cluster::Type::kStatic && cluster.dns != nullptr;
}

std::shared_ptr<const EndpointSet> first_endpoints(const config::Cluster& cluster, Time now) {
  if (!cluster.assignment) return std::make_shared<EndpointSet>();
  return build_endpoints(*cluster.assignment, {}, nullptr, now);
}

}  // namespace

ClusterDirectory::ClusterDirectory(io::EventLoop& control, metrics::Registry& registry,
                                   Random random, tls::ContextList* contexts)
    : control_(control),
      registry_(registry),
      random_(random),
      contexts_(contexts),
      resolvers_(control) {}

ClusterDirectory::~ClusterDirectory() = default;

void ClusterDirectory::apply(Configs clusters) {
  applied_ = false;  // nobody is told of initialization before all of this is in place
  std::vector<const Entry*> fresh;
  Entries gone = replace_entries(clusters, fresh);
  for (auto& [name, entry] : gone)
    if (Runtime runtime = entry.runtime.lock()) runtime->retire();

  // Keys of both maps are names inside of configs that `gone` holds.
  DnsClusters old_dns;
  for (const auto& [name, entry] : gone) {
    auto found = dns_.find(name);
    if (found == dns_.end()) continue;
    if (!found->second->resolved()) --unresolved_;
    old_dns.insert(dns_.extract(found));
  }
  for (const Entry* entry : fresh) {
    if (!by_dns(*entry->config)) continue;
    auto predecessor = old_dns.find(entry->config->name);
    follow_dns(*entry, find(entry->config->name),
               predecessor != old_dns.end() ? predecessor->second.get() : nullptr);
  }
  // The counts of a name that is gone for good need not be kept, unless a worker still adds to
  // them.
  old_dns.clear();
  for (const auto& [name, entry] : gone)
    if (!has(name)) registry_.forget(metrics::cluster_scope(entry.config->stat_name()));
  applied_ = true;
  check_initialized();
}

// Returns the entries that were removed or replaced; `fresh` gets those that are new or have
// replaced one.
ClusterDirectory::Entries ClusterDirectory::replace_entries(Configs clusters,
                                                            std::vector<const Entry*>& fresh) {
  Entries next;
  next.reserve(clusters.size());
  std::lock_guard lock(mutex_);
  for (const auto& config : clusters) {
    auto [at, added] = next.try_emplace(config->name);
    if (!added) continue;
    auto old = entries_.find(config->name);
    if (old != entries_.end() && old->second.config == config) {
      at->second = std::move(old->second);
      entries_.erase(old);
    } else {
      at->second = Entry{config, {}, control_.now()};
      fresh.push_back(&at->second);
    }
  }
  entries_.swap(next);
  return next;
}

void ClusterDirectory::follow_dns(const Entry& entry, Runtime runtime,
                                  const DnsCluster* predecessor) {
  std::weak_ptr<SharedCluster> changed = runtime;
  DnsCluster::Events events;
  events.on_update = [this, changed] {
    if (on_change_) on_change_(changed.lock());
  };
  events.on_first = [this] { on_first_answer(); };
  auto dns = std::make_unique<DnsCluster>(control_, random_, resolvers_.find(*entry.config->dns),
                                          std::move(runtime), std::move(events));
  DnsCluster& started = *dns;
  dns_[entry.config->name] = std::move(dns);
  ++unresolved_;
  // A worker may have found the runtime already, empty as it was.
  if (predecessor != nullptr && started.inherit(*predecessor) && on_change_)
    on_change_(started.runtime());
  started.start();
}

ClusterDirectory::Runtime ClusterDirectory::find(std::string_view name) {
  std::lock_guard lock(mutex_);
  auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : runtime_of(found->second);
}

bool ClusterDirectory::has(std::string_view name) const {
  std::lock_guard lock(mutex_);
  return entries_.contains(name);
}

ClusterDirectory::Runtime ClusterDirectory::runtime_of(Entry& entry) {
  if (Runtime runtime = entry.runtime.lock()) return runtime;
  auto endpoints = first_endpoints(*entry.config, entry.applied);
  bool any = !endpoints->all.empty();
  auto runtime =
      std::make_shared<SharedCluster>(entry.config, registry_, std::move(endpoints), contexts_);
  // A runtime that comes back after a pause brings no new members.
  if (any && !std::exchange(entry.used, true))
    runtime->update_stats().here().membership_change.add();
  entry.runtime = runtime;
  return runtime;
}

std::vector<ClusterDirectory::Listed> ClusterDirectory::listing() const {
  std::vector<Listed> all;
  {
    std::lock_guard lock(mutex_);
    all.reserve(entries_.size());
    for (const auto& [name, entry] : entries_) all.push_back({entry.config, entry.runtime.lock()});
  }
  std::sort(all.begin(), all.end(),
            [](const Listed& a, const Listed& b) { return a.config->name < b.config->name; });
  return all;
}

void ClusterDirectory::on_initialized(Function<void()> callback) {
  on_initialized_ = std::move(callback);
  if (initialized_) std::exchange(on_initialized_, {})();
}

void ClusterDirectory::on_first_answer() {
  --unresolved_;
  check_initialized();
}

void ClusterDirectory::check_initialized() {
  if (!applied_ || unresolved_ > 0 || initialized_) return;
  initialized_ = true;
  if (on_initialized_) std::exchange(on_initialized_, {})();
}

}  // namespace pillion::upstream
