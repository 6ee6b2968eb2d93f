// CommonTlsContext, TlsParameters, TlsCertificate (translate_tls.h).

#include <envoy/config/core/v3/base.pb.h>
#include <envoy/extensions/transport_sockets/tls/v3/secret.pb.h>
#include <envoy/extensions/transport_sockets/tls/v3/tls.pb.h>
#include <fmt/format.h>

#include "xds/check_fields.h"
#include "xds/translate_tls.h"

namespace pillion::xds {
namespace {

using envoy::config::core::v3::DataSource;
using tls_v3::CommonTlsContext;
using tls_v3::TlsParameters;

constexpr std::size_t kMaxProtocolName = 255;

template <class List>
std::string joined(const List& names) {
  return fmt::format("{}", fmt::join(names.begin(), names.end(), ":"));
}

void take_version(TlsParameters::TlsProtocol from, const FieldPath& at, config::TlsVersion& to) {
  switch (from) {
    case TlsParameters::TLS_AUTO:
      break;
    case TlsParameters::TLSv1_2:
      to = config::TlsVersion::kTls12;
      break;
    case TlsParameters::TLSv1_3:
      to = config::TlsVersion::kTls13;
      break;
    default:
      at.problem(fmt::format("{} is too old to be safe; use TLSv1_2 or TLSv1_3",
                             TlsParameters::TlsProtocol_Name(from)));
  }
}

void take_alpn(const CommonTlsContext& message, const FieldPath& at, config::CommonTls& to) {
  for (const std::string& name : message.alpn_protocols()) {
    // Envoy takes "h2,http/1.1" for two names.
    std::size_t begin = 0;
    while (begin <= name.size()) {
      std::size_t end = std::min(name.find(',', begin), name.size());
      const std::string part = name.substr(begin, end - begin);
      if (part.empty() || part.size() > kMaxProtocolName)
        at.problem("holds a protocol name that is empty or longer than 255 bytes");
      else
        to.alpn.push_back(part);
      begin = end + 1;
    }
  }
}

void take_certificates(const CommonTlsContext& message, const SecretTable& secrets,
                       const FieldPath& at, config::CommonTls& to) {
  const FieldPath list = at.field("tls_certificates");
  for (int i = 0; i < message.tls_certificates_size(); ++i)
    to.certificates.push_back(translate_tls_certificate(message.tls_certificates(i),
                                                        list.index(static_cast<std::size_t>(i))));
  // As in Envoy, references count only where no certificate is given in place.
  if (message.tls_certificates_size() > 0) return;
  const FieldPath references = at.field("tls_certificate_sds_secret_configs");
  for (int i = 0; i < message.tls_certificate_sds_secret_configs_size(); ++i) {
    const auto& reference = message.tls_certificate_sds_secret_configs(i);
    const FieldPath entry = references.index(static_cast<std::size_t>(i));
    const SecretTable::Entry* found = find_secret(reference, secrets, entry);
    if (found == nullptr) continue;
    if (!found->secret->has_tls_certificate()) {
      entry.problem(fmt::format("the secret \"{}\" holds no tls_certificate", reference.name()));
      continue;
    }
    const FieldPath root(at.context());
    const FieldPath secret_list = root.field("static_resources.secrets");
    const FieldPath secret = secret_list.index(found->index);
    to.certificates.push_back(translate_tls_certificate(found->secret->tls_certificate(),
                                                        secret.field("tls_certificate")));
    to.certificates.back().name = reference.name();
  }
}

std::optional<config::CertificateValidation> named_validation(
    const tls_v3::SdsSecretConfig& reference, const SecretTable& secrets, const FieldPath& at,
    const tls_v3::CertificateValidationContext* defaults) {
  const SecretTable::Entry* found = find_secret(reference, secrets, at);
  if (found == nullptr) return {};
  if (!found->secret->has_validation_context()) {
    at.problem(fmt::format("the secret \"{}\" holds no validation_context", reference.name()));
    return {};
  }
  tls_v3::CertificateValidationContext merged;
  if (defaults != nullptr) merged = *defaults;
  merged.MergeFrom(found->secret->validation_context());
  const FieldPath root(at.context());
  const FieldPath list = root.field("static_resources.secrets");
  const FieldPath secret = list.index(found->index);
  auto validation = translate_tls_validation(merged, secret.field("validation_context"));
  validation.name = reference.name();
  return validation;
}

void take_validation(const CommonTlsContext& message, const SecretTable& secrets,
                     const FieldPath& at, config::CommonTls& to) {
  if (message.has_validation_context()) {
    to.validation =
        translate_tls_validation(message.validation_context(), at.field("validation_context"));
  } else if (message.has_validation_context_sds_secret_config()) {
    to.validation = named_validation(message.validation_context_sds_secret_config(), secrets,
                                     at.field("validation_context_sds_secret_config"), nullptr);
  } else if (message.has_combined_validation_context()) {
    const auto& combined = message.combined_validation_context();
    const FieldPath place = at.field("combined_validation_context");
    check_fields(combined, place,
                 {"default_validation_context", "validation_context_sds_secret_config"});
    to.validation = named_validation(combined.validation_context_sds_secret_config(), secrets,
                                     place.field("validation_context_sds_secret_config"),
                                     &combined.default_validation_context());
  }
}

}  // namespace

config::SecretSource secret_source(const DataSource& message, const FieldPath& at) {
  using Kind = config::SecretSource::Kind;
  config::SecretSource source;
  check_fields(
      message, at,
      {"filename", "inline_bytes", "inline_string", "environment_variable", "watched_directory"});
  switch (message.specifier_case()) {
    case DataSource::kFilename:
      source.kind = Kind::kFile;
      source.text = message.filename();
      break;
    case DataSource::kInlineBytes:
      source.kind = Kind::kInline;
      source.bytes = Secret(std::string_view(message.inline_bytes()));
      break;
    case DataSource::kInlineString:
      source.kind = Kind::kInline;
      source.bytes = Secret(std::string_view(message.inline_string()));
      break;
    case DataSource::kEnvironmentVariable:
      source.kind = Kind::kEnvironment;
      source.text = message.environment_variable();
      break;
    default:
      at.missing("needs one of filename, inline_string, inline_bytes and environment_variable");
      break;
  }
  source.watched_directory = message.watched_directory().path();
  return source;
}

void translate_tls_parameters(const TlsParameters& message, const FieldPath& at,
                              config::TlsParameters& to) {
  check_fields(message, at,
               {"tls_minimum_protocol_version", "tls_maximum_protocol_version", "cipher_suites",
                "ecdh_curves", "signature_algorithms", "compliance_policies"});
  take_version(message.tls_minimum_protocol_version(), at.field("tls_minimum_protocol_version"),
               to.min);
  take_version(message.tls_maximum_protocol_version(), at.field("tls_maximum_protocol_version"),
               to.max);
  if (to.min > to.max)
    at.field("tls_minimum_protocol_version")
        .problem(message.tls_maximum_protocol_version() == TlsParameters::TLS_AUTO
                     ? "is above tls_maximum_protocol_version, which is TLSv1_2 in a client by "
                       "default; set it to TLSv1_3"
                     : "is above tls_maximum_protocol_version");
  to.ciphers = joined(message.cipher_suites());
  to.curves = joined(message.ecdh_curves());
  to.signature_algorithms = joined(message.signature_algorithms());
  to.fips_202205 = message.compliance_policies_size() > 0;
}

config::TlsCertificate translate_tls_certificate(const tls_v3::TlsCertificate& message,
                                                 const FieldPath& at) {
  check_fields(message, at,
               {"certificate_chain", "private_key", "pkcs12", "watched_directory", "password",
                "ocsp_staple"});
  config::TlsCertificate to;
  const std::string& watched = message.watched_directory().path();
  auto take = [&](const DataSource& source, std::string_view name) {
    const FieldPath place = at.field(name);
    config::SecretSource taken = secret_source(source, place);
    if (taken.watched_directory.empty()) taken.watched_directory = watched;
    return taken;
  };
  if (message.has_pkcs12()) {
    to.pkcs12 = take(message.pkcs12(), "pkcs12");
    if (message.has_certificate_chain() || message.has_private_key())
      at.field("pkcs12").problem("excludes certificate_chain and private_key; remove either");
  } else if (!message.has_certificate_chain()) {
    at.field("certificate_chain").missing("is required");
  } else if (!message.has_private_key()) {
    at.field("private_key").missing("is required");
  }
  if (message.has_certificate_chain())
    to.chain = take(message.certificate_chain(), "certificate_chain");
  if (message.has_private_key()) to.key = take(message.private_key(), "private_key");
  if (message.has_password()) to.password = take(message.password(), "password");
  if (message.has_ocsp_staple()) to.ocsp_staple = take(message.ocsp_staple(), "ocsp_staple");
  return to;
}

void translate_tls_common(const CommonTlsContext& message, const SecretTable& secrets,
                          const FieldPath& at, config::CommonTls& to) {
  check_fields(
      message, at,
      {"tls_params", "tls_certificates", "tls_certificate_sds_secret_configs", "validation_context",
       "validation_context_sds_secret_config", "combined_validation_context", "alpn_protocols"});
  translate_tls_parameters(message.tls_params(), at.field("tls_params"), to.parameters);
  take_certificates(message, secrets, at, to);
  take_validation(message, secrets, at, to);
  take_alpn(message, at.field("alpn_protocols"), to);
}

}  // namespace pillion::xds
