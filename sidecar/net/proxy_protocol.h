#pragma once
// The PROXY protocol, versions 1 and 2: the header before a connection's own bytes in which a proxy
// says who its client was (HAProxy's proxy-protocol.txt). Reading and writing are functions of
// bytes; no socket. Plain values; any thread.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/address.h"

namespace pillion::net {

// Type, length and value, as version 2 carries them after the addresses.
struct ProxyTlv {
  uint8_t type = 0;
  std::string value;
};

struct ProxyHeader {
  unsigned version = 1;
  // The sender speaks for itself (LOCAL, UNKNOWN or no family): the connection's own addresses
  // hold, and those below are not valid.
  bool local = false;
  Address source;
  Address destination;
  std::vector<ProxyTlv> tlvs;
  std::size_t size = 0;  // bytes that the header took
};

struct ProxyProtocolRules {
  bool allow_v1 = true;
  bool allow_v2 = true;
  // Bytes that are no header that is allowed belong to the connection.
  bool allow_without = false;
};

enum class ProxyParse : uint8_t {
  kMore,
  kHeader,
  kNone,        // no header, which the rules allow
  kMissing,     // no header, which the rules do not allow
  kDisallowed,  // a version that the rules do not allow
  kMalformed
};

// Version 1's longest line with its CRLF.
inline constexpr std::size_t kMaxProxyLine = 107;
// The largest version 2 header.
inline constexpr std::size_t kMaxProxyHeader = 16 + 65535;

// `bytes` is all that has come so far. `to.version` is right whenever one could be told.
ProxyParse parse_proxy_header(std::string_view bytes, const ProxyProtocolRules& rules,
                              ProxyHeader& to);

// One line; addresses that are not both IPv4 or both IPv6 give UNKNOWN.
void write_proxy_v1(std::string& to, const Address& source, const Address& destination);
// LOCAL where `local` or where the addresses have no family in common, which a PROXY command cannot
// say to every reader. False, and nothing written, if the values take more than the format's 65 535
// bytes.
bool write_proxy_v2(std::string& to, const Address& source, const Address& destination,
                    const std::vector<ProxyTlv>& tlvs, bool local = false);

}  // namespace pillion::net
