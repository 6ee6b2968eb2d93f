#pragma once
// The PROXY protocol towards an upstream (envoy.config.core.v3.ProxyProtocolConfig) as plain
// validated data. Immutable, shared by all workers.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/config/tlv_selection.h"

namespace pillion::config {

// The PROXY protocol header that a connection to an endpoint begins with.
struct UpstreamProxyProtocol {
  unsigned version = 1;
  TlvSelection pass_through;
  std::vector<std::pair<uint8_t, std::string>> added_tlvs;
};

}  // namespace pillion::config
