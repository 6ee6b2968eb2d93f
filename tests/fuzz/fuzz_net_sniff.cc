// Looks for TLS and HTTP in arbitrary first bytes. Property: however the network cuts the bytes up,
// the sniffers end with the same verdict, name and protocols, as soon as the bytes suffice.

#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/base/check.h"
#include "sidecar/net/sniff_http.h"
#include "sidecar/net/sniff_tls.h"

namespace {

using pillion::net::HttpSniffer;
using pillion::net::Sniffed;
using pillion::net::TlsSniffer;

template <class Sniffer>
Sniffer grow(std::string_view bytes, std::size_t step, Sniffed& verdict) {
  Sniffer sniffer;
  verdict = Sniffed::kMore;
  for (std::size_t held = 1; held <= bytes.size() && verdict == Sniffed::kMore;
       held = held < bytes.size() ? std::min(held + step, bytes.size()) : held + 1) {
    // A copy of exactly these bytes, so that a look beyond them is found.
    std::string copy(bytes.substr(0, held));
    verdict = sniffer.feed(copy);
  }
  return sniffer;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Sniffed whole{};
  Sniffed pieces{};
  Sniffed crumbs{};
  auto tls = grow<TlsSniffer>(bytes, bytes.size(), whole);
  auto tls_pieces = grow<TlsSniffer>(bytes, data[0] + std::size_t{1}, pieces);
  auto tls_crumbs = grow<TlsSniffer>(bytes, 1, crumbs);
  CHECK(whole == pieces && whole == crumbs);
  CHECK(tls.server_name() == tls_pieces.server_name());
  CHECK(tls.server_name() == tls_crumbs.server_name());
  CHECK(tls.protocols() == tls_crumbs.protocols());
  auto http = grow<HttpSniffer>(bytes, bytes.size(), whole);
  auto http_crumbs = grow<HttpSniffer>(bytes, 1, crumbs);
  CHECK(whole == crumbs);
  if (whole == Sniffed::kYes) CHECK(http.version() == http_crumbs.version());
  return 0;
}
