#include "sidecar/http/http2_fields.h"

#include <algorithm>

#include "sidecar/base/text.h"
#include "sidecar/http/http1_parser.h"

namespace pillion::http {

namespace {

void add_field(Headers& headers, HeaderId id, std::string_view name, std::string_view value) {
  Arena& arena = headers.arena();
  if (id != HeaderId::kOther)
    headers.add_view(id, arena.copy(value));
  else
    headers.add_view(id, arena.copy(name), arena.copy(value));
}

// Static text for the methods that nearly all requests have.
std::string_view keep_method(std::string_view text, Arena& arena) {
  if (text == "GET") return "GET";
  if (text == "POST") return "POST";
  return arena.copy(text);
}

// An HTTP/1 request line must be able to carry the path: no space or control character.
bool is_valid_path(std::string_view path) {
  return std::all_of(path.begin(), path.end(),
                     [](unsigned char c) { return c > ' ' && c != 0x7f; });
}

bool take_request_pseudo(RequestHead& head, std::string_view name, std::string_view value,
                         bool has_host) {
  Arena& arena = head.headers.arena();
  if (name == ":path") {
    head.path = arena.copy(value);
    return is_valid_path(value);
  }
  if (name == ":method") {
    head.method_text = keep_method(value, arena);
    head.method = method_of(value);
    return true;
  }
  if (name == ":scheme") {
    head.scheme = value == "http" ? "http" : value == "https" ? "https" : arena.copy(value);
    return true;
  }
  if (name == ":authority") {
    if (has_host) return false;  // pseudo-header fields come first (RFC 9113 section 8.3)
    head.authority = value.empty() ? std::string_view{"", 0} : arena.copy(value);
    return true;
  }
  if (name == ":protocol") {
    head.protocol = arena.copy(value);
    return true;
  }
  return false;
}

}  // namespace

bool take_request_field(RequestHead& head, std::string_view name, std::string_view value,
                        bool& has_host) {
  if (name.front() == ':') return take_request_pseudo(head, name, value, has_host);
  HeaderId id = header_id(name);
  if (id == HeaderId::kHost) {
    // RFC 9113 section 8.3.1: :authority stands for it; one that says something else is a lie.
    if (has_host) return false;
    has_host = true;
    if (head.authority.data() != nullptr) return equals_ignore_case(head.authority, value);
    head.authority = value.empty() ? std::string_view{"", 0} : head.headers.arena().copy(value);
    return true;
  }
  add_field(head.headers, id, name, value);
  return true;
}

bool take_response_field(ResponseHead& head, std::string_view name, std::string_view value) {
  if (name.front() == ':') {
    auto status = parse_number<unsigned>(value);
    if (name != ":status" || value.size() != 3 || !status || *status < 100) return false;
    head.status = static_cast<int>(*status);
    // RFC 9113 section 8.6: HTTP/2 has no 101.
    return head.status != 101;
  }
  add_field(head.headers, header_id(name), name, value);
  return true;
}

void take_trailer(Headers& trailers, std::string_view name, std::string_view value) {
  HeaderId id = header_id(name);
  // Fields that frame or route have no place in trailers (RFC 9110 section 6.5.1).
  if (id == HeaderId::kHost || id == HeaderId::kContentLength || id == HeaderId::kTe ||
      id == HeaderId::kTrailer)
    return;
  add_field(trailers, id, name, value);
}

ProtocolError complete_request(RequestHead& head) {
  head.version = Version::kHttp2;
  Headers& headers = head.headers;
  if (headers.has(HeaderId::kCookie)) {
    if (auto joined = headers.joined("cookie");
        joined && joined->data() != headers.value(HeaderId::kCookie).data())
      headers.set_view(HeaderId::kCookie, header_name(HeaderId::kCookie), *joined);
  }
  if (head.authority.data() != nullptr && !is_valid_authority(head.authority))
    return {400, "http.invalid_authority"};
  if (head.method == Method::kConnect) {
    headers.remove(HeaderId::kContentLength);
    if (head.protocol.data() == nullptr) {
      if (head.authority.empty() || head.authority.find(':') == std::string_view::npos ||
          !is_digit(head.authority.back()))
        return {400, "http.invalid_authority"};
      return {0, {}};
    }
    // RFC 8441: everywhere but on the wire, a tunnel in the making is a GET that names a protocol.
    head.method = Method::kGet;
    head.method_text = "GET";
  } else if (head.protocol.data() != nullptr) {
    return {400, "http2.violation.of.messaging.rule"};
  }
  // Others are no reason to refuse a request, and nobody's to see.
  if (head.scheme != "http" && head.scheme != "https") head.scheme = "http";
  return {0, {}};
}

}  // namespace pillion::http
