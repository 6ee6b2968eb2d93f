#include "sidecar/net/proxy_protocol.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>

#include "sidecar/base/text.h"

namespace pillion::net {

namespace {

constexpr std::string_view kV1Start = "PROXY";
constexpr std::string_view kV2Start("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kV2Fixed = 16;
constexpr unsigned kLocal = 0;
constexpr unsigned kProxy = 1;

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}
std::size_t length_at(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

bool agrees(std::string_view bytes, std::string_view start) {
  std::size_t common = std::min(bytes.size(), start.size());
  return bytes.substr(0, common) == start.substr(0, common);
}

// No other can be an end of a TCP connection.
bool is_unicast(const Address& address) {
  if (address.is_any()) return false;
  std::string_view ip = address.ip_bytes();
  if (ip.size() == 4) return byte_at(ip, 0) >> 4 != 14 && ip != "\xff\xff\xff\xff";
  return byte_at(ip, 0) != 0xff;
}

bool take_line_address(std::string_view ip, std::string_view port, bool v4, Address& to) {
  auto number = parse_number<uint16_t>(port);
  if (!number) return false;
  Result<Address, Problem> address = Address::parse_ip(ip, *number);
  if (!address || address->is_ipv4() != v4) return false;
  to = *address;
  return is_unicast(to);
}

ProxyParse parse_v1(std::string_view bytes, ProxyHeader& to) {
  std::size_t end = bytes.substr(0, kMaxProxyLine).find("\r\n");
  if (end == std::string_view::npos)
    return bytes.size() >= kMaxProxyLine ? ProxyParse::kMalformed : ProxyParse::kMore;
  to.size = end + 2;
  std::string_view line = bytes.substr(0, end);
  while (line.ends_with(' ')) line.remove_suffix(1);  // as Envoy does
  std::vector<std::string_view> words = split(line, ' ');
  if (words.size() < 2 || words[0] != kV1Start) return ProxyParse::kMalformed;
  if (words[1] == "UNKNOWN") {  // whatever follows is to be ignored
    to.local = true;
    return ProxyParse::kHeader;
  }
  bool v4 = words[1] == "TCP4";
  if (words.size() != 6 || (!v4 && words[1] != "TCP6") ||
      !take_line_address(words[2], words[4], v4, to.source) ||
      !take_line_address(words[3], words[5], v4, to.destination))
    return ProxyParse::kMalformed;
  return ProxyParse::kHeader;
}

Address ip_address(std::string_view ip, std::string_view port) {
  if (ip.size() == 4) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    std::memcpy(&v4.sin_addr, ip.data(), 4);
    std::memcpy(&v4.sin_port, port.data(), 2);
    return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, ip.data(), 16);
  std::memcpy(&v6.sin6_port, port.data(), 2);
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
}

bool parse_tlvs(std::string_view bytes, ProxyHeader& to) {
  while (!bytes.empty()) {
    if (bytes.size() < 3) return false;
    std::size_t size = length_at(bytes, 1);
    if (bytes.size() - 3 < size) return false;
    to.tlvs.push_back(
        {static_cast<uint8_t>(byte_at(bytes, 0)), std::string(bytes.substr(3, size))});
    bytes.remove_prefix(3 + size);
  }
  return true;
}

// Addresses, then values; `family` is 1 for IPv4 and 2 for IPv6.
bool parse_v2_body(std::string_view body, unsigned family, ProxyHeader& to) {
  std::size_t size = family == 1 ? 4 : 16;
  std::string_view ports = body.substr(2 * size, 4);
  to.source = ip_address(body.substr(0, size), ports.substr(0, 2));
  to.destination = ip_address(body.substr(size, size), ports.substr(2, 2));
  return is_unicast(to.source) && is_unicast(to.destination) &&
         parse_tlvs(body.substr(2 * size + 4), to);
}

ProxyParse parse_v2(std::string_view bytes, ProxyHeader& to) {
  if (bytes.size() < kV2Fixed) return ProxyParse::kMore;
  unsigned command = byte_at(bytes, 12);
  unsigned family = byte_at(bytes, 13) >> 4;
  unsigned transport = byte_at(bytes, 13) & 15;
  std::size_t length = length_at(bytes, 14);
  if (command >> 4 != 2) return ProxyParse::kMalformed;
  to.local = (command & 15) == kLocal;
  if (!to.local) {
    // Envoy refuses what is neither IPv4 nor IPv6 over a stream or datagrams; so the addresses of a
    // connection can be relied on to be known wherever a header says PROXY.
    bool known = (command & 15) == kProxy && (family == 1 || family == 2) &&
                 (transport == 1 || transport == 2);
    if (!known || length < (family == 1 ? 12u : 36u)) return ProxyParse::kMalformed;
  }
  if (bytes.size() < kV2Fixed + length) return ProxyParse::kMore;
  to.size = kV2Fixed + length;
  if (to.local) return ProxyParse::kHeader;
  bool good = parse_v2_body(bytes.substr(kV2Fixed, length), family, to);
  return good ? ProxyParse::kHeader : ProxyParse::kMalformed;
}

}  // namespace

ProxyParse parse_proxy_header(std::string_view bytes, const ProxyProtocolRules& rules,
                              ProxyHeader& to) {
  to = {};
  bool may_be_v1 = agrees(bytes, kV1Start);
  bool may_be_v2 = agrees(bytes, kV2Start);
  if (rules.allow_without) {
    may_be_v1 = may_be_v1 && rules.allow_v1;
    may_be_v2 = may_be_v2 && rules.allow_v2;
  }
  if (!may_be_v1 && !may_be_v2)
    return rules.allow_without ? ProxyParse::kNone : ProxyParse::kMissing;
  if (may_be_v2 && bytes.size() >= kV2Start.size()) {
    to.version = 2;
    return rules.allow_v2 ? parse_v2(bytes, to) : ProxyParse::kDisallowed;
  }
  if (may_be_v1 && bytes.size() >= kV1Start.size())
    return rules.allow_v1 ? parse_v1(bytes, to) : ProxyParse::kDisallowed;
  return ProxyParse::kMore;
}

void write_proxy_v1(std::string& to, const Address& source, const Address& destination) {
  if (!source.is_ip() || source.family() != destination.family()) {
    to += "PROXY UNKNOWN\r\n";
    return;
  }
  to += source.is_ipv4() ? "PROXY TCP4 " : "PROXY TCP6 ";
  to += source.ip_string() + ' ' + destination.ip_string() + ' ' + std::to_string(source.port()) +
        ' ' + std::to_string(destination.port()) + "\r\n";
}

bool write_proxy_v2(std::string& to, const Address& source, const Address& destination,
                    const std::vector<ProxyTlv>& tlvs, bool local) {
  bool ip = !local && source.is_ip() && source.family() == destination.family();
  local = !ip;
  std::string body;
  if (ip) {
    body += source.ip_bytes();
    body += destination.ip_bytes();
    for (const Address* end : {&source, &destination}) {
      body += static_cast<char>(end->port() >> 8);
      body += static_cast<char>(end->port() & 255);
    }
  }
  for (const ProxyTlv& tlv : tlvs) {
    if (tlv.value.size() > 65535 || body.size() > 65535) return false;
    body += static_cast<char>(tlv.type);
    body += static_cast<char>(tlv.value.size() >> 8);
    body += static_cast<char>(tlv.value.size() & 255);
    body += tlv.value;
  }
  if (body.size() > 65535) return false;
  to += kV2Start;
  to += static_cast<char>(0x20 | (local ? kLocal : kProxy));
  to += static_cast<char>(local ? 0 : source.is_ipv4() ? 0x11 : 0x21);
  to += static_cast<char>(body.size() >> 8);
  to += static_cast<char>(body.size() & 255);
  to += body;
  return true;
}

}  // namespace pillion::net
