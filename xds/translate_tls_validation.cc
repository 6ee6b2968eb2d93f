// CertificateValidationContext and SPIFFECertValidatorConfig (translate_tls.h).

#include <envoy/config/core/v3/extension.pb.h>
#include <envoy/extensions/transport_sockets/tls/v3/common.pb.h>
#include <fmt/format.h>

#include <algorithm>

#include "xds/check_fields.h"
#include "xds/translate_common.h"
#include "xds/translate_tls.h"

namespace pillion::xds {
namespace {

using config::SanMatcher;
using tls_v3::CertificateValidationContext;
using tls_v3::SubjectAltNameMatcher;

constexpr std::size_t kDigestSize = 32;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 64 digits, or pairs of them with colons in between; empty when it is neither.
std::string digest_of_hex(std::string text) {
  if (text.size() == 3 * kDigestSize - 1) std::erase(text, ':');
  std::string digest;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return {};
    digest += static_cast<char>(high * 16 + low);
  }
  return text.size() == 2 * kDigestSize ? digest : std::string();
}

std::string digest_of_base64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() != 44 || text.back() != '=') return {};
  text.remove_suffix(1);
  std::string digest;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return {};
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    digest += static_cast<char>(bits >> count & 0xff);
  }
  return digest.size() == kDigestSize ? digest : std::string();
}

void take_pins(const CertificateValidationContext& message, const FieldPath& at,
               config::CertificateValidation& to) {
  const FieldPath spki = at.field("verify_certificate_spki");
  for (int i = 0; i < message.verify_certificate_spki_size(); ++i) {
    std::string digest = digest_of_base64(message.verify_certificate_spki(i));
    if (digest.empty())
      spki.index(static_cast<std::size_t>(i)).problem("is no SHA-256 digest in base64");
    to.spki_pins.push_back(std::move(digest));
  }
  const FieldPath hashes = at.field("verify_certificate_hash");
  for (int i = 0; i < message.verify_certificate_hash_size(); ++i) {
    std::string digest = digest_of_hex(message.verify_certificate_hash(i));
    if (digest.empty())
      hashes.index(static_cast<std::size_t>(i)).problem("is no SHA-256 digest in hexadecimal");
    to.certificate_pins.push_back(std::move(digest));
  }
}

SanMatcher::Type type_of(SubjectAltNameMatcher::SanType type) {
  switch (type) {
    case SubjectAltNameMatcher::EMAIL:
      return SanMatcher::Type::kEmail;
    case SubjectAltNameMatcher::DNS:
      return SanMatcher::Type::kDns;
    case SubjectAltNameMatcher::IP_ADDRESS:
      return SanMatcher::Type::kIp;
    case SubjectAltNameMatcher::OTHER_NAME:
      return SanMatcher::Type::kOther;
    default:
      return SanMatcher::Type::kUri;
  }
}

bool is_oid(std::string_view text) {
  return text.size() > 2 && hex_digit(text.front()) >= 0 && hex_digit(text.front()) <= 2 &&
         text[1] == '.' && text.back() != '.' && std::all_of(text.begin(), text.end(), [](char c) {
           return c == '.' || (c >= '0' && c <= '9');
         });
}

void take_sans(const CertificateValidationContext& message, const FieldPath& at,
               config::CertificateValidation& to) {
  const FieldPath typed = at.field("match_typed_subject_alt_names");
  for (int i = 0; i < message.match_typed_subject_alt_names_size(); ++i) {
    const auto& from = message.match_typed_subject_alt_names(i);
    const FieldPath entry = typed.index(static_cast<std::size_t>(i));
    check_fields(from, entry, {"san_type", "matcher", "oid"});
    SanMatcher matcher;
    matcher.type = type_of(from.san_type());
    matcher.oid = from.oid();
    matcher.match = string_matcher(from.matcher(), entry.field("matcher"));
    if (matcher.type == SanMatcher::Type::kOther && !is_oid(matcher.oid))
      entry.field("oid").problem("has to be a dotted object identifier for OTHER_NAME");
    to.sans.push_back(std::move(matcher));
  }
  if (message.match_typed_subject_alt_names_size() > 0) return;
  // The deprecated field names no type and stands for all of these.
  const FieldPath untyped = at.field("match_subject_alt_names");
  for (int i = 0; i < message.match_subject_alt_names_size(); ++i) {
    const auto match = string_matcher(message.match_subject_alt_names(i),
                                      untyped.index(static_cast<std::size_t>(i)));
    for (auto type : {SanMatcher::Type::kDns, SanMatcher::Type::kUri, SanMatcher::Type::kEmail,
                      SanMatcher::Type::kIp})
      to.sans.push_back({type, "", match});
  }
}

// What would be silently without effect, or unsafe, without trust anchors.
void check_anchors(const CertificateValidationContext& message, const FieldPath& at,
                   const config::CertificateValidation& to) {
  if (to.verifies_chains()) return;
  constexpr std::string_view kWhy = "needs a trusted_ca; without it, it would be of no use";
  if (message.has_crl()) at.field("crl").problem(std::string(kWhy));
  if (message.allow_expired_certificate())
    at.field("allow_expired_certificate").problem(std::string(kWhy));
  if (!to.sans.empty())
    at.field(message.match_typed_subject_alt_names_size() > 0 ? "match_typed_subject_alt_names"
                                                              : "match_subject_alt_names")
        .problem("needs a trusted_ca: anybody can make a certificate with these names");
}

}  // namespace

config::CertificateValidation translate_tls_validation(const CertificateValidationContext& message,
                                                       const FieldPath& at) {
  check_fields(
      message, at,
      {"trusted_ca", "system_root_certs", "watched_directory", "verify_certificate_spki",
       "verify_certificate_hash", "match_typed_subject_alt_names", "match_subject_alt_names", "crl",
       "allow_expired_certificate", "trust_chain_verification", "custom_validator_config",
       "only_verify_leaf_cert_crl", "max_verify_depth"});
  config::CertificateValidation to;
  if (message.has_trusted_ca()) {
    to.trusted_ca = secret_source(message.trusted_ca(), at.field("trusted_ca"));
    if (to.trusted_ca.watched_directory.empty())
      to.trusted_ca.watched_directory = message.watched_directory().path();
  }
  to.system_roots = message.has_system_root_certs();
  if (message.has_crl()) to.crl = secret_source(message.crl(), at.field("crl"));
  to.only_leaf_crl = message.only_verify_leaf_cert_crl();
  to.allow_expired = message.allow_expired_certificate();
  to.accept_untrusted =
      message.trust_chain_verification() == CertificateValidationContext::ACCEPT_UNTRUSTED;
  if (message.has_max_verify_depth()) to.max_depth = message.max_verify_depth().value();
  take_pins(message, at, to);
  take_sans(message, at, to);
  if (message.has_custom_validator_config())
    translate_spiffe(message.custom_validator_config(), at.field("custom_validator_config"), to);
  check_anchors(message, at, to);
  return to;
}

}  // namespace pillion::xds
