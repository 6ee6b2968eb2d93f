#pragma once
// The heads of requests and responses, the same for HTTP/1 and HTTP/2: pseudo-header fields as
// members, the rest as Headers. Text lives in the stream's arena. Single thread.

#include <cstdint>
#include <optional>
#include <string_view>

#include "sidecar/http/headers.h"

namespace pillion::http {

enum class Version : uint8_t { kHttp10, kHttp11, kHttp2 };
// "HTTP/1.1", as access logs print it.
std::string_view version_text(Version version);

enum class Method : uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
  kOther
};
Method method_of(std::string_view text);
// RFC 9110 section 9.2.2.
bool is_idempotent(Method method);

struct RequestHead {
  explicit RequestHead(Arena& arena) : headers(arena) {}
  Method method = Method::kGet;
  Version version = Version::kHttp11;
  std::string_view method_text;
  std::string_view path;  // with the query; "*" for OPTIONS *; empty for CONNECT
  std::string_view authority;
  std::string_view scheme;    // "http" or "https"; empty until the connection manager has set it
  std::string_view protocol;  // Upgrade's value, or RFC 8441's :protocol; else empty
  Headers headers;            // without host

  // The path before '?'.
  [[nodiscard]] std::string_view path_only() const { return path.substr(0, path.find('?')); }
  // After '?', or empty.
  [[nodiscard]] std::string_view query() const {
    std::size_t at = path.find('?');
    return at == std::string_view::npos ? std::string_view{} : path.substr(at + 1);
  }
  // Content-type application/grpc or application/grpc+something; application/grpc-web is another
  // protocol.
  [[nodiscard]] bool is_grpc() const;
  // A field by lower-case name, the pseudo-header fields (":path", ":method", ":authority",
  // ":scheme",
  // ":protocol") and "host" among them; several values joined with ",".
  [[nodiscard]] std::optional<std::string_view> field(std::string_view lower_name) const;
  // The same, but the first value alone, which is what Envoy's formatters and cluster_header read.
  [[nodiscard]] std::optional<std::string_view> first(std::string_view lower_name) const;
};

struct ResponseHead {
  explicit ResponseHead(Arena& arena) : headers(arena) {}
  int status = 200;
  Version version = Version::kHttp11;
  std::string_view reason;  // as the HTTP/1 upstream sent it; empty: the standard phrase
  Headers headers;
  // As RequestHead's, with ":status".
  [[nodiscard]] std::optional<std::string_view> field(std::string_view lower_name) const;
  [[nodiscard]] std::optional<std::string_view> first(std::string_view lower_name) const;
};

// "OK" for 200; "Unknown" if there is no phrase.
std::string_view reason_phrase(int status);

}  // namespace pillion::http
