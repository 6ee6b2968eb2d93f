#pragma once
// The series of a snapshot that a query asks for, under their whole dotted names and sorted by
// them: what the text page and the JSON page have in common. Points into the snapshot.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/stats_query.h"

namespace pillion::metrics {

struct Listing {
  struct Number {
    std::string name;
    uint64_t value;
  };
  struct Distribution {
    std::string name;
    const HistogramValue* value;
  };
  std::vector<Number> numbers;  // counters and gauges
  std::vector<Distribution> histograms;
};

Listing list(std::span<const Subject> subjects, const StatsQuery& query);

// Appends a number in its shortest form that reads back as the same; never with an exponent.
void append_number(std::string& to, double value);
void append_number(std::string& to, uint64_t value);

}  // namespace pillion::metrics
