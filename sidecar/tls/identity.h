#pragma once
// Who somebody is by a certificate: a peer, for x-forwarded-client-cert, RBAC and access logs, or
// we ourselves. A peer's is made on first use and kept by the Session, worker thread; ours is part
// of a Certificate.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::tls {

struct Identity {
  std::vector<std::string> uri_sans;
  std::vector<std::string> dns_sans;
  std::vector<std::string> ip_sans;
  std::vector<std::string> email_sans;
  std::vector<std::string> other_sans;
  std::string subject;  // RFC 2253
  std::string issuer;
  std::string serial;              // hexadecimal
  std::string sha256_fingerprint;  // of the certificate's DER, lower-case hexadecimal
  std::string sha1_fingerprint;
  int64_t not_before = 0;  // seconds since 1970
  int64_t not_after = 0;
};

// Of a certificate's DER; empty where that cannot be parsed.
Identity identity_of(std::string_view der);

}  // namespace pillion::tls
