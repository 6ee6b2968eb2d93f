// What counting costs on the data path, and what a scrape costs the control thread.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "sidecar/metrics/cluster_stats.h"
#include "sidecar/metrics/registry.h"
#include "sidecar/metrics/stats_page.h"

namespace pillion::metrics {
namespace {

using Format = StatsQuery::Format;
using Clusters = std::vector<std::unique_ptr<PerWorker<ClusterStats>>>;

std::string cluster_name(std::size_t i) {
  return "outbound|8080||service-" + std::to_string(i) + ".default.svc.cluster.local";
}

// `configured` clusters of which the first `used` have seen traffic on two workers.
Clusters make_clusters(Registry& registry, std::size_t configured, std::size_t used) {
  Clusters clusters;
  for (std::size_t i = 0; i < configured; ++i)
    clusters.push_back(
        std::make_unique<PerWorker<ClusterStats>>(registry, cluster_scope(cluster_name(i))));
  for (unsigned worker : {1U, 2U}) {
    set_this_worker(worker);
    for (std::size_t i = 0; i < used; ++i) {
      ClusterStats& stats = clusters[i]->here();
      stats.upstream_rq_total.add(i);
      stats.upstream_rq.add(200);
      stats.upstream_rq.add(503);
      for (double ms : {0.7, 3.0, 40.0}) stats.upstream_rq_time.record(ms);
    }
  }
  set_this_worker(0);
  return clusters;
}

void counter_add(benchmark::State& state) {
  Registry registry;
  PerWorker<ClusterStats> stats(registry, cluster_scope("a"));
  for (auto _ : state) stats.here().upstream_rq_total.add();
}
BENCHMARK(counter_add);

void status_add(benchmark::State& state) {
  StatusCounters counters;
  for (int status : {200, 404, 503, 301}) counters.add(status);
  for (auto _ : state) counters.add(200);
}
BENCHMARK(status_add);

void histogram_record(benchmark::State& state) {
  Histogram histogram;
  double value = 0.3;
  for (auto _ : state) {
    histogram.record(value);
    value = value > 5000 ? 0.3 : value * 1.7;
  }
}
BENCHMARK(histogram_record);

// Arguments: configured clusters, used clusters.
void scrape(benchmark::State& state, std::string_view parameters, Format format) {
  Registry registry;
  Clusters clusters = make_clusters(registry, static_cast<std::size_t>(state.range(0)),
                                    static_cast<std::size_t>(state.range(1)));
  std::size_t bytes = 0;
  for (auto _ : state) bytes = stats_page(registry, parameters, format).body.size();
  const std::string text = stats_page(registry, "", Format::kPrometheus).body;
  std::size_t series = 0;
  for (std::size_t at = 0; at != std::string::npos; at = text.find("\nenvoy_", at + 1)) ++series;
  state.counters["bytes"] = static_cast<double>(bytes);
  state.counters["series"] = static_cast<double>(series);
}
// The target: at most 20 ms for 20 used of 10 000, at most 400 ms for 100 000 series.
BENCHMARK_CAPTURE(scrape, prometheus, "", Format::kPrometheus)
    ->Args({10'000, 20})
    ->Args({1'300, 1'300})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scrape, text, "", Format::kText)
    ->Args({10'000, 20})
    ->Args({1'300, 1'300})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(scrape, json, "format=json", Format::kText)
    ->Args({1'300, 1'300})
    ->Unit(benchmark::kMillisecond);

void snapshot(benchmark::State& state) {
  Registry registry;
  Clusters clusters = make_clusters(registry, static_cast<std::size_t>(state.range(0)),
                                    static_cast<std::size_t>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(registry.snapshot());
}
// How long the registry is locked, during which a first use elsewhere waits.
BENCHMARK(snapshot)->Args({10'000, 20})->Args({1'300, 1'300})->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pillion::metrics
