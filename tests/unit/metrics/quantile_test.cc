// Quantiles against values worked out by hand, as histogram_quantile gives them.
#include "sidecar/metrics/quantile.h"

#include <gtest/gtest.h>

#include <cmath>

namespace pillion::metrics {
namespace {

TEST(Quantiles, OfNothingAreNotNumbers) {
  for (double value : quantiles(HistogramValue{})) EXPECT_TRUE(std::isnan(value));
}

TEST(Quantiles, InterpolateWithinABucket) {
  HistogramValue histogram;
  histogram.buckets[3] = 4;  // (5, 10]
  const auto values = quantiles(histogram);
  EXPECT_DOUBLE_EQ(values[0], 5);
  EXPECT_DOUBLE_EQ(values[1], 6.25);
  EXPECT_DOUBLE_EQ(values[2], 7.5);
  EXPECT_DOUBLE_EQ(values[9], 10);
}

TEST(Quantiles, SkipEmptyBuckets) {
  HistogramValue histogram;
  histogram.buckets[1] = 1;  // (0.5, 1]
  histogram.buckets[8] = 1;  // (250, 500]
  const auto values = quantiles(histogram);
  EXPECT_DOUBLE_EQ(values[0], 0.5);
  EXPECT_DOUBLE_EQ(values[2], 1);
  EXPECT_DOUBLE_EQ(values[3], 375);
  EXPECT_DOUBLE_EQ(values[9], 500);
}

TEST(Quantiles, ShowTheLastBoundForWhatLiesAboveIt) {
  HistogramValue histogram;
  histogram.buckets[kBuckets - 1] = 3;
  for (double value : quantiles(histogram)) EXPECT_DOUBLE_EQ(value, 3.6e6);
}

TEST(Quantiles, NeverFall) {
  HistogramValue histogram;
  for (std::size_t b = 0; b < kBuckets; ++b) histogram.buckets[b] = (b * 7919) % 13;
  const auto values = quantiles(histogram);
  for (std::size_t q = 1; q < values.size(); ++q) EXPECT_GE(values[q], values[q - 1]);
}

}  // namespace
}  // namespace pillion::metrics
