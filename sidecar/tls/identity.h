#pragma once
// Who a peer says it is, from its certificate: for x-forwarded-client-cert, RBAC, access logs.
// Made on first use and kept by the Session; worker thread.

#include <cstdint>
#include <string>
#include <vector>

namespace pillion::tls {

struct PeerIdentity {
  std::vector<std::string> uri_sans;
  std::vector<std::string> dns_sans;
  std::vector<std::string> ip_sans;
  std::vector<std::string> email_sans;
  std::string subject;  // RFC 2253
  std::string issuer;
  std::string serial;              // hexadecimal
  std::string sha256_fingerprint;  // of the certificate's DER, lower-case hexadecimal
  std::string sha1_fingerprint;
  int64_t not_before = 0;  // seconds since 1970
  int64_t not_after = 0;
};

}  // namespace pillion::tls
