#include "tests/component/peers.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

namespace pillion::component {

namespace {

// The bytes of the first complete request in `bytes`, and where its body begins; chunked bodies are
// taken raw.
struct Whole {
  std::size_t head = 0;
  std::size_t size = 0;
};
std::optional<Whole> complete_request(std::string_view bytes) {
  std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return {};
  Whole whole{end + 4, end + 4};
  std::string_view head = bytes.substr(0, whole.head);
  if (head.find("transfer-encoding: chunked") != std::string_view::npos) {
    std::size_t last = bytes.find("\r\n0\r\n", whole.head - 2);
    if (last == std::string_view::npos) return {};
    std::size_t over = bytes.find("\r\n\r\n", last + 3);  // after the trailers, if there are any
    if (over == std::string_view::npos) return {};
    whole.size = over + 4;
    return whole;
  }
  constexpr std::string_view kLength = "content-length: ";
  std::size_t at = head.find(kLength);
  if (at == std::string_view::npos) return whole;
  std::size_t length = 0;
  std::from_chars(head.data() + at + kLength.size(), head.data() + head.size(), length);
  whole.size += length;
  if (bytes.size() < whole.size) return {};
  return whole;
}

}  // namespace

void Peer::secure(std::unique_ptr<TlsEnd> end) {
  tls_ = std::move(end);
  poll();
}

void Peer::take_wire() {
  if (tls_ != nullptr) outgoing_ += tls_->take_wire();
}

void Peer::send(std::string_view bytes) {
  if (tls_ != nullptr)
    tls_->write(bytes);
  else
    outgoing_.append(bytes);
  poll();
}

void Peer::send_raw(std::string_view bytes) {
  take_wire();
  outgoing_.append(bytes);
  poll();
}

void Peer::close_notify() {
  tls_->close_notify();
  poll();
}

void Peer::finish() {
  finish_ = true;
  poll();
}

void Peer::reset() {
  linger on{1, 0};
  ::setsockopt(fd_.number(), SOL_SOCKET, SO_LINGER, &on, sizeof on);
  fd_.reset();
}

void Peer::poll() {
  if (!fd_.open()) return;
  take_wire();
  while (!outgoing_.empty()) {
    ssize_t n =
        ::send(fd_.number(), outgoing_.data(), outgoing_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0) break;
    outgoing_.erase(0, static_cast<std::size_t>(n));
  }
  if (finish_ && outgoing_.empty()) {
    finish_ = false;
    ::shutdown(fd_.number(), SHUT_WR);
  }
  char buffer[65536];
  while (reading_ && !ended_) {
    ssize_t n = ::recv(fd_.number(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) {
      std::string_view bytes(buffer, static_cast<std::size_t>(n));
      if (tls_ != nullptr)
        received_ += tls_->feed(bytes);
      else
        received_ += bytes;
      continue;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
    ended_ = true;
    was_reset_ = n < 0;
  }
}

Peer connect_to(uint16_t port, int receive_buffer) {
  net::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (receive_buffer != 0)
    ::setsockopt(fd.number(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_storage storage;
  socklen_t size = Address::parse_ip("127.0.0.1", port)->to_sockaddr(storage);
  // Small pieces must not wait for acknowledgements, which take their time.
  int on = 1;
  ::setsockopt(fd.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd.number(), reinterpret_cast<sockaddr*>(&storage), size) != 0)
    ADD_FAILURE() << "cannot connect to port " << port;
  return Peer(std::move(fd));
}

Origin::Origin()
    : listening_(std::move(*net::listen_on(*Address::parse_ip("127.0.0.1", 0), {}))),
      port_(net::local_address(listening_.number()).port()) {}

void Origin::set_reading(bool on) {
  reading_ = on;
  for (Connection& connection : connections_) connection.peer->set_reading(on);
}

void Origin::then_reply(std::string bytes) {
  then([reply = std::move(bytes)](Peer& peer) { peer.send(reply); });
}
void Origin::then_hang() {
  then([](Peer&) {});
}
void Origin::then_close() {
  then([](Peer& peer) { peer.close(); });
}
void Origin::then_reset() {
  then([](Peer& peer) { peer.reset(); });
}

void Origin::poll() {
  while (accepting_ && listening_.open()) {
    int fd = ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) break;
    connections_.push_back({std::make_unique<Peer>(net::Fd(fd)), {}});
    connections_.back().peer->set_reading(reading_);
    if (tls_) connections_.back().peer->secure(tls_());
  }
  for (std::size_t i = 0; i < connections_.size(); ++i) serve(i);
}

void Origin::serve(std::size_t index) {
  Peer& peer = *connections_[index].peer;
  peer.poll();
  std::string& pending = connections_[index].pending;
  pending += std::exchange(peer.received(), {});
  while (auto whole = complete_request(pending)) {
    requests_.push_back({index, pending.substr(0, whole->head),
                         pending.substr(whole->head, whole->size - whole->head)});
    pending.erase(0, whole->size);
    if (steps_.empty()) {
      peer.send(default_);
      continue;
    }
    Step step = std::move(steps_.front());
    steps_.pop_front();
    step(peer);
  }
}

}  // namespace pillion::component
