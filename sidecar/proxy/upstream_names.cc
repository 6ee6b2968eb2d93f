#include "sidecar/proxy/upstream_names.h"

#include <optional>

#include "sidecar/base/address.h"

namespace pillion::proxy {

namespace {

// "name", "name:8443", "10.0.0.1:80" or "[::1]:80", without the port and brackets.
std::string_view host_of(std::string_view authority) {
  if (authority.starts_with('[')) {
    std::size_t end = authority.find(']');
    return end == std::string_view::npos ? authority : authority.substr(1, end - 1);
  }
  std::size_t colon = authority.find(':');
  // More than one: an IPv6 address without brackets.
  if (colon == std::string_view::npos || authority.find(':', colon + 1) != std::string_view::npos)
    return authority;
  return authority.substr(0, colon);
}

}  // namespace

upstream::TlsNames upstream_names(const config::UpstreamHttp& settings,
                                  const http::RequestHead& head) {
  upstream::TlsNames names;
  if (!settings.auto_sni && !settings.auto_san_validation) return names;
  std::string_view value = head.authority;
  if (!settings.auto_sni_header.empty()) {
    std::optional<std::string_view> given = head.headers.joined(settings.auto_sni_header);
    if (given && !given->empty()) value = *given;
  }
  std::string_view host = host_of(value);
  if (settings.auto_sni && !Address::parse_ip(host, 0)) names.sni = host;
  if (settings.auto_san_validation) names.san = host;
  return names;
}

}  // namespace pillion::proxy
