#pragma once
// The Prometheus page: Envoy's metric names and labels in the text exposition format 0.0.4, written
// by prometheus-cpp's serializer. Control thread.
//
// Names: "envoy_", then the pieces of the scope that are no labels, then the cell's name, with all
// but letters and digits as "_". A status leaves the name as envoy_response_code, its class as
// envoy_response_code_class. Histograms that hold nothing are left out; Envoy writes 22 zeros each.

#include <span>
#include <string>

#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/stats_query.h"

namespace pillion::metrics {

std::string prometheus_page(std::span<const Subject> subjects, const StatsQuery& query);

}  // namespace pillion::metrics
