#pragma once
// An origin that speaks no protocol: accepts, and keeps what comes; tests say what it answers.
// Polled by the test's world.

#include <sys/socket.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/component/peers.h"

namespace pillion::component {

class RawOrigin {
 public:
  RawOrigin()
      : listening_(std::move(*net::listen_on(*Address::parse_ip("127.0.0.1", 0), {}))),
        port_(net::local_address(listening_.number()).port()) {}
  [[nodiscard]] uint16_t port() const { return port_; }
  // What each connection hears before it says anything.
  void set_greeting(std::string greeting) { greeting_ = std::move(greeting); }
  // Connections to come speak TLS.
  void set_tls(TlsMaker maker) { tls_ = std::move(maker); }
  void stop_listening() { listening_.reset(); }
  void poll() {
    while (listening_.open()) {
      int fd = ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) break;
      peers_.push_back(std::make_unique<Peer>(net::Fd(fd)));
      if (tls_) peers_.back()->secure(tls_());
      if (!greeting_.empty()) peers_.back()->send(greeting_);
    }
    for (auto& peer : peers_) peer->poll();
  }
  [[nodiscard]] std::size_t connections() const { return peers_.size(); }
  Peer& peer(std::size_t index = 0) { return *peers_.at(index); }

 private:
  net::Fd listening_;
  uint16_t port_;
  std::string greeting_;
  TlsMaker tls_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

}  // namespace pillion::component
