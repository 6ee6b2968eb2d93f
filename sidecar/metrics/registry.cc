#include "sidecar/metrics/registry.h"

#include <algorithm>

#include "sidecar/base/check.h"

namespace pillion::metrics {
namespace {

void add_blocks(Tally& to, const BlockOwner& owner) {
  for (unsigned worker = 0; worker < kMaxWorkers; ++worker)
    if (const std::byte* block = owner.block(worker); block != nullptr) to.add(block);
}

}  // namespace

std::string dotted(const Scope& scope) {
  std::string name;
  for (const Segment& segment : scope) {
    if (!name.empty()) name += '.';
    name += segment.text;
  }
  return name;
}

void Collector::add(Scope scope, std::span<const CellInfo> cells, const std::byte* block) {
  std::string name = dotted(scope);
  Subject& subject = subjects_.emplace_back(
      Subject{.name = std::move(name), .scope = std::move(scope), .tally = Tally(cells)});
  subject.tally.add(block);
}

void register_owner(Registry& registry, const BlockOwner& owner) {
  registry.join(owner);
}
void unregister_owner(Registry& registry, const BlockOwner& owner) {
  registry.leave(owner);
}

void Registry::join(const BlockOwner& owner) {
  Key key{dotted(owner.scope()), owner.cells().data()};
  std::lock_guard lock(mutex_);
  auto [at, fresh] = groups_.try_emplace(std::move(key));
  Group& group = at->second;
  if (!fresh && group.owners.empty()) retained_.erase(group.retained);
  group.owners.push_back(&owner);
}

void Registry::leave(const BlockOwner& owner) {
  Key key{dotted(owner.scope()), owner.cells().data()};
  std::lock_guard lock(mutex_);
  auto at = groups_.find(key);
  CHECK(at != groups_.end());
  Group& group = at->second;
  std::erase(group.owners, &owner);
  if (group.owners.empty() && owner.retain() == Retain::kNo) {
    groups_.erase(at);
    return;
  }
  if (group.past == nullptr) group.past = std::make_unique<Tally>(owner.cells());
  Tally last(owner.cells());
  add_blocks(last, owner);
  group.past->add(last, Tally::Gauges::kLeaveOut);
  if (!group.owners.empty()) return;
  group.retained = retained_.insert(retained_.end(), std::move(key));
  if (retained_.size() > kMaxRetained) {
    groups_.erase(retained_.front());
    retained_.pop_front();
  }
}

void Registry::forget(const Scope& scope) {
  const std::string name = dotted(scope);
  std::lock_guard lock(mutex_);
  for (auto at = groups_.lower_bound({name, nullptr});
       at != groups_.end() && at->first.first == name;) {
    Group& group = at->second;
    if (group.owners.empty()) {
      retained_.erase(group.retained);
      at = groups_.erase(at);
    } else {
      ++at;
    }
  }
}

Tally Registry::total(const Group& group, const BlockOwner& first) {
  Tally tally(first.cells());
  if (group.past != nullptr) tally.add(*group.past, Tally::Gauges::kLeaveOut);
  for (const BlockOwner* owner : group.owners) add_blocks(tally, *owner);
  return tally;
}

void Registry::reset_counters() {
  std::lock_guard lock(mutex_);
  for (auto& [key, group] : groups_) {
    if (group.owners.empty())
      group.reset_at = std::make_unique<Tally>(*group.past);
    else
      group.reset_at = std::make_unique<Tally>(total(group, *group.owners.front()));
  }
}

std::vector<Subject> Registry::snapshot() const {
  std::vector<Subject> subjects;
  std::lock_guard lock(mutex_);
  subjects.reserve(groups_.size() - retained_.size());
  for (const auto& [key, group] : groups_) {
    if (group.owners.empty()) continue;
    const BlockOwner& first = *group.owners.front();
    Subject& subject = subjects.emplace_back(
        Subject{.name = key.first, .scope = first.scope(), .tally = total(group, first)});
    if (group.reset_at != nullptr) subject.tally.subtract_counters(*group.reset_at);
  }
  Collector collector(subjects);
  for (ScrapeSource* source : sources_) source->collect(collector);
  std::ranges::stable_sort(subjects, {}, &Subject::name);
  return subjects;
}

void Registry::add_source(ScrapeSource& source) {
  std::lock_guard lock(mutex_);
  sources_.push_back(&source);
}

void Registry::remove_source(ScrapeSource& source) {
  std::lock_guard lock(mutex_);
  std::erase(sources_, &source);
}

}  // namespace pillion::metrics
