#include "filters/rate_limiter.h"

#include <algorithm>

namespace pillion::filters {
namespace {

void append_text(std::string& to, std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  to.append(reinterpret_cast<const char*>(&size), sizeof size);
  to += text;
}

bool has_wildcard(const LimiterSettings::Limit& limit) {
  return std::any_of(limit.entries.begin(), limit.entries.end(),
                     [](const auto& entry) { return entry.second.empty(); });
}

bool matches(const LimiterSettings::Limit& limit, const Descriptor& descriptor) {
  return std::equal(limit.entries.begin(), limit.entries.end(), descriptor.entries.begin(),
                    descriptor.entries.end(), [](const auto& wanted, const DescriptorEntry& entry) {
                      return wanted.first == entry.key &&
                             (wanted.second.empty() || wanted.second == entry.value);
                    });
}

}  // namespace

std::string descriptor_key(std::span<const DescriptorEntry> entries) {
  std::string key;
  for (const DescriptorEntry& entry : entries) {
    append_text(key, entry.key);
    append_text(key, entry.value);
  }
  return key;
}

RateLimiter::RateLimiter(const LimiterSettings& settings) : settings_(settings) {
  if (settings.size) default_.emplace(*settings.size);
  for (const LimiterSettings::Limit& limit : settings.limits) {
    if (has_wildcard(limit)) {
      dynamic_.push_back({&limit, {}, {}});
      continue;
    }
    std::vector<DescriptorEntry> entries;
    for (const auto& [key, value] : limit.entries) entries.push_back({key, value});
    fixed_.try_emplace(descriptor_key(entries), limit.size);
  }
}

RateLimiter::Result RateLimiter::check(std::span<const Descriptor> descriptors, Time now) {
  std::vector<Matched> matched;
  for (const Descriptor& descriptor : descriptors)
    if (auto found = match(descriptor)) matched.push_back(*found);
  // The strictest limit goes first, so that a request that it refuses uses up no other.
  std::stable_sort(matched.begin(), matched.end(),
                   [](const Matched& a, const Matched& b) { return a.rate < b.rate; });
  Result first;
  for (std::size_t i = 0; i < matched.size(); ++i) {
    const Result result = take(matched[i], now);
    if (!result.allowed) return result;
    if (i == 0) first = result;
  }
  if (!default_ || (!matched.empty() && !settings_.always_take_default)) return first;
  const Result result = take_from(*default_, 1, now);
  return !result.allowed || matched.empty() ? result : first;
}

std::optional<RateLimiter::Matched> RateLimiter::match(const Descriptor& descriptor) {
  if (!fixed_.empty()) {
    auto found = fixed_.find(descriptor_key(descriptor.entries));
    if (found != fixed_.end())
      return Matched{&found->second, nullptr, &descriptor, found->second.size().rate_per_second};
  }
  for (Dynamic& dynamic : dynamic_)
    if (matches(*dynamic.limit, descriptor))
      return Matched{nullptr, &dynamic, &descriptor, dynamic.limit->size.rate_per_second};
  return std::nullopt;
}

RateLimiter::Result RateLimiter::take(const Matched& matched, Time now) {
  if (matched.fixed != nullptr) return take_from(*matched.fixed, matched.descriptor->hits, now);
  // A bucket may be dropped for another one as soon as the lock is gone.
  std::lock_guard lock(dynamic_mutex_);
  return take_from(dynamic_bucket(*matched.dynamic, descriptor_key(matched.descriptor->entries)),
                   matched.descriptor->hits, now);
}

TokenBucket& RateLimiter::dynamic_bucket(Dynamic& dynamic, std::string key) {
  if (auto found = dynamic.by_key.find(key); found != dynamic.by_key.end()) {
    dynamic.used.splice(dynamic.used.begin(), dynamic.used, found->second);
    return found->second->second;
  }
  if (dynamic.used.size() >= settings_.max_dynamic) {
    dynamic.by_key.erase(dynamic.used.back().first);
    dynamic.used.pop_back();
  }
  dynamic.used.emplace_front(std::piecewise_construct, std::forward_as_tuple(std::move(key)),
                             std::forward_as_tuple(dynamic.limit->size));
  dynamic.by_key.emplace(dynamic.used.front().first, dynamic.used.begin());
  return dynamic.used.front().second;
}

RateLimiter::Result RateLimiter::take_from(TokenBucket& bucket, double count, Time now) {
  Result result;
  result.allowed = bucket.take(count, now);
  result.has_bucket = true;
  result.limit = static_cast<uint64_t>(bucket.size().max);
  result.remaining = bucket.remaining(now);
  result.reset_seconds = bucket.seconds_to_next(now);
  return result;
}

}  // namespace pillion::filters
