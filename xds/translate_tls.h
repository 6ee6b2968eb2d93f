#pragma once
// TLS transport sockets (DownstreamTlsContext, UpstreamTlsContext and their parts), and the secrets
// of static_resources.secrets that they name. Report problems at `at` and go on, like all
// translators. What files hold is looked at later, when sidecar/tls builds a context. Control
// thread only.

#include <google/protobuf/repeated_ptr_field.h>

#include <map>
#include <memory>
#include <string>

#include "sidecar/config/tls.h"
#include "xds/field_path.h"

namespace google::protobuf {
class Any;
class Message;
}  // namespace google::protobuf
namespace envoy::config::core::v3 {
class DataSource;
class TransportSocket;
class TypedExtensionConfig;
}  // namespace envoy::config::core::v3
namespace envoy::extensions::transport_sockets::tls::v3 {
class CertificateValidationContext;
class CommonTlsContext;
class SdsSecretConfig;
class Secret;
class TlsCertificate;
class TlsParameters;
}  // namespace envoy::extensions::transport_sockets::tls::v3

namespace pillion::xds {

namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;

// static_resources.secrets by name. Refers to the messages, which have to outlive it.
class SecretTable {
 public:
  struct Entry {
    const tls_v3::Secret* secret;
    std::size_t index;
  };
  // Once for each bootstrap that is read; `at` is the list's place.
  void add(const google::protobuf::RepeatedPtrField<tls_v3::Secret>& secrets, const FieldPath& at);
  [[nodiscard]] const Entry* find(const std::string& name) const;

 private:
  std::map<std::string, Entry> entries_;
};

// Reports what is unknown or would have to be fetched; null then.
const SecretTable::Entry* find_secret(const tls_v3::SdsSecretConfig& message,
                                      const SecretTable& secrets, const FieldPath& at);

// Null for plain text (raw_buffer).
std::shared_ptr<const config::DownstreamTls> translate_downstream_tls(
    const envoy::config::core::v3::TransportSocket& message, const SecretTable& secrets,
    const FieldPath& at);
std::shared_ptr<const config::UpstreamTls> translate_upstream_tls(
    const envoy::config::core::v3::TransportSocket& message, const SecretTable& secrets,
    const FieldPath& at);

// --- translate_tls_common.cc ---
void translate_tls_common(const tls_v3::CommonTlsContext& message, const SecretTable& secrets,
                          const FieldPath& at, config::CommonTls& to);
void translate_tls_parameters(const tls_v3::TlsParameters& message, const FieldPath& at,
                              config::TlsParameters& to);
config::TlsCertificate translate_tls_certificate(const tls_v3::TlsCertificate& message,
                                                 const FieldPath& at);
// Not read yet: says where the bytes are. A missing source is kNone.
config::SecretSource secret_source(const envoy::config::core::v3::DataSource& message,
                                   const FieldPath& at);

// --- translate_tls_validation.cc ---
config::CertificateValidation translate_tls_validation(
    const tls_v3::CertificateValidationContext& message, const FieldPath& at);

// --- translate_tls_spiffe.cc ---
// custom_validator_config, which takes the place of trusted_ca.
void translate_spiffe(const envoy::config::core::v3::TypedExtensionConfig& message,
                      const FieldPath& at, config::CertificateValidation& to);

// --- redact.cc ---
// Takes the values of all fields that Envoy's API calls sensitive (private keys, passwords) out of
// a message, also within Any, before it is kept for /config_dump.
void redact(google::protobuf::Message& message);

}  // namespace pillion::xds
