#pragma once
// Chooses the filter chain of a connection by Envoy's criteria, in Envoy's order
// (config.listener.v3.FilterChainMatch): destination port, destination prefix, direct source
// prefix, source type, source prefix, source port. For each in turn only the chains with the most
// specific match stay in the running. Pure; any thread.

#include <cstddef>
#include <span>

#include "sidecar/base/address.h"
#include "sidecar/config/listener.h"

namespace pillion::proxy {

struct ConnectionAddresses {
  const Address& local;
  const Address& direct_remote;
  const Address& remote;
};

// The index of the chain, or -1 if none matches.
int match_chain(std::span<const config::FilterChainMatch* const> chains,
                const ConnectionAddresses& addresses);

}  // namespace pillion::proxy
