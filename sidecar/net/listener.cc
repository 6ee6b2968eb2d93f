#include "sidecar/net/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace pillion::net {

namespace {
// How long accepting rests when descriptors have run out.
constexpr Duration kRest = std::chrono::milliseconds(100);
// An upper bound for one event, so that a flood of new connections does not starve the others.
constexpr uint32_t kMaxPerEvent = 256;
}  // namespace

Listener::Listener(io::EventLoop& loop, ListenerEvents& events, Fd fd, uint32_t max_accepts)
    : events_(events),
      fd_(std::move(fd)),
      address_(local_address(fd_.number())),
      max_accepts_(max_accepts == 0 ? kMaxPerEvent : max_accepts),
      retry_(io::Timer::of<&Listener::accept_again>(loop.timers(), *this)) {
  poll_.emplace(loop, fd_.number(), *this);
  poll_->watch(io::kReadable);
}

void Listener::stop() {
  // Connections that the system has made already are served: closing the socket would reset them.
  while (poll_ && !paused_ && accept_some()) {
  }
  poll_.reset();
  retry_.cancel();
  fd_.reset();
}

void Listener::pause(bool on) {
  paused_ = on;
  if (poll_ && !retry_.armed()) poll_->watch(on ? 0 : unsigned{io::kReadable});
}

void Listener::accept_again() {
  if (poll_ && !paused_) poll_->watch(io::kReadable);
}

void Listener::on_ready(unsigned /*ready*/) {
  accept_some();
}

bool Listener::accept_some() {
  for (uint32_t i = 0; i < max_accepts_ && fd_.open() && !paused_; ++i) {
    sockaddr_storage storage;
    socklen_t size = sizeof(storage);
    int fd = ::accept4(fd_.number(), reinterpret_cast<sockaddr*>(&storage), &size,
                       SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      events_.on_accept(Fd(fd),
                        Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size));
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno != EAGAIN) {
      int error = errno;
      poll_->watch(0);
      retry_.arm(kRest);
      events_.on_accept_failed(error);
    }
    return false;
  }
  return fd_.open() && !paused_;
}

}  // namespace pillion::net
