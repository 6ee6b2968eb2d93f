// DownstreamTlsContext and UpstreamTlsContext (translate_tls.h).

#include "xds/translate_tls.h"

#include <envoy/config/core/v3/base.pb.h>
#include <envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h>
#include <envoy/extensions/transport_sockets/tls/v3/secret.pb.h>
#include <envoy/extensions/transport_sockets/tls/v3/tls.pb.h>
#include <fmt/format.h>

#include "xds/any.h"
#include "xds/check_fields.h"

namespace pillion::xds {
namespace {

namespace core = envoy::config::core::v3;
using tls_v3::DownstreamTlsContext;
using tls_v3::UpstreamTlsContext;

constexpr std::size_t kMaxTicketKeys = 64;

// The message of that type, unless the socket is plain text or something else.
template <class T>
std::unique_ptr<T> open_socket(const core::TransportSocket& message, const FieldPath& at) {
  using envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
  check_fields(message, at, {"name", "typed_config"});
  const std::string_view type = type_name(message.typed_config());
  if (type == RawBuffer::descriptor()->full_name()) return nullptr;
  if (type.empty() && message.name() == "envoy.transport_sockets.raw_buffer") return nullptr;
  const FieldPath config = at.field("typed_config");
  if (type != T::descriptor()->full_name()) {
    config.problem(fmt::format("{} is not supported here; use {} or {}",
                               type.empty() ? "a transport socket without typed_config" : type,
                               T::descriptor()->full_name(), RawBuffer::descriptor()->full_name()));
    return nullptr;
  }
  auto content = std::make_unique<T>();
  if (!unpack_to(message.typed_config(), config, *content)) return nullptr;
  return content;
}

config::OcspPolicy ocsp_policy(DownstreamTlsContext::OcspStaplePolicy from) {
  if (from == DownstreamTlsContext::MUST_STAPLE) return config::OcspPolicy::kMust;
  return from == DownstreamTlsContext::STRICT_STAPLING ? config::OcspPolicy::kStrict
                                                       : config::OcspPolicy::kLenient;
}

void take_ticket_keys(const tls_v3::TlsSessionTicketKeys& message, const FieldPath& at,
                      config::DownstreamTls& to) {
  const FieldPath keys = at.field("keys");
  if (message.keys_size() > static_cast<int>(kMaxTicketKeys))
    keys.problem(fmt::format("has more than {} keys", kMaxTicketKeys));
  for (int i = 0; i < message.keys_size(); ++i)
    to.ticket_keys.push_back(
        secret_source(message.keys(i), keys.index(static_cast<std::size_t>(i))));
}

void take_resumption(const DownstreamTlsContext& message, const SecretTable& secrets,
                     const FieldPath& at, config::DownstreamTls& to) {
  to.stateless_resumption = !message.disable_stateless_session_resumption();
  to.stateful_resumption = !message.disable_stateful_session_resumption();
  if (message.has_session_timeout())
    to.session_timeout = std::chrono::seconds(message.session_timeout().seconds());
  if (message.has_session_ticket_keys())
    take_ticket_keys(message.session_ticket_keys(), at.field("session_ticket_keys"), to);
  if (!message.has_session_ticket_keys_sds_secret_config()) return;
  const auto& reference = message.session_ticket_keys_sds_secret_config();
  const FieldPath place = at.field("session_ticket_keys_sds_secret_config");
  const SecretTable::Entry* found = find_secret(reference, secrets, place);
  if (found == nullptr) return;
  const FieldPath root(at.context());
  const FieldPath list = root.field("static_resources.secrets");
  const FieldPath entry = list.index(found->index);
  if (found->secret->has_session_ticket_keys())
    take_ticket_keys(found->secret->session_ticket_keys(), entry.field("session_ticket_keys"), to);
  else
    place.problem(fmt::format("the secret \"{}\" holds no session_ticket_keys", reference.name()));
}

}  // namespace

void SecretTable::add(const google::protobuf::RepeatedPtrField<tls_v3::Secret>& secrets,
                      const FieldPath& at) {
  for (int i = 0; i < secrets.size(); ++i) {
    const tls_v3::Secret& secret = secrets[i];
    const FieldPath entry = at.index(static_cast<std::size_t>(i));
    check_fields(secret, entry,
                 {"name", "tls_certificate", "validation_context", "session_ticket_keys"});
    if (secret.name().empty()) {
      entry.field("name").missing("is required: it is what transport sockets refer to");
    } else if (!entries_.try_emplace(secret.name(), Entry{&secret, static_cast<std::size_t>(i)})
                    .second) {
      entry.field("name").problem(
          fmt::format("the secret \"{}\" is given twice; rename one of the two", secret.name()));
    }
  }
}

const SecretTable::Entry* SecretTable::find(const std::string& name) const {
  auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

const SecretTable::Entry* find_secret(const tls_v3::SdsSecretConfig& message,
                                      const SecretTable& secrets, const FieldPath& at) {
  check_fields(message, at, {"name", "sds_config"});
  if (message.has_sds_config()) {
    at.field("sds_config")
        .problem(
            "secrets from a control plane (SDS) are not supported by this version; give the "
            "secret in static_resources.secrets and only its name here: its files are watched");
    return nullptr;
  }
  const SecretTable::Entry* found = secrets.find(message.name());
  if (found == nullptr)
    at.field("name").problem(
        fmt::format("unknown secret \"{}\"; add it to static_resources.secrets", message.name()));
  return found;
}

std::shared_ptr<const config::DownstreamTls> translate_downstream_tls(
    const core::TransportSocket& message, const SecretTable& secrets, const FieldPath& at) {
  const auto content = open_socket<DownstreamTlsContext>(message, at);
  if (content == nullptr) return nullptr;
  const FieldPath place = at.field("typed_config");
  check_fields(*content, place,
               {"common_tls_context", "require_client_certificate", "session_ticket_keys",
                "session_ticket_keys_sds_secret_config", "disable_stateless_session_resumption",
                "disable_stateful_session_resumption", "session_timeout", "ocsp_staple_policy",
                "full_scan_certs_on_sni_mismatch", "prefer_client_ciphers"});
  auto to = std::make_shared<config::DownstreamTls>();
  const FieldPath common = place.field("common_tls_context");
  translate_tls_common(content->common_tls_context(), secrets, common, *to);
  if (to->certificates.empty())
    common.field("tls_certificates").missing("is required: a server needs a certificate");
  to->require_client_certificate = content->require_client_certificate().value();
  if (to->require_client_certificate && !to->validation)
    common.field("validation_context")
        .missing("is required: without it no client certificate can be verified");
  to->ocsp_policy = ocsp_policy(content->ocsp_staple_policy());
  to->full_scan_on_sni_mismatch = content->full_scan_certs_on_sni_mismatch().value();
  to->prefer_client_ciphers = content->prefer_client_ciphers();
  take_resumption(*content, secrets, place, *to);
  return to;
}

std::shared_ptr<const config::UpstreamTls> translate_upstream_tls(
    const core::TransportSocket& message, const SecretTable& secrets, const FieldPath& at) {
  const auto content = open_socket<UpstreamTlsContext>(message, at);
  if (content == nullptr) return nullptr;
  const FieldPath place = at.field("typed_config");
  // Harmless: BoringSSL always enforces the key usage of RSA certificates.
  check_fields(
      *content, place,
      {"common_tls_context", "sni", "auto_host_sni", "auto_sni_san_validation", "max_session_keys"},
      {"enforce_rsa_key_usage"});
  auto to = std::make_shared<config::UpstreamTls>();
  // Envoy's default for clients.
  to->parameters.max = config::TlsVersion::kTls12;
  const FieldPath common = place.field("common_tls_context");
  translate_tls_common(content->common_tls_context(), secrets, common, *to);
  if (to->certificates.size() > 1)
    common.field("tls_certificates").problem("must hold one certificate at most in a client");
  to->sni = content->sni();
  to->auto_host_sni = content->auto_host_sni();
  to->auto_sni_san_validation = content->auto_sni_san_validation();
  if (to->auto_sni_san_validation && !(to->validation && to->validation->verifies_chains()))
    place.field("auto_sni_san_validation")
        .problem("needs a trusted_ca in the validation context to mean anything");
  if (content->has_max_session_keys()) to->max_session_keys = content->max_session_keys().value();
  return to;
}

}  // namespace pillion::xds
