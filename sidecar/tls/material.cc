#include "sidecar/tls/material.h"

#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/sha2.h>
#include <openssl/ssl.h>

#include <algorithm>

#include "sidecar/base/text.h"
#include "sidecar/tls/secret_loader.h"
#include "sidecar/tls/session_callbacks.h"
#include "sidecar/tls/x509_text.h"

namespace pillion::tls {

namespace {

constexpr const char* kDefaultCiphers =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr const char* kDefaultCurves = "X25519MLKEM768:X25519:P-256";
constexpr std::size_t kTicketKeySize = 80;
// Clients of TLS 1.2 without tickets: each session kept for them holds a few kilobytes.
constexpr unsigned long kMaxKeptSessions = 2048;

// Peers of one service mostly send the same intermediate certificates; one copy serves all.
CRYPTO_BUFFER_POOL* certificate_pool() {
  static CRYPTO_BUFFER_POOL* const kPool = CRYPTO_BUFFER_POOL_new();
  return kPool;
}

const char* or_default(const std::string& text, const char* fallback) {
  return text.empty() ? fallback : text.c_str();
}

Result<Unit, Problem> set_parameters(SSL_CTX* context, const config::TlsParameters& from) {
  SSL_CTX_set_min_proto_version(context, static_cast<uint16_t>(from.min));
  SSL_CTX_set_max_proto_version(context, static_cast<uint16_t>(from.max));
  if (SSL_CTX_set_strict_cipher_list(context, or_default(from.ciphers, kDefaultCiphers)) == 0) {
    ERR_clear_error();
    return problem("cipher_suites: '" + from.ciphers + "' holds a name that is not known");
  }
  if (SSL_CTX_set1_groups_list(context, or_default(from.curves, kDefaultCurves)) == 0) {
    ERR_clear_error();
    return problem("ecdh_curves: '" + from.curves + "' holds a name that is not known");
  }
  if (!from.signature_algorithms.empty() &&
      SSL_CTX_set1_sigalgs_list(context, from.signature_algorithms.c_str()) == 0) {
    ERR_clear_error();
    return problem("signature_algorithms: '" + from.signature_algorithms +
                   "' holds a name that is not known");
  }
  if (from.fips_202205) SSL_CTX_set_compliance_policy(context, ssl_compliance_policy_fips_202205);
  return Unit{};
}

Result<Unit, Problem> load_common(const config::CommonTls& source,
                                  const CompileMatch& compile_match, Material& to) {
  ERR_clear_error();
  // Certificates stay as the bytes they came in; they are parsed when they are looked at.
  to.ssl.reset(SSL_CTX_new(TLS_with_buffers_method()));
  SSL_CTX_set1_buffer_pool(to.ssl.get(), certificate_pool());
  TRY(Unit parameters, set_parameters(to.ssl.get(), source.parameters));
  static_cast<void>(parameters);
  for (const config::TlsCertificate& certificate : source.certificates) {
    TRY(Certificate loaded, Certificate::load(certificate));
    to.certificates.push_back(std::move(loaded));
  }
  if (source.validation) {
    TRY(Validator validator, Validator::compile(*source.validation, compile_match));
    to.validator.emplace(std::move(validator));
  }
  to.alpn_wire = SessionCallbacks::alpn_wire(source.alpn);
  for (const Certificate& certificate : to.certificates)
    to.fingerprint += certificate.fingerprint();
  if (to.validator) to.fingerprint += to.validator->digest();
  return Unit{};
}

// Sessions are resumed only where the same peers would be accepted, by the same identity: one of a
// client without a certificate is worth nothing where one is required.
void bind_sessions(Material& material) {
  std::string parts;
  for (const Certificate& certificate : material.certificates) parts += certificate.digest();
  if (material.validator) parts += material.validator->digest();
  parts += std::to_string(SSL_CTX_get_verify_mode(material.ssl.get()));
  std::string digest = sha256(parts);
  SSL_CTX_set_session_id_context(material.ssl.get(),
                                 reinterpret_cast<const uint8_t*>(digest.data()), digest.size());
}

void name_anchors(Material& material) {
  if (!material.validator || material.validator->anchor_names().empty()) return;
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> names(sk_CRYPTO_BUFFER_new_null());
  for (const std::string& name : material.validator->anchor_names()) {
    bssl::PushToStack(names.get(), bssl::UniquePtr<CRYPTO_BUFFER>(CRYPTO_BUFFER_new(
                                       reinterpret_cast<const uint8_t*>(name.data()), name.size(),
                                       certificate_pool())));
  }
  SSL_CTX_set0_client_CAs(material.ssl.get(), names.release());
}

void ask_clients(Material& material, bool require) {
  int mode = SSL_VERIFY_NONE;
  if (material.validator && material.validator->asks()) mode = SSL_VERIFY_PEER;
  if (require || (material.validator && material.validator->requires_certificate()))
    mode = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_custom_verify(material.ssl.get(), mode, SessionCallbacks::verify);
  if (mode != SSL_VERIFY_NONE) name_anchors(material);
}

Result<Unit, Problem> set_resumption(const config::DownstreamTls& source, Material& to) {
  SSL_CTX* context = to.ssl.get();
  if (!source.stateless_resumption) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(
      context, source.stateful_resumption ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
  SSL_CTX_sess_set_cache_size(context, kMaxKeptSessions);
  if (source.session_timeout) {
    auto seconds = static_cast<uint32_t>(source.session_timeout->count());
    SSL_CTX_set_timeout(context, seconds);
    SSL_CTX_set_session_psk_dhe_timeout(context, seconds);
  }
  bind_sessions(to);
  for (const config::SecretSource& key : source.ticket_keys) {
    TRY(Secret content, load_secret(key, "session ticket key"));
    if (content.size() != kTicketKeySize)
      return bad_secret(
          key, "session ticket key",
          "has " + std::to_string(content.size()) + " bytes; it must have exactly 80");
    to.fingerprint += sha256(content.view());
    to.ticket_keys.push_back(std::move(content));
  }
  if (!to.ticket_keys.empty())
    SSL_CTX_set_tlsext_ticket_key_cb(context, SessionCallbacks::ticket_key);
  return Unit{};
}

}  // namespace

void SessionCache::put(std::string_view name, bssl::UniquePtr<SSL_SESSION> session) {
  if (max_ == 0) return;
  std::lock_guard lock(mutex_);
  if (entries_.size() >= max_) entries_.pop_back();
  entries_.push_front({std::string(name), std::move(session)});
}

bssl::UniquePtr<SSL_SESSION> SessionCache::take(std::string_view name) {
  if (max_ == 0) return nullptr;
  std::lock_guard lock(mutex_);
  auto found = std::find_if(entries_.begin(), entries_.end(),
                            [&](const Entry& entry) { return entry.name == name; });
  if (found == entries_.end()) return nullptr;
  if (SSL_SESSION_should_be_single_use(found->session.get()) == 0)
    return bssl::UpRef(found->session);
  bssl::UniquePtr<SSL_SESSION> session = std::move(found->session);
  entries_.erase(found);
  return session;
}

void SessionCache::drop(std::string_view name) {
  if (max_ == 0) return;
  std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.name == name; });
}

