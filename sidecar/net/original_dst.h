#pragma once
// Where a connection was going before the kernel's rules brought it to this process (netfilter's
// REDIRECT and TPROXY). Any thread.

#include <optional>

#include "sidecar/base/address.h"

namespace pillion::net {

// With REDIRECT what connection tracking remembers (SO_ORIGINAL_DST), with TPROXY the socket's own
// address. None: the connection was not redirected as far as the kernel knows.
std::optional<Address> original_destination(int fd);

}  // namespace pillion::net
