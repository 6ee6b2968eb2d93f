#pragma once
// Certificate authorities of a test, made while it runs: keys, certificates and revocation lists
// as PEM, and the config::Tls structs that hold them inline.

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <re2/re2.h>

#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "sidecar/config/tls.h"
#include "sidecar/tls/compile_match.h"

namespace pillion::tls {

struct CertificateSpec {
  std::string common_name = "leaf";
  std::string sans = {};  // "DNS:a.test,URI:spiffe://a/b", as the openssl tool writes them
  bool authority = false;
  std::string key_usage = {};
  int from_days = -1;
  int to_days = 30;
  int to_seconds = 0;        // beyond the days
  bool must_staple = false;  // RFC 7633
  enum class Key { kEcdsa, kRsa, kWeakRsa, kEd25519 } key = Key::kEcdsa;
};

struct Issued {
  bssl::UniquePtr<X509> certificate;
  bssl::UniquePtr<EVP_PKEY> key;
  [[nodiscard]] std::string pem() const {
    bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate.get());
    return text(bio.get());
  }
  [[nodiscard]] std::string key_pem(const std::string& password = "") const {
    bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(),
                                  password.empty() ? nullptr : EVP_aes_256_cbc(),
                                  password.empty() ? nullptr : password.data(),
                                  static_cast<int>(password.size()), nullptr, nullptr);
    return text(bio.get());
  }
  [[nodiscard]] std::string digest() const {
    std::string bytes(32, '\0');
    unsigned size = 0;
    X509_digest(certificate.get(), EVP_sha256(), reinterpret_cast<uint8_t*>(bytes.data()), &size);
    return bytes;
  }
  [[nodiscard]] std::string spki_digest() const {
    std::string bytes(32, '\0');
    unsigned size = 0;
    uint8_t* der = nullptr;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &der);
    EVP_Digest(der, static_cast<std::size_t>(length), reinterpret_cast<uint8_t*>(bytes.data()),
               &size, EVP_sha256(), nullptr);
    OPENSSL_free(der);
    return bytes;
  }
  static std::string text(BIO* bio) {
    const uint8_t* data = nullptr;
    std::size_t size = 0;
    BIO_mem_contents(bio, &data, &size);
    return {reinterpret_cast<const char*>(data), size};
  }
};

inline bssl::UniquePtr<EVP_PKEY> make_key(CertificateSpec::Key kind) {
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (kind == CertificateSpec::Key::kEcdsa) {
    bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
    EC_KEY_generate_key(ec.get());
    EVP_PKEY_set1_EC_KEY(key.get(), ec.get());
  } else if (kind == CertificateSpec::Key::kEd25519) {
    uint8_t seed[32] = {7};
    key.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed, sizeof(seed)));
  } else {
    bssl::UniquePtr<RSA> rsa(RSA_new());
    bssl::UniquePtr<BIGNUM> exponent(BN_new());
    BN_set_word(exponent.get(), RSA_F4);
    RSA_generate_key_ex(rsa.get(), kind == CertificateSpec::Key::kRsa ? 2048 : 1024, exponent.get(),
                        nullptr);
    EVP_PKEY_set1_RSA(key.get(), rsa.get());
  }
  return key;
}

inline Issued issue(const CertificateSpec& spec, const Issued* issuer) {
  static long serial = 1000;
  Issued made;
  made.key = make_key(spec.key);
  made.certificate.reset(X509_new());
  X509* x = made.certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), static_cast<uint64_t>(++serial));
  X509_gmtime_adj(X509_getm_notBefore(x), spec.from_days * 86400L);
  X509_gmtime_adj(X509_getm_notAfter(x), spec.to_days * 86400L + spec.to_seconds);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const uint8_t*>(spec.common_name.data()),
                             static_cast<ossl_ssize_t>(spec.common_name.size()), -1, 0);
  X509* by = issuer == nullptr ? x : issuer->certificate.get();
  X509_set_issuer_name(x, X509_get_subject_name(by));
  X509_set_pubkey(x, made.key.get());
  X509V3_CTX context;
  X509V3_set_ctx(&context, by, x, nullptr, nullptr, 0);
  auto extend = [&](int nid, const std::string& value) {
    if (value.empty()) return;
    bssl::UniquePtr<X509_EXTENSION> extension(
        X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str()));
    if (extension == nullptr) std::abort();
    X509_add_ext(x, extension.get(), -1);
  };
  extend(NID_basic_constraints, spec.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(NID_key_usage, spec.key_usage);
  extend(NID_subject_alt_name, spec.sans);
  if (spec.must_staple) {
    constexpr uint8_t kStatusRequest[] = {0x30, 0x03, 0x02, 0x01, 0x05};
    bssl::UniquePtr<ASN1_OBJECT> feature(OBJ_txt2obj("1.3.6.1.5.5.7.1.24", 1));
    bssl::UniquePtr<ASN1_OCTET_STRING> value(ASN1_OCTET_STRING_new());
    ASN1_OCTET_STRING_set(value.get(), kStatusRequest, sizeof(kStatusRequest));
    bssl::UniquePtr<X509_EXTENSION> extension(
        X509_EXTENSION_create_by_OBJ(nullptr, feature.get(), 0, value.get()));
    X509_add_ext(x, extension.get(), -1);
  }
  EVP_PKEY* signer = issuer == nullptr ? made.key.get() : issuer->key.get();
  X509_sign(x, signer, EVP_PKEY_id(signer) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256());
  return made;
}

