#pragma once
// HTTP/2 clients and origins for the world: sessions of ours over raw sockets, which a test may at
// any time bypass with frames of its own.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/component/peers.h"
#include "tests/unit/http/http2_peers.h"

namespace pillion::component {

// One end of an HTTP/2 connection.
class Http2Side {
 public:
  Http2Side(http::Role role, Peer& socket, config::Http2Protocol protocol = {})
      : h2(role, protocol), peer(socket) {}
  void poll();
  // Sends these bytes instead of what the session would say.
  void send_raw(std::string_view bytes) { peer.send(bytes); }

  http::Http2Peer h2;
  Peer& peer;
  bool alive = true;    // the session has understood all so far
  bool silent = false;  // what the session wants to say stays unsaid
};

// Answers each complete request with the next step, or with 200 and "ok".
class Http2Origin {
 public:
  using Step = std::function<void(Http2Side&, http::RecordedStream&)>;
  explicit Http2Origin(config::Http2Protocol protocol = {});
  [[nodiscard]] uint16_t port() const { return port_; }
  void poll();
  void then(Step step) { steps_.push_back(std::move(step)); }
  void then_hang() {
    then([](Http2Side&, http::RecordedStream&) {});
  }
  // Connections to come speak TLS.
  void set_tls(TlsMaker maker) { tls_ = std::move(maker); }
  // Steps begin when the head is there, not the whole request.
  void set_eager() { eager_ = true; }
  [[nodiscard]] std::size_t connections() const { return sides_.size(); }
  Http2Side& connection(std::size_t index) { return *sides_[index]; }
  [[nodiscard]] std::size_t requests() const { return served_.size(); }
  http::RecordedStream& request(std::size_t index) { return *served_[index]; }

 private:
  config::Http2Protocol protocol_;
  net::Fd listening_;
  uint16_t port_;
  TlsMaker tls_;
  bool eager_ = false;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Http2Side>> sides_;
  std::deque<Step> steps_;
  std::vector<http::RecordedStream*> served_;
};

// Sends a response on a stream of `side`.
void answer(Http2Side& side, http::RecordedStream& stream, int status, std::string_view body,
            const std::vector<std::pair<std::string, std::string>>& trailers = {});

}  // namespace pillion::component
