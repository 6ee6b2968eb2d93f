#pragma once
// TLS of a filter chain or a cluster as plain validated data
// (envoy.extensions.transport_sockets.tls.v3). Says where secrets are; sidecar/tls reads them when
// it builds a context, and again when their files change. Immutable, shared by all workers.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/base/secret.h"
#include "sidecar/config/matcher.h"

namespace pillion::config {

// envoy.config.core.v3.DataSource. `text` is a file's path or a variable's name.
struct SecretSource {
  enum class Kind : uint8_t { kNone, kInline, kFile, kEnvironment };
  Kind kind = Kind::kNone;
  std::string text;
  Secret bytes;                   // kInline
  std::string watched_directory;  // kFile: a change in here tells of a new file; empty: its folder
  [[nodiscard]] bool given() const { return kind != Kind::kNone; }
};

struct TlsCertificate {
  std::string name;  // of the secret; empty: given in place
  SecretSource chain;
  SecretSource key;
  SecretSource password;
  SecretSource pkcs12;  // instead of chain and key
  SecretSource ocsp_staple;
};

// Values are upper bounds in the TLS wire format.
enum class TlsVersion : uint16_t { kTls12 = 0x0303, kTls13 = 0x0304 };

struct TlsParameters {
  TlsVersion min = TlsVersion::kTls12;
  TlsVersion max = TlsVersion::kTls13;
  // Colon-separated, as BoringSSL reads them; empty: our defaults.
  std::string ciphers;
  std::string curves;
  std::string signature_algorithms;
  bool fips_202205 = false;
};

struct SanMatcher {
  enum class Type : uint8_t { kEmail, kDns, kUri, kIp, kOther };
  Type type = Type::kUri;
  std::string oid;  // kOther: dotted
  StringMatcher match;
};

// SPIFFECertValidatorConfig.TrustDomain: a peer of that domain is verified by this bundle only.
struct TrustDomain {
  std::string name;
  SecretSource bundle;
};

struct CertificateValidation {
  std::string name;  // of the secret; empty: given in place
  SecretSource trusted_ca;
  bool system_roots = false;
  SecretSource crl;
  bool only_leaf_crl = false;
  // Raw SHA-256 digests.
  std::vector<std::string> spki_pins;
  std::vector<std::string> certificate_pins;
  std::vector<SanMatcher> sans;  // one that matches is enough
  bool allow_expired = false;
  bool accept_untrusted = false;
  std::optional<uint32_t> max_depth;
  std::vector<TrustDomain> trust_domains;  // not empty: SPIFFE validation takes the CA's place
  [[nodiscard]] bool verifies_chains() const {
    return trusted_ca.given() || system_roots || !trust_domains.empty();
  }
};

struct CommonTls {
  TlsParameters parameters;
  std::vector<TlsCertificate> certificates;
  std::optional<CertificateValidation> validation;
  std::vector<std::string> alpn;
};

// DownstreamTlsContext.OcspStaplePolicy, for clients that ask for a staple.
enum class OcspPolicy : uint8_t {
  kLenient,  // without a good staple the certificate is shown alone
  kStrict,   // with a staple that is over the certificate is not shown
  kMust      // without a good staple the certificate is not shown
};

struct DownstreamTls : CommonTls {
  OcspPolicy ocsp_policy = OcspPolicy::kLenient;
  bool require_client_certificate = false;
  bool stateless_resumption = true;       // session tickets
  bool stateful_resumption = true;        // TLS 1.2 session ids
  std::vector<SecretSource> ticket_keys;  // 80 bytes each; none: made and rotated here
  std::optional<std::chrono::seconds> session_timeout;
  bool full_scan_on_sni_mismatch = false;
  bool prefer_client_ciphers = false;
};

struct UpstreamTls : CommonTls {
  std::string sni;
  bool auto_host_sni = false;            // the endpoint's hostname where it has one
  bool auto_sni_san_validation = false;  // the SNI has to be among the DNS SANs
  uint32_t max_session_keys = 1;         // sessions kept for resumption
};

}  // namespace pillion::config
