#pragma once
// Accepts connections on one listening socket of one worker. Runs out of descriptors gracefully: it
// stops accepting for a while instead of spinning. Owned by a Worker (or the admin server); loop's
// thread only.

#include <cstdint>
#include <optional>

#include "sidecar/io/loop.h"
#include "sidecar/io/poll.h"
#include "sidecar/net/socket.h"

namespace pillion::net {

class ListenerEvents {
 public:
  virtual void on_accept(Fd fd, const Address& peer) = 0;
  // accept() failed for want of descriptors or memory; accepting resumes by itself.
  virtual void on_accept_failed(int error) = 0;

 protected:
  ~ListenerEvents() = default;
};

class Listener final : public io::PollEvents {
 public:
  // `max_accepts` per readiness event; 0: until none are left.
  Listener(io::EventLoop& loop, ListenerEvents& events, Fd fd, uint32_t max_accepts = 0);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  // Accepts what waits in the backlog, then closes the socket: the system refuses further
  // connections.
  void stop();
  // Stops and resumes accepting; connections wait in the backlog meanwhile.
  void pause(bool on);
  [[nodiscard]] bool listening() const { return fd_.open(); }
  [[nodiscard]] const Address& address() const { return address_; }

 private:
  void on_ready(unsigned ready) override;
  void accept_again();
  // True when there may be more.
  bool accept_some();

  ListenerEvents& events_;
  Fd fd_;
  Address address_;
  uint32_t max_accepts_;
  bool paused_ = false;
  std::optional<io::Poll> poll_;
  io::Timer retry_;
};

}  // namespace pillion::net
