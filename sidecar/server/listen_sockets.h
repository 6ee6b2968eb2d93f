#pragma once
// The listening sockets of all listeners, opened before anything is served, so that a port in use
// or a missing permission stops the start instead of leaving half of a server. Control thread, at
// start-up.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/listener.h"
#include "sidecar/net/socket.h"

namespace pillion::server {

// One address of a listener, with a socket for each worker: its own with SO_REUSEPORT, where the
// system spreads connections, else a duplicate of one that they all accept on. As in Envoy,
// SO_REUSEPORT also shares the port with other processes of the same user that allow it, which is
// how one proxy takes over from another; enable_reuse_port: false is for those who want the port
// alone.
struct OpenAddress {
  std::size_t listener = 0;  // index in the configuration
  Address address;           // as bound
  std::vector<net::Fd> sockets;
};

// All or none. Problem names the listener, its address and the cause. Listeners without
// bind_to_port have none.
Result<std::vector<OpenAddress>, Problem> open_listeners(
    std::span<const std::shared_ptr<const config::Listener>> listeners, unsigned workers);

// Raises the soft limit of file descriptors to the hard one. Problem: even that is too low to start
// with this many workers and sockets.
Result<Unit, Problem> provide_descriptors(std::size_t sockets, unsigned workers);

}  // namespace pillion::server
