#include "sidecar/base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "sidecar/base/hash.h"

namespace pillion {

Address::Path& Address::Path::operator=(const Path& other) {
  text_ = other.text_ ? std::make_unique<const std::string>(*other.text_) : nullptr;
  return *this;
}

const std::string& Address::Path::text() const {
  static const std::string kNone;
  return text_ ? *text_ : kNone;
}

Result<Address, Problem> Address::parse_ip(std::string_view ip, uint16_t port) {
  std::string text(ip);
  Address out;
  // inet_pton() would stop at a NUL and take what stands before it.
  if (text.find('\0') != std::string::npos) return problem("malformed IP address: NUL in it");
  if (inet_pton(AF_INET, text.c_str(), &out.ip_.v4.sin_addr) == 1) {
    out.ip_.v4.sin_family = AF_INET;
  } else if (inet_pton(AF_INET6, text.c_str(), &out.ip_.v6.sin6_addr) == 1) {
    out.ip_.v6.sin6_family = AF_INET6;
  } else {
    return problem("malformed IP address: '" + text + "'");
  }
  out.set_port(port);
  return out;
}

Result<Address, Problem> Address::unix_path(std::string_view path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return problem("Unix socket path must have 1 to 107 characters: '" + std::string(path) + "'");
  Address out;
  out.ip_.sa.sa_family = AF_UNIX;
  out.path_.set(path);
  return out;
}

Address Address::from_sockaddr(const sockaddr* address, socklen_t size) {
  Address out;
  if (address->sa_family == AF_INET && size >= sizeof(sockaddr_in)) {
    std::memcpy(&out.ip_.v4, address, sizeof(sockaddr_in));
  } else if (address->sa_family == AF_INET6 && size >= sizeof(sockaddr_in6)) {
    std::memcpy(&out.ip_.v6, address, sizeof(sockaddr_in6));
    if (IN6_IS_ADDR_V4MAPPED(&out.ip_.v6.sin6_addr)) {
      // A dual-stack listener reports IPv4 peers this way; everything else compares them as IPv4.
      sockaddr_in v4{};
      v4.sin_family = AF_INET;
      v4.sin_port = out.ip_.v6.sin6_port;
      std::memcpy(&v4.sin_addr, out.ip_.v6.sin6_addr.s6_addr + 12, 4);
      out.ip_.v6 = {};
      out.ip_.v4 = v4;
    }
  } else if (address->sa_family == AF_UNIX) {
    out.ip_.sa.sa_family = AF_UNIX;
    const auto* un = reinterpret_cast<const sockaddr_un*>(address);
    std::size_t length =
        size > offsetof(sockaddr_un, sun_path) ? size - offsetof(sockaddr_un, sun_path) : 0;
    if (length > 0 && un->sun_path[0] == '\0') {
      out.path_.set("@" + std::string(un->sun_path + 1, length - 1));
    } else {
      out.path_.set({un->sun_path, strnlen(un->sun_path, length)});
    }
  }
  return out;
}

bool Address::is_loopback() const {
  if (family() == AF_INET) return (ntohl(ip_.v4.sin_addr.s_addr) >> 24) == 127;
  return family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ip_.v6.sin6_addr);
}

bool Address::is_private() const {
  if (is_loopback()) return true;
  if (family() == AF_INET) {
    uint32_t ip = ntohl(ip_.v4.sin_addr.s_addr);
    return (ip >> 24) == 10 || (ip >> 20) == 0xac1 || (ip >> 16) == 0xc0a8;
  }
  return family() == AF_INET6 && (ip_.v6.sin6_addr.s6_addr[0] & 0xfe) == 0xfc;
}

bool Address::is_any() const {
  if (family() == AF_INET) return ip_.v4.sin_addr.s_addr == INADDR_ANY;
  return family() == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&ip_.v6.sin6_addr);
}

uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(ip_.v4.sin_port);
  return family() == AF_INET6 ? ntohs(ip_.v6.sin6_port) : uint16_t{0};
}

void Address::set_port(uint16_t port) {
  if (family() == AF_INET) ip_.v4.sin_port = htons(port);
  if (family() == AF_INET6) ip_.v6.sin6_port = htons(port);
}

