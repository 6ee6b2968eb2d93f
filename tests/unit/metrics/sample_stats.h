#pragma once
// A stats struct with a cell of every type, and readers of snapshots and pages, for the tests here.

#include <map>
#include <string>
#include <vector>

#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

#define PILLION_SAMPLE_STATS(CELL, NAMED)            \
  CELL(Counter, hits_total, "Times it was hit.")     \
  CELL(Gauge, level, "How high it stands.")          \
  CELL(Histogram, wait_ms, "How long it took.")      \
  CELL(StatusCounters, rq, "Responses by status.")   \
  NAMED(ClassCounters, down, "down.rq", "By class.") \
  NAMED(Counter, odd, "a-b.c", "Punctuation in names.")
PILLION_STATS(SampleStats, PILLION_SAMPLE_STATS)

// A struct of the same scope as another, as filters add them.
#define PILLION_OTHER_STATS(CELL, NAMED) CELL(Counter, others, "Others.")
PILLION_STATS(OtherStats, PILLION_OTHER_STATS)

inline Scope sample_scope(std::string name) {
  return {{"cluster"}, {std::move(name), kClusterTag}};
}

// Whole dotted names with the values of counters and gauges, or the count of a histogram.
inline std::map<std::string, uint64_t> values_of(const Registry& registry) {
  std::map<std::string, uint64_t> values;
  for (const Subject& subject : registry.snapshot()) {
    subject.tally.for_each([&](const Reading& reading) {
      std::string name = subject.name + ".";
      reading.append_name(name);
      values[name] = reading.kind == Kind::kHistogram ? reading.histogram->count() : reading.value;
    });
  }
  return values;
}

}  // namespace pillion::metrics
