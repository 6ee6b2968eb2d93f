#pragma once
// TLS of one connection without its socket: ciphertext in, plaintext out, and the other way round.
// Ciphertext to send is appended to a Buffer of the caller's. Copies nothing twice and holds no
// buffer while idle. Made by a ServerContext or ClientContext; owned by its net::Connection; one
// thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/buffer.h"
#include "sidecar/tls/error_text.h"
#include "sidecar/tls/identity.h"

struct bio_st;
struct ssl_st;

namespace pillion::tls {

class Certificate;
struct Material;
struct SessionCallbacks;  // what BoringSSL calls

enum class Role : uint8_t { kServer, kClient };

// What became of the OCSP staple that a client asked for; Envoy's stats ssl.ocsp_staple_*.
enum class Staple : uint8_t { kNotAsked, kAsked, kSent, kOmitted, kFailed };

// What a client's connection asks for beyond its context.
struct ClientOptions {
  std::string sni = {};
  std::vector<std::string> alpn = {};         // empty: the context's
  std::vector<std::string> verify_sans = {};  // not empty: one has to be among the peer's SANs
};

class Session {
 public:
  Session(std::shared_ptr<const Material> material, Role role, ClientOptions options = {});
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Of a client: appends the ClientHello to `out`. Nothing on a server.
  void start(Buffer& out);
  // The room that `plain` of feed() needs: what comes in, and one record that had begun before.
  static constexpr std::size_t kMaxRecord = 16 * 1024;
  // Takes all of `ciphertext`, writes the plaintext that it completes to `plain` and returns its
  // size. What the protocol has to answer goes to `out`. After it look at failed(), ended() and
  // established().
  std::size_t feed(std::string_view ciphertext, std::span<char> plain, Buffer& out);
  // Encrypts all of `plaintext`. False when the session has failed or write was shut down.
  bool write(std::string_view plaintext, Buffer& out);
  // Says that no more will be written (RFC 8446 section 6.1); once. Nothing before the handshake.
  void close_notify(Buffer& out);

  [[nodiscard]] Role role() const { return role_; }
  [[nodiscard]] bool established() const { return established_; }
  // The peer's close_notify has come.
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool failed() const { return failure_ != Failure::kNone; }
  [[nodiscard]] Failure failure() const { return failure_; }
  // "TLS_error:|...:TLS_error_end", as Envoy writes it; empty unless failed.
  [[nodiscard]] std::string_view failure_text() const;
  // Of a server.
  [[nodiscard]] Staple staple() const { return staple_; }

  // --- once established ---
  [[nodiscard]] std::string_view alpn() const;
  // What the client asked for; empty if it did not say.
  [[nodiscard]] std::string_view sni() const;
  [[nodiscard]] std::string_view version() const;  // "TLSv1.3"
  [[nodiscard]] std::string_view cipher() const;   // "TLS_AES_128_GCM_SHA256"
  // By BoringSSL's name, for the stats ssl.ciphers.*.
  [[nodiscard]] std::string_view cipher_name() const;
  [[nodiscard]] std::string_view curve() const;  // "X25519"; empty: none
  // Of the peer's signature; empty when it made none (resumption, no certificate).
  [[nodiscard]] std::string_view signature_algorithm() const;
  [[nodiscard]] std::string session_id() const;  // hexadecimal; empty with tickets
  [[nodiscard]] bool resumed() const;
  [[nodiscard]] bool has_peer_certificate() const;
  // The peer's certificate was verified, or is that of a resumed session.
  [[nodiscard]] bool peer_verified() const { return peer_verified_; }
  // Null without a certificate.
  const Identity* peer();
  [[nodiscard]] std::string peer_pem() const;
  // The leaf and all that came with it.
  [[nodiscard]] std::string peer_chain_pem() const;
  [[nodiscard]] std::vector<Identity> peer_chain() const;
  // Of our own certificate in this connection; empty if there is none.
  [[nodiscard]] const Identity* local() const;  // null: there is none
  [[nodiscard]] const std::vector<std::string>& local_uri_sans() const;
  [[nodiscard]] const std::vector<std::string>& local_dns_sans() const;
  [[nodiscard]] const std::string& local_subject() const;

 private:
  friend struct SessionCallbacks;
  struct FreeSsl {
    void operator()(ssl_st* ssl) const;
  };
  // False unless the handshake is complete.
  bool shake_hands();
  void fail();

  std::shared_ptr<const Material> material_;
  std::unique_ptr<ssl_st, FreeSsl> ssl_;
  // Only while a call of ours is under way.
  std::string_view input_;
  Buffer* out_ = nullptr;
  std::unique_ptr<ClientOptions> options_;
  std::unique_ptr<std::string> text_;
  std::unique_ptr<Identity> peer_;
  const Certificate* local_ = nullptr;
  Role role_;
  Failure failure_ = Failure::kNone;
  Staple staple_ = Staple::kNotAsked;
  bool established_ = false;
  bool ended_ = false;
  bool notified_ = false;
  bool peer_verified_ = false;
};

}  // namespace pillion::tls
