#pragma once
// Listener filters (envoy.config.listener.v3.ListenerFilter): what looks at a connection's first
// bytes before its filter chain is chosen. Plain validated data; immutable, shared by all workers.

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/config/tlv_selection.h"

namespace pillion::config {

// ListenerFilterChainMatchPredicate: for which destination ports a filter is disabled.
struct PortPredicate {
  enum class Kind : uint8_t { kAny, kRange, kNot, kAnd, kOr };
  Kind kind = Kind::kAny;
  int64_t begin = 0;  // kRange: from begin to end - 1
  int64_t end = 0;
  std::vector<PortPredicate> parts;

  [[nodiscard]] bool matches(uint16_t port) const {
    switch (kind) {
      case Kind::kAny:
        return true;
      case Kind::kRange:
        return port >= begin && port < end;
      case Kind::kNot:
        return !parts.front().matches(port);
      case Kind::kAnd:
        for (const PortPredicate& part : parts)
          if (!part.matches(port)) return false;
        return true;
      case Kind::kOr:
        for (const PortPredicate& part : parts)
          if (part.matches(port)) return true;
        return false;
    }
    return false;
  }
};

struct ProxyProtocolFilter {
  bool allow_without = false;
  bool allow_v1 = true;
  bool allow_v2 = true;
  std::string stat_prefix;
  // A value of that type becomes dynamic metadata.
  struct Rule {
    uint8_t type = 0;
    std::string metadata_namespace;
    std::string key;
  };
  std::vector<Rule> rules;
  TlvSelection pass_through;
};

struct ListenerFilter {
  enum class Kind : uint8_t { kTlsInspector, kHttpInspector, kProxyProtocol, kOriginalDst };
  Kind kind = Kind::kTlsInspector;
  std::vector<PortPredicate> disabled;  // none or one
  ProxyProtocolFilter proxy_protocol;
};

}  // namespace pillion::config
