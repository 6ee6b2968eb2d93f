#include "sidecar/metrics/tally.h"

#include <algorithm>
#include <numeric>

namespace pillion::metrics {
namespace {

template <class Cell>
const Cell& cell_at(const std::byte* block, const CellInfo& info) {
  return *reinterpret_cast<const Cell*>(block + info.offset);
}

}  // namespace

uint64_t HistogramValue::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), uint64_t{0});
}

void Reading::append_name(std::string& to) const {
  to += cell.name;
  switch (part) {
    case Part::kWhole:
      break;
    case Part::kStatus:
      to += '_';
      to += std::to_string(number);
      break;
    case Part::kClass:
      to += '_';
      to += static_cast<char>('0' + number);
      to += "xx";
      break;
    case Part::kCompleted:
      to += "_completed";
      break;
    case Part::kUnknown:
      to += "_unknown";
      break;
  }
}

Tally::Tally(std::span<const CellInfo> cells) : cells_(cells), values_(cells.size()) {}

void Tally::add(const std::byte* block) {
  for (uint16_t i = 0; i < cells_.size(); ++i) {
    const CellInfo& info = cells_[i];
    switch (info.kind) {
      case Kind::kCounter: {
        uint64_t n = cell_at<Counter>(block, info).value();
        values_[i].number += static_cast<int64_t>(n);
        values_[i].used |= n != 0;
        break;
      }
      case Kind::kGauge: {
        const auto& gauge = cell_at<Gauge>(block, info);
        values_[i].number += gauge.value();
        values_[i].used |= gauge.used();
        break;
      }
      case Kind::kHistogram: {
        const auto& cell = cell_at<Histogram>(block, info);
        for (std::size_t b = 0; b < kBuckets; ++b)
          if (uint64_t n = cell.bucket(b); n != 0) histogram_of(i).buckets[b] += n;
        if (double sum = cell.sum(); sum != 0) histogram_of(i).sum += sum;
        break;
      }
      case Kind::kStatuses:
        cell_at<StatusCounters>(block, info).for_each([&](int status, uint64_t count) {
          add_status(i, status, count);
        });
        break;
      case Kind::kClasses: {
        const auto& cell = cell_at<ClassCounters>(block, info);
        for (int number = 1; number <= 5; ++number)
          add_status(i, number * 100, cell.of_class(number));
        add_status(i, 0, cell.completed());
        break;
      }
    }
  }
}

void Tally::add(const Tally& other, Gauges gauges) {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (cells_[i].kind == Kind::kGauge && gauges == Gauges::kLeaveOut) continue;
    values_[i].number += other.values_[i].number;
    values_[i].used |= other.values_[i].used;
  }
  for (const StatusCount& entry : other.statuses_)
    add_status(entry.cell, entry.status, entry.count);
  for (const auto& [cell, value] : other.histograms_) {
    HistogramValue& to = histogram_of(cell);
    for (std::size_t b = 0; b < kBuckets; ++b) to.buckets[b] += value.buckets[b];
    to.sum += value.sum;
  }
}

void Tally::subtract_counters(const Tally& earlier) {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    if (cells_[i].kind != Kind::kCounter) continue;
    values_[i].number -= earlier.values_[i].number;
    values_[i].used = values_[i].number != 0;
  }
  // Unsigned numbers wrap around, so that adding the negative takes off.
  for (const StatusCount& entry : earlier.statuses_)
    add_status(entry.cell, entry.status, -entry.count);
}

void Tally::add_status(uint16_t cell, int status, uint64_t count) {
  if (count == 0) return;
  auto at = std::ranges::lower_bound(statuses_, std::pair<int, int>{cell, status}, {},
                                     [](const StatusCount& entry) {
                                       return std::pair<int, int>{entry.cell, entry.status};
                                     });
  if (at != statuses_.end() && at->cell == cell && at->status == status) {
    at->count += count;
  } else {
    statuses_.insert(at, {cell, static_cast<int16_t>(status), count});
  }
}

const HistogramValue* Tally::histogram(uint16_t cell) const {
  for (const auto& [owner, value] : histograms_)
    if (owner == cell) return &value;
  return nullptr;
}

HistogramValue& Tally::histogram_of(uint16_t cell) {
  for (auto& [owner, value] : histograms_)
    if (owner == cell) return value;
  return histograms_.emplace_back(cell, HistogramValue{}).second;
}

}  // namespace pillion::metrics
