#pragma once
// Envoy's substitution format strings ("%REQ(:path)% %RESPONSE_CODE%"): parsed once at
// configuration time, then rendered per stream. Used by access logs, header values and local reply
// bodies. Reference: Envoy's docs, configuration/advanced/substitution_formatter.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/value.h"
#include "sidecar/format/stream_info.h"
#include "sidecar/http/message.h"

namespace pillion::format {

// What a command operator may read; any pointer but `info` may be null.
struct Context {
  const StreamInfo* info = nullptr;
  const http::RequestHead* request = nullptr;
  const http::ResponseHead* response = nullptr;
  const http::Headers* response_trailers = nullptr;
  std::string_view local_reply_body{};
};

struct Piece;

class Formatter {
 public:
  // Problem names the operator that is malformed or not supported, and lists what is.
  static Result<Formatter, Problem> parse(std::string_view text, bool omit_empty_values = false);
  // Appends the rendered text; an operator without a value renders "-" (or nothing when
  // omit_empty_values was set).
  void append_to(std::string& out, const Context& context) const;
  // As a header value: like append_to, but an absent value renders nothing (Envoy's header
  // formatter does so too).
  void append_header_value(std::string& out, const Context& context) const;
  // True when the text has no operators; `literal()` is then all of it.
  [[nodiscard]] bool is_literal() const;
  [[nodiscard]] std::string_view literal() const;

  Formatter(Formatter&&) noexcept;
  Formatter& operator=(Formatter&&) noexcept;
  ~Formatter();

 private:
  Formatter();
  std::vector<Piece> pieces_;
  bool omit_empty_ = false;
};

// One JSON object, ended by a newline, from a template whose strings hold operators; a string that
// is exactly one operator keeps the operator's type (number, null when absent), as Envoy's does.
class JsonFormatter {
 public:
  // Members are always written in the order of their names, which is what sort_properties asks for;
  // without it Envoy's order is that of a hash map.
  static Result<JsonFormatter, Problem> parse(const config::Value& layout, bool omit_empty_values,
                                              bool sort_properties);
  void append_to(std::string& out, const Context& context) const;

  JsonFormatter(JsonFormatter&&) noexcept;
  JsonFormatter& operator=(JsonFormatter&&) noexcept;
  ~JsonFormatter();

  struct Node;  // defined in json_formatter.cc

 private:
  JsonFormatter();
  std::unique_ptr<Node> root_;
  bool omit_empty_ = false;
};

// Whether any format that was parsed asks for %ROUTE_RESOLUTION_TIME_US%: reading the clock twice
// for each request is a price that is paid only then.
bool route_times_wanted();
// The same for what TLS says of connections: one bit for each TlsField that some format asks for.
uint64_t wanted_tls_fields(bool upstream);

// The gRPC status of a response: from the trailers, else the head, else by what its HTTP status
// means to a gRPC client; none before there is a response. What is no number is kInvalidGrpcStatus,
// which logs show as -1.
constexpr uint32_t kInvalidGrpcStatus = UINT32_MAX;
std::optional<uint32_t> grpc_status_of_response(const Context& context);
// The same, for responses to gRPC requests alone.
std::optional<uint32_t> grpc_status_of(const Context& context);
// Envoy's default access-log line.
std::string_view default_access_log_format();

}  // namespace pillion::format