void NameTable::add(const Certificate& certificate) {
  for (const std::string& name : certificate.names()) {
    bool wildcard = name.size() > 2 && name.substr(0, 2) == "*.";
    auto& offered = wildcard ? wildcard_[name.substr(1)] : exact_[name];
    // ECDSA before RSA: it costs the server a twentieth, and clients without it still find RSA.
    auto at = certificate.ecdsa() ? std::find_if(offered.begin(), offered.end(),
                                                 [](const Certificate* c) { return !c->ecdsa(); })
                                  : offered.end();
    offered.insert(at, &certificate);
  }
}

const std::vector<const Certificate*>* NameTable::find(std::string_view lower_name) const {
  if (auto found = exact_.find(lower_name); found != exact_.end()) return &found->second;
  std::size_t dot = lower_name.find('.');
  if (dot == std::string_view::npos || dot == 0) return nullptr;
  auto found = wildcard_.find(lower_name.substr(dot));
  return found == wildcard_.end() ? nullptr : &found->second;
}

std::optional<int64_t> Material::first_expiry() const {
  std::optional<int64_t> first;
  if (validator) first = validator->first_expiry();
  for (const Certificate& certificate : certificates)
    first = std::min(first.value_or(certificate.not_after()), certificate.not_after());
  return first;
}

