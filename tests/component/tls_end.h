#pragma once
// One end of a scripted TLS connection, on BoringSSL directly and not on sidecar/tls: it may show
// any certificate, stop at any point of a handshake, and end without saying goodbye. Owned by its
// Peer, which moves the bytes; the test's thread.

#include <openssl/ssl.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/tls/pki.h"

namespace pillion::component {

struct TlsPlan {
  const tls::Issued* own = nullptr;  // the certificate it shows; null: none
  std::string trusts = {};           // PEM of authorities; empty: it accepts whoever the peer is
  std::string sni = {};              // a client's
  std::vector<std::string> alpn = {};
  uint16_t max_version = TLS1_3_VERSION;
};

class TlsEnd {
 public:
  static std::unique_ptr<TlsEnd> server(const TlsPlan& plan);
  // `resumed`: a session that an earlier connection was given; null: none.
  static std::unique_ptr<TlsEnd> client(const TlsPlan& plan, SSL_SESSION* resumed = nullptr);

  // Takes bytes from the socket; returns the plaintext in them.
  std::string feed(std::string_view wire);
  // Queued until the handshake is done.
  void write(std::string_view plain);
  void close_notify();
  // What has to go to the socket.
  std::string take_wire();

  [[nodiscard]] bool established() const { return established_; }
  // The peer has said goodbye.
  [[nodiscard]] bool ended() const { return ended_; }
  // "SSLV3_ALERT_CERTIFICATE_EXPIRED"; empty: no failure.
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] std::string alpn() const;
  [[nodiscard]] bool resumed() const { return SSL_session_reused(ssl_.get()) != 0; }
  // The newest that the server has given out.
  [[nodiscard]] SSL_SESSION* session() const { return session_.get(); }
  SSL* ssl() { return ssl_.get(); }

 private:
  TlsEnd(const TlsPlan& plan, bool server, SSL_SESSION* resumed);
  void shake_hands();

  bssl::UniquePtr<SSL_CTX> context_;
  bssl::UniquePtr<SSL> ssl_;
  bssl::UniquePtr<SSL_SESSION> session_;
  std::string unsent_;  // plaintext
  std::string failure_;
  bool established_ = false;
  bool ended_ = false;
  bool goodbye_ = false;
};

// Makes one end for each connection that a server accepts.
using TlsMaker = std::function<std::unique_ptr<TlsEnd>()>;

}  // namespace pillion::component
