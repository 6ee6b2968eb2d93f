// What finding a route costs: in a table of 10 000 virtual hosts, by exact name and by wildcard,
// and what the table itself costs to compile. `bytes_per_host` is heap beyond the configuration.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>
#include <string>
#include <vector>

#include "sidecar/route/router.h"

namespace {

using pillion::Arena;
using pillion::BlockPool;
namespace config = pillion::config;
namespace http = pillion::http;
namespace route = pillion::route;

constexpr int kHosts = 10000;

config::Route route_to(std::string cluster, config::PathMatch::Kind kind, std::string text) {
  config::Route out;
  out.path.kind = kind;
  out.path.text = std::move(text);
  config::ForwardAction action;
  action.cluster = std::move(cluster);
  out.action = std::move(action);
  return out;
}

std::string host_name(int i) {
  return "service-" + std::to_string(i) + ".ns.svc.cluster.local";
}

std::shared_ptr<const config::RouteTable> big_table() {
  static const auto table = [] {
    auto out = std::make_shared<config::RouteTable>();
    for (int i = 0; i < kHosts; ++i) {
      config::VirtualHost host;
      host.name = host_name(i);
      host.domains = {host.name};
      if (i % 100 == 0) host.domains.push_back("*.wild-" + std::to_string(i) + ".example");
      host.routes.push_back(route_to("a", config::PathMatch::Kind::kExact, "/healthz"));
      host.routes.push_back(route_to("b", config::PathMatch::Kind::kPrefix, "/"));
      out->virtual_hosts.push_back(std::move(host));
    }
    return out;
  }();
  return table;
}

void match_with(benchmark::State& state, const std::vector<std::string>& authorities) {
  auto router = route::Router::compile(big_table());
  BlockPool pool;
  Arena arena(pool);
  http::RequestHead head(arena);
  head.path = "/orders/17?verbose=1";
  std::size_t i = 0;
  for (auto _ : state) {
    head.authority = authorities[i++ % authorities.size()];
    benchmark::DoNotOptimize((*router)->match(head, i));
  }
}

void BM_MatchExactHost(benchmark::State& state) {
  std::vector<std::string> authorities;
  for (int i = 0; i < 1024; ++i) authorities.push_back(host_name(i * 7919 % kHosts));
  match_with(state, authorities);
}
BENCHMARK(BM_MatchExactHost);

void BM_MatchWildcardHost(benchmark::State& state) {
  std::vector<std::string> authorities;
  for (int i = 0; i < 100; ++i)
    authorities.push_back("a.wild-" + std::to_string(i * 100) + ".example");
  match_with(state, authorities);
}
BENCHMARK(BM_MatchWildcardHost);

void BM_MatchTwentiethRoute(benchmark::State& state) {
  auto table = std::make_shared<config::RouteTable>();
  table->virtual_hosts.emplace_back();
  table->virtual_hosts[0].domains = {"*"};
  for (int i = 0; i < 20; ++i)
    table->virtual_hosts[0].routes.push_back(
        route_to("c", config::PathMatch::Kind::kPrefix, "/service/" + std::to_string(i + 10)));
  auto router = route::Router::compile(table);
  BlockPool pool;
  Arena arena(pool);
  http::RequestHead head(arena);
  head.authority = "h.example";
  head.path = "/service/29/x";
  for (auto _ : state) benchmark::DoNotOptimize((*router)->match(head, 1));
}
BENCHMARK(BM_MatchTwentiethRoute);

void BM_CompileTenThousandHosts(benchmark::State& state) {
  auto table = big_table();
  std::size_t bytes = 0;
  for (auto _ : state) {
    std::size_t before = mallinfo2().uordblks;
    auto router = route::Router::compile(table);
    bytes = mallinfo2().uordblks - before;
    benchmark::DoNotOptimize(router);
  }
  state.counters["bytes_per_host"] = static_cast<double>(bytes) / kHosts;
}
BENCHMARK(BM_CompileTenThousandHosts)->Unit(benchmark::kMillisecond);

}  // namespace
