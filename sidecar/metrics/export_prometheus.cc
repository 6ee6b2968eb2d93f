#include "sidecar/metrics/export_prometheus.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <map>
#include <sstream>

#include "sidecar/base/text.h"
#include "sidecar/metrics/quantile.h"

namespace pillion::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// One line of a family, or one histogram: what is needed to build its ClientMetric later, since all
// of them at once would take about 400 bytes each.
struct Series {
  uint32_t subject;
  Part part;
  int16_t number;
  uint64_t value;
  const HistogramValue* histogram;
};

struct Family {
  Kind kind;
  std::string_view help;
  std::vector<Series> series;
};
using Families = std::map<std::string, Family, std::less<>>;

void append_sanitized(std::string& to, std::string_view text) {
  for (char c : text) {
    const bool kept = (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c);
    to += kept ? c : '_';
  }
}

// "envoy_cluster_external_", the start of the names of a scope's families.
std::string family_prefix(const Scope& scope) {
  std::string name = "envoy_";
  for (const Segment& segment : scope) {
    std::string_view kept = segment.tag.empty() ? std::string_view(segment.text) : segment.stem;
    if (kept.empty()) continue;
    append_sanitized(name, kept);
    name += '_';
  }
  return name;
}

Labels labels_of(const Scope& scope) {
  Labels labels;
  for (const Segment& segment : scope) {
    if (segment.tag.empty()) continue;
    std::string value = segment.text;
    if (!segment.stem.empty()) value.erase(0, segment.stem.size() + 1);
    labels.push_back({std::string(segment.tag), std::move(value)});
  }
  return labels;
}

std::string_view suffix_of(Part part) {
  switch (part) {
    case Part::kWhole:
    case Part::kStatus:
      return "";
    case Part::kClass:
      return "_xx";
    case Part::kCompleted:
      return "_completed";
    case Part::kUnknown:
      return "_unknown";
  }
  return "";
}

// Sorts the readings of all subjects into families. Finding a family by name costs more than all
// else that is done for a series, so that the families of subjects of one kind are found once.
class Sorter {
 public:
  Sorter(std::span<const Subject> subjects, const StatsQuery& query)
      : subjects_(subjects), query_(query) {}

  Families run() && {
    for (uint32_t i = 0; i < subjects_.size(); ++i) {
      const Subject& subject = subjects_[i];
      Shape& shape = shape_of(subject);
      subject.tally.for_each([&](const Reading& reading) { add(i, shape, reading); });
    }
    return std::move(families_);
  }

 private:
  static constexpr std::size_t kParts = 5;
  struct Shape {
    std::string prefix;
    std::vector<std::array<Family*, kParts>> families;  // by cell and part
  };

  Shape& shape_of(const Subject& subject) {
    std::string prefix = family_prefix(subject.scope);
    auto cells = subject.tally.cells();
    auto [at, fresh] = shapes_.try_emplace({cells.data(), prefix});
    if (fresh) at->second = Shape{std::move(prefix), {}};
    at->second.families.resize(cells.size());
    return at->second;
  }

  void add(uint32_t index, Shape& shape, const Reading& reading) {
    if (!query_.accepts(reading.kind, reading.used)) return;
    if (reading.kind == Kind::kHistogram && !reading.used) return;
    const Subject& subject = subjects_[index];
    if (query_.filter != nullptr) {
      name_.assign(subject.name);
      if (!name_.empty() && !reading.cell.name.empty()) name_ += '.';
      reading.append_name(name_);
      if (!query_.accepts_name(name_)) return;
    }
    const auto cell = static_cast<std::size_t>(&reading.cell - subject.tally.cells().data());
    Family*& family = shape.families[cell][static_cast<std::size_t>(reading.part)];
    if (family == nullptr) family = &find(shape, reading);
    // Two cells whose names differ but for "." and "_" cannot be two types of one family.
    if (family->kind != reading.kind) return;
    family->series.push_back({.subject = index,
                              .part = reading.part,
                              .number = static_cast<int16_t>(reading.number),
                              .value = reading.value,
                              .histogram = reading.histogram});
  }

  Family& find(const Shape& shape, const Reading& reading) {
    std::string name = shape.prefix;
    if (reading.cell.name.empty())
      name.pop_back();  // the scope says it all
    else
      append_sanitized(name, reading.cell.name);
    name += suffix_of(reading.part);
    return families_.try_emplace(std::move(name), Family{reading.kind, reading.cell.help, {}})
        .first->second;
  }

  std::span<const Subject> subjects_;
  const StatsQuery& query_;
  Families families_;
  std::map<std::pair<const CellInfo*, std::string>, Shape> shapes_;
  std::string name_;
};

void fill_buckets(ClientMetric& metric, const HistogramValue& histogram) {
  metric.histogram.sample_count = histogram.count();
  metric.histogram.sample_sum = histogram.sum;
  uint64_t below = 0;
  for (std::size_t b = 0; b < kBuckets; ++b) {
    below += histogram.buckets[b];
    const double bound =
        b < kDefaultBounds.size() ? kDefaultBounds[b] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({.cumulative_count = below, .upper_bound = bound});
  }
}

void fill_quantiles(ClientMetric& metric, const HistogramValue& histogram) {
  metric.summary.sample_count = histogram.count();
  metric.summary.sample_sum = histogram.sum;
  const auto values = quantiles(histogram);
  for (std::size_t q = 0; q < kQuantiles.size(); ++q)
    metric.summary.quantile.push_back({.quantile = kQuantiles[q], .value = values[q]});
}

ClientMetric metric_of(const Series& series, const Labels& labels, MetricType type) {
  ClientMetric metric;
  metric.label.reserve(labels.size() + 1);
  if (series.part == Part::kStatus)
    metric.label.push_back({"envoy_response_code", std::to_string(series.number)});
  if (series.part == Part::kClass)
    metric.label.push_back({"envoy_response_code_class", std::to_string(series.number)});
  metric.label.insert(metric.label.end(), labels.begin(), labels.end());
  switch (type) {
    case MetricType::Histogram:
      fill_buckets(metric, *series.histogram);
      break;
    case MetricType::Summary:
      fill_quantiles(metric, *series.histogram);
      break;
    case MetricType::Gauge:
      metric.gauge.value = static_cast<double>(series.value);
      break;
    default:
      metric.counter.value = static_cast<double>(series.value);
      break;
  }
  return metric;
}

MetricType type_of(Kind kind, const StatsQuery& query) {
  if (kind == Kind::kGauge) return MetricType::Gauge;
  if (kind != Kind::kHistogram) return MetricType::Counter;
  return query.buckets == StatsQuery::Buckets::kSummary ? MetricType::Summary
                                                        : MetricType::Histogram;
}

}  // namespace

std::string prometheus_page(std::span<const Subject> subjects, const StatsQuery& query) {
  std::vector<Labels> labels;
  labels.reserve(subjects.size());
  for (const Subject& subject : subjects) labels.push_back(labels_of(subject.scope));

  const Families families = Sorter(subjects, query).run();
  const prometheus::TextSerializer serializer;
  std::ostringstream out;
  for (const auto& [name, family] : families) {
    if (family.series.empty()) continue;
    std::vector<prometheus::MetricFamily> one(1);
    one[0].name = name;
    one[0].help = family.help;
    one[0].type = type_of(family.kind, query);
    one[0].metric.reserve(family.series.size());
    for (const Series& series : family.series)
      one[0].metric.push_back(metric_of(series, labels[series.subject], one[0].type));
    serializer.Serialize(out, one);
  }
  return std::move(out).str();
}

}  // namespace pillion::metrics
