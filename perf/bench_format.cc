// What one access-log line and one formatted header cost.

#include <benchmark/benchmark.h>

#include <string>

#include "sidecar/format/formatter.h"
#include "sidecar/format/header_edits.h"

namespace {

using pillion::Address;
using pillion::Arena;
using pillion::BlockPool;
using pillion::StreamInfo;
namespace config = pillion::config;
namespace format = pillion::format;
namespace http = pillion::http;

// A finished request as a sidecar sees it.
struct Finished {
  Finished() {
    request.method_text = "GET";
    request.path = "/orders/17?verbose=1";
    request.authority = "orders.example";
    request.headers.add("user-agent", "curl/8.5.0");
    request.headers.add("accept", "*/*");
    request.headers.add("x-forwarded-for", "10.20.30.40");
    request.headers.add("x-request-id", "1ce8edb7-8dbb-446a-8e9a-f79b6eabc2f4");
    response.headers.add("content-type", "application/json");
    response.headers.add("x-envoy-upstream-service-time", "3");
    info.start_wall = std::chrono::system_clock::now();
    info.times.start = std::chrono::steady_clock::now();
    info.times.end = info.times.start + std::chrono::milliseconds(4);
    info.protocol = http::Version::kHttp11;
    info.response_code = 200;
    info.response_body_bytes = 512;
    info.upstream_host = &upstream;
    info.downstream_remote = &upstream;
    context = format::Context{&info, &request, &response};
  }
  BlockPool pool;
  Arena arena{pool};
  http::RequestHead request{arena};
  http::ResponseHead response{arena};
  StreamInfo info;
  Address upstream = *Address::parse_ip("10.1.2.3", 8080);
  format::Context context;
};

void BM_DefaultLine(benchmark::State& state) {
  Finished stream;
  auto formatter = format::Formatter::parse(format::default_access_log_format());
  std::string line;
  for (auto _ : state) {
    line.clear();
    formatter->append_to(line, stream.context);
    benchmark::DoNotOptimize(line.data());
  }
}
BENCHMARK(BM_DefaultLine);

void BM_JsonLine(benchmark::State& state) {
  Finished stream;
  config::Value layout;
  config::Value::Object object;
  for (const char* op : {"START_TIME", "PROTOCOL", "RESPONSE_CODE", "DURATION", "BYTES_SENT",
                         "UPSTREAM_HOST", "REQ(:PATH)", "REQ(USER-AGENT)", "REQ(X-REQUEST-ID)",
                         "ROUTE_NAME", "RESPONSE_FLAGS", "DOWNSTREAM_REMOTE_ADDRESS"})
    object[op] = config::Value{"%" + std::string(op) + "%"};
  layout.data = std::move(object);
  auto formatter = format::JsonFormatter::parse(layout, false, false);
  std::string line;
  for (auto _ : state) {
    line.clear();
    formatter->append_to(line, stream.context);
    benchmark::DoNotOptimize(line.data());
  }
}
BENCHMARK(BM_JsonLine);

void BM_ThreeHeaderEdits(benchmark::State& state) {
  Finished stream;
  config::HeaderEdits edits;
  using Action = config::HeaderAppend::Action;
  edits.append = {{"x-one", "literal", Action::kAppendIfExistsOrAdd, false},
                  {"x-two", "%REQ(:path)%", Action::kOverwriteIfExistsOrAdd, false}};
  edits.remove = {"accept"};
  auto compiled = format::HeaderEdits::compile(edits);
  for (auto _ : state) {
    Arena arena(stream.pool);
    http::RequestHead head(arena);
    head.path = stream.request.path;
    for (const http::Header& h : stream.request.headers)
      head.headers.add_view(h.id, h.name(), h.value());
    compiled->apply(head, format::Context{&stream.info, &head});
    benchmark::DoNotOptimize(head);
  }
}
BENCHMARK(BM_ThreeHeaderEdits);

}  // namespace
