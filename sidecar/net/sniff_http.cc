#include "sidecar/net/sniff_http.h"

#include <algorithm>

#include "sidecar/base/text.h"

namespace pillion::net {

namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kVersionStart = "HTTP/";

// RFC 9110 section 5.6.2.
bool is_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_target(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != 0x7f;
}

}  // namespace

std::string_view HttpSniffer::protocol() const {
  switch (version_) {
    case Version::kHttp10:
      return "http/1.0";
    case Version::kHttp11:
      return "http/1.1";
    case Version::kHttp2:
      return "h2c";
  }
  return {};
}

Sniffed HttpSniffer::feed(std::string_view bytes) {
  if (verdict_ == Sniffed::kMore) verdict_ = step(bytes);
  if (verdict_ == Sniffed::kMore && bytes.size() >= kMaxBytes) verdict_ = Sniffed::kTooLarge;
  return verdict_;
}

Sniffed HttpSniffer::step(std::string_view bytes) {
  std::size_t common = std::min(bytes.size(), kPreface.size());
  if (bytes.substr(0, common) == kPreface.substr(0, common)) {
    if (common < kPreface.size()) return Sniffed::kMore;
    version_ = Version::kHttp2;
    return Sniffed::kYes;
  }
  for (; cursor_ < bytes.size(); ++cursor_) {
    char c = bytes[cursor_];
    switch (part_) {
      case Part::kMethod:
        if (c == ' ' && cursor_ > 0) {
          part_ = Part::kTarget;
          part_start_ = cursor_ + 1;
        } else if (!is_token(c)) {
          return Sniffed::kNo;
        }
        break;
      case Part::kTarget:
        if (c == ' ' && cursor_ > part_start_) {
          part_ = Part::kVersion;
          part_start_ = cursor_ + 1;
        } else if (!is_target(c)) {
          return Sniffed::kNo;  // among them HTTP/0.9, which has no version
        }
        break;
      case Part::kVersion: {
        if (c == '\n') return finish_line(bytes.substr(part_start_, cursor_ - part_start_));
        std::size_t at = cursor_ - part_start_;
        if (at < kVersionStart.size() ? c != kVersionStart[at] : at > 8) return Sniffed::kNo;
        break;
      }
    }
  }
  return Sniffed::kMore;
}

Sniffed HttpSniffer::finish_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() != 8 || !is_digit(line[5]) || line[6] != '.' || !is_digit(line[7]))
    return Sniffed::kNo;
  version_ = line.substr(5) == "1.1" ? Version::kHttp11 : Version::kHttp10;
  return Sniffed::kYes;
}

Sniffed sniff_http2_server(std::string_view bytes) {
  constexpr std::size_t kHead = 9;
  constexpr std::size_t kMaxPayload = 16 * 1024;
  constexpr std::size_t kSetting = 6;
  // After the length: type SETTINGS, no flags, stream 0.
  constexpr std::string_view kRest("\4\0\0\0\0\0", 6);
  auto byte = [&](std::size_t i) { return std::size_t{static_cast<uint8_t>(bytes[i])}; };
  if (bytes.size() >= 1 && byte(0) != 0) return Sniffed::kNo;
  if (bytes.size() >= 3) {
    std::size_t length = byte(1) << 8 | byte(2);
    if (length > kMaxPayload || length % kSetting != 0) return Sniffed::kNo;
    std::string_view rest = bytes.substr(3, kRest.size());
    if (rest != kRest.substr(0, rest.size())) return Sniffed::kNo;
  }
  return bytes.size() >= kHead ? Sniffed::kYes : Sniffed::kMore;
}

}  // namespace pillion::net
