#pragma once
// Quantiles of a histogram, interpolated within its buckets as Prometheus' histogram_quantile does:
// an estimate whose error is at most the width of a bucket.

#include <array>

#include "sidecar/metrics/tally.h"

namespace pillion::metrics {

// The quantiles that Envoy shows.
inline constexpr std::array<double, 10> kQuantiles = {0,    0.25, 0.5,   0.75,  0.9,
                                                      0.95, 0.99, 0.995, 0.999, 1};

// The bounds of a bucket: its lower one is exclusive, except 0. Nothing is known of how far the
// values of the last bucket lie above the last bound, which therefore stands for both.
double bucket_lower(std::size_t bucket);
double bucket_upper(std::size_t bucket);

// In the order of kQuantiles; NaN for all of an empty histogram.
std::array<double, kQuantiles.size()> quantiles(const HistogramValue& histogram);

}  // namespace pillion::metrics
