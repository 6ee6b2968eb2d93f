// /stats and its Prometheus pages; sidecar/metrics makes them.

#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/stats_page.h"
#include "sidecar/server/admin_context.h"

namespace pillion::server {

namespace {

using Format = metrics::StatsQuery::Format;

Admin::Command page(std::string_view path, std::string_view help, Format format,
                    const AdminContext& context) {
  return {.path = path,
          .help = help,
          .run =
              [&context, format](const AdminRequest& request) {
                metrics::StatsPage made =
                    metrics::stats_page(context.registry, request.query, format);
                return AdminResponse{made.status, made.content_type, std::move(made.body)};
              },
          .parameters = {
              {"usedonly", "Only include stats that have been written by system since restart"},
              {"filter", "Regular expression (Google re2) for filtering stats"},
              {"invert_filter", "Invert the filter regex"},
              {"histogram_buckets", "Histogram bucket display mode"}}};
}

}  // namespace

void add_stats_commands(Admin& admin, AdminContext& context) {
  Admin::Command stats = page("/stats", "print server stats", Format::kText, context);
  stats.parameters.push_back({"format", "Format to use; One of (text, json, prometheus)"});
  stats.parameters.push_back(
      {"type", "Stat types to include.; One of (All, Counters, Histograms, Gauges, TextReadouts)"});
  admin.add(std::move(stats));
  admin.add(page("/stats/prometheus", "print server stats in prometheus format",
                 Format::kPrometheus, context));
  admin.add(page("/metrics", "the same as /stats/prometheus", Format::kPrometheus, context));
  admin.add({.path = "/reset_counters",
             .help = "reset all counters to zero",
             .mutates = true,
             .run = [&context](const AdminRequest&) {
               context.registry.reset_counters();
               return text_response("OK\n");
             }});
}

}  // namespace pillion::server
