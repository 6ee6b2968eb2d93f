#pragma once
// The cells of one stats struct, summed over threads and owners: what a scrape shows and what the
// registry keeps of a subject that is gone. Control thread, or under the registry's lock.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sidecar/metrics/metrics.h"

namespace pillion::metrics {

struct HistogramValue {
  std::array<uint64_t, kBuckets> buckets{};  // not cumulative; the last one lies above all bounds
  double sum = 0;
  [[nodiscard]] uint64_t count() const;
};

// Which of the series of a StatusCounters or ClassCounters cell a reading is.
enum class Part : uint8_t { kWhole, kStatus, kClass, kCompleted, kUnknown };

// One series of a scope.
struct Reading {
  const CellInfo& cell;
  Kind kind;  // kCounter, kGauge or kHistogram
  Part part = Part::kWhole;
  int number = 0;     // the status (200) or its class (2)
  bool used = false;  // counted or set at least once
  uint64_t value = 0;
  const HistogramValue* histogram = nullptr;

  // The name within the scope as Envoy writes it: "upstream_rq_2xx".
  void append_name(std::string& to) const;
};

class Tally {
 public:
  explicit Tally(std::span<const CellInfo> cells);

  // Adds the cells of one struct of the type that `cells` describes.
  void add(const std::byte* block);
  // Adds another tally of the same cells; gauges only if asked for: what has ended holds nothing.
  enum class Gauges : uint8_t { kInclude, kLeaveOut };
  void add(const Tally& other, Gauges gauges);
  // Takes off the counters of an earlier reading of the same subject; gauges and histograms stay.
  void subtract_counters(const Tally& earlier);
  [[nodiscard]] std::span<const CellInfo> cells() const { return cells_; }

  // Calls visit(const Reading&) for every series, in the order of the cells.
  template <class F>
  void for_each(F&& visit) const;

 private:
  struct StatusCount {
    uint16_t cell;
    int16_t status;
    uint64_t count;
  };
  // Gauges are summed as signed numbers; threads are read one after the other, so that the sum may
  // be seen below zero for a moment and is then shown as zero.
  struct Value {
    int64_t number = 0;
    bool used = false;
  };

  void add_status(uint16_t cell, int status, uint64_t count);
  template <class F>
  void visit_statuses(uint16_t cell, F&& visit) const;
  template <class F>
  void visit_classes(uint16_t cell, F&& visit) const;
  [[nodiscard]] const HistogramValue* histogram(uint16_t cell) const;
  HistogramValue& histogram_of(uint16_t cell);

  std::span<const CellInfo> cells_;
  std::vector<Value> values_;  // by cell
  // Both only hold what was counted: most blocks have few statuses and few used histograms.
  std::vector<StatusCount> statuses_;  // sorted by cell and status
  std::vector<std::pair<uint16_t, HistogramValue>> histograms_;
};

template <class F>
void Tally::for_each(F&& visit) const {
  for (uint16_t i = 0; i < cells_.size(); ++i) {
    const CellInfo& cell = cells_[i];
    const Value& value = values_[i];
    switch (cell.kind) {
      case Kind::kCounter:
        visit(Reading{.cell = cell,
                      .kind = Kind::kCounter,
                      .used = value.used,
                      .value = static_cast<uint64_t>(value.number)});
        break;
      case Kind::kGauge:
        visit(Reading{.cell = cell,
                      .kind = Kind::kGauge,
                      .used = value.used,
                      .value = value.number < 0 ? 0 : static_cast<uint64_t>(value.number)});
        break;
      case Kind::kHistogram: {
        static const HistogramValue kEmpty;
        const HistogramValue* found = histogram(i);
        visit(Reading{.cell = cell,
                      .kind = Kind::kHistogram,
                      .used = found != nullptr,
                      .histogram = found != nullptr ? found : &kEmpty});
        break;
      }
      case Kind::kStatuses:
        visit_statuses(i, visit);
        break;
      case Kind::kClasses:
        visit_classes(i, visit);
        break;
    }
  }
}

// Each status and each class that was seen, those outside of all classes, then the sum of all;
// nothing when none was.
template <class F>
void Tally::visit_statuses(uint16_t cell, F&& visit) const {
  Reading reading{.cell = cells_[cell], .kind = Kind::kCounter, .used = true};
  std::array<uint64_t, 6> classes{};
  uint64_t completed = 0;
  uint64_t unknown = 0;
  bool seen = false;
  for (const StatusCount& entry : statuses_) {
    if (entry.cell != cell) continue;
    seen = true;
    completed += entry.count;
    if (entry.status == 0) {
      unknown += entry.count;
      continue;
    }
    classes[static_cast<std::size_t>(entry.status / 100)] += entry.count;
    reading.part = Part::kStatus;
    reading.number = entry.status;
    reading.value = entry.count;
    visit(std::as_const(reading));
  }
  if (!seen) return;
  reading.part = Part::kClass;
  for (int number = 1; number <= 5; ++number) {
    reading.number = number;
    reading.value = classes[static_cast<std::size_t>(number)];
    if (reading.value != 0) visit(std::as_const(reading));
  }
  reading.number = 0;
  if (unknown != 0) {
    reading.part = Part::kUnknown;
    reading.value = unknown;
    visit(std::as_const(reading));
  }
  reading.part = Part::kCompleted;
  reading.value = completed;
  visit(std::as_const(reading));
}

// ClassCounters are held as the statuses 100, 200, ... 500 and 0 for all responses.
template <class F>
void Tally::visit_classes(uint16_t cell, F&& visit) const {
  std::array<uint64_t, 6> classes{};
  for (const StatusCount& entry : statuses_)
    if (entry.cell == cell) classes[static_cast<std::size_t>(entry.status / 100)] = entry.count;
  Reading reading{.cell = cells_[cell], .kind = Kind::kCounter};
  for (int number = 0; number <= 5; ++number) {
    reading.part = number == 0 ? Part::kCompleted : Part::kClass;
    reading.number = number;
    reading.value = classes[static_cast<std::size_t>(number)];
    reading.used = reading.value != 0;
    visit(std::as_const(reading));
  }
}

}  // namespace pillion::metrics
