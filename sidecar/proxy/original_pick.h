#pragma once
// Which address a request or connection goes to in an ORIGINAL_DST cluster. Worker thread.

#include <optional>

#include "sidecar/base/address.h"
#include "sidecar/config/cluster.h"
#include "sidecar/config/value.h"
#include "sidecar/http/message.h"

namespace pillion::proxy {

// What may name the address; null where there is none of it.
struct OriginalHints {
  const Address* restored;  // where the connection was going
  const http::RequestHead* request;
  const config::Metadata* metadata;
};

// In Envoy's order: the metadata, the header, the connection. None for clusters of another type,
// where nothing names an address, and where what does is no address.
std::optional<Address> original_of(const config::Cluster& cluster, const OriginalHints& hints);

}  // namespace pillion::proxy
