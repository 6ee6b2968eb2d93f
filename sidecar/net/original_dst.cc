#include "sidecar/net/original_dst.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "sidecar/net/socket.h"

namespace pillion::net {

namespace {

// linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h, which do not go together with
// netinet/in.h.
constexpr int kOriginalDst = 80;
constexpr int kIp6OriginalDst = 80;

bool transparent(int fd, int level, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, level, option, &value, &size) == 0 && value != 0;
}

}  // namespace

std::optional<Address> original_destination(int fd) {
  Address local = local_address(fd);
  if (!local.is_ip()) return std::nullopt;
  if (transparent(fd, IPPROTO_IP, IP_TRANSPARENT) ||
      transparent(fd, IPPROTO_IPV6, IPV6_TRANSPARENT))
    return local;
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);
  auto* to = reinterpret_cast<sockaddr*>(&storage);
  // An IPv4 connection to a socket for both families is IPv4 to the connection tracking.
  bool known = ::getsockopt(fd, IPPROTO_IP, kOriginalDst, to, &size) == 0;
  if (!known && local.family() == AF_INET6) {
    size = sizeof(storage);
    known = ::getsockopt(fd, IPPROTO_IPV6, kIp6OriginalDst, to, &size) == 0;
  }
  if (!known) return std::nullopt;
  return Address::from_sockaddr(to, size);
}

}  // namespace pillion::net
