#include "sidecar/server/listen_sockets.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace pillion::server {

namespace {

// What a worker's loop opens for itself, and the rest of the process: standard streams, logs, the
// control loop, signals, resolvers.
constexpr std::size_t kPerWorker = 8;
constexpr std::size_t kProcess = 48;

net::ListenOptions options_of(const config::Listener& listener, const Address& address) {
  net::ListenOptions options;
  options.reuse_port = listener.reuse_port && address.is_ip();
  options.transparent = listener.transparent;
  options.freebind = listener.freebind;
  options.ipv6_only = !listener.ipv4_compat;
  options.backlog = static_cast<int>(listener.backlog);
  options.fast_open_queue = listener.tcp_fast_open_queue;
  return options;
}

Result<OpenAddress, Problem> open_address(const config::Listener& listener, Address address,
                                          unsigned workers) {
  net::ListenOptions options = options_of(listener, address);
  OpenAddress open;
  for (unsigned i = 0; i < workers; ++i) {
    if (i > 0 && !options.reuse_port) {
      net::Fd copy(::fcntl(open.sockets[0].number(), F_DUPFD_CLOEXEC, 0));
      if (!copy.open())
        return problem(fmt::format("cannot share its socket: {}", std::strerror(errno)));
      open.sockets.push_back(std::move(copy));
      continue;
    }
    TRY(net::Fd fd, net::listen_on(address, options));
    // Port 0: the others share the port that the first one was given.
    if (i == 0) address = net::local_address(fd.number());
    open.sockets.push_back(std::move(fd));
  }
  open.address = std::move(address);
  return open;
}

}  // namespace

Result<std::vector<OpenAddress>, Problem> open_listeners(
    std::span<const std::shared_ptr<const config::Listener>> listeners, unsigned workers) {
  std::vector<OpenAddress> all;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    if (!listeners[i]->bind_to_port) continue;
    for (const Address& address : listeners[i]->addresses) {
      auto open = open_address(*listeners[i], address, workers);
      if (!open)
        return problem(fmt::format("listener '{}': {}", listeners[i]->name, open.error().message));
      open->listener = i;
      all.push_back(*std::move(open));
    }
  }
  return all;
}

Result<Unit, Problem> provide_descriptors(std::size_t sockets, unsigned workers) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return Unit{};
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  std::size_t needed = kProcess + workers * kPerWorker + sockets;
  if (limit.rlim_cur < needed)
    return problem(fmt::format(
        "{} worker(s) and {} listening socket(s) need at least {} file descriptors, the limit is "
        "{}; raise it (ulimit -n)",
        workers, sockets, needed, limit.rlim_cur));
  return Unit{};
}

}  // namespace pillion::server
