#include "sidecar/tls/session_callbacks.h"

#include <openssl/bio.h>
#include <openssl/cipher.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/mem.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "sidecar/base/text.h"
#include "sidecar/tls/material.h"

namespace pillion::tls {

namespace {

// Of one of the 80-byte ticket keys: name, HMAC key, AES key, as Envoy lays them out.
constexpr std::size_t kTicketName = 16;
constexpr std::size_t kTicketHmac = 32;

long control(BIO*, int command, long, void*) {
  // There is nothing to flush: what is written is in the caller's buffer already.
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* bio_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index(), "pillion session");
    BIO_meth_set_read(method, SessionCallbacks::read);
    BIO_meth_set_write(method, SessionCallbacks::write);
    BIO_meth_set_ctrl(method, control);
    return method;
  }();
  return kMethod;
}

const uint8_t* bytes(const Secret& key, std::size_t offset) {
  return reinterpret_cast<const uint8_t*>(key.view().data()) + offset;
}

}  // namespace

BIO* SessionCallbacks::make_bio(Session& session) {
  BIO* bio = BIO_new(bio_method());
  BIO_set_data(bio, &session);
  BIO_set_init(bio, 1);
  return bio;
}

std::string SessionCallbacks::alpn_wire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

int SessionCallbacks::read(BIO* bio, char* to, int size) {
  auto& session = *static_cast<Session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (session.input_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  std::size_t n = std::min(static_cast<std::size_t>(size), session.input_.size());
  std::memcpy(to, session.input_.data(), n);
  session.input_.remove_prefix(n);
  return static_cast<int>(n);
}

int SessionCallbacks::write(BIO* bio, const char* from, int size) {
  auto& session = *static_cast<Session*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  // Freeing a session writes nothing; outside of a call there is nowhere to write to.
  if (session.out_ == nullptr) return -1;
  session.out_->append(std::string_view(from, static_cast<std::size_t>(size)));
  return size;
}

ssl_verify_result_t SessionCallbacks::verify(SSL* ssl, uint8_t* alert) {
  Session& session = of(ssl);
  const Material& material = *session.material_;
  if (!material.validator) return ssl_verify_ok;
  PeerNames names;
  if (session.options_ != nullptr) {
    names.any_of = &session.options_->verify_sans;
    if (material.auto_sni_san_validation) names.dns = session.options_->sni;
  }
  Verdict verdict = material.validator->verify(SSL_get0_peer_certificates(ssl),
                                               session.role_ == Role::kServer, names);
  if (verdict.ok()) {
    session.peer_verified_ = !verdict.untrusted;
    if (verdict.until) limit_session(ssl, *verdict.until);
    return ssl_verify_ok;
  }
  session.failure_ = verdict.failure;
  session.text_ = std::make_unique<std::string>(std::move(verdict.details));
  *alert = verdict.alert;
  return ssl_verify_invalid;
}

void SessionCallbacks::limit_session(SSL* ssl, int64_t until) {
  // One that is resumed was limited when it was made, and may be in use elsewhere.
  if (SSL_session_reused(ssl) != 0) return;
  SSL_SESSION* session = SSL_get_session(ssl);
  int64_t left = std::max<int64_t>(0, until - std::time(nullptr));
  if (left < SSL_SESSION_get_timeout(session))
    SSL_SESSION_set_timeout(session, static_cast<uint32_t>(left));
}

namespace {

// The credential that shows `certificate`, with or without its staple; null: it is not to be shown
// now (Envoy's ServerContextImpl::ocspStapleAction).
const SSL_CREDENTIAL* presentable(const Certificate& certificate, config::OcspPolicy policy,
                                  bool asked) {
  if (!asked) return certificate.bare_credential();
  if (certificate.must_staple()) policy = config::OcspPolicy::kMust;
  const bool over = certificate.has_staple() && certificate.staple_is_over(std::time(nullptr));
  if (certificate.has_staple() && !over) return certificate.credential();
  if (policy == config::OcspPolicy::kMust) return nullptr;
  return over && policy == config::OcspPolicy::kStrict ? nullptr : certificate.bare_credential();
}

}  // namespace

ssl_select_cert_result_t SessionCallbacks::select_certificate(const SSL_CLIENT_HELLO* hello) {
  Session& session = of(hello->ssl);
  const Material& material = *session.material_;
  const std::vector<const Certificate*>* offered = &material.by_key_type;
  std::vector<const Certificate*> first;
  const char* name = SSL_get_servername(hello->ssl, TLSEXT_NAMETYPE_host_name);
  if (name != nullptr && *name != '\0') {
    const auto* found = material.names.find(lower_copy(name));
    if (found != nullptr) {
      offered = found;
    } else if (!material.full_scan_on_sni_mismatch) {
      first.push_back(&material.certificates.front());
      offered = &first;
    }
  }
  const uint8_t* extension = nullptr;
  std::size_t size = 0;
  const bool asked = SSL_early_callback_ctx_extension_get(hello, TLSEXT_TYPE_status_request,
                                                          &extension, &size) == 1;
  if (asked) session.staple_ = Staple::kAsked;
  bool any = false;
  for (const Certificate* certificate : *offered) {
    const SSL_CREDENTIAL* shown = presentable(*certificate, material.ocsp_policy, asked);
    if (shown == nullptr) continue;
    if (SSL_add1_credential(hello->ssl, shown) == 0) return ssl_select_cert_error;
    any = true;
  }
  if (!any) session.staple_ = Staple::kFailed;
  return any ? ssl_select_cert_success : ssl_select_cert_error;
}

int SessionCallbacks::note_certificate(const SSL_CLIENT_HELLO* hello) {
  Session& session = of(hello->ssl);
  const SSL_CREDENTIAL* chosen = SSL_get0_selected_credential(hello->ssl);
  if (chosen == nullptr) return 1;  // a session is resumed
  for (const Certificate& certificate : session.material_->certificates) {
    const bool stapled = certificate.has_staple() && certificate.credential() == chosen;
    if (!stapled && certificate.bare_credential() != chosen) continue;
    session.local_ = &certificate;
    if (session.staple_ == Staple::kAsked)
      session.staple_ = stapled ? Staple::kSent : Staple::kOmitted;
  }
  return 1;
}

int SessionCallbacks::select_alpn(SSL* ssl, const uint8_t** out, uint8_t* out_size,
                                  const uint8_t* in, unsigned in_size, void*) {
  const std::string& ours = of(ssl).material_->alpn_wire;
  int result = SSL_select_next_proto(const_cast<uint8_t**>(out), out_size,
                                     reinterpret_cast<const uint8_t*>(ours.data()),
                                     static_cast<unsigned>(ours.size()), in, in_size);
  // Without a common protocol the handshake goes on without one, as Envoy's does.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int SessionCallbacks::keep_session(SSL* ssl, SSL_SESSION* kept) {
  Session& session = of(ssl);
  session.material_->sessions.put(session.options_->sni, bssl::UniquePtr<SSL_SESSION>(kept));
  return 1;
}

int SessionCallbacks::ticket_key(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher,
                                 HMAC_CTX* hmac, int encrypt) {
  const std::vector<Secret>& keys = of(ssl).material_->ticket_keys;
  auto start = [&](const Secret& key) {
    const uint8_t* aes = bytes(key, kTicketName + kTicketHmac);
    return HMAC_Init_ex(hmac, bytes(key, kTicketName), kTicketHmac, EVP_sha256(), nullptr) == 1 &&
           (encrypt == 1 ? EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, aes, iv)
                         : EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, aes, iv)) == 1;
  };
  if (encrypt == 1) {
    std::memcpy(name, bytes(keys.front(), 0), kTicketName);
    RAND_bytes(iv, static_cast<std::size_t>(EVP_CIPHER_iv_length(EVP_aes_256_cbc())));
    return start(keys.front()) ? 1 : -1;
  }
  for (const Secret& key : keys) {
    if (CRYPTO_memcmp(name, bytes(key, 0), kTicketName) != 0) continue;
    if (!start(key)) return -1;
    // 2 asks for a new ticket under the current key.
    return &key == &keys.front() ? 1 : 2;
  }
  return 0;
}

void SessionCallbacks::keep_sessions(SSL_CTX* context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, keep_session);
}

void SessionCallbacks::choose_certificates(SSL_CTX* context) {
  SSL_CTX_set_select_certificate_cb(context, select_certificate);
  SSL_CTX_set_dos_protection_cb(context, note_certificate);
}

}  // namespace pillion::tls
