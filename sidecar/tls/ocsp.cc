#include "sidecar/tls/ocsp.h"

#include <openssl/bytestring.h>
#include <openssl/posix_time.h>

#include <ctime>

namespace pillion::tls {

namespace {

constexpr CBS_ASN1_TAG kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1.
constexpr uint8_t kBasic[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};

Unexpected<Problem> malformed() {
  return problem("is no OCSP response in DER");
}

// GeneralizedTime as DER has it: YYYYMMDDHHMMSSZ.
bool read_time(CBS& from, int64_t& seconds) {
  CBS text;
  std::tm parts{};
  return CBS_get_asn1(&from, &text, CBS_ASN1_GENERALIZEDTIME) == 1 &&
         CBS_parse_generalized_time(&text, &parts, 0) == 1 &&
         OPENSSL_tm_to_posix(&parts, &seconds) == 1;
}

// The one SingleResponse (RFC 6960 section 4.2.1).
bool read_single(CBS& single, OcspResponse& to) {
  CBS id;
  CBS serial;
  int64_t ignored = 0;
  if (CBS_get_asn1(&single, &id, CBS_ASN1_SEQUENCE) == 0 ||
      CBS_get_asn1(&id, nullptr, CBS_ASN1_SEQUENCE) == 0 ||
      CBS_get_asn1(&id, nullptr, CBS_ASN1_OCTETSTRING) == 0 ||
      CBS_get_asn1(&id, nullptr, CBS_ASN1_OCTETSTRING) == 0 ||
      CBS_get_asn1(&id, &serial, CBS_ASN1_INTEGER) == 0)
    return false;
  to.serial.assign(reinterpret_cast<const char*>(CBS_data(&serial)), CBS_len(&serial));
  // certStatus, whatever it is: clients see it for themselves.
  if (CBS_get_any_asn1(&single, nullptr, nullptr) == 0 || !read_time(single, ignored)) return false;
  CBS next;
  int present = 0;
  if (CBS_get_optional_asn1(&single, &next, &present, kContext | 0) == 0) return false;
  return present == 0 || read_time(next, to.not_after);
}

}  // namespace

Result<OcspResponse, Problem> parse_ocsp(std::string_view der) {
  CBS bytes;
  CBS response;
  CBS status;
  CBS_init(&bytes, reinterpret_cast<const uint8_t*>(der.data()), der.size());
  if (CBS_get_asn1(&bytes, &response, CBS_ASN1_SEQUENCE) == 0 || CBS_len(&bytes) != 0 ||
      CBS_get_asn1(&response, &status, CBS_ASN1_ENUMERATED) == 0 || CBS_len(&status) != 1)
    return malformed();
  if (CBS_data(&status)[0] != 0)
    return problem("is an OCSP response that says it was unsuccessful");
  CBS wrapped;
  CBS typed;
  CBS type;
  CBS octets;
  CBS basic;
  CBS data;
  CBS list;
  if (CBS_get_asn1(&response, &wrapped, kContext | 0) == 0 ||
      CBS_get_asn1(&wrapped, &typed, CBS_ASN1_SEQUENCE) == 0 ||
      CBS_get_asn1(&typed, &type, CBS_ASN1_OBJECT) == 0 ||
      CBS_mem_equal(&type, kBasic, sizeof(kBasic)) == 0 ||
      CBS_get_asn1(&typed, &octets, CBS_ASN1_OCTETSTRING) == 0 ||
      CBS_get_asn1(&octets, &basic, CBS_ASN1_SEQUENCE) == 0 ||
      CBS_get_asn1(&basic, &data, CBS_ASN1_SEQUENCE) == 0 ||
      CBS_get_optional_asn1(&data, nullptr, nullptr, kContext | 0) == 0 ||
      // responderID, a name or the hash of a key.
      CBS_get_any_asn1(&data, nullptr, nullptr) == 0 ||
      CBS_get_asn1(&data, nullptr, CBS_ASN1_GENERALIZEDTIME) == 0 ||
      CBS_get_asn1(&data, &list, CBS_ASN1_SEQUENCE) == 0)
    return malformed();
  CBS single;
  OcspResponse parsed;
  if (CBS_get_asn1(&list, &single, CBS_ASN1_SEQUENCE) == 0 || !read_single(single, parsed))
    return malformed();
  if (CBS_len(&list) != 0) return problem("is an OCSP response about several certificates");
  return parsed;
}

}  // namespace pillion::tls
