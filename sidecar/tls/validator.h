#pragma once
// Decides whether a peer's certificate chain is acceptable: trust anchors, revocation, names, pins,
// SPIFFE trust domains, as envoy's CertificateValidationContext says. Compiled once, part of a
// Material; immutable, used by all workers at once.

#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/tls.h"
#include "sidecar/tls/compile_match.h"
#include "sidecar/tls/error_text.h"
#include "sidecar/tls/san.h"

namespace pillion::tls {

struct Verdict {
  Failure failure = Failure::kNone;
  uint8_t alert = 0;    // what to tell the peer
  std::string details;  // "verify cert failed: ..."
  // Accepted although what was found is not to be trusted (trust_chain_verification
  // ACCEPT_UNTRUSTED).
  bool untrusted = false;
  // It holds as long as this: the first end of a certificate of the verified chain, or of a
  // revocation list; seconds since 1970. Empty: it does not depend on time.
  std::optional<int64_t> until = {};
  [[nodiscard]] bool ok() const { return failure == Failure::kNone; }
};

// What a connection asks for beyond the configuration.
struct PeerNames {
  // The peer has to have one of these as a DNS SAN; takes the place of the configured matchers.
  std::string_view dns;
  // One of these has to be among its SANs, of whatever type; takes their place too.
  const std::vector<std::string>* any_of = nullptr;
};

class Validator {
 public:
  // Problems name the source and the reason.
  static Result<Validator, Problem> compile(const config::CertificateValidation& source,
                                            const CompileMatch& compile_match);

  // Chains as peers send them, leaf first. `peer_is_client` decides which key usage is asked for.
  [[nodiscard]] Verdict verify(const STACK_OF(CRYPTO_BUFFER) * chain, bool peer_is_client,
                               const PeerNames& names) const;
  // True when a peer's certificate is worth asking for.
  [[nodiscard]] bool asks() const {
    return has_anchors_ || accept_untrusted_ || requires_certificate();
  }
  // True when a peer without a certificate has to be refused: names or pins cannot be met by none.
  [[nodiscard]] bool requires_certificate() const {
    return !stores_.empty() ||
           (!accept_untrusted_ && (!sans_.empty() || !pins_.empty() || !spki_pins_.empty()));
  }
  [[nodiscard]] bool accepts_untrusted() const { return accept_untrusted_; }
  // Trust anchors are known, so that chains are verified.
  [[nodiscard]] bool has_anchors() const { return has_anchors_; }
  // DER of the subjects of all trust anchors, once each, for CertificateRequest.
  [[nodiscard]] const std::vector<std::string>& anchor_names() const { return anchor_names_; }
  // Of all that decides a verdict; sessions are resumed only under the same.
  [[nodiscard]] const std::string& digest() const { return digest_; }
  // Of the trust anchors, the earliest end; seconds since 1970.
  [[nodiscard]] std::optional<int64_t> first_expiry() const { return first_expiry_; }

 private:
  struct SanRule {
    config::SanMatcher::Type type;
    std::string oid;
    StringMatch match;
    std::string dns;  // an exact DNS name, which the certificate's wildcards may match
  };
  Validator() = default;
  Result<Unit, Problem> compile_names(const config::CertificateValidation& source,
                                      const CompileMatch& compile_match);
  Result<Unit, Problem> load_anchors(const config::CertificateValidation& source);
  Result<Unit, Problem> load_domains(const config::CertificateValidation& source);
  // Adds certificates and revocation lists to a store; at least one certificate is asked for.
  Result<Unit, Problem> fill(X509_STORE* store, const config::SecretSource& source,
                             const std::string& what);
  void add_crl(X509_STORE* store, X509_CRL* crl);
  [[nodiscard]] std::optional<int64_t> end_of(const X509_STORE_CTX* verified) const;
  void add_anchor(X509_STORE* store, X509* certificate);
  void set_flags(X509_STORE* store, bool crl) const;
  [[nodiscard]] const X509_STORE* store_for(const std::vector<San>& sans) const;
  [[nodiscard]] Verdict verify_chain(X509_STORE* store, X509* leaf, STACK_OF(X509) * rest,
                                     bool peer_is_client) const;
  // The name that was found wrong, or the reason.
  [[nodiscard]] Verdict verify_names(const std::vector<San>& sans, const PeerNames& names) const;
  [[nodiscard]] Verdict verify_pins(X509* leaf) const;
  [[nodiscard]] bool rule_matches(const SanRule& rule, const San& san) const;

  bssl::UniquePtr<X509_STORE> store_;
  std::map<std::string, bssl::UniquePtr<X509_STORE>, std::less<>> stores_;  // by trust domain
  std::vector<SanRule> sans_;
  std::vector<std::string> pins_;
  std::vector<std::string> spki_pins_;
  std::vector<std::string> anchor_names_;
  std::string digest_;
  std::optional<int64_t> first_expiry_;
  std::vector<int64_t> crl_ends_;
  std::optional<uint32_t> max_depth_;
  bool has_anchors_ = false;
  bool accept_untrusted_ = false;
  bool allow_expired_ = false;
  bool only_leaf_crl_ = false;
};

}  // namespace pillion::tls
