#pragma once
// The two ends of a conversation through the proxy, scripted by a test: a raw client and an origin.
// Both use real, non-blocking loopback sockets and do something only when polled, so a test decides
// the order of all things.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/net/socket.h"
#include "tests/component/tls_end.h"

namespace pillion::component {

// One socket, from either side.
class Peer {
 public:
  explicit Peer(net::Fd fd) : fd_(std::move(fd)) {}

  // Queued; leaves as far as the system takes it, the rest when polled.
  void send(std::string_view bytes);
  // Speaks TLS from now on: what is sent and received is plaintext.
  void secure(std::unique_ptr<TlsEnd> end);
  // Null without TLS.
  TlsEnd* tls() { return tls_.get(); }
  // As they are, past TLS.
  void send_raw(std::string_view bytes);
  // FIN after what is queued; with TLS without saying goodbye.
  void finish();
  // Says goodbye and leaves the socket as it is.
  void close_notify();
  // Closes with RST.
  void reset();
  void close() { fd_.reset(); }
  // While off, nothing is read: the system's buffers fill up.
  void set_reading(bool on) { reading_ = on; }
  void poll();

  [[nodiscard]] const std::string& received() const { return received_; }
  std::string& received() { return received_; }
  [[nodiscard]] std::size_t unsent() const { return outgoing_.size(); }
  // The other side has sent FIN or RST, and all before it was read.
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool was_reset() const { return was_reset_; }
  [[nodiscard]] bool open() const { return fd_.open(); }
  [[nodiscard]] int fd() const { return fd_.number(); }

 private:
  void take_wire();

  net::Fd fd_;
  std::unique_ptr<TlsEnd> tls_;
  std::string outgoing_;
  std::string received_;
  bool reading_ = true;
  bool finish_ = false;
  bool ended_ = false;
  bool was_reset_ = false;
};

// Connects to a port of 127.0.0.1. `receive_buffer` bytes, when not 0, keep the system from hiding
// back-pressure.
Peer connect_to(uint16_t port, int receive_buffer = 0);

// A request as an origin saw it.
struct Seen {
  std::size_t connection = 0;
  std::string head;
  std::string body;
};

// Listens on a port of its own and answers each complete request with the next scripted step, or
// with the default.
class Origin {
 public:
  using Step = std::function<void(Peer&)>;

  Origin();
  [[nodiscard]] uint16_t port() const { return port_; }
  void poll();
  // From now on the port refuses connections.
  void stop_listening() { listening_.reset(); }
  // While off, new connections stay in the backlog, unread.
  void set_accepting(bool on) { accepting_ = on; }
  // While off, bodies and heads stay in the system's buffers.
  void set_reading(bool on);

  // One step for each request to come, in order; then the default goes on.
  void then(Step step) { steps_.push_back(std::move(step)); }
  void then_reply(std::string bytes);
  void then_hang();
  void then_close();
  void then_reset();
  void set_default(std::string bytes) { default_ = std::move(bytes); }
  // Connections to come speak TLS.
  void set_tls(TlsMaker maker) { tls_ = std::move(maker); }

  [[nodiscard]] const std::vector<Seen>& requests() const { return requests_; }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  Peer& connection(std::size_t index) { return *connections_[index].peer; }
  // What has arrived on it and is no whole request: a tunnel's bytes, for one.
  [[nodiscard]] const std::string& unparsed(std::size_t index) const {
    return connections_[index].pending;
  }

 private:
  struct Connection {
    std::unique_ptr<Peer> peer;
    std::string pending;  // received, and not yet part of a complete request
  };
  void serve(std::size_t index);

  net::Fd listening_;
  uint16_t port_;
  TlsMaker tls_;
  bool accepting_ = true;
  bool reading_ = true;
  std::vector<Connection> connections_;
  std::deque<Step> steps_;
  std::string default_ = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
  std::vector<Seen> requests_;
};

}  // namespace pillion::component
