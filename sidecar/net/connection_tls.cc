// The encrypted side of a Connection: what is between its socket and its owner when it has a
// tls::Session.

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "sidecar/net/connection.h"
#include "sidecar/tls/kept_text.h"

namespace pillion::net {

namespace {

// Ciphertext that waits for the socket; enough for a full socket buffer to be filled at once.
constexpr std::size_t kSealAhead = 128 * 1024;
// One record's worth, so that a large write does not become crumbs.
constexpr std::size_t kPiece = 16 * 1024;

// Plaintext of one read; lent by the thread as the read buffer is.
std::span<char> plain_buffer(std::size_t size) {
  thread_local std::unique_ptr<char[]> buffer;
  thread_local std::size_t have = 0;
  if (have < size) {
    buffer.reset(new char[size]);
    have = size;
  }
  return {buffer.get(), have};
}

}  // namespace

void Connection::secure(std::unique_ptr<tls::Session> session) {
  tls_ = std::make_unique<Secure>();
  tls_->session = std::move(session);
}

std::string_view Connection::transport_failure() const {
  return tls_ == nullptr ? std::string_view() : tls_->session->failure_text();
}

void Connection::start_handshake() {
  tls_->session->start(tls_->cipher);
  update_interest();
  loop_.at_end(*this);
}

void Connection::open_sealed(std::string_view ciphertext) {
  tls::Session& session = *tls_->session;
  bool shaking = !session.established();
  std::span<char> plain = plain_buffer(ciphertext.size() + tls::Session::kMaxRecord);
  std::size_t n = session.feed(ciphertext, plain, tls_->cipher);
  if (!tls_->cipher.empty()) loop_.at_end(*this);
  if (shaking && session.established()) {
    loop_.at_end(*this);
    // This side has nothing to say to a client's last flight, and a client without TCP_NODELAY
    // holds its first request back until that is acknowledged.
    if (session.role() == tls::Role::kServer) acknowledge_at_once(fd_.number());
    events_.on_connected();
    if (!open()) return;
  }
  if (n != 0) {
    events_.on_data({plain.data(), n});
    if (!open()) return;
  }
  if (session.failed()) {
    fail_session();
  } else if (session.ended() && !read_ended_) {
    read_ended_ = true;
    events_.on_end();
  }
}

void Connection::fail_session() {
  bool shaking = connecting();
  // The alert tells the peer why; whether it leaves does not matter to us.
  send_cipher_once();
  acknowledged_ = acknowledged_bytes(fd_.number());
  close();
  events_.on_failed({Code::kTls, Origin::kUpstream, shaking, tls::kept_text(transport_failure())});
}

// An end in the middle of a handshake; the peer did not say why.
void Connection::fail_unfinished() {
  acknowledged_ = acknowledged_bytes(fd_.number());
  close();
  events_.on_failed({Code::kReset, Origin::kUpstream, true, "connection closed in TLS handshake"});
}

void Connection::seal() {
  tls::Session& session = *tls_->session;
  if (!session.established()) return;
  while (!output_.empty() && tls_->cipher.size() < kSealAhead) {
    std::string_view piece = output_.front().substr(0, kPiece);
    if (!session.write(piece, tls_->cipher)) {
      output_.clear();
      return;
    }
    output_.drain(piece.size());
  }
  if (output_.empty() && shutdown_ && !shutdown_done_) session.close_notify(tls_->cipher);
}

bool Connection::write_sealed() {
  std::size_t none = 0;
  for (;;) {
    seal();
    if (tls_->cipher.empty()) return true;
    if (!write_out(tls_->cipher, {}, none)) return false;
    if (blocked_) return true;
  }
}

void Connection::write_large_sealed(std::string_view bytes) {
  bool ready = tls_->session->established() && !blocked_ && !connecting_ && pending_error_ == 0;
  if (ready && bytes.size() >= kPiece && write_sealed()) {
    std::size_t none = 0;
    // Encrypted from where it lies for as long as the socket keeps up.
    while (!bytes.empty() && !blocked_ && output_.empty()) {
      std::string_view piece = bytes.substr(0, kSealAhead);
      if (!tls_->session->write(piece, tls_->cipher)) return;
      bytes.remove_prefix(piece.size());
      if (!write_out(tls_->cipher, {}, none)) break;
    }
  }
  // The rest, or the error that was met, is for the end of the iteration.
  output().append(bytes);
}

void Connection::send_cipher_once() {
  if (connecting_ || blocked_ || tls_->cipher.empty()) return;
  iovec pieces[4];
  msghdr message{};
  message.msg_iov = pieces;
  message.msg_iovlen = tls_->cipher.peek(pieces, 4);
  ssize_t n = ::sendmsg(fd_.number(), &message, MSG_NOSIGNAL);
  if (n > 0) bytes_written_ += static_cast<uint64_t>(n);
}

void Connection::say_goodbye() {
  // With plaintext still here the peer had better see that something is missing.
  if (output_.empty() && tls_->cipher.empty()) {
    tls_->session->close_notify(tls_->cipher);
    send_cipher_once();
  }
  tls_->cipher.clear();
}

}  // namespace pillion::net