namespace {

// Where staples are required there have to be some; that they may be over is no reason not to
// start.
Result<Unit, Problem> check_staples(const config::DownstreamTls& source, const Material& loaded) {
  for (std::size_t i = 0; i < loaded.certificates.size(); ++i) {
    const Certificate& certificate = loaded.certificates[i];
    if (certificate.has_staple()) continue;
    if (certificate.must_staple())
      return bad_secret(source.certificates[i].chain, "certificate",
                        "asks for an OCSP staple (RFC 7633); give it one");
    if (source.ocsp_policy == config::OcspPolicy::kMust)
      return bad_secret(source.certificates[i].chain, "certificate",
                        "has no OCSP staple, which MUST_STAPLE asks for");
  }
  return Unit{};
}

}  // namespace

Result<std::shared_ptr<const Material>, Problem> load_server(const config::DownstreamTls& source,
                                                             const CompileMatch& compile_match) {
  auto made = std::make_shared<Material>(0);
  TRY(Unit common, load_common(source, compile_match, *made));
  static_cast<void>(common);
  if (made->certificates.empty()) return problem("a server needs a certificate");
  SSL_CTX* context = made->ssl.get();
  if (!source.prefer_client_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  made->full_scan_on_sni_mismatch = source.full_scan_on_sni_mismatch;
  for (const Certificate& certificate : made->certificates) {
    made->names.add(certificate);
    made->by_key_type.push_back(&certificate);
  }
  std::stable_partition(made->by_key_type.begin(), made->by_key_type.end(),
                        [](const Certificate* certificate) { return certificate->ecdsa(); });
  made->ocsp_policy = source.ocsp_policy;
  TRY(Unit staples, check_staples(source, *made));
  static_cast<void>(staples);
  SessionCallbacks::choose_certificates(context);
  if (!made->alpn_wire.empty())
    SSL_CTX_set_alpn_select_cb(context, SessionCallbacks::select_alpn, nullptr);
  ask_clients(*made, source.require_client_certificate);
  TRY(Unit resumption, set_resumption(source, *made));
  static_cast<void>(resumption);
  return std::shared_ptr<const Material>(std::move(made));
}

Result<std::shared_ptr<const Material>, Problem> load_client(const config::UpstreamTls& source,
                                                             const CompileMatch& compile_match) {
  auto made = std::make_shared<Material>(source.max_session_keys);
  TRY(Unit common, load_common(source, compile_match, *made));
  static_cast<void>(common);
  if (made->certificates.size() > 1) return problem("a client can have one certificate only");
  SSL_CTX* context = made->ssl.get();
  for (const Certificate& certificate : made->certificates)
    SSL_CTX_add1_credential(context, certificate.credential());
  made->auto_sni_san_validation = source.auto_sni_san_validation;
  if (source.auto_sni_san_validation && !(made->validator && made->validator->has_anchors()))
    return problem("auto_sni_san_validation needs a trusted_ca to mean anything");
  if (!made->alpn_wire.empty()) {
    SSL_CTX_set_alpn_protos(context, reinterpret_cast<const uint8_t*>(made->alpn_wire.data()),
                            made->alpn_wire.size());
  }
  bool verify = made->validator && made->validator->asks();
  SSL_CTX_set_custom_verify(context, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                            SessionCallbacks::verify);
  // A session is worth what its certificate is worth now, to whoever offers it.
  if (verify) SSL_CTX_set_reverify_on_resume(context, 1);
  if (source.max_session_keys != 0) SessionCallbacks::keep_sessions(context);
  return std::shared_ptr<const Material>(std::move(made));
}

}  // namespace pillion::tls
