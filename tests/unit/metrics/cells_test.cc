// Cells: bucket boundaries, gauges and status counters.
#include "sidecar/metrics/cells.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "sidecar/metrics/metrics.h"

namespace pillion::metrics {
namespace {

std::size_t bucket_that_takes(double value) {
  Histogram histogram;
  histogram.record(value);
  std::size_t found = kBuckets;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    if (histogram.bucket(b) == 0) continue;
    EXPECT_EQ(histogram.bucket(b), 1U);
    EXPECT_EQ(found, kBuckets) << "counted twice";
    found = b;
  }
  return found;
}

TEST(Histogram, TakesNegativeAndNotANumberAsZero) {
  Histogram histogram;
  histogram.record(-5);
  histogram.record(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(histogram.bucket(0), 2U);
  EXPECT_EQ(histogram.sum(), 0);
}

TEST(Histogram, PutsInfinityAboveAllBounds) {
  EXPECT_EQ(bucket_that_takes(std::numeric_limits<double>::infinity()), kBuckets - 1);
  EXPECT_EQ(bucket_that_takes(1e300), kBuckets - 1);
}

TEST(Histogram, PutsValuesAtAndAroundEachBoundWhereLinearSearchDoes) {
  for (std::size_t b = 0; b < kDefaultBounds.size(); ++b) {
    const double bound = kDefaultBounds[b];
    EXPECT_EQ(bucket_that_takes(bound), b) << bound;
    EXPECT_EQ(bucket_that_takes(std::nextafter(bound, 0)), b) << bound;
    EXPECT_EQ(bucket_that_takes(std::nextafter(bound, 1e9)), b + 1) << bound;
  }
}

TEST(Histogram, PutsEveryMagnitudeWhereLinearSearchDoes) {
  for (double value = 1e-9; value < 1e10; value *= 1.37) {
    std::size_t expected = 0;
    while (expected < kDefaultBounds.size() && value > kDefaultBounds[expected]) ++expected;
    EXPECT_EQ(bucket_that_takes(value), expected) << value;
  }
  EXPECT_EQ(bucket_that_takes(0), 0U);
  EXPECT_EQ(bucket_that_takes(std::numeric_limits<double>::denorm_min()), 0U);
}

TEST(Histogram, SumsValues) {
  Histogram histogram;
  for (double value : {0.25, 10.0, 4e6}) histogram.record(value);
  EXPECT_DOUBLE_EQ(histogram.sum(), 4000010.25);
}

TEST(Gauge, GoesBelowZeroAndKnowsThatItWasUsed) {
  Gauge gauge;
  EXPECT_FALSE(gauge.used());
  gauge.sub(3);
  EXPECT_EQ(gauge.value(), -3);
  gauge.add(3);
  EXPECT_EQ(gauge.value(), 0);
  EXPECT_TRUE(gauge.used());
}

TEST(Gauge, SetToZeroIsUsed) {
  Gauge gauge;
  gauge.set(0);
  EXPECT_EQ(gauge.value(), 0);
  EXPECT_TRUE(gauge.used());
  gauge.set(int64_t{1} << 61);
  EXPECT_EQ(gauge.value(), int64_t{1} << 61);
}

TEST(StatusCounters, CountEachStatusAndPutOthersUnderZero) {
  StatusCounters counters;
  for (int status : {200, 503, 200, 99, 600, -1}) counters.add(status);
  std::map<int, uint64_t> seen;
  counters.for_each([&](int status, uint64_t count) { seen[status] = count; });
  EXPECT_EQ(seen, (std::map<int, uint64_t>{{0, 3}, {200, 2}, {503, 1}}));
}

TEST(ClassCounters, CountOddStatusesAsCompletedOnly) {
  ClassCounters counters;
  for (int status : {101, 204, 200, 599, 600, 0}) counters.add(status);
  EXPECT_EQ(counters.of_class(1), 1U);
  EXPECT_EQ(counters.of_class(2), 2U);
  EXPECT_EQ(counters.of_class(3), 0U);
  EXPECT_EQ(counters.of_class(5), 1U);
  EXPECT_EQ(counters.completed(), 6U);
}

TEST(Sanitized, WritesColonsAsEnvoyDoes) {
  EXPECT_EQ(sanitized("0.0.0.0:80"), "0.0.0.0_80");
  EXPECT_EQ(sanitized("unix:/run/a"), "unix_run/a");
  EXPECT_EQ(sanitized("http://host:1/"), "http_host_1/");
  EXPECT_EQ(sanitized(std::string_view("a\0b:", 4)), "a_b_");
  EXPECT_EQ(sanitized("outbound|80||a.b"), "outbound|80||a.b");
}

}  // namespace
}  // namespace pillion::metrics
