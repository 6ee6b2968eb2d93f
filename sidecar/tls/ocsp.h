#pragma once
// What an OCSP response (RFC 6960) says about one certificate, as far as a server that staples it
// has to know: whether it is about that certificate, and until when it may be shown. Clients verify
// the rest. Pure; internal to sidecar/tls.

#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/base/error.h"

namespace pillion::tls {

struct OcspResponse {
  std::string serial;     // of the certificate, big-endian as in its DER
  int64_t not_after = 0;  // seconds since 1970; 0: it does not say, which counts as over
};

// `der` is a whole OCSPResponse; it has to be successful and about one certificate.
Result<OcspResponse, Problem> parse_ocsp(std::string_view der);

}  // namespace pillion::tls
