// What HTTP/2 costs without sockets: a request and its response through two sessions, as a proxy's
// downstream and upstream side do it, in batches as concurrent streams arrive. Items per second are
// requests.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/http/http2_session.h"

namespace pillion::http {
namespace {

class Exchange final : public Http2Stream {
 public:
  explicit Exchange(BlockPool& blocks) : arena_(blocks) {}
  Arena& arena() override { return arena_; }
  void on_request(RequestHead& head, bool) override { request = &head; }
  void on_response(ResponseHead& head, bool) override { response = &head; }
  void on_body(std::string_view data) override { body += data.size(); }
  void on_message_end(Headers*) override { ended = true; }
  void on_closed(const Http2End& end) override { complete = end.complete; }

  RequestHead* request = nullptr;
  ResponseHead* response = nullptr;
  std::size_t body = 0;
  bool ended = false;
  bool complete = false;

 private:
  Arena arena_;
};

class Side final : public Http2Events {
 public:
  explicit Side(Role role) : session(role, *this, config, {}) {}
  Http2Stream* on_stream(StreamId) override {
    streams.push_back(std::make_unique<Exchange>(blocks));
    return streams.back().get();
  }
  void on_output() override {}
  void on_count(Http2Count) override {}
  void pass_to(Side& other) {
    Buffer out;
    if (!session.flush(out, SIZE_MAX)) std::abort();
    for (; !out.empty(); out.drain(out.front().size()))
      if (!other.session.feed(out.front(), Time{std::chrono::hours(1)})) std::abort();
  }

  config::Http2Protocol config;
  BlockPool blocks;
  Http2Session session;
  std::vector<std::unique_ptr<Exchange>> streams;
};

void fill(RequestHead& head) {
  head.method_text = "GET";
  head.path = "/api/v2/orders/8f14e45f?expand=items";
  head.authority = "orders.default.svc:8080";
  head.scheme = "http";
  head.headers.add_view(HeaderId::kUserAgent, "bench/1");
  head.headers.add_view(HeaderId::kAccept, "*/*");
  head.headers.add_view(HeaderId::kForwardedProto, "http");
  head.headers.add_view(HeaderId::kRequestId, "6f5c1097-92db-426b-9422-6dadeacefe0a");
}

void round_trips(benchmark::State& state) {
  Side client(Role::kClient);
  Side server(Role::kServer);
  auto batch = static_cast<std::size_t>(state.range(0));
  std::string body(static_cast<std::size_t>(state.range(1)), 'x');
  for (auto _ : state) {
    client.streams.clear();
    server.streams.clear();
    for (std::size_t i = 0; i < batch; ++i) {
      client.streams.push_back(std::make_unique<Exchange>(client.blocks));
      Exchange& asked = *client.streams.back();
      RequestHead head(asked.arena());
      fill(head);
      if (!client.session.open(asked, head, true, false)) state.SkipWithError("no more streams");
    }
    client.pass_to(server);
    for (auto& served : server.streams) {
      ResponseHead head(served->arena());
      head.headers.add_view(HeaderId::kContentType, "application/json");
      head.headers.add_view(HeaderId::kDate, "Sun, 06 Nov 1994 08:49:37 GMT");
      head.headers.add_view(HeaderId::kServer, "envoy");
      server.session.send_head(*served, head, body.empty());
      server.session.send_body(*served, body);
      server.session.send_end(*served, nullptr);
    }
    server.pass_to(client);
    client.pass_to(server);
    if (!client.streams.back()->complete) state.SkipWithError("a response is missing");
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * state.range(0) * state.range(1));
}
BENCHMARK(round_trips)
    ->ArgNames({"streams", "body"})
    ->Args({1, 64})
    ->Args({10, 64})
    ->Args({10, 16384})
    // A session has 2^30 streams; this many take some minutes.
    ->MinTime(0.2);

// What a connection takes that nobody uses.
void idle_session(benchmark::State& state) {
  for (auto _ : state) {
    Side server(Role::kServer);
    benchmark::DoNotOptimize(server.session.streams());
  }
}
BENCHMARK(idle_session);

}  // namespace
}  // namespace pillion::http
