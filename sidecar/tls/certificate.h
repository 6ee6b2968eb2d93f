#pragma once
// A certificate chain of ours with its private key, checked and ready to be offered in handshakes.
// Part of a Material; immutable after load.

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/tls.h"
#include "sidecar/tls/identity.h"

namespace pillion::tls {

class Certificate {
 public:
  // Problems name the secret, the source and the reason: missing, unreadable, expired, a key that
  // does not belong to the certificate, a kind of key that is too weak or unknown.
  static Result<Certificate, Problem> load(const config::TlsCertificate& source);

  // With its staple, if it has one.
  [[nodiscard]] const SSL_CREDENTIAL* credential() const { return credential_.get(); }
  // Without.
  [[nodiscard]] const SSL_CREDENTIAL* bare_credential() const {
    return bare_ == nullptr ? credential_.get() : bare_.get();
  }
  [[nodiscard]] bool has_staple() const { return bare_ != nullptr; }
  // `now` in seconds since 1970.
  [[nodiscard]] bool staple_is_over(int64_t now) const { return staple_until_ < now; }
  // Says that it is not to be believed without a staple (RFC 7633).
  [[nodiscard]] bool must_staple() const { return must_staple_; }
  // What SNI is compared with: the DNS SANs, or the common name where there is none.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] bool ecdsa() const { return ecdsa_; }
  // Seconds since 1970.
  [[nodiscard]] int64_t not_after() const { return not_after_; }
  // SHA-256 of the leaf: what a resumed session is bound to.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  // Of all that is sent to peers: the whole chain and the staple.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
  [[nodiscard]] const Identity& identity() const { return identity_; }

 private:
  Result<Unit, Problem> add_staple(const config::TlsCertificate& source, X509* leaf,
                                   std::string& sent);

  bssl::UniquePtr<SSL_CREDENTIAL> credential_;
  bssl::UniquePtr<SSL_CREDENTIAL> bare_;  // null: credential_ has no staple
  std::vector<std::string> names_;
  Identity identity_;
  std::string digest_;
  std::string fingerprint_;
  int64_t not_after_ = 0;
  int64_t staple_until_ = 0;
  bool must_staple_ = false;
  bool ecdsa_ = false;
};

}  // namespace pillion::tls
