#pragma once
// A certificate chain of ours with its private key, checked and ready to be offered in handshakes.
// Part of a Material; immutable after load.

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/tls.h"

namespace pillion::tls {

class Certificate {
 public:
  // Problems name the secret, the source and the reason: missing, unreadable, expired, a key that
  // does not belong to the certificate, a kind of key that is too weak or unknown.
  static Result<Certificate, Problem> load(const config::TlsCertificate& source);

  [[nodiscard]] const SSL_CREDENTIAL* credential() const { return credential_.get(); }
  // What SNI is compared with: the DNS SANs, or the common name where there is none.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] bool ecdsa() const { return ecdsa_; }
  // Seconds since 1970.
  [[nodiscard]] int64_t not_after() const { return not_after_; }
  // SHA-256 of the leaf: what a resumed session is bound to.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  // Of all that is sent to peers: the whole chain and the staple.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
  // URI SANs, for the By fields of x-forwarded-client-cert.
  [[nodiscard]] const std::vector<std::string>& uris() const { return uris_; }
  [[nodiscard]] const std::string& subject() const { return subject_; }

 private:
  bssl::UniquePtr<SSL_CREDENTIAL> credential_;
  std::vector<std::string> names_;
  std::vector<std::string> uris_;
  std::string subject_;
  std::string digest_;
  std::string fingerprint_;
  int64_t not_after_ = 0;
  bool ecdsa_ = false;
};

}  // namespace pillion::tls
