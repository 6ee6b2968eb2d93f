// What HTTP/1 costs: reading a request or a response into the arena, and writing a head. Bytes per
// second are those of the message; items per second are messages.
#include <benchmark/benchmark.h>

#include <string>
#include <string_view>

#include "sidecar/http/http1_parser.h"
#include "sidecar/http/http1_writer.h"

namespace pillion::http {
namespace {

// What a browser-like client or a mesh peer sends.
constexpr std::string_view kSmallRequest =
    "GET /user/42?verbose=1 HTTP/1.1\r\nHost: user.example:8080\r\nUser-Agent: bench/1\r\n"
    "Accept: */*\r\n\r\n";
constexpr std::string_view kTypicalRequest =
    "GET /api/v2/orders/8f14e45f?expand=items HTTP/1.1\r\nHost: orders.default.svc:8080\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8\r\n"
    "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-GB,en;q=0.5\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    "X-Forwarded-For: 203.0.113.9, 10.1.2.3\r\nX-Forwarded-Proto: https\r\n"
    "X-Request-Id: 6f5c1097-92db-426b-9422-6dadeacefe0a\r\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl\r\n\r\n";
constexpr std::string_view kTypicalResponse =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: origin\r\nCache-Control: no-store\r\n"
    "Vary: Accept-Encoding\r\nX-Request-Id: 6f5c1097-92db-426b-9422-6dadeacefe0a\r\n\r\n"
    "{\"answer\":42}";
constexpr std::string_view kChunkedResponse =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";

// One arena for message after message, as a keep-alive connection's streams take them in turn.
class Sink final : public CodecEvents {
 public:
  Arena& on_message_begin(StreamId) override {
    arena_.reset();
    return arena_;
  }
  void on_request(StreamId, RequestHead& head, bool) override {
    benchmark::DoNotOptimize(head.headers.size());
  }
  void on_response(StreamId, ResponseHead& head, bool) override {
    benchmark::DoNotOptimize(head.headers.size());
  }
  void on_body(StreamId, std::string_view data) override { benchmark::DoNotOptimize(data.data()); }
  void on_message_end(StreamId, Headers*) override { ++complete; }
  int64_t complete = 0;

 private:
  BlockPool blocks_;
  Arena arena_{blocks_};
};

void parse(benchmark::State& state, Role role, std::string_view message, std::size_t piece) {
  Sink sink;
  Http1Parser parser(role, sink, {});
  for (auto _ : state) {
    for (std::string_view rest = message; !rest.empty();) {
      std::size_t taken = *parser.feed(rest.substr(0, piece));
      rest.remove_prefix(taken);
    }
    parser.resume();
  }
  if (sink.complete != static_cast<int64_t>(state.iterations()))
    state.SkipWithError("a message was not understood");
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(message.size()));
  state.SetItemsProcessed(state.iterations());
}
constexpr std::size_t kWhole = SIZE_MAX;
BENCHMARK_CAPTURE(parse, request_small, Role::kServer, kSmallRequest, kWhole);
BENCHMARK_CAPTURE(parse, request_typical, Role::kServer, kTypicalRequest, kWhole);
// As a slow or adversarial client sends it.
BENCHMARK_CAPTURE(parse, request_typical_in_pieces_of_16, Role::kServer, kTypicalRequest, 16);
BENCHMARK_CAPTURE(parse, request_typical_by_byte, Role::kServer, kTypicalRequest, 1);
BENCHMARK_CAPTURE(parse, response_typical, Role::kClient, kTypicalResponse, kWhole);
BENCHMARK_CAPTURE(parse, response_chunked, Role::kClient, kChunkedResponse, kWhole);

// The fields of a message, taken over as the proxy has them after parsing.
template <class Head>
void copy_fields(std::string_view message, Head& head) {
  message.remove_prefix(message.find("\r\n") + 2);
  while (!message.starts_with("\r\n")) {
    std::string_view line = message.substr(0, message.find("\r\n"));
    std::size_t colon = line.find(':');
    head.headers.add(line.substr(0, colon), line.substr(colon + 2));
    message.remove_prefix(line.size() + 2);
  }
}

template <class Head>
void write(benchmark::State& state, const Head& head, const Http1Tail& tail) {
  int64_t bytes = 0;
  for (auto _ : state) {
    Buffer out;
    write_head(out, head, tail);
    bytes += static_cast<int64_t>(out.size());
    benchmark::DoNotOptimize(out.front().data());
  }
  state.SetBytesProcessed(bytes);
  state.SetItemsProcessed(state.iterations());
}

void write_request(benchmark::State& state) {
  BlockPool blocks;
  Arena arena(blocks);
  RequestHead head(arena);
  head.method_text = "GET";
  head.path = "/api/v2/orders/8f14e45f?expand=items";
  head.authority = "orders.default.svc:8080";
  copy_fields(kTypicalRequest, head);
  head.headers.remove(HeaderId::kHost);
  write(state, head, {});
}
BENCHMARK(write_request);

void write_response(benchmark::State& state) {
  BlockPool blocks;
  Arena arena(blocks);
  ResponseHead head(arena);
  copy_fields(kTypicalResponse, head);
  Http1Tail tail;
  tail.proper_case = state.range(0) != 0;
  write(state, head, tail);
}
BENCHMARK(write_response)->ArgName("proper_case")->Arg(0)->Arg(1);

void write_chunks(benchmark::State& state) {
  std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    Buffer out;
    write_chunk(out, data);
    write_last_chunk(out, nullptr);
    benchmark::DoNotOptimize(out.front().data());
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write_chunks)->Arg(64)->Arg(4096)->Arg(65536);

}  // namespace
}  // namespace pillion::http
