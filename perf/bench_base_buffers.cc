// What it costs to hold bytes on their way from one socket to the other, and to give a stream its
// memory.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <utility>

#include "sidecar/base/arena.h"
#include "sidecar/base/buffer.h"
#include "sidecar/base/function.h"

namespace pillion {
namespace {

// A response head and a small body, written and sent: the hot path of one request.
void append_and_drain(benchmark::State& state) {
  std::string head(180, 'h');
  std::string body(static_cast<std::size_t>(state.range(0)), 'b');
  Buffer buffer;
  std::array<iovec, 16> pieces;
  for (auto _ : state) {
    buffer.append(head);
    buffer.append(body);
    benchmark::DoNotOptimize(buffer.peek(pieces.data(), pieces.size()));
    buffer.drain(buffer.size());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(head.size() + body.size()));
}
BENCHMARK(append_and_drain)->Arg(0)->Arg(1024)->Arg(64 * 1024);

// A body handed from one side's buffer to the other's: blocks move, crumbs are copied.
void hand_over(benchmark::State& state) {
  std::string body(static_cast<std::size_t>(state.range(0)), 'b');
  Buffer to;
  to.append("head");
  for (auto _ : state) {
    Buffer from;
    from.append(body);
    to.append(std::move(from));
    to.drain(to.size() - 4);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(hand_over)->Arg(100)->Arg(4096)->Arg(16 * 1024);

void reserve_and_commit(benchmark::State& state) {
  Buffer buffer;
  for (auto _ : state) {
    benchmark::DoNotOptimize(buffer.reserve(4096));
    buffer.commit(4096);
    buffer.drain(4096);
  }
}
BENCHMARK(reserve_and_commit);

// What one request takes from its arena: some objects, some copied header text; then all is given
// back.
void arena_of_one_request(benchmark::State& state) {
  BlockPool pool;
  std::string text(static_cast<std::size_t>(state.range(0)), 't');
  for (auto _ : state) {
    Arena arena(pool);
    for (int i = 0; i < 10; ++i) {
      benchmark::DoNotOptimize(arena.array<uint64_t>(8));
      benchmark::DoNotOptimize(arena.copy(text));
    }
  }
}
BENCHMARK(arena_of_one_request)->Arg(30)->Arg(1000);

void make_and_call_function(benchmark::State& state) {
  uint64_t a = 1;
  uint64_t b = 2;
  for (auto _ : state) {
    Function<uint64_t(uint64_t)> f = [&a, &b](uint64_t c) { return a + b + c; };
    benchmark::DoNotOptimize(f(3));
  }
}
BENCHMARK(make_and_call_function);

}  // namespace
}  // namespace pillion
