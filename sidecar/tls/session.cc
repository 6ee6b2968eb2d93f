#include "sidecar/tls/session.h"

#include <openssl/err.h>
#include <openssl/pool.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>

#include "sidecar/base/check.h"
#include "sidecar/tls/material.h"
#include "sidecar/tls/session_callbacks.h"
#include "sidecar/tls/x509_text.h"

namespace pillion::tls {

namespace {

constexpr int kMaxWrite = 1 << 30;

std::string_view view_of(const char* text) {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

const STACK_OF(CRYPTO_BUFFER) * chain_of(const SSL* ssl) {
  const STACK_OF(CRYPTO_BUFFER)* chain = SSL_get0_peer_certificates(ssl);
  return chain == nullptr || sk_CRYPTO_BUFFER_num(chain) == 0 ? nullptr : chain;
}

std::string_view bytes_of(const CRYPTO_BUFFER* buffer) {
  return {reinterpret_cast<const char*>(CRYPTO_BUFFER_data(buffer)), CRYPTO_BUFFER_len(buffer)};
}

const std::vector<std::string> kNoNames;
const std::string kNoSubject;

}  // namespace

void Session::FreeSsl::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

Session::Session(std::shared_ptr<const Material> material, Role role, ClientOptions options)
    : material_(std::move(material)), ssl_(SSL_new(material_->ssl.get())), role_(role) {
  CHECK(ssl_ != nullptr);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_shed_handshake_config(ssl_.get(), 1);
  BIO* bio = SessionCallbacks::make_bio(*this);
  SSL_set_bio(ssl_.get(), bio, bio);
  if (material_->certificates.size() == 1) local_ = &material_->certificates.front();
  if (role == Role::kServer) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  if (!options.sni.empty()) SSL_set_tlsext_host_name(ssl_.get(), options.sni.c_str());
  if (!options.alpn.empty()) {
    std::string wire = SessionCallbacks::alpn_wire(options.alpn);
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const uint8_t*>(wire.data()), wire.size());
  }
  if (auto session = material_->sessions.take(options.sni); session != nullptr)
    SSL_set_session(ssl_.get(), session.get());
  options_ = std::make_unique<ClientOptions>(std::move(options));
}

Session::~Session() = default;

void Session::start(Buffer& out) {
  if (role_ == Role::kServer || established_ || failed()) return;
  out_ = &out;
  ERR_clear_error();
  shake_hands();
  out_ = nullptr;
}

bool Session::shake_hands() {
  int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    int error = SSL_get_error(ssl_.get(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) fail();
    return false;
  }
  established_ = true;
  // A resumed session carries the certificate that its first handshake verified, unless that was
  // accepted whatever it was.
  if (resumed() && has_peer_certificate() && material_->validator &&
      !material_->validator->accepts_untrusted())
    peer_verified_ = true;
  return true;
}

std::size_t Session::feed(std::string_view ciphertext, std::span<char> plain, Buffer& out) {
  if (failed() || ended_) return 0;
  CHECK(plain.size() >= ciphertext.size() + kMaxRecord);
  input_ = ciphertext;
  out_ = &out;
  ERR_clear_error();
  std::size_t total = 0;
  if (established_ || shake_hands()) {
    for (;;) {
      auto room = static_cast<int>(std::min<std::size_t>(plain.size() - total, kMaxWrite));
      int n = SSL_read(ssl_.get(), plain.data() + total, room);
      if (n > 0) {
        total += static_cast<std::size_t>(n);
        continue;
      }
      int error = SSL_get_error(ssl_.get(), n);
      if (error == SSL_ERROR_ZERO_RETURN)
        ended_ = true;
      else if (error != SSL_ERROR_WANT_READ)
        fail();
      break;
    }
  }
  input_ = {};
  out_ = nullptr;
  return total;
}

bool Session::write(std::string_view plaintext, Buffer& out) {
  if (!established_ || failed() || notified_) return false;
  out_ = &out;
  ERR_clear_error();
  while (!plaintext.empty() && !failed()) {
    auto size = static_cast<int>(std::min<std::size_t>(plaintext.size(), kMaxWrite));
    int n = SSL_write(ssl_.get(), plaintext.data(), size);
    if (n <= 0) {
      fail();
      break;
    }
    plaintext.remove_prefix(static_cast<std::size_t>(n));
  }
  out_ = nullptr;
  return !failed();
}

void Session::close_notify(Buffer& out) {
  if (!established_ || failed() || notified_) return;
  notified_ = true;
  out_ = &out;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  out_ = nullptr;
}

void Session::fail() {
  DrainedErrors drained = drain_errors();
  // The verify callback has left its verdict before.
  std::string details = text_ == nullptr ? std::string() : std::move(*text_);
  if (failure_ == Failure::kNone)
    failure_ = drained.no_certificate ? Failure::kNoCertificate : Failure::kConnection;
  // What was offered may be the reason, and would be so again.
  if (role_ == Role::kClient && !established_) material_->sessions.drop(options_->sni);
  std::string text = drained.text.empty() ? "TLS_error:" : std::move(drained.text);
  if (drained.verify_failed && !details.empty())
    text += ":" + details;
  else if (drained.no_certificate)
    text += ":peer did not provide required client certificate";
  text += ":TLS_error_end";
  text_ = std::make_unique<std::string>(std::move(text));
}

std::string_view Session::failure_text() const {
  return failed() && text_ != nullptr ? std::string_view(*text_) : std::string_view();
}

std::string_view Session::alpn() const {
  const uint8_t* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

std::string_view Session::sni() const {
  if (role_ == Role::kClient) return options_->sni;
  return view_of(SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name));
}

std::string_view Session::version() const {
  return view_of(SSL_get_version(ssl_.get()));
}

std::string_view Session::cipher() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  return cipher == nullptr ? std::string_view() : view_of(SSL_CIPHER_standard_name(cipher));
}

