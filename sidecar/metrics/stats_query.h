#pragma once
// What a reader of /stats asks for: the query parameters of Envoy's admin endpoint
// (operations/admin.rst), parsed and checked. Used on the control thread, once a scrape.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "sidecar/base/error.h"
#include "sidecar/metrics/cells.h"

namespace re2 {
class RE2;
}

namespace pillion::metrics {

struct StatsQuery {
  enum class Format : uint8_t { kText, kJson, kPrometheus };
  enum class Buckets : uint8_t { kSummary, kCumulative, kDisjoint, kDetailed };

  Format format = Format::kText;
  Buckets buckets = Buckets::kSummary;
  bool used_only = false;
  bool invert_filter = false;
  bool none = false;         // TextReadouts were asked for, of which there are none
  std::optional<Kind> type;  // kCounter, kGauge or kHistogram; all when unset
  std::shared_ptr<const re2::RE2> filter;

  // `name` is the whole dotted name.
  [[nodiscard]] bool accepts_name(std::string_view name) const;
  [[nodiscard]] bool accepts(Kind kind, bool used) const {
    return !none && (!type || *type == kind) && (used || !used_only);
  }
};

// Parses what follows "?" in the request's target. `format` is that of the page, which a "format"
// parameter overrides. Parameters that are unknown are ignored, as Envoy does; a bad value is a
// Problem whose text is the body of the 400 answer.
Result<StatsQuery, Problem> parse_stats_query(std::string_view parameters,
                                              StatsQuery::Format format);

}  // namespace pillion::metrics
