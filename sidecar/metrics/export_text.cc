#include "sidecar/metrics/export_text.h"

#include <cstdio>

#include "sidecar/metrics/listing.h"
#include "sidecar/metrics/quantile.h"

namespace pillion::metrics {
namespace {

using Buckets = StatsQuery::Buckets;

void append_quantiles(std::string& to, const HistogramValue& histogram) {
  const auto values = quantiles(histogram);
  for (std::size_t q = 0; q < kQuantiles.size(); ++q) {
    if (q != 0) to += ' ';
    to += 'P';
    append_number(to, kQuantiles[q] * 100);
    to += "(nan,";
    append_number(to, values[q]);
    to += ')';
  }
}

// Envoy leaves out what lies above the last bound.
void append_buckets(std::string& to, const HistogramValue& histogram, bool cumulative) {
  uint64_t below = 0;
  for (std::size_t b = 0; b < kDefaultBounds.size(); ++b) {
    char bound[32];
    std::snprintf(bound, sizeof(bound), "%sB%g(0,", b == 0 ? "" : " ", kDefaultBounds[b]);
    to += bound;
    below += histogram.buckets[b];
    append_number(to, cumulative ? below : histogram.buckets[b]);
    to += ')';
  }
}

void append_detail(std::string& to, const HistogramValue& histogram) {
  to += "\n  totals=";
  bool first = true;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    if (histogram.buckets[b] == 0) continue;
    if (!first) to += ", ";
    first = false;
    append_number(to, bucket_lower(b));
    to += ',';
    append_number(to, bucket_upper(b) - bucket_lower(b));
    to += ':';
    append_number(to, histogram.buckets[b]);
  }
  to += "\n  intervals=\n  summary=";
  append_quantiles(to, histogram);
}

void append_histogram(std::string& to, const HistogramValue& histogram, Buckets mode) {
  if (histogram.count() == 0) {
    to += " No recorded values";
    return;
  }
  if (mode == Buckets::kDetailed) {
    append_detail(to, histogram);
    return;
  }
  to += ' ';
  if (mode == Buckets::kSummary) {
    append_quantiles(to, histogram);
  } else {
    append_buckets(to, histogram, mode == Buckets::kCumulative);
  }
}

}  // namespace

std::string text_page(std::span<const Subject> subjects, const StatsQuery& query) {
  const Listing listing = list(subjects, query);
  std::string page;
  for (const auto& [name, value] : listing.numbers) {
    page += name;
    page += ": ";
    append_number(page, value);
    page += '\n';
  }
  for (const auto& [name, histogram] : listing.histograms) {
    page += name;
    page += ':';
    append_histogram(page, *histogram, query.buckets);
    page += '\n';
  }
  return page;
}

}  // namespace pillion::metrics
