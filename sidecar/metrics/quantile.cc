#include "sidecar/metrics/quantile.h"

#include <algorithm>
#include <limits>

namespace pillion::metrics {

double bucket_lower(std::size_t bucket) {
  return bucket == 0 ? 0 : kDefaultBounds[bucket - 1];
}

double bucket_upper(std::size_t bucket) {
  return kDefaultBounds[std::min(bucket, kDefaultBounds.size() - 1)];
}

std::array<double, kQuantiles.size()> quantiles(const HistogramValue& histogram) {
  std::array<double, kQuantiles.size()> values{};
  const auto count = static_cast<double>(histogram.count());
  if (count == 0) {
    values.fill(std::numeric_limits<double>::quiet_NaN());
    return values;
  }
  for (std::size_t q = 0; q < kQuantiles.size(); ++q) {
    const double rank = kQuantiles[q] * count;
    double below = 0;
    for (std::size_t b = 0; b < kBuckets; ++b) {
      const auto here = static_cast<double>(histogram.buckets[b]);
      if (here == 0) continue;
      // The last bucket that holds anything also takes what rounding puts above the count.
      values[q] = bucket_upper(b);
      if (below + here >= rank) {
        values[q] = bucket_lower(b) + (bucket_upper(b) - bucket_lower(b)) * (rank - below) / here;
        break;
      }
      below += here;
    }
  }
  return values;
}

}  // namespace pillion::metrics
