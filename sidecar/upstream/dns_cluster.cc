#include "sidecar/upstream/dns_cluster.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "sidecar/base/check.h"
#include "sidecar/base/log.h"
#include "sidecar/io/loop.h"

namespace pillion::upstream {

namespace {

struct AddressHash {
  std::size_t operator()(const Address& address) const { return address.hash(); }
};

// `fresh` in the order of `old` as far as that goes: servers rotate their answers, which changes
// nothing.
std::vector<Address> in_old_order(const std::vector<Address>& old,
                                  const std::vector<Address>& fresh) {
  std::unordered_set<Address, AddressHash> left(fresh.begin(), fresh.end());
  std::vector<Address> out;
  for (const Address& address : old)
    if (left.erase(address) > 0) out.push_back(address);
  for (const Address& address : fresh)
    if (left.erase(address) > 0) out.push_back(address);
  return out;
}

}  // namespace

std::shared_ptr<DnsResolver> DnsResolvers::find(const config::DnsSettings& settings) {
  std::erase_if(known_, [](const Known& known) { return known.resolver.expired(); });
  for (const Known& known : known_)
    if (DnsResolver::alike(known.settings, settings)) return known.resolver.lock();
  auto resolver = std::make_shared<DnsResolver>(loop_, settings);
  known_.push_back({settings, resolver});
  return resolver;
}

// One name of the assignment.
struct DnsCluster::Target {
  Target(DnsCluster& of, const config::Endpoint& at)
      : cluster(of),
        endpoint(at),
        timer(io::Timer::of<&Target::on_timer>(of.loop_.timers(), *this)) {}
  void on_timer() { cluster.look_up(*this); }

  DnsCluster& cluster;
  const config::Endpoint& endpoint;
  std::vector<Address> addresses;  // with port
  std::unique_ptr<DnsResolver::Query> query;
  io::Timer timer;
};

DnsCluster::DnsCluster(io::EventLoop& loop, Random& random, std::shared_ptr<DnsResolver> resolver,
                       std::shared_ptr<SharedCluster> runtime, Events events)
    : loop_(loop),
      random_(random),
      resolver_(std::move(resolver)),
      runtime_(std::move(runtime)),
      events_(std::move(events)),
      settings_(*runtime_->config().dns),
      logical_(runtime_->config().type == config::Cluster::Type::kLogicalDns) {
  const auto& assignment = runtime_->config().assignment;
  if (!assignment) return;
  for (const config::LocalityEndpoints& group : assignment->localities)
    for (const config::Endpoint& endpoint : group.endpoints)
      if (!endpoint.dns_name.empty()) targets_.push_back(std::make_unique<Target>(*this, endpoint));
}

DnsCluster::~DnsCluster() = default;

bool DnsCluster::inherit(const DnsCluster& predecessor) {
  for (auto& target : targets_) {
    for (const auto& old : predecessor.targets_) {
      if (old->endpoint.dns_name != target->endpoint.dns_name ||
          old->endpoint.port != target->endpoint.port)
        continue;
      target->addresses = old->addresses;
      break;
    }
  }
  return rebuild();
}

void DnsCluster::start() {
  for (auto& target : targets_) look_up(*target);
  if (!targets_.empty()) return;
  resolved_ = true;
  events_.on_first();
}

void DnsCluster::look_up(Target& target) {
  runtime_->update_stats().here().update_attempt.add();
  target.query =
      resolver_->resolve(target.endpoint.dns_name, settings_.family,
                         [this, &target](const DnsAnswer& answer) { on_answer(target, answer); });
}

void DnsCluster::on_answer(Target& target, const DnsAnswer& answer) {
  target.query.reset();
  bool success = answer.answered && !(logical_ && answer.addresses.empty());
  metrics::ClusterUpdateStats& stats = runtime_->update_stats().here();
  Change change = Change::kNone;
  if (success) {
    stats.update_success.add();
    change = take(target, answer.addresses);
    if (change == Change::kNone) stats.update_no_rebuild.add();
  } else {
    stats.update_failure.add();
    log::debug("upstream", "cluster '{}': looking up '{}' failed: {}", runtime_->config().name,
               target.endpoint.dns_name, answer.error);
  }
  loop_.timers();  // the wheel counts from the loop's time
  target.timer.arm(delay_after(answer, success));
  // Events come last: either may end this cluster.
  bool first = !std::exchange(resolved_, true);
  Function<void()> on_first = first ? std::move(events_.on_first) : Function<void()>();
  if (change == Change::kUpdated) events_.on_update();
  if (first) on_first();
}

DnsCluster::Change DnsCluster::take(Target& target, const std::vector<Address>& addresses) {
  std::vector<Address> fresh = addresses;
  for (Address& address : fresh) address.set_port(target.endpoint.port);
  if (logical_) {
    fresh.resize(1);
  } else {
    fresh = in_old_order(target.addresses, fresh);
  }
  if (fresh == target.addresses) return Change::kNone;
  target.addresses = std::move(fresh);
  auto endpoints = runtime_->endpoints();
  if (!logical_ || endpoints->all.empty()) return rebuild() ? Change::kUpdated : Change::kNone;
  // The one endpoint stays and moves, so that its connections are kept.
  const Endpoint& endpoint = *endpoints->all.front();
  CHECK(endpoint.moving != nullptr);
  endpoint.moving->store(target.addresses.front());
  runtime_->update_stats().here().membership_change.add();
  return Change::kMoved;
}

bool DnsCluster::rebuild() {
  std::vector<ResolvedName> resolved;
  for (const auto& target : targets_)
    resolved.push_back({&target->endpoint, target->addresses, logical_});
  auto before = runtime_->endpoints();
  auto after = build_endpoints(*runtime_->config().assignment, resolved, before.get(), loop_.now());
  if (same_endpoints(*before, *after)) return false;
  runtime_->update(std::move(after));
  return true;
}

std::chrono::milliseconds DnsCluster::delay_after(const DnsAnswer& answer, bool success) {
  auto within = [this](std::chrono::milliseconds bound) {
    if (bound.count() <= 0) return std::chrono::milliseconds(0);
    return std::chrono::milliseconds(random_.below(static_cast<uint64_t>(bound.count())));
  };
  if (success) {
    failure_bound_ = {};
    bool by_ttl = settings_.respect_ttl && !answer.addresses.empty() && answer.ttl.count() > 0;
    return (by_ttl ? std::chrono::milliseconds(answer.ttl) : settings_.refresh) +
           within(settings_.jitter);
  }
  if (settings_.failure_base.count() <= 0) return settings_.refresh;
  auto max =
      settings_.failure_max.count() > 0 ? settings_.failure_max : settings_.failure_base * 10;
  failure_bound_ =
      failure_bound_.count() == 0 ? settings_.failure_base : std::min(failure_bound_ * 2, max);
  return within(failure_bound_);
}

}  // namespace pillion::upstream
