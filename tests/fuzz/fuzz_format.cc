// Any text as a format string: it is refused, or it renders a stream that has everything and one
// that has nothing, as text, as a header value and inside of JSON.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "sidecar/format/formatter.h"

namespace {

using pillion::format::Context;
using pillion::format::Formatter;
using pillion::format::JsonFormatter;

void check(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// What the JSON writer makes of any text has no control character and balanced quotes.
void check_json_line(const std::string& line) {
  check(line.size() >= 3 && line.front() == '{', "not an object");
  check(line.substr(line.size() - 2) == "}\n", "not ended by a newline");
  bool inside = false;
  for (std::size_t i = 0; i + 1 < line.size(); ++i) {
    check(static_cast<unsigned char>(line[i]) >= 0x20, "a control character");
    if (inside && line[i] == '\\') {
      ++i;
    } else if (line[i] == '"') {
      inside = !inside;
    }
  }
  check(!inside, "an open string");
}

void render(const Formatter& text, const JsonFormatter& json, const Context& context) {
  std::string line;
  text.append_to(line, context);
  std::string header;
  text.append_header_value(header, context);
  std::string object;
  json.append_to(object, context);
  check_json_line(object);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  std::string input(reinterpret_cast<const char*>(data), size);
  auto text = Formatter::parse(input);
  pillion::config::Value layout;
  layout.data =
      pillion::config::Value::Object{{input, {input}}, {"k", {std::string("%PROTOCOL%")}}};
  auto json = JsonFormatter::parse(layout, false, false);
  check(text.has_value() == json.has_value(), "text and JSON disagree on what is a format");
  if (!text) {
    check(!text.error().message.empty(), "a problem without a message");
    return 0;
  }
  pillion::StreamInfo info;
  render(*text, *json, Context{&info});
  pillion::BlockPool pool;
  pillion::Arena arena(pool);
  pillion::http::RequestHead request(arena);
  request.path = input;
  request.authority = input;
  request.headers.add("a", input);
  request.headers.add("content-type", "application/grpc");
  pillion::http::ResponseHead response(arena);
  response.headers.add("a", input);
  response.headers.add("grpc-status", input);
  auto address = pillion::Address::parse_ip("2001:db8::1", 80);
  pillion::AttemptedHost attempted{&*address, input, 7, nullptr};
  pillion::config::Metadata metadata = {{"ns", layout}};
  info.downstream_remote = info.downstream_local = info.upstream_host = &*address;
  info.attempted = &attempted;
  info.route_metadata = info.upstream_metadata = &metadata;
  info.response_code = 503;
  info.response_code_details = input;
  info.upstream_host_name = input;
  for (unsigned i = 0; i < static_cast<unsigned>(pillion::ResponseFlag::kCount); ++i)
    info.set_flag(static_cast<pillion::ResponseFlag>(i));
  render(*text, *json, Context{&info, &request, &response, &response.headers, input});
  return 0;
}
