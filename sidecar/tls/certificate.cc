#include "sidecar/tls/certificate.h"

#include <openssl/bio.h>
#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/nid.h>
#include <openssl/obj.h>
#include <openssl/pem.h>
#include <openssl/pkcs8.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>

#include "sidecar/base/text.h"
#include "sidecar/tls/error_text.h"
#include "sidecar/tls/ocsp.h"
#include "sidecar/tls/secret_loader.h"
#include "sidecar/tls/x509_text.h"

namespace pillion::tls {

namespace {

constexpr int kMinRsaBits = 2048;

// "certificate of secret 'server'".
std::string named(const std::string& what, const config::TlsCertificate& source) {
  return source.name.empty() ? what : what + " of secret '" + source.name + "'";
}

struct KeyPair {
  std::vector<bssl::UniquePtr<X509>> chain;
  bssl::UniquePtr<EVP_PKEY> key;
};

// BoringSSL asks for the password of an encrypted key with this.
int give_password(char* to, int size, int, void* arg) {
  const auto* password = static_cast<const Secret*>(arg);
  if (password->size() > static_cast<std::size_t>(size)) return -1;
  if (!password->empty()) std::memcpy(to, password->view().data(), password->size());
  return static_cast<int>(password->size());
}

Result<KeyPair, Problem> load_pkcs12(const config::TlsCertificate& source, const Secret& password) {
  std::string what = named("PKCS #12", source);
  TRY(Secret content, load_secret(source.pkcs12, what));
  CBS bytes;
  CBS_init(&bytes, reinterpret_cast<const uint8_t*>(content.view().data()), content.size());
  EVP_PKEY* key = nullptr;
  bssl::UniquePtr<STACK_OF(X509)> certificates(sk_X509_new_null());
  // The password has to end with NUL here.
  Secret text(password.size() + 1);
  if (!password.empty()) std::memcpy(text.data(), password.view().data(), password.size());
  if (PKCS12_get_key_and_certs(&key, certificates.get(), &bytes, text.data()) == 0)
    return bad_secret(source.pkcs12, what, last_reason());
  KeyPair pair;
  pair.key.reset(key);
  for (X509* certificate : certificates.get()) pair.chain.push_back(bssl::UpRef(certificate));
  if (pair.key == nullptr) return bad_secret(source.pkcs12, what, "holds no private key");
  if (pair.chain.empty()) return bad_secret(source.pkcs12, what, "holds no certificate");
  return pair;
}

Result<KeyPair, Problem> load_pem(const config::TlsCertificate& source, const Secret& password) {
  KeyPair pair;
  std::string what = named("certificate", source);
  TRY(Secret chain, load_secret(source.chain, what));
  PemBundle bundle;
  if (!parse_pem(chain.view(), bundle)) return bad_secret(source.chain, what, last_reason());
  if (bundle.certificates.empty())
    return bad_secret(source.chain, what, "holds no PEM certificate");
  pair.chain = std::move(bundle.certificates);

  what = named("private key", source);
  TRY(Secret key, load_secret(source.key, what));
  bssl::UniquePtr<BIO> bio(
      BIO_new_mem_buf(key.view().data(), static_cast<ossl_ssize_t>(key.size())));
  pair.key.reset(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, give_password, const_cast<Secret*>(&password)));
  if (pair.key == nullptr) {
    bool encrypted = key.view().find("ENCRYPTED") != std::string_view::npos;
    std::string why = last_reason();
    if (encrypted && password.empty()) why = "is encrypted and there is no password";
    return bad_secret(source.key, what, why);
  }
  return pair;
}

// Why a key cannot be used; empty if it can.
std::string key_complaint(const EVP_PKEY* key) {
  if (EVP_PKEY_id(key) == EVP_PKEY_RSA) {
    if (EVP_PKEY_bits(key) < kMinRsaBits)
      return "is an RSA key of fewer than " + std::to_string(kMinRsaBits) + " bits";
    return {};
  }
  if (EVP_PKEY_id(key) != EVP_PKEY_EC) return "is neither an RSA nor an ECDSA key";
  int curve = EVP_PKEY_get_ec_curve_nid(key);
  if (curve != NID_X9_62_prime256v1 && curve != NID_secp384r1 && curve != NID_secp521r1)
    return "is on none of the curves P-256, P-384 and P-521";
  return {};
}

Result<bssl::UniquePtr<SSL_CREDENTIAL>, Problem> make_credential(
    const config::TlsCertificate& source, const KeyPair& pair, std::string& sent) {
  bssl::UniquePtr<SSL_CREDENTIAL> credential(SSL_CREDENTIAL_new_x509());
  std::vector<bssl::UniquePtr<CRYPTO_BUFFER>> owned;
  std::vector<CRYPTO_BUFFER*> chain;
  for (const auto& certificate : pair.chain) {
    std::string der = der_of(certificate.get());
    owned.emplace_back(
        CRYPTO_BUFFER_new(reinterpret_cast<const uint8_t*>(der.data()), der.size(), nullptr));
    chain.push_back(owned.back().get());
    sent += der;
  }
  const config::SecretSource& key_source = source.pkcs12.given() ? source.pkcs12 : source.key;
  if (SSL_CREDENTIAL_set1_cert_chain(credential.get(), chain.data(), chain.size()) == 0) {
    return bad_secret(source.pkcs12.given() ? source.pkcs12 : source.chain,
                      named("certificate", source), last_reason());
  }
  if (SSL_CREDENTIAL_set1_private_key(credential.get(), pair.key.get()) == 0)
    return bad_secret(key_source, named("private key", source), last_reason());
  return credential;
}

// RFC 7633: a TLS feature extension with status_request (5) in it.
bool says_must_staple(const X509* leaf) {
  bssl::UniquePtr<ASN1_OBJECT> feature(OBJ_txt2obj("1.3.6.1.5.5.7.1.24", 1));
  int at = X509_get_ext_by_OBJ(leaf, feature.get(), -1);
  if (at < 0) return false;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(leaf, at));
  CBS bytes;
  CBS list;
  CBS_init(&bytes, ASN1_STRING_get0_data(value),
           static_cast<std::size_t>(ASN1_STRING_length(value)));
  if (CBS_get_asn1(&bytes, &list, CBS_ASN1_SEQUENCE) == 0) return false;
  uint64_t number = 0;
  while (CBS_get_asn1_uint64(&list, &number) == 1)
    if (number == TLSEXT_TYPE_status_request) return true;
  return false;
}

