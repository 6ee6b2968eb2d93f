#include "sidecar/http/message.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pillion::http {

std::string_view version_text(Version version) {
  switch (version) {
    case Version::kHttp10:
      return "HTTP/1.0";
    case Version::kHttp11:
      return "HTTP/1.1";
    case Version::kHttp2:
      return "HTTP/2";
  }
  return {};
}

Method method_of(std::string_view text) {
  // Methods are case-sensitive (RFC 9110 section 9.1). The most frequent come first.
  static constexpr std::array<std::pair<std::string_view, Method>, 9> names = {{
      {"GET", Method::kGet},
      {"POST", Method::kPost},
      {"HEAD", Method::kHead},
      {"PUT", Method::kPut},
      {"DELETE", Method::kDelete},
      {"PATCH", Method::kPatch},
      {"OPTIONS", Method::kOptions},
      {"CONNECT", Method::kConnect},
      {"TRACE", Method::kTrace},
  }};
  for (const auto& [name, method] : names)
    if (text == name) return method;
  return Method::kOther;
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::kGet:
    case Method::kHead:
    case Method::kPut:
    case Method::kDelete:
    case Method::kOptions:
    case Method::kTrace:
      return true;
    case Method::kPost:
    case Method::kConnect:
    case Method::kPatch:
    case Method::kOther:
      break;
  }
  return false;
}

namespace {

using Field = std::optional<std::string_view>;

Field unless_empty(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text;
}

bool is_pseudo(std::string_view lower_name) {
  return !lower_name.empty() && lower_name[0] == ':';
}

Field pseudo_field(const RequestHead& head, std::string_view name) {
  if (name == ":path") return unless_empty(head.path);
  if (name == ":method") return unless_empty(head.method_text);
  if (name == ":authority") return unless_empty(head.authority);
  if (name == ":scheme") return unless_empty(head.scheme);
  if (name == ":protocol") return unless_empty(head.protocol);
  return std::nullopt;
}

Field pseudo_field(const ResponseHead& head, std::string_view name) {
  if (name != ":status" || head.status < 0 || head.status > 999) return std::nullopt;
  const char digits[] = {static_cast<char>('0' + head.status / 100),
                         static_cast<char>('0' + head.status / 10 % 10),
                         static_cast<char>('0' + head.status % 10)};
  return head.headers.arena().copy(std::string_view(digits, sizeof(digits)));
}

Field first_of(const Headers& headers, std::string_view lower_name) {
  const Header* found = headers.find(lower_name);
  if (found == nullptr) return std::nullopt;
  return found->value();
}

}  // namespace

bool RequestHead::is_grpc() const {
  constexpr std::string_view kGrpc = "application/grpc";
  std::string_view type = headers.value(HeaderId::kContentType);
  return type.starts_with(kGrpc) && (type.size() == kGrpc.size() || type[kGrpc.size()] == '+');
}

Field RequestHead::field(std::string_view lower_name) const {
  if (is_pseudo(lower_name)) return pseudo_field(*this, lower_name);
  // RFC 9113 section 8.3.1: :authority stands for Host.
  if (lower_name == "host") return unless_empty(authority);
  return headers.joined(lower_name);
}

Field RequestHead::first(std::string_view lower_name) const {
  if (is_pseudo(lower_name)) return pseudo_field(*this, lower_name);
  if (lower_name == "host") return unless_empty(authority);
  return first_of(headers, lower_name);
}

Field ResponseHead::field(std::string_view lower_name) const {
  if (is_pseudo(lower_name)) return pseudo_field(*this, lower_name);
  return headers.joined(lower_name);
}

Field ResponseHead::first(std::string_view lower_name) const {
  if (is_pseudo(lower_name)) return pseudo_field(*this, lower_name);
  return first_of(headers, lower_name);
}

namespace {

// The registry's phrases that Envoy knows, by status.
constexpr std::array<std::pair<int, std::string_view>, 61> kPhrases = {{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Payload Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Entity"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
    {599, "Last Unassigned Server Error Code"},
}};

}  // namespace

std::string_view reason_phrase(int status) {
  if (status == 200) return "OK";
  const auto* found = std::lower_bound(kPhrases.begin(), kPhrases.end(), status,
                                       [](const std::pair<int, std::string_view>& phrase,
                                          int wanted) { return phrase.first < wanted; });
  return found != kPhrases.end() && found->first == status ? found->second : "Unknown";
}

}  // namespace pillion::http
