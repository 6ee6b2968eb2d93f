#include "sidecar/proxy/chain_match.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace pillion::proxy {

namespace {

using config::FilterChainMatch;

// How specific a match is: -1 does not match, 0 says nothing, more is more specific.
int prefix_rank(const std::vector<CidrRange>& ranges, const Address& address) {
  if (ranges.empty()) return 0;
  int best = -1;
  for (const CidrRange& range : ranges)
    if (range.contains(address)) best = std::max(best, static_cast<int>(range.prefix_length()) + 1);
  return best;
}

int source_type_rank(FilterChainMatch::SourceType type, const ConnectionTraits& a) {
  if (type == FilterChainMatch::SourceType::kAny) return 0;
  bool same =
      a.remote.is_unix() || a.remote.is_loopback() || a.remote.ip_bytes() == a.local.ip_bytes();
  return same == (type == FilterChainMatch::SourceType::kSameIpOrLoopback) ? 1 : -1;
}

int port_rank(const std::vector<uint16_t>& ports, uint16_t port) {
  if (ports.empty()) return 0;
  return std::find(ports.begin(), ports.end(), port) != ports.end() ? 1 : -1;
}

// A name itself is more specific than a wildcard, a long wildcard more than a short one.
int server_name_rank(const std::vector<std::string>& names, std::string_view name) {
  if (names.empty()) return 0;
  int best = -1;
  for (const std::string& wanted : names) {
    std::string_view suffix = std::string_view(wanted).substr(1);
    if (wanted == name)
      best = std::numeric_limits<int>::max();
    else if (wanted.starts_with("*.") && name.size() > suffix.size() && name.ends_with(suffix))
      best = std::max(best, static_cast<int>(suffix.size()));
  }
  return best;
}

int transport_rank(const std::string& wanted, std::string_view transport) {
  if (wanted.empty()) return 0;
  return wanted == transport ? 1 : -1;
}

// The client's order decides.
int protocol_rank(const std::vector<std::string>& wanted, std::span<const std::string> protocols) {
  if (wanted.empty()) return 0;
  for (std::size_t i = 0; i < protocols.size(); ++i)
    if (std::find(wanted.begin(), wanted.end(), protocols[i]) != wanted.end())
      return static_cast<int>(protocols.size() - i);
  return -1;
}

int rank(const FilterChainMatch& match, int criterion, const ConnectionTraits& a) {
  switch (criterion) {
    case 0:
      if (!match.destination_port) return 0;
      return *match.destination_port == a.local.port() ? 1 : -1;
    case 1:
      return prefix_rank(match.prefix_ranges, a.local);
    case 2:
      return server_name_rank(match.server_names, a.server_name);
    case 3:
      return transport_rank(match.transport_protocol, a.transport);
    case 4:
      return protocol_rank(match.application_protocols, a.protocols);
    case 5:
      return prefix_rank(match.direct_source_ranges, a.direct_remote);
    case 6:
      return source_type_rank(match.source_type, a);
    case 7:
      return prefix_rank(match.source_prefix_ranges, a.remote);
    default:
      return port_rank(match.source_ports, a.remote.port());
  }
}
constexpr int kCriteria = 9;

}  // namespace

int match_chain(std::span<const FilterChainMatch* const> chains, const ConnectionTraits& traits) {
  std::vector<int> running;
  for (std::size_t i = 0; i < chains.size(); ++i) running.push_back(static_cast<int>(i));
  for (int criterion = 0; criterion < kCriteria && !running.empty(); ++criterion) {
    int best = 0;
    for (int i : running)
      best = std::max(best, rank(*chains[static_cast<std::size_t>(i)], criterion, traits));
    // Envoy does not go back: once the most specific value is taken, chains with less specific ones
    // are out.
    std::erase_if(running, [&](int i) {
      return rank(*chains[static_cast<std::size_t>(i)], criterion, traits) != best;
    });
  }
  return running.empty() ? -1 : running.front();
}

}  // namespace pillion::proxy
