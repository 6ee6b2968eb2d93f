#include "sidecar/tls/identity.h"

#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "sidecar/tls/san.h"
#include "sidecar/tls/x509_text.h"

namespace pillion::tls {

namespace {

std::string sha1(std::string_view bytes) {
  std::string digest(SHA_DIGEST_LENGTH, '\0');
  SHA1(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
       reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

}  // namespace

Identity identity_of(std::string_view der) {
  Identity identity;
  const auto* bytes = reinterpret_cast<const uint8_t*>(der.data());
  bssl::UniquePtr<X509> certificate(d2i_X509(nullptr, &bytes, static_cast<long>(der.size())));
  if (certificate == nullptr) {
    ERR_clear_error();
    return identity;
  }
  for (San& san : sans_of(certificate.get())) {
    using Type = config::SanMatcher::Type;
    if (san.type == Type::kUri) identity.uri_sans.push_back(std::move(san.value));
    if (san.type == Type::kDns) identity.dns_sans.push_back(std::move(san.value));
    if (san.type == Type::kIp) identity.ip_sans.push_back(std::move(san.value));
    if (san.type == Type::kEmail) identity.email_sans.push_back(std::move(san.value));
    if (san.type == Type::kOther) identity.other_sans.push_back(std::move(san.value));
  }
  identity.subject = name_text(X509_get_subject_name(certificate.get()));
  identity.issuer = name_text(X509_get_issuer_name(certificate.get()));
  identity.serial = serial_text(certificate.get());
  identity.sha256_fingerprint = hex(sha256(der));
  identity.sha1_fingerprint = hex(sha1(der));
  identity.not_before = posix_time(X509_get0_notBefore(certificate.get()));
  identity.not_after = posix_time(X509_get0_notAfter(certificate.get()));
  return identity;
}

}  // namespace pillion::tls
