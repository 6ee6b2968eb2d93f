#include "sidecar/metrics/stats_page.h"

#include "sidecar/metrics/export_prometheus.h"
#include "sidecar/metrics/export_text.h"

namespace pillion::metrics {

StatsPage stats_page(const Registry& registry, std::string_view parameters,
                     StatsQuery::Format format) {
  constexpr std::string_view kText = "text/plain; charset=UTF-8";
  auto query = parse_stats_query(parameters, format);
  if (!query) return {.status = 400, .content_type = kText, .body = query.error().message};
  const std::vector<Subject> subjects = registry.snapshot();
  switch (query->format) {
    case StatsQuery::Format::kPrometheus:
      return {.content_type = kText, .body = prometheus_page(subjects, *query)};
    case StatsQuery::Format::kJson:
      return {.content_type = "application/json", .body = json_page(subjects, *query)};
    case StatsQuery::Format::kText:
      break;
  }
  return {.content_type = kText, .body = text_page(subjects, *query)};
}

}  // namespace pillion::metrics
