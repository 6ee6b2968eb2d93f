#pragma once
// OCSP responses of a test in DER: whole in form, but for a signature, which servers do not look
// at.

#include <openssl/bytestring.h>
#include <openssl/posix_time.h>

#include <ctime>
#include <string>

#include "tests/unit/tls/pki.h"

namespace pillion::tls {

struct OcspSpec {
  const Issued* about = nullptr;
  int from_seconds = -60;
  int to_seconds = 3600;
  bool ends = true;  // has a nextUpdate
  int status = 0;    // of the whole; 0: successful
  int count = 1;     // how often the one certificate is spoken of
};

inline void add_time(CBB* to, int seconds) {
  std::tm parts{};
  OPENSSL_posix_to_tm(std::time(nullptr) + seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &parts);
  CBB time;
  CBB_add_asn1(to, &time, CBS_ASN1_GENERALIZEDTIME);
  CBB_add_bytes(&time, reinterpret_cast<const uint8_t*>(text), 15);
  CBB_flush(to);
}

inline void add_single(CBB* list, const OcspSpec& spec) {
  constexpr uint8_t kSha1[] = {0x2b, 0x0e, 0x03, 0x02, 0x1a};
  constexpr uint8_t kHash[20] = {1};
  constexpr CBS_ASN1_TAG kContext = CBS_ASN1_CONTEXT_SPECIFIC;
  CBB single, id, algorithm, oid, bare, next;
  CBB_add_asn1(list, &single, CBS_ASN1_SEQUENCE);
  CBB_add_asn1(&single, &id, CBS_ASN1_SEQUENCE);
  CBB_add_asn1(&id, &algorithm, CBS_ASN1_SEQUENCE);
  CBB_add_asn1(&algorithm, &oid, CBS_ASN1_OBJECT);
  CBB_add_bytes(&oid, kSha1, sizeof kSha1);
  CBB_add_asn1_octet_string(&id, kHash, sizeof kHash);
  CBB_add_asn1_octet_string(&id, kHash, sizeof kHash);
  uint64_t number = 0;
  ASN1_INTEGER_get_uint64(&number, X509_get0_serialNumber(spec.about->certificate.get()));
  CBB_add_asn1_uint64(&id, number);
  CBB_add_asn1(&single, &bare, kContext | 0);  // good
  CBB_flush(&single);
  add_time(&single, spec.from_seconds);
  if (spec.ends) {
    CBB_add_asn1(&single, &next, kContext | CBS_ASN1_CONSTRUCTED | 0);
    add_time(&next, spec.to_seconds);
  }
  CBB_flush(list);
}

inline std::string ocsp_response(const OcspSpec& spec) {
  constexpr CBS_ASN1_TAG kContext = CBS_ASN1_CONTEXT_SPECIFIC | CBS_ASN1_CONSTRUCTED;
  constexpr uint8_t kBasic[] = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x01};
  constexpr uint8_t kKey[20] = {2};
  bssl::ScopedCBB all;
  CBB response, status, wrapped, typed, type, octets, basic, data, by, list;
  CBB_init(all.get(), 256);
  CBB_add_asn1(all.get(), &response, CBS_ASN1_SEQUENCE);
  CBB_add_asn1(&response, &status, CBS_ASN1_ENUMERATED);
  CBB_add_u8(&status, static_cast<uint8_t>(spec.status));
  CBB_add_asn1(&response, &wrapped, kContext | 0);
  CBB_add_asn1(&wrapped, &typed, CBS_ASN1_SEQUENCE);
  CBB_add_asn1(&typed, &type, CBS_ASN1_OBJECT);
  CBB_add_bytes(&type, kBasic, sizeof kBasic);
  CBB_add_asn1(&typed, &octets, CBS_ASN1_OCTETSTRING);
  CBB_add_asn1(&octets, &basic, CBS_ASN1_SEQUENCE);
  CBB_add_asn1(&basic, &data, CBS_ASN1_SEQUENCE);
  CBB_add_asn1(&data, &by, kContext | 2);
  CBB_add_asn1_octet_string(&by, kKey, sizeof kKey);
  CBB_flush(&data);
  add_time(&data, spec.from_seconds);
  CBB_add_asn1(&data, &list, CBS_ASN1_SEQUENCE);
  for (int i = 0; i < spec.count; ++i) add_single(&list, spec);
  CBB_flush(all.get());
  return {reinterpret_cast<const char*>(CBB_data(all.get())), CBB_len(all.get())};
}

}  // namespace pillion::tls