class Authority {
 public:
  explicit Authority(const std::string& name = "test root")
      : root_(issue({.common_name = name, .authority = true}, nullptr)) {}
  [[nodiscard]] Issued leaf(const CertificateSpec& spec = {}) const { return issue(spec, &root_); }
  [[nodiscard]] const Issued& root() const { return root_; }
  [[nodiscard]] std::string pem() const { return root_.pem(); }
  [[nodiscard]] std::string crl(const std::vector<const Issued*>& revoked,
                                int for_seconds = 86400) const {
    bssl::UniquePtr<X509_CRL> list(X509_CRL_new());
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(root_.certificate.get()));
    bssl::UniquePtr<ASN1_TIME> time(ASN1_TIME_new());
    X509_gmtime_adj(time.get(), -3600);
    X509_CRL_set1_lastUpdate(list.get(), time.get());
    for (const Issued* issued : revoked) {
      X509_REVOKED* entry = X509_REVOKED_new();
      X509_REVOKED_set_serialNumber(entry, X509_get0_serialNumber(issued->certificate.get()));
      X509_REVOKED_set_revocationDate(entry, time.get());
      X509_CRL_add0_revoked(list.get(), entry);
    }
    X509_gmtime_adj(time.get(), for_seconds);
    X509_CRL_set1_nextUpdate(list.get(), time.get());
    X509_CRL_sort(list.get());
    X509_CRL_sign(list.get(), root_.key.get(), EVP_sha256());
    bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509_CRL(bio.get(), list.get());
    return Issued::text(bio.get());
  }

 private:
  Issued root_;
};

inline config::SecretSource inline_secret(std::string_view bytes) {
  config::SecretSource source;
  source.kind = config::SecretSource::Kind::kInline;
  source.bytes = Secret(bytes);
  return source;
}

inline config::SecretSource file_secret(const std::string& path) {
  config::SecretSource source;
  source.kind = config::SecretSource::Kind::kFile;
  source.text = path;
  return source;
}

inline config::TlsCertificate certificate_of(const Issued& issued, const std::string& rest = "") {
  config::TlsCertificate certificate;
  certificate.chain = inline_secret(issued.pem() + rest);
  certificate.key = inline_secret(issued.key_pem());
  return certificate;
}

inline config::CertificateValidation trusting(const Authority& authority) {
  config::CertificateValidation validation;
  validation.trusted_ca = inline_secret(authority.pem());
  return validation;
}

inline config::SanMatcher san(
    config::SanMatcher::Type type, const std::string& text,
    config::StringMatcher::Kind kind = config::StringMatcher::Kind::kExact) {
  config::SanMatcher matcher;
  matcher.type = type;
  matcher.match = {kind, false, text};
  return matcher;
}

// What production takes from sidecar/http, which this room may not know.
inline Result<StringMatch, Problem> compile_match(const config::StringMatcher& matcher) {
  using Kind = config::StringMatcher::Kind;
  if (matcher.kind == Kind::kRegex) {
    return StringMatch([pattern = matcher.text](std::string_view text) {
      return RE2::FullMatch({text.data(), text.size()}, pattern);
    });
  }
  return StringMatch([matcher](std::string_view text) {
    const std::string& want = matcher.text;
    if (matcher.kind == Kind::kExact) return text == want;
    if (matcher.kind == Kind::kContains) return text.find(want) != std::string_view::npos;
    if (text.size() < want.size()) return false;
    return matcher.kind == Kind::kPrefix ? text.substr(0, want.size()) == want
                                         : text.substr(text.size() - want.size()) == want;
  });
}

}  // namespace pillion::tls
