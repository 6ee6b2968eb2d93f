#include "sidecar/tls/san.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/obj.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "sidecar/base/text.h"

namespace pillion::tls {

namespace {

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string ip_text(const ASN1_OCTET_STRING* bytes) {
  int size = ASN1_STRING_length(bytes);
  if (size != 4 && size != 16) return {};
  char text[INET6_ADDRSTRLEN];
  const char* out =
      ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text, sizeof(text));
  return out == nullptr ? std::string() : out;
}

std::string other_text(const ASN1_TYPE* value) {
  switch (value->type) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_VISIBLESTRING:
    case V_ASN1_NUMERICSTRING:
    case V_ASN1_OCTET_STRING:
      return text_of(value->value.asn1_string);
    default:
      return {};
  }
}

std::string oid_text(const ASN1_OBJECT* object) {
  char text[128];
  int size = OBJ_obj2txt(text, sizeof(text), object, 1);
  return size > 0 && static_cast<std::size_t>(size) < sizeof(text) ? text : std::string();
}

}  // namespace

std::vector<San> sans_of(const x509_st* certificate) {
  std::vector<San> sans;
  bssl::UniquePtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return sans;
  using Type = config::SanMatcher::Type;
  for (const GENERAL_NAME* name : names.get()) {
    switch (name->type) {
      case GEN_DNS:
        sans.push_back({Type::kDns, text_of(name->d.dNSName), {}});
        break;
      case GEN_URI:
        sans.push_back({Type::kUri, text_of(name->d.uniformResourceIdentifier), {}});
        break;
      case GEN_EMAIL:
        sans.push_back({Type::kEmail, text_of(name->d.rfc822Name), {}});
        break;
      case GEN_IPADD:
        sans.push_back({Type::kIp, ip_text(name->d.iPAddress), {}});
        break;
      case GEN_OTHERNAME:
        sans.push_back({Type::kOther, other_text(name->d.otherName->value),
                        oid_text(name->d.otherName->type_id)});
        break;
      default:
        break;
    }
    if (!sans.empty() && sans.back().value.empty()) sans.pop_back();
  }
  return sans;
}

bool dns_matches(std::string_view pattern, std::string_view name) {
  if (equals_ignore_case(pattern, name)) return true;
  if (pattern.size() < 3 || pattern.substr(0, 2) != "*.") return false;
  std::size_t dot = name.find('.');
  return dot != std::string_view::npos && dot != 0 &&
         equals_ignore_case(pattern.substr(1), name.substr(dot));
}

}  // namespace pillion::tls
