#pragma once
// Envoy's /stats page as text and as JSON: names with dots, sorted, histograms after the rest.
// Envoy shows each histogram twice, for the last flush interval and for all time; nothing is
// flushed here, so the interval's half is always empty ("nan", 0 or null). Control thread.

#include <span>
#include <string>

#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/stats_query.h"

namespace pillion::metrics {

std::string text_page(std::span<const Subject> subjects, const StatsQuery& query);
std::string json_page(std::span<const Subject> subjects, const StatsQuery& query);

}  // namespace pillion::metrics
