// What header fields cost: interning a name, filling a set as a parser does, finding, removing.

#include <benchmark/benchmark.h>

#include <array>
#include <string_view>

#include "sidecar/http/headers.h"

namespace {

using pillion::Arena;
using pillion::BlockPool;
namespace http = pillion::http;

struct Field {
  std::string_view name;
  std::string_view value;
};

// A browser's request; half of the names are interned.
constexpr std::array<Field, 12> kFields = {{
    {"user-agent", "Mozilla/5.0 (X11; Linux x86_64)"},
    {"accept", "text/html,application/xhtml+xml"},
    {"accept-language", "en-US,en;q=0.5"},
    {"accept-encoding", "gzip, deflate, br"},
    {"cookie", "session=0123456789abcdef"},
    {"connection", "keep-alive"},
    {"referer", "http://shop.example/"},
    {"sec-fetch-mode", "navigate"},
    {"cache-control", "no-cache"},
    {"x-forwarded-for", "10.20.30.40"},
    {"x-request-id", "1ce8edb7-8dbb-446a-8e9a-f79b6eabc2f4"},
    {"x-team-own-header", "value"},
}};

void BM_InternTwelveNames(benchmark::State& state) {
  for (auto _ : state)
    for (const Field& field : kFields) benchmark::DoNotOptimize(http::header_id(field.name));
}
BENCHMARK(BM_InternTwelveNames);

void fill(http::Headers& headers) {
  for (const Field& field : kFields)
    headers.add_view(http::header_id(field.name), field.name, field.value);
}

void BM_FillTwelveFields(benchmark::State& state) {
  BlockPool pool;
  for (auto _ : state) {
    Arena arena(pool);
    http::Headers headers(arena);
    fill(headers);
    benchmark::DoNotOptimize(headers.begin());
  }
}
BENCHMARK(BM_FillTwelveFields);

void BM_FindPresentAbsentAndUnknown(benchmark::State& state) {
  BlockPool pool;
  Arena arena(pool);
  http::Headers headers(arena);
  fill(headers);
  for (auto _ : state) {
    benchmark::DoNotOptimize(headers.find(http::HeaderId::kRequestId));
    benchmark::DoNotOptimize(headers.find(http::HeaderId::kExpect));
    benchmark::DoNotOptimize(headers.find("x-team-own-header"));
  }
}
BENCHMARK(BM_FindPresentAbsentAndUnknown);

void BM_FillSetAndRemove(benchmark::State& state) {
  BlockPool pool;
  for (auto _ : state) {
    Arena arena(pool);
    http::Headers headers(arena);
    fill(headers);
    headers.set(http::HeaderId::kForwardedFor, "10.20.30.40,10.0.0.1");
    headers.remove(http::HeaderId::kConnection);
    headers.join_repeated(true);
    benchmark::DoNotOptimize(headers.byte_size());
  }
}
BENCHMARK(BM_FillSetAndRemove);

}  // namespace
