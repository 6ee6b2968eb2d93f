// Reads PROXY protocol headers from arbitrary bytes. Properties: a header that is there is found at
// its last byte and not before, whatever follows it; what was read, written again, reads the same.
// The first byte of an input chooses the rules.

#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/base/check.h"
#include "sidecar/net/proxy_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pillion::net;
  if (size < 1) return 0;
  ProxyProtocolRules rules{(data[0] & 1) == 0, (data[0] & 2) == 0, (data[0] & 4) != 0};
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ProxyHeader header;
  if (parse_proxy_header(bytes, rules, header) != ProxyParse::kHeader) return 0;
  CHECK(header.size <= bytes.size() && header.size <= kMaxProxyHeader);
  CHECK(header.version == 2 || header.size <= kMaxProxyLine);
  ProxyHeader again;
  std::string exact(bytes.substr(0, header.size));
  CHECK(parse_proxy_header(exact, rules, again) == ProxyParse::kHeader);
  CHECK(again.size == header.size);
  exact.pop_back();
  CHECK(parse_proxy_header(exact, rules, again) == ProxyParse::kMore);
  std::string written;
  if (header.version == 1)
    write_proxy_v1(written, header.source, header.destination);
  else
    CHECK(write_proxy_v2(written, header.source, header.destination, header.tlvs, header.local));
  CHECK(parse_proxy_header(written, {}, again) == ProxyParse::kHeader);
  // An IPv4 address that came as IPv6 has no family in common with one that is IPv6.
  bool one_family = header.source.family() == header.destination.family();
  CHECK(again.local == (header.local || !one_family));
  if (again.local) return 0;
  CHECK(again.source == header.source && again.destination == header.destination);
  CHECK(again.tlvs.size() == header.tlvs.size());
  return 0;
}
