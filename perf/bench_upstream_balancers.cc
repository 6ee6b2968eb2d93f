// What a pick costs by policy and size, and what a change of the endpoints costs.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "sidecar/base/hash.h"
#include "sidecar/io/timer_wheel.h"
#include "sidecar/upstream/limits.h"
#include "sidecar/upstream/load_balancer.h"

namespace pillion::upstream {
namespace {

using Lb = config::Cluster::Lb;

config::Assignment assignment_of(std::size_t size, bool weighted) {
  config::Assignment assignment;
  assignment.localities.resize(1);
  for (std::size_t i = 0; i < size; ++i) {
    auto& endpoint = assignment.localities[0].endpoints.emplace_back();
    std::string ip = "10." + std::to_string(i >> 16) + "." + std::to_string((i >> 8) & 255) + "." +
                     std::to_string(i & 255);
    endpoint.address = *Address::parse_ip(ip, 8080);
    endpoint.weight = weighted ? static_cast<uint32_t>(i % 7 + 1) : 1;
  }
  return assignment;
}

void pick(benchmark::State& state, Lb lb, bool weighted) {
  config::Cluster cluster;
  cluster.lb = lb;
  Random random(1);
  PrioritySet picker(cluster, random);
  picker.rebuild(build_endpoints(assignment_of(static_cast<std::size_t>(state.range(0)), weighted),
                                 {}, nullptr, Time{}),
                 Time{});
  PickHint hint;
  for (auto _ : state) benchmark::DoNotOptimize(picker.pick(hint));
}
BENCHMARK_CAPTURE(pick, round_robin, Lb::kRoundRobin, false)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(pick, round_robin_weighted, Lb::kRoundRobin, true)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(pick, random, Lb::kRandom, false)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(pick, least_request, Lb::kLeastRequest, false)->Arg(3)->Arg(1000);
BENCHMARK_CAPTURE(pick, least_request_weighted, Lb::kLeastRequest, true)->Arg(3)->Arg(1000);

// One endpoint of many changes: the new set re-uses the objects of the others.
void change_one_endpoint(benchmark::State& state) {
  config::Cluster cluster;
  Random random(1);
  PrioritySet picker(cluster, random);
  auto size = static_cast<std::size_t>(state.range(0));
  config::Assignment a = assignment_of(size, false);
  config::Assignment b = assignment_of(size, false);
  b.localities[0].endpoints[size / 2].weight = 2;
  auto set = build_endpoints(a, {}, nullptr, Time{});
  bool other = false;
  for (auto _ : state) {
    other = !other;
    set = build_endpoints(other ? b : a, {}, set.get(), Time{});
    picker.rebuild(set, Time{});
  }
}
BENCHMARK(change_one_endpoint)->Arg(10)->Arg(10'000)->Unit(benchmark::kMicrosecond);

void take_and_give_limit(benchmark::State& state) {
  Limits limits(config::CircuitBreaker{});
  for (auto _ : state) {
    benchmark::DoNotOptimize(limits.requests.try_take());
    limits.requests.give();
  }
}
BENCHMARK(take_and_give_limit);

// Arming and cancelling one timer, beside others that run: what a request's timeout costs.
void arm_and_cancel_timer(benchmark::State& state) {
  io::TimerWheel wheel(Time{});
  std::vector<std::unique_ptr<io::Timer>> others;
  auto nothing = [](void*) {};
  for (int64_t i = 0; i < state.range(0); ++i) {
    others.push_back(std::make_unique<io::Timer>(wheel, nothing, nullptr));
    others.back()->arm(std::chrono::milliseconds(i % 60'000 + 1));
  }
  io::Timer timer(wheel, nothing, nullptr);
  for (auto _ : state) {
    timer.arm(std::chrono::seconds(15));
    timer.cancel();
  }
}
BENCHMARK(arm_and_cancel_timer)->Arg(1)->Arg(100'000);

}  // namespace
}  // namespace pillion::upstream
