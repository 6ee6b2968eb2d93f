#pragma once
// Parts of X.509 certificates as text and numbers. Internal to sidecar/tls; pure.

#include <openssl/x509.h>

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/base/error.h"

namespace pillion::tls {

// RFC 2253, as Envoy prints names.
std::string name_text(const X509_NAME* name);
// The first common name; empty if there is none.
std::string common_name(const X509* certificate);
// Lower-case hexadecimal of the serial number.
std::string serial_text(const X509* certificate);
std::string hex(std::string_view bytes);
// Seconds since 1970; nothing sensible is the end of time.
int64_t posix_time(const ASN1_TIME* time);
std::string sha256(std::string_view bytes);
std::string der_of(const X509* certificate);
std::string pem_of(std::string_view der);

// All certificates and revocation lists of a PEM text, in order.
struct PemBundle {
  std::vector<bssl::UniquePtr<X509>> certificates;
  std::vector<bssl::UniquePtr<X509_CRL>> crls;
};
// False when a block does not parse; other kinds of blocks are left out.
bool parse_pem(std::string_view text, PemBundle& to);

}  // namespace pillion::tls
