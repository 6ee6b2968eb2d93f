#pragma once
// The token buckets of one local rate limit: a default one and one for each descriptor, those with
// a wildcard making a bucket for each value they meet, up to a maximum. Shared by all workers, or
// owned by one connection.

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "filters/token_bucket.h"
#include "sidecar/base/hash.h"

namespace pillion::filters {

// What a request is, to the limiter: keys with values, in order. Views live in the stream's arena.
struct DescriptorEntry {
  std::string_view key;
  std::string_view value;
};
struct Descriptor {
  std::vector<DescriptorEntry> entries;
  double hits = 1;
};

struct LimiterSettings {
  struct Limit {
    std::vector<std::pair<std::string, std::string>> entries;  // an empty value matches any
    BucketSize size;
  };
  std::optional<BucketSize> size;  // of the default bucket; none: no default limit
  std::vector<Limit> limits;
  bool always_take_default = true;
  std::size_t max_dynamic = 20;  // buckets of each limit with a wildcard
};

// Identifies a descriptor: lengths and texts, so that no value can imitate another descriptor.
std::string descriptor_key(std::span<const DescriptorEntry> entries);

class RateLimiter {
 public:
  // `settings` outlives the limiter.
  explicit RateLimiter(const LimiterSettings& settings);

  struct Result {
    bool allowed = true;
    // Of the bucket that decided; nothing without one.
    bool has_bucket = false;
    uint64_t limit = 0;
    uint64_t remaining = 0;
    uint64_t reset_seconds = 0;
  };
  Result check(std::span<const Descriptor> descriptors, Time now);

 private:
  // Buckets by value, the least recently used one goes when there are too many.
  struct Dynamic {
    const LimiterSettings::Limit* limit;
    std::list<std::pair<std::string, TokenBucket>> used;
    std::unordered_map<std::string_view, decltype(used)::iterator> by_key;
  };
  struct Matched {
    TokenBucket* fixed;
    Dynamic* dynamic;
    const Descriptor* descriptor;
    double rate;
  };
  std::optional<Matched> match(const Descriptor& descriptor);
  Result take(const Matched& matched, Time now);
  TokenBucket& dynamic_bucket(Dynamic& dynamic, std::string key);
  static Result take_from(TokenBucket& bucket, double count, Time now);

  const LimiterSettings& settings_;
  std::optional<TokenBucket> default_;
  std::unordered_map<std::string, TokenBucket> fixed_;
  std::list<Dynamic> dynamic_;
  std::mutex dynamic_mutex_;
};

}  // namespace pillion::filters
