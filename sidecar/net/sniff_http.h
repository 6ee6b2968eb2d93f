#pragma once
// Finds out from the first bytes of a plain connection whether they are HTTP, and which version:
// HTTP/2's connection preface (RFC 9113 section 3.4) or the first line of a request (RFC 9112
// section 3). Owned by whoever inspects the connection; one thread.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/net/sniff.h"

namespace pillion::net {

class HttpSniffer {
 public:
  enum class Version : uint8_t { kHttp10, kHttp11, kHttp2 };
  // A request line of more than this is told apart by nobody.
  static constexpr std::size_t kMaxBytes = 64 * 1024;

  // `bytes` is all that has come so far: each call passes what earlier ones did, and more. Once the
  // verdict is not kMore it stays. Never waits for more than a byte that can be no request needs.
  Sniffed feed(std::string_view bytes);
  // After kYes.
  [[nodiscard]] Version version() const { return version_; }
  // The name that filter chains are matched with: "http/1.0", "http/1.1" or "h2c".
  [[nodiscard]] std::string_view protocol() const;

 private:
  Sniffed step(std::string_view bytes);
  Sniffed finish_line(std::string_view line);

  Sniffed verdict_ = Sniffed::kMore;
  Version version_ = Version::kHttp11;
  enum class Part : uint8_t { kMethod, kTarget, kVersion } part_ = Part::kMethod;
  std::size_t cursor_ = 0;  // all before was looked at
  std::size_t part_start_ = 0;
};

// Whether a server's first bytes are HTTP/2's connection preface of a server, a SETTINGS frame (RFC
// 9113 section 3.4), which it may send before the client has said a word.
Sniffed sniff_http2_server(std::string_view bytes);

}  // namespace pillion::net
