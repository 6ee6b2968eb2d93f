#include "sidecar/metrics/listing.h"

#include <algorithm>
#include <charconv>

namespace pillion::metrics {

Listing list(std::span<const Subject> subjects, const StatsQuery& query) {
  Listing listing;
  std::string name;
  for (const Subject& subject : subjects) {
    subject.tally.for_each([&](const Reading& reading) {
      if (!query.accepts(reading.kind, reading.used)) return;
      name.assign(subject.name);
      if (!name.empty() && !reading.cell.name.empty()) name += '.';
      reading.append_name(name);
      if (!query.accepts_name(name)) return;
      if (reading.kind == Kind::kHistogram) {
        listing.histograms.push_back({name, reading.histogram});
      } else {
        listing.numbers.push_back({name, reading.value});
      }
    });
  }
  std::ranges::sort(listing.numbers, {}, &Listing::Number::name);
  std::ranges::sort(listing.histograms, {}, &Listing::Distribution::name);
  return listing;
}

void append_number(std::string& to, double value) {
  // Room for the longest double without an exponent: 309 digits before the point, or 325 after.
  char buffer[400];
  auto end = std::to_chars(std::begin(buffer), std::end(buffer), value, std::chars_format::fixed);
  to.append(buffer, end.ptr);
}

void append_number(std::string& to, uint64_t value) {
  char buffer[20];
  to.append(buffer, std::to_chars(std::begin(buffer), std::end(buffer), value).ptr);
}

}  // namespace pillion::metrics