// Big-endian, as it is in the certificate and in OCSP responses.
std::string serial_bytes(const X509* leaf) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(leaf);
  uint8_t* der = nullptr;
  int size = i2d_ASN1_INTEGER(serial, &der);
  if (size <= 0) return {};
  bssl::UniquePtr<uint8_t> owned(der);
  CBS bytes;
  CBS value;
  CBS_init(&bytes, der, static_cast<std::size_t>(size));
  if (CBS_get_asn1(&bytes, &value, CBS_ASN1_INTEGER) == 0) return {};
  return {reinterpret_cast<const char*>(CBS_data(&value)), CBS_len(&value)};
}

}  // namespace

Result<Unit, Problem> Certificate::add_staple(const config::TlsCertificate& source, X509* leaf,
                                              std::string& sent) {
  if (!source.ocsp_staple.given()) return Unit{};
  std::string what = named("OCSP staple", source);
  TRY(Secret staple, load_secret(source.ocsp_staple, what));
  auto parsed = parse_ocsp(staple.view());
  if (!parsed) return bad_secret(source.ocsp_staple, what, parsed.error().message);
  if (parsed->serial != serial_bytes(leaf))
    return bad_secret(source.ocsp_staple, what, "is about another certificate");
  bssl::UniquePtr<CRYPTO_BUFFER> bytes(CRYPTO_BUFFER_new(
      reinterpret_cast<const uint8_t*>(staple.view().data()), staple.size(), nullptr));
  SSL_CREDENTIAL_set1_ocsp_response(credential_.get(), bytes.get());
  staple_until_ = parsed->not_after;
  sent += staple.view();
  return Unit{};
}

Result<Certificate, Problem> Certificate::load(const config::TlsCertificate& source) {
  ERR_clear_error();
  Secret password;
  if (source.password.given()) {
    TRY(password, load_secret(source.password, named("password", source)));
  }
  TRY(KeyPair pair,
      source.pkcs12.given() ? load_pkcs12(source, password) : load_pem(source, password));
  const config::SecretSource& place = source.pkcs12.given() ? source.pkcs12 : source.chain;
  const config::SecretSource& key_place = source.pkcs12.given() ? source.pkcs12 : source.key;
  X509* leaf = pair.chain.front().get();
  if (std::string why = key_complaint(pair.key.get()); !why.empty())
    return bad_secret(key_place, named("private key", source), why);
  bssl::UniquePtr<EVP_PKEY> public_key(X509_get_pubkey(leaf));
  if (public_key == nullptr || EVP_PKEY_cmp(public_key.get(), pair.key.get()) != 1) {
    ERR_clear_error();
    return bad_secret(key_place, named("private key", source),
                      "does not belong to the certificate (" + place_of(place) + ")");
  }
  Certificate loaded;
  loaded.not_after_ = posix_time(X509_get0_notAfter(leaf));
  if (loaded.not_after_ < std::time(nullptr))
    return bad_secret(place, named("certificate", source), "has expired");
  std::string sent;
  TRY(loaded.credential_, make_credential(source, pair, sent));
  if (source.ocsp_staple.given()) {
    std::string again;
    TRY(loaded.bare_, make_credential(source, pair, again));
  }
  TRY(Unit stapled, loaded.add_staple(source, leaf, sent));
  static_cast<void>(stapled);
  loaded.must_staple_ = says_must_staple(leaf);
  loaded.fingerprint_ = sha256(sent);
  loaded.identity_ = identity_of(der_of(leaf));
  for (const std::string& name : loaded.identity_.dns_sans)
    loaded.names_.push_back(lower_copy(name));
  if (loaded.names_.empty()) {
    if (std::string name = common_name(leaf); !name.empty())
      loaded.names_.push_back(lower_copy(name));
  }
  loaded.ecdsa_ = EVP_PKEY_id(pair.key.get()) == EVP_PKEY_EC;
  loaded.digest_ = sha256(der_of(leaf));
  return loaded;
}

}  // namespace pillion::tls