std::string_view Session::cipher_name() const {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
  return cipher == nullptr ? std::string_view() : view_of(SSL_CIPHER_get_name(cipher));
}

std::string_view Session::curve() const {
  return view_of(SSL_get_group_name(SSL_get_group_id(ssl_.get())));
}

std::string_view Session::signature_algorithm() const {
  uint16_t algorithm = SSL_get_peer_signature_algorithm(ssl_.get());
  return algorithm == 0 ? std::string_view()
                        : view_of(SSL_get_signature_algorithm_name(algorithm, 1));
}

std::string Session::session_id() const {
  const SSL_SESSION* session = SSL_get_session(ssl_.get());
  if (session == nullptr) return {};
  unsigned size = 0;
  const uint8_t* id = SSL_SESSION_get_id(session, &size);
  return hex({reinterpret_cast<const char*>(id), size});
}

bool Session::resumed() const {
  return SSL_session_reused(ssl_.get()) != 0;
}

bool Session::has_peer_certificate() const {
  return chain_of(ssl_.get()) != nullptr;
}

const Identity* Session::peer() {
  if (peer_ == nullptr) {
    const auto* chain = chain_of(ssl_.get());
    if (chain == nullptr) return nullptr;
    peer_ = std::make_unique<Identity>(identity_of(bytes_of(sk_CRYPTO_BUFFER_value(chain, 0))));
  }
  return peer_.get();
}

std::string Session::peer_pem() const {
  const auto* chain = chain_of(ssl_.get());
  return chain == nullptr ? std::string() : pem_of(bytes_of(sk_CRYPTO_BUFFER_value(chain, 0)));
}

std::string Session::peer_chain_pem() const {
  std::string text;
  const auto* chain = chain_of(ssl_.get());
  if (chain == nullptr) return text;
  for (std::size_t i = 0; i < sk_CRYPTO_BUFFER_num(chain); ++i)
    text += pem_of(bytes_of(sk_CRYPTO_BUFFER_value(chain, i)));
  return text;
}

std::vector<Identity> Session::peer_chain() const {
  std::vector<Identity> identities;
  const auto* chain = chain_of(ssl_.get());
  for (std::size_t i = 0; chain != nullptr && i < sk_CRYPTO_BUFFER_num(chain); ++i)
    identities.push_back(identity_of(bytes_of(sk_CRYPTO_BUFFER_value(chain, i))));
  return identities;
}

const Identity* Session::local() const {
  return local_ == nullptr ? nullptr : &local_->identity();
}

const std::vector<std::string>& Session::local_uri_sans() const {
  return local_ == nullptr ? kNoNames : local_->identity().uri_sans;
}

const std::vector<std::string>& Session::local_dns_sans() const {
  return local_ == nullptr ? kNoNames : local_->names();
}

const std::string& Session::local_subject() const {
  return local_ == nullptr ? kNoSubject : local_->identity().subject;
}

}  // namespace pillion::tls
