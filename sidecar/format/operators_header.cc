// Operators that read the heads of the messages: %REQ%, %RESP%, %PATH%, %GRPC_STATUS% and their
// kin.

#include <array>
#include <optional>

#include "sidecar/base/text.h"
#include "sidecar/format/operator.h"
#include "sidecar/http/matcher.h"

namespace pillion::format {

namespace {

using Field = std::optional<std::string_view>;

bool is_token(std::string_view name) {
  for (char c : name) {
    bool letter = (c >= 'a' && c <= 'z') || is_digit(c);
    if (!letter && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos)
      return false;
  }
  return true;
}

// "X?Y": the main field and the one that stands in for it.
Result<Unit, Problem> parse_header_names(Piece& piece, std::string_view argument) {
  auto names = split(argument, '?');
  if (names.size() > 2)
    return problem("more than one alternative header in '" + std::string(argument) + "'");
  piece.text = lower_copy(names[0]);
  if (names.size() == 2) piece.other = lower_copy(names[1]);
  for (std::string_view name : {std::string_view(piece.text), std::string_view(piece.other)}) {
    if (name.starts_with(':')) name.remove_prefix(1);
    if (!is_token(name))
      return problem("'" + std::string(argument) + "' is not the name of a header");
  }
  return Unit{};
}

template <class Head>
Field header_of(const Head* head, const Piece& piece) {
  if (head == nullptr) return std::nullopt;
  Field value = head->first(piece.text);
  if (!value && !piece.other.empty()) value = head->first(piece.other);
  return value;
}

bool append_field(std::string& out, Field value) {
  if (!value) return false;
  out += *value;
  return true;
}

bool append_request_header(std::string& out, const Piece& piece, const Context& context) {
  return append_field(out, header_of(context.request, piece));
}

bool append_response_header(std::string& out, const Piece& piece, const Context& context) {
  return append_field(out, header_of(context.response, piece));
}

bool append_trailer(std::string& out, const Piece& piece, const Context& context) {
  const http::Headers* trailers = context.response_trailers;
  if (trailers == nullptr) return false;
  const http::Header* found = trailers->find(piece.text);
  if (found == nullptr && !piece.other.empty()) found = trailers->find(piece.other);
  if (found == nullptr) return false;
  out += found->value();
  return true;
}

bool append_request_header_without_query(std::string& out, const Piece& piece,
                                         const Context& context) {
  Field value = header_of(context.request, piece);
  if (value) value = value->substr(0, value->find('?'));
  return append_field(out, value);
}

bool append_local_reply_body(std::string& out, const Piece&, const Context& context) {
  out += context.local_reply_body;
  return true;
}

// %PATH(X:Y)%: option tells whether without the query, option2 where from.
enum PathSource : uint8_t { kOriginalOrPath, kOriginal, kPath };

Result<Unit, Problem> parse_path(Piece& piece, std::string_view argument) {
  auto parts = split(argument, ':');
  if (parts[0] != "WQ" && parts[0] != "NQ" && !parts[0].empty())
    return problem("'" + std::string(parts[0]) + "' is neither WQ nor NQ");
  piece.option = parts[0] == "NQ" ? 1 : 0;
  if (parts.size() < 2 || parts[1].empty() || parts[1] == "ORIG_OR_PATH") return Unit{};
  if (parts[1] == "ORIG") {
    piece.option2 = kOriginal;
  } else if (parts[1] == "PATH") {
    piece.option2 = kPath;
  } else {
    return problem("'" + std::string(parts[1]) + "' is none of ORIG, PATH and ORIG_OR_PATH");
  }
  return Unit{};
}

bool append_path(std::string& out, const Piece& piece, const Context& context) {
  if (context.request == nullptr) return false;
  Field path;
  if (piece.option2 != kPath) path = context.request->first("x-envoy-original-path");
  if (!path && piece.option2 != kOriginal) path = context.request->first(":path");
  if (path && piece.option == 1) path = path->substr(0, path->find('?'));
  return append_field(out, path);
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Appends with %XX decoded (RFC 3986 section 2.1); a percent sign that is followed by no two hex
// digits stays.
void append_percent_decoded(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
}

bool append_query_parameter(std::string& out, const Piece& piece, const Context& context) {
  if (context.request == nullptr) return false;
  Field value = http::query_parameter(context.request->query(), piece.text);
  if (!value) return false;
  append_percent_decoded(out, *value);
  return true;
}

Result<Unit, Problem> parse_query_parameters(Piece& piece, std::string_view argument) {
  if (!argument.empty() && argument != "ORIG" && argument != "DECODED")
    return problem("'" + std::string(argument) + "' is neither ORIG nor DECODED");
  piece.option = argument == "DECODED" ? 1 : 0;
  return Unit{};
}

// Envoy decodes only what prints as one visible ASCII character, which keeps a line in one piece,
// and drops a percent sign that is followed by no two hex digits.
void append_visibly_decoded(std::string& out, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%' || i + 2 >= text.size()) {
      out += text[i];
      continue;
    }
    int high = hex_digit(text[i + 1]);
    int low = hex_digit(text[i + 2]);
    if (high < 0 || low < 0) continue;
    int c = high * 16 + low;
    if (c > 0x20 && c < 0x7f) {
      out += static_cast<char>(c);
    } else {
      out += text.substr(i, 3);
    }
    i += 2;
  }
}

bool append_query_parameters(std::string& out, const Piece& piece, const Context& context) {
  if (context.request == nullptr) return false;
  std::string_view path = context.request->path;
  std::size_t question = path.find('?');
  if (question == std::string_view::npos) return false;
  std::string_view query = path.substr(question + 1);
  if (piece.option == 1) {
    append_visibly_decoded(out, query);
  } else {
    out += query;
  }
  return true;
}

// %GRPC_STATUS(X)%.
enum GrpcForm : uint8_t { kCamel, kSnake, kNumber };

struct GrpcName {
  std::string_view camel;
  std::string_view snake;
};
constexpr std::array<GrpcName, 17> kGrpcNames = {{
    {"OK", "OK"},
    {"Canceled", "CANCELLED"},
    {"Unknown", "UNKNOWN"},
    {"InvalidArgument", "INVALID_ARGUMENT"},
    {"DeadlineExceeded", "DEADLINE_EXCEEDED"},
    {"NotFound", "NOT_FOUND"},
    {"AlreadyExists", "ALREADY_EXISTS"},
    {"PermissionDenied", "PERMISSION_DENIED"},
    {"ResourceExhausted", "RESOURCE_EXHAUSTED"},
    {"FailedPrecondition", "FAILED_PRECONDITION"},
    {"Aborted", "ABORTED"},
    {"OutOfRange", "OUT_OF_RANGE"},
    {"Unimplemented", "UNIMPLEMENTED"},
    {"Internal", "INTERNAL"},
    {"Unavailable", "UNAVAILABLE"},
    {"DataLoss", "DATA_LOSS"},
    {"Unauthenticated", "UNAUTHENTICATED"},
}};

Result<Unit, Problem> parse_grpc_form(Piece& piece, std::string_view argument) {
  if (argument == "SNAKE_STRING") {
    piece.option = kSnake;
  } else if (argument == "NUMBER") {
    piece.option = kNumber;
    piece.is_number = true;
  } else if (!argument.empty() && argument != "CAMEL_STRING") {
    return problem("'" + std::string(argument) +
                   "' is none of CAMEL_STRING, SNAKE_STRING and NUMBER");
  }
  return Unit{};
}

void append_status_number(std::string& out, uint32_t status) {
  if (status == kInvalidGrpcStatus)
    out += "-1";
  else
    append_number(out, status);
}

bool append_grpc_number(std::string& out, const Piece&, const Context& context) {
  auto status = grpc_status_of(context);
  if (!status) return false;
  append_status_number(out, *status);
  return true;
}

bool append_grpc_status(std::string& out, const Piece& piece, const Context& context) {
  auto status = grpc_status_of(context);
  if (!status) return false;
  if (piece.option == kNumber || *status >= kGrpcNames.size()) {
    append_status_number(out, *status);
  } else {
    const GrpcName& name = kGrpcNames[*status];
    out += piece.option == kSnake ? name.snake : name.camel;
  }
  return true;
}

// Envoy's byteSize: names and values, without separators, with the pseudo-header fields.
std::size_t field_bytes(const http::Headers& headers) {
  std::size_t bytes = 0;
  for (const http::Header& h : headers) bytes += h.name_size + h.value_size;
  return bytes;
}

std::size_t field_bytes(std::string_view name, std::string_view value) {
  return value.empty() ? 0 : name.size() + value.size();
}

bool append_request_bytes(std::string& out, const Piece&, const Context& context) {
  std::size_t bytes = 0;
  if (const http::RequestHead* head = context.request; head != nullptr) {
    bytes = field_bytes(head->headers) + field_bytes(":path", head->path) +
            field_bytes(":method", head->method_text) + field_bytes(":authority", head->authority) +
            field_bytes(":scheme", head->scheme) + field_bytes(":protocol", head->protocol);
  }
  append_number(out, bytes);
  return true;
}

bool append_response_bytes(std::string& out, const Piece&, const Context& context) {
  std::size_t bytes = 0;
  if (context.response != nullptr)
    bytes = field_bytes(context.response->headers) + field_bytes(":status", "200");
  append_number(out, bytes);
  return true;
}

bool append_trailer_bytes(std::string& out, const Piece&, const Context& context) {
  append_number(out,
                context.response_trailers == nullptr ? 0 : field_bytes(*context.response_trailers));
  return true;
}

// %REQUESTED_SERVER_NAME(X:Y)%: option is X, option2 is Y.
enum ServerNameSource : uint8_t { kSniOnly, kSniFirst, kHostFirst };
enum HostSource : uint8_t { kOriginalOrHost, kOriginalHost, kHost };

Result<Unit, Problem> parse_server_name(Piece& piece, std::string_view argument) {
  auto parts = split(argument, ':');
  if (parts[0] == "SNI_FIRST") {
    piece.option = kSniFirst;
  } else if (parts[0] == "HOST_FIRST") {
    piece.option = kHostFirst;
  } else if (!parts[0].empty() && parts[0] != "SNI_ONLY") {
    return problem("'" + std::string(parts[0]) + "' is none of SNI_ONLY, SNI_FIRST and HOST_FIRST");
  }
  if (parts.size() < 2 || parts[1].empty() || parts[1] == "ORIG_OR_HOST") return Unit{};
  if (parts[1] == "ORIG") {
    piece.option2 = kOriginalHost;
  } else if (parts[1] == "HOST") {
    piece.option2 = kHost;
  } else {
    return problem("'" + std::string(parts[1]) + "' is none of ORIG, HOST and ORIG_OR_HOST");
  }
  return Unit{};
}

std::string_view requested_host(const Piece& piece, const Context& context) {
  if (context.request == nullptr) return {};
  Field host;
  if (piece.option2 != kHost) host = context.request->first("x-envoy-original-host");
  if (!host && piece.option2 != kOriginalHost) host = context.request->first(":authority");
  return host.value_or(std::string_view{});
}

bool append_server_name(std::string& out, const Piece& piece, const Context& context) {
  std::string_view sni = context.info->requested_server_name;
  std::string_view host;
  if (piece.option == kHostFirst || (piece.option == kSniFirst && sni.empty()))
    host = requested_host(piece, context);
  if (host.empty() && piece.option != kHostFirst) host = sni;
  if (host.empty() && piece.option == kHostFirst) host = sni;
  return append_text(out, host);
}

constexpr uint8_t kHeaderSyntax = kParamsRequired | kLengthAllowed;

constexpr Operator kOperators[] = {
    {"REQ", append_request_header, kHeaderSyntax, false, parse_header_names},
    {"REQUEST_HEADER", append_request_header, kHeaderSyntax, false, parse_header_names},
    {"REQ_WITHOUT_QUERY", append_request_header_without_query, kHeaderSyntax, false,
     parse_header_names},
    {"RESP", append_response_header, kHeaderSyntax, false, parse_header_names},
    {"RESPONSE_HEADER", append_response_header, kHeaderSyntax, false, parse_header_names},
    {"TRAILER", append_trailer, kHeaderSyntax, false, parse_header_names},
    {"RESPONSE_TRAILER", append_trailer, kHeaderSyntax, false, parse_header_names},
    {"LOCAL_REPLY_BODY", append_local_reply_body},
    {"PATH", append_path, kParamsOptional | kLengthAllowed, false, parse_path},
    {"QUERY_PARAM", append_query_parameter, kHeaderSyntax},
    {"QUERY_PARAMS", append_query_parameters, kParamsOptional | kLengthAllowed, false,
     parse_query_parameters},
    {"GRPC_STATUS", append_grpc_status, kParamsOptional, false, parse_grpc_form},
    {"GRPC_STATUS_NUMBER", append_grpc_number, kCommandOnly, true},
    {"REQUEST_HEADERS_BYTES", append_request_bytes, kCommandOnly, true},
    {"RESPONSE_HEADERS_BYTES", append_response_bytes, kCommandOnly, true},
    {"RESPONSE_TRAILERS_BYTES", append_trailer_bytes, kCommandOnly, true},
    {"REQUESTED_SERVER_NAME", append_server_name, kParamsOptional, false, parse_server_name},
};

}  // namespace

std::span<const Operator> header_operators() {
  return kOperators;
}

}  // namespace pillion::format
