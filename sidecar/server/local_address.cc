#include "sidecar/server/local_address.h"

#include <ifaddrs.h>
#include <net/if.h>

#include "sidecar/base/address.h"

namespace pillion::server {

std::string find_local_address(Options::IpVersion version) {
  bool v4 = version == Options::IpVersion::kV4;
  int family = v4 ? AF_INET : AF_INET6;
  socklen_t size = v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  std::string found = v4 ? "127.0.0.1" : "::1";
  ifaddrs* interfaces = nullptr;
  if (::getifaddrs(&interfaces) != 0) return found;
  for (const ifaddrs* i = interfaces; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != family) continue;
    Address address = Address::from_sockaddr(i->ifa_addr, size);
    if (address.is_loopback()) continue;
    found = address.ip_string();
    break;
  }
  ::freeifaddrs(interfaces);
  return found;
}

}  // namespace pillion::server