namespace {

// inet_ntop(3) without the cost of printf: one is written into the head of most requests. Returns
// the length, at most 15.
std::size_t write_ipv4(const unsigned char* bytes, char* to) {
  char* at = to;
  for (int i = 0; i < 4; ++i) {
    unsigned value = bytes[i];
    if (i != 0) *at++ = '.';
    if (value >= 100) *at++ = static_cast<char>('0' + value / 100);
    if (value >= 10) *at++ = static_cast<char>('0' + value / 10 % 10);
    *at++ = static_cast<char>('0' + value % 10);
  }
  return static_cast<std::size_t>(at - to);
}

}  // namespace

std::string Address::ip_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET)
    return {text, write_ipv4(reinterpret_cast<const unsigned char*>(&ip_.v4.sin_addr), text)};
  if (family() == AF_INET6) inet_ntop(AF_INET6, &ip_.v6.sin6_addr, text, sizeof(text));
  return text;
}

std::string Address::to_string() const {
  if (family() == AF_INET) return ip_string() + ":" + std::to_string(port());
  if (family() == AF_INET6) return "[" + ip_string() + "]:" + std::to_string(port());
  return path_.text();
}

socklen_t Address::to_sockaddr(sockaddr_storage& storage) const {
  storage = {};
  if (family() == AF_INET) {
    std::memcpy(&storage, &ip_.v4, sizeof(ip_.v4));
    return sizeof(ip_.v4);
  }
  if (family() == AF_INET6) {
    std::memcpy(&storage, &ip_.v6, sizeof(ip_.v6));
    return sizeof(ip_.v6);
  }
  auto* un = reinterpret_cast<sockaddr_un*>(&storage);
  un->sun_family = AF_UNIX;
  const std::string& path = path_.text();
  std::memcpy(un->sun_path, path.data(), path.size());
  bool abstract = path.starts_with('@');
  if (abstract) un->sun_path[0] = '\0';
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
}

std::string_view Address::ip_bytes() const {
  if (family() == AF_INET) return {reinterpret_cast<const char*>(&ip_.v4.sin_addr), 4};
  if (family() == AF_INET6) return {reinterpret_cast<const char*>(&ip_.v6.sin6_addr), 16};
  return {};
}

uint64_t Address::hash() const {
  return is_unix() ? hash_bytes(path_.text()) : hash_bytes(ip_bytes(), port());
}

bool operator==(const Address& a, const Address& b) {
  if (a.family() != b.family()) return false;
  if (a.is_unix()) return a.path_.text() == b.path_.text();
  return a.port() == b.port() && a.ip_bytes() == b.ip_bytes();
}

Address Address::masked(uint32_t prefix_length) const {
  Address out = *this;
  auto* bytes = const_cast<char*>(out.ip_bytes().data());
  for (std::size_t i = 0; i < ip_bytes().size(); ++i) {
    std::size_t kept =
        std::min<std::size_t>(8, prefix_length - std::min<std::size_t>(prefix_length, 8 * i));
    bytes[i] = static_cast<char>(bytes[i] & (0xff00 >> kept));
  }
  return out;
}

Result<CidrRange, Problem> CidrRange::create(std::string_view ip, uint32_t prefix_length) {
  TRY(Address address, Address::parse_ip(ip, 0));
  if (prefix_length > address.ip_bytes().size() * 8)
    return problem("prefix length " + std::to_string(prefix_length) + " is too long for '" +
                   std::string(ip) + "'");
  CidrRange range;
  range.address_ = address.masked(prefix_length);
  range.prefix_ = prefix_length;
  return range;
}

bool CidrRange::contains(const Address& address) const {
  static constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  std::string_view mine = address_.ip_bytes();
  std::string_view theirs = address.ip_bytes();
  if (mine.size() == 4 && theirs.starts_with(kMapped)) theirs.remove_prefix(kMapped.size());
  if (mine.size() != theirs.size() || mine.empty()) return false;
  std::size_t whole = prefix_ / 8;
  if (std::memcmp(mine.data(), theirs.data(), whole) != 0) return false;
  unsigned rest = prefix_ % 8;
  if (rest == 0) return true;
  auto mask = static_cast<unsigned char>(0xff << (8 - rest));
  return ((static_cast<unsigned char>(mine[whole]) ^ static_cast<unsigned char>(theirs[whole])) &
          mask) == 0;
}

std::string CidrRange::to_string() const {
  return address_.ip_string() + "/" + std::to_string(prefix_);
}

}  // namespace pillion
