#pragma once
// This machine's own address, which x-forwarded-for shows where the peer is on this machine. Read
// once at start-up.

#include <string>

#include "sidecar/server/options.h"

namespace pillion::server {

// The first address of that version that is not a loopback one, or the loopback address if there is
// none.
std::string find_local_address(Options::IpVersion version);

}  // namespace pillion::server
