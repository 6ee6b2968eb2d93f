#pragma once
// The admin endpoints /stats, /stats/prometheus and /metrics: one call from query parameters to an
// answer. Control thread.

#include <string>
#include <string_view>

#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/stats_query.h"

namespace pillion::metrics {

struct StatsPage {
  int status = 200;  // 400 when a parameter is bad; the body then says which
  std::string_view content_type;
  std::string body;
};

// `parameters` is what follows "?" in the target, undecoded. `format` is kText for /stats and
// kPrometheus for the other two.
StatsPage stats_page(const Registry& registry, std::string_view parameters,
                     StatsQuery::Format format);

}  // namespace pillion::metrics
