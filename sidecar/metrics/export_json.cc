#include <cmath>

#include "sidecar/base/text.h"
#include "sidecar/metrics/export_text.h"
#include "sidecar/metrics/listing.h"
#include "sidecar/metrics/quantile.h"

namespace pillion::metrics {
namespace {

using Buckets = StatsQuery::Buckets;

// Appends "[", what append_one() adds for each item with commas between, and "]".
template <class Items, class F>
void append_array(std::string& to, const Items& items, F&& append_one) {
  to += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) to += ',';
    first = false;
    append_one(item);
  }
  to += ']';
}

void append_name(std::string& to, std::string_view name) {
  to += "{\"name\":\"";
  append_json_escaped(to, name);
  to += '"';
}

void append_quantile_names(std::string& to) {
  append_array(to, kQuantiles, [&](double q) { append_number(to, q * 100); });
}

void append_quantiles(std::string& to, const HistogramValue& histogram) {
  append_array(to, quantiles(histogram), [&](double value) {
    to += "{\"cumulative\":";
    if (std::isnan(value)) {
      to += "null";
    } else {
      append_number(to, value);
    }
    to += ",\"interval\":null}";
  });
}

void append_buckets(std::string& to, const HistogramValue& histogram, bool cumulative) {
  uint64_t below = 0;
  std::size_t bucket = 0;
  append_array(to, kDefaultBounds, [&](double bound) {
    const uint64_t here = histogram.buckets[bucket++];
    below += here;
    to += "{\"upper_bound\":";
    append_number(to, bound);
    to += ",\"interval\":0,\"cumulative\":";
    append_number(to, cumulative ? below : here);
    to += '}';
  });
}

void append_detail(std::string& to, const HistogramValue& histogram) {
  to += ",\"totals\":[";
  bool first = true;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    if (histogram.buckets[b] == 0) continue;
    to += first ? "{\"lower_bound\":" : ",{\"lower_bound\":";
    first = false;
    append_number(to, bucket_lower(b));
    to += ",\"width\":";
    append_number(to, bucket_upper(b) - bucket_lower(b));
    to += ",\"count\":";
    append_number(to, histogram.buckets[b]);
    to += '}';
  }
  to += "],\"intervals\":[],\"percentiles\":";
  append_quantiles(to, histogram);
}

void append_histograms(std::string& to, const Listing& listing, Buckets mode) {
  const bool bounded = mode == Buckets::kCumulative || mode == Buckets::kDisjoint;
  to += "{\"histograms\":";
  if (!bounded) {
    const bool detailed = mode == Buckets::kDetailed;
    to += detailed ? "{\"supported_percentiles\":" : "{\"supported_quantiles\":";
    append_quantile_names(to);
    to += detailed ? ",\"details\":" : ",\"computed_quantiles\":";
  }
  append_array(to, listing.histograms, [&](const Listing::Distribution& entry) {
    append_name(to, entry.name);
    if (bounded) {
      to += ",\"buckets\":";
      append_buckets(to, *entry.value, mode == Buckets::kCumulative);
    } else if (mode == Buckets::kDetailed) {
      append_detail(to, *entry.value);
    } else {
      to += ",\"values\":";
      append_quantiles(to, *entry.value);
    }
    to += '}';
  });
  to += bounded ? "}" : "}}";
}

}  // namespace

std::string json_page(std::span<const Subject> subjects, const StatsQuery& query) {
  const Listing listing = list(subjects, query);
  std::string page = "{\"stats\":[";
  bool first = true;
  for (const auto& [name, value] : listing.numbers) {
    if (!first) page += ',';
    first = false;
    append_name(page, name);
    page += ",\"value\":";
    append_number(page, value);
    page += '}';
  }
  if (!listing.histograms.empty()) {
    if (!first) page += ',';
    append_histograms(page, listing, query.buckets);
  }
  page += "]}";
  return page;
}

}  // namespace pillion::metrics
