#pragma once
// Chooses the filter chain of a connection by Envoy's criteria, in Envoy's order
// (config.listener.v3.FilterChainMatch): destination port, destination prefix, server name,
// transport protocol, application protocol, direct source prefix, source type, source prefix,
// source port. For each in turn only the chains with the most
// specific match stay in the running. Pure; any thread.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "sidecar/base/address.h"
#include "sidecar/config/listener.h"

namespace pillion::proxy {

struct ConnectionTraits {
  const Address& local;
  const Address& direct_remote;
  const Address& remote;
  // What listener filters found out; without them a connection is plain bytes.
  std::string_view server_name{};  // in lower case
  std::string_view transport = "raw_buffer";
  std::span<const std::string> protocols{};  // most wanted first
};

// The index of the chain, or -1 if none matches.
int match_chain(std::span<const config::FilterChainMatch* const> chains,
                const ConnectionTraits& traits);

}  // namespace pillion::proxy
