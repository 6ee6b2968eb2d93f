#include "sidecar/tls/x509_text.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha2.h>
#include <openssl/x509.h>

#include <limits>

namespace pillion::tls {

namespace {
std::string bio_text(BIO* bio) {
  const uint8_t* data = nullptr;
  std::size_t size = 0;
  if (BIO_mem_contents(bio, &data, &size) == 0) return {};
  return {reinterpret_cast<const char*>(data), size};
}
}  // namespace

std::string name_text(const X509_NAME* name) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  if (X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  return bio_text(bio.get());
}

std::string common_name(const X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
          static_cast<std::size_t>(ASN1_STRING_length(value))};
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string serial_text(const X509* certificate) {
  bssl::UniquePtr<BIGNUM> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (number == nullptr) return {};
  bssl::UniquePtr<char> text(BN_bn2hex(number.get()));
  return text == nullptr ? std::string() : text.get();
}

int64_t posix_time(const ASN1_TIME* time) {
  int64_t seconds = 0;
  if (ASN1_TIME_to_posix(time, &seconds) == 0) return std::numeric_limits<int64_t>::max();
  return seconds;
}

std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
         reinterpret_cast<uint8_t*>(digest.data()));
  return digest;
}

std::string der_of(const X509* certificate) {
  uint8_t* bytes = nullptr;
  int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return {};
  bssl::UniquePtr<uint8_t> owned(bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
}

std::string pem_of(std::string_view der) {
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio(bio.get(), PEM_STRING_X509, "", reinterpret_cast<const uint8_t*>(der.data()),
                    static_cast<long>(der.size())) == 0)
    return {};
  return bio_text(bio.get());
}

bool parse_pem(std::string_view text, PemBundle& to) {
  bssl::UniquePtr<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<ossl_ssize_t>(text.size())));
  bssl::UniquePtr<STACK_OF(X509_INFO)> list(
      PEM_X509_INFO_read_bio(bio.get(), nullptr, nullptr, nullptr));
  if (list == nullptr) return false;
  ERR_clear_error();
  for (const X509_INFO* item : list.get()) {
    if (item->x509 != nullptr) to.certificates.push_back(bssl::UpRef(item->x509));
    if (item->crl != nullptr) to.crls.push_back(bssl::UpRef(item->crl));
  }
  return true;
}

}  // namespace pillion::tls
