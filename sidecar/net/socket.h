#pragma once
// Descriptors: making, binding and connecting them, with errors that people can read. Owned by
// value; any thread.

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "sidecar/base/address.h"
#include "sidecar/base/error.h"

namespace pillion::net {

// An open descriptor, closed when destroyed.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  [[nodiscard]] int number() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();

 private:
  int fd_ = -1;
};

struct ListenOptions {
  bool reuse_port = true;
  bool transparent = false;
  bool freebind = false;
  bool ipv6_only = true;  // false: an IPv6 socket takes IPv4 peers too
  int backlog = 4096;
  uint32_t fast_open_queue = 0;
};

// A bound, listening, non-blocking socket. Problem names the address, the cause and the remedy.
Result<Fd, Problem> listen_on(const Address& address, const ListenOptions& options);

struct KeepaliveOptions {
  bool enabled = false;
  // Zero: the system's value. Seconds.
  uint32_t probes = 0;
  uint32_t time_s = 0;
  uint32_t interval_s = 0;
};

struct ConnectOptions {
  const Address* source = nullptr;  // bind before connecting
  KeepaliveOptions keepalive;
};

// A non-blocking socket whose connection is under way (or made, for Unix sockets). TCP_NODELAY is
// set.
Result<Fd> start_connect(const Address& address, const ConnectOptions& options);

void set_keepalive(int fd, const KeepaliveOptions& options);
Address local_address(int fd);
Address peer_address(int fd);
// recv(2) and sendmsg(2) of a non-blocking socket, EPIPE in place of SIGPIPE. Not by way of the C
// library, whose functions are points of cancellation: in a program with threads that costs each
// call two locked instructions, and no thread here is ever cancelled.
ssize_t receive(int fd, char* to, std::size_t size);
ssize_t send_pieces(int fd, const iovec* pieces, std::size_t count);
// What SO_ERROR holds now, and clears it.
int take_socket_error(int fd);
// What has come so far is acknowledged now rather than with the next data or 40 ms later.
void acknowledge_at_once(int fd);
// Bytes of ours that the peer's system has acknowledged (tcpi_bytes_acked), or -1 where that is not
// known.
int64_t acknowledged_bytes(int fd);

}  // namespace pillion::net
