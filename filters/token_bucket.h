#pragma once
// A token bucket that refills continuously and may be shared by all workers: one atomic number, the
// moment at which the bucket was or would have been empty. Header only.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>

#include "sidecar/base/time.h"

namespace pillion::filters {

struct BucketSize {
  double max = 0;              // tokens it holds, and starts with
  double rate_per_second = 0;  // tokens that come back

  friend bool operator==(const BucketSize&, const BucketSize&) = default;
};

class TokenBucket {
 public:
  explicit TokenBucket(BucketSize size) : size_(size) {}

  // Takes `count` tokens, or none if there are fewer.
  bool take(double count, Time now) {
    const double seconds = in_seconds(now);
    const double full_since = seconds - size_.max / size_.rate_per_second;
    double seen = empty_at_.load(std::memory_order_relaxed);
    for (;;) {
      const double from = std::max(seen, full_since);
      if ((seconds - from) * size_.rate_per_second + kRounding < count) return false;
      if (empty_at_.compare_exchange_weak(seen, from + count / size_.rate_per_second,
                                          std::memory_order_relaxed))
        return true;
    }
  }
  [[nodiscard]] uint64_t remaining(Time now) const {
    return static_cast<uint64_t>(tokens(now) + kRounding);
  }
  // Seconds until there is a token, rounded up; 0 if there is one.
  [[nodiscard]] uint64_t seconds_to_next(Time now) const {
    const double missing = 1 - tokens(now);
    if (missing <= kRounding) return 0;
    return static_cast<uint64_t>(std::ceil(missing / size_.rate_per_second));
  }
  [[nodiscard]] const BucketSize& size() const { return size_; }

 private:
  // Sums of seconds as doubles are off by some 1e-10 s, which is less than this at 1e6 tokens/s.
  static constexpr double kRounding = 1e-3;

  static double in_seconds(Time now) {
    return std::chrono::duration<double>(now.time_since_epoch()).count();
  }
  [[nodiscard]] double tokens(Time now) const {
    const double since = in_seconds(now) - empty_at_.load(std::memory_order_relaxed);
    return std::clamp(since * size_.rate_per_second, 0.0, size_.max);
  }

  const BucketSize size_;
  std::atomic<double> empty_at_{-std::numeric_limits<double>::infinity()};
};

}  // namespace pillion::filters
