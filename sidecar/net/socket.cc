#include "sidecar/net/socket.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace pillion::net {

namespace {

template <class T>
bool set_option(int fd, int level, int name, T value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

std::string why(int error) {
  switch (error) {
    case EADDRINUSE:
      return "the address is in use by another process; stop it or choose another port";
    case EACCES:
      return "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
      return "no interface of this machine has that address";
    case EMFILE:
    case ENFILE:
      return "no file descriptors left; raise the limit (ulimit -n)";
    default:
      return std::strerror(error);
  }
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Fd, Problem> listen_on(const Address& address, const ListenOptions& options) {
  auto failed = [&](std::string_view step) {
    return problem("cannot " + std::string(step) + " " + address.to_string() + ": " + why(errno));
  };
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.open()) return failed("open a socket for");
  int n = fd.number();
  if (address.is_ip()) {
    set_option(n, SOL_SOCKET, SO_REUSEADDR, 1);
    if (options.reuse_port && !set_option(n, SOL_SOCKET, SO_REUSEPORT, 1))
      return failed("set SO_REUSEPORT on");
    bool v6 = !address.is_ipv4();
    if (v6) set_option(n, IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6_only ? 1 : 0);
    if (options.freebind)
      set_option(n, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND, 1);
    if (options.transparent &&
        !set_option(n, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, 1))
      return failed("make transparent");
    // Inherited by accepted sockets, which saves a call for each.
    set_option(n, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options.fast_open_queue != 0)
      set_option(n, IPPROTO_TCP, TCP_FASTOPEN, static_cast<int>(options.fast_open_queue));
  } else {
    // A socket that an earlier process has left behind; anything else is not ours to remove.
    std::string path = address.to_string();
    struct stat found;
    if (!path.empty() && path[0] != '@' && ::lstat(path.c_str(), &found) == 0 &&
        S_ISSOCK(found.st_mode))
      ::unlink(path.c_str());
  }
  sockaddr_storage storage;
  socklen_t size = address.to_sockaddr(storage);
  if (::bind(n, reinterpret_cast<sockaddr*>(&storage), size) != 0) return failed("bind");
  if (::listen(n, options.backlog) != 0) return failed("listen on");
  return fd;
}

Result<Fd> start_connect(const Address& address, const ConnectOptions& options) {
  auto failed = [](int error) {
    bool descriptors = error == EMFILE || error == ENFILE;
    return fail({descriptors ? Code::kOverload : Code::kRefused,
                 descriptors ? Origin::kSelf : Origin::kUpstream, true,
                 descriptors ? "no file descriptors left" : "connection failed"});
  };
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.open()) return failed(errno);
  if (address.is_ip()) set_option(fd.number(), IPPROTO_TCP, TCP_NODELAY, 1);
  set_keepalive(fd.number(), options.keepalive);
  sockaddr_storage storage;
  if (options.source != nullptr && options.source->valid()) {
    set_option(fd.number(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    socklen_t size = options.source->to_sockaddr(storage);
    if (::bind(fd.number(), reinterpret_cast<sockaddr*>(&storage), size) != 0) return failed(errno);
  }
  socklen_t size = address.to_sockaddr(storage);
  if (::connect(fd.number(), reinterpret_cast<sockaddr*>(&storage), size) != 0 &&
      errno != EINPROGRESS)
    return failed(errno);
  return fd;
}

void set_keepalive(int fd, const KeepaliveOptions& options) {
  if (!options.enabled) return;
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (options.probes != 0)
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, static_cast<int>(options.probes));
  if (options.time_s != 0)
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(options.time_s));
  if (options.interval_s != 0)
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(options.interval_s));
}

Address local_address(int fd) {
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size);
}

Address peer_address(int fd) {
  sockaddr_storage storage;
  socklen_t size = sizeof(storage);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size);
}

ssize_t receive(int fd, char* to, std::size_t size) {
  return ::syscall(SYS_recvfrom, fd, to, size, 0, nullptr, nullptr);
}

ssize_t send_pieces(int fd, const iovec* pieces, std::size_t count) {
  if (count == 1)
    return ::syscall(SYS_sendto, fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL, nullptr, 0);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces);
  message.msg_iovlen = count;
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL);
}

int take_socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void acknowledge_at_once(int fd) {
  set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 1);
}

int64_t acknowledged_bytes(int fd) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return -1;
  if (size < offsetof(tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked)) return -1;
  // The SYN counts as one.
  return info.tcpi_bytes_acked == 0 ? 0 : static_cast<int64_t>(info.tcpi_bytes_acked) - 1;
}

}  // namespace pillion::net
