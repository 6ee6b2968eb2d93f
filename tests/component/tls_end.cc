#include "tests/component/tls_end.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "sidecar/tls/x509_text.h"

namespace pillion::component {

namespace {

std::string alpn_wire(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) wire += static_cast<char>(name.size()) + name;
  return wire;
}

int select_alpn(SSL*, const uint8_t** out, uint8_t* out_size, const uint8_t* in, unsigned in_size,
                void* ours) {
  const auto& wire = *static_cast<const std::string*>(ours);
  int result = SSL_select_next_proto(const_cast<uint8_t**>(out), out_size,
                                     reinterpret_cast<const uint8_t*>(wire.data()),
                                     static_cast<unsigned>(wire.size()), in, in_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void trust(SSL_CTX* context, const std::string& pem, bool server) {
  tls::PemBundle bundle;
  if (!tls::parse_pem(pem, bundle)) ADD_FAILURE() << "bad PEM";
  for (const auto& authority : bundle.certificates)
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
}

}  // namespace

TlsEnd::TlsEnd(const TlsPlan& plan, bool server, SSL_SESSION* resumed)
    : context_(SSL_CTX_new(TLS_method())) {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_max_proto_version(context, plan.max_version);
  if (plan.own != nullptr) {
    SSL_CTX_use_certificate(context, plan.own->certificate.get());
    SSL_CTX_use_PrivateKey(context, plan.own->key.get());
  }
  if (!plan.trusts.empty()) trust(context, plan.trusts, server);
  SSL_CTX_set_session_cache_mode(context, server ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_CLIENT);
  // A server that asks for certificates keeps sessions only under a name of its own.
  if (server) SSL_CTX_set_session_id_context(context, reinterpret_cast<const uint8_t*>("peer"), 4);
  SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
    static_cast<TlsEnd*>(SSL_get_app_data(ssl))->session_.reset(session);
    return 1;
  });
  std::string wire = alpn_wire(plan.alpn);
  if (server && !wire.empty()) {
    auto* kept = new std::string(wire);
    static const int kSlot = SSL_CTX_get_ex_new_index(
        0, nullptr, nullptr, nullptr, [](void*, void* text, CRYPTO_EX_DATA*, int, long, void*) {
          delete static_cast<std::string*>(text);
        });
    SSL_CTX_set_ex_data(context, kSlot, kept);
    SSL_CTX_set_alpn_select_cb(context, select_alpn, kept);
  }
  ssl_.reset(SSL_new(context));
  SSL_set_app_data(ssl_.get(), this);
  SSL_set0_rbio(ssl_.get(), BIO_new(BIO_s_mem()));
  SSL_set0_wbio(ssl_.get(), BIO_new(BIO_s_mem()));
  BIO_set_mem_eof_return(SSL_get_rbio(ssl_.get()), -1);
  if (server) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  if (!plan.sni.empty()) SSL_set_tlsext_host_name(ssl_.get(), plan.sni.c_str());
  if (!wire.empty())
    SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const uint8_t*>(wire.data()), wire.size());
  if (resumed != nullptr) SSL_set_session(ssl_.get(), resumed);
  shake_hands();
}

std::unique_ptr<TlsEnd> TlsEnd::server(const TlsPlan& plan) {
  return std::unique_ptr<TlsEnd>(new TlsEnd(plan, true, nullptr));
}

std::unique_ptr<TlsEnd> TlsEnd::client(const TlsPlan& plan, SSL_SESSION* resumed) {
  return std::unique_ptr<TlsEnd>(new TlsEnd(plan, false, resumed));
}

void TlsEnd::shake_hands() {
  ERR_clear_error();
  int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    established_ = true;
    if (!unsent_.empty()) SSL_write(ssl_.get(), unsent_.data(), static_cast<int>(unsent_.size()));
    unsent_.clear();
    if (goodbye_) SSL_shutdown(ssl_.get());
  } else if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_SSL) {
    failure_ = ERR_reason_error_string(ERR_peek_last_error());
  }
}

std::string TlsEnd::feed(std::string_view wire) {
  std::string plain;
  BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
  if (!failure_.empty() || ended_) return plain;
  if (!established_) shake_hands();
  while (established_) {
    char buffer[16384];
    ERR_clear_error();
    int n = SSL_read(ssl_.get(), buffer, sizeof buffer);
    if (n > 0) {
      plain.append(buffer, static_cast<std::size_t>(n));
      continue;
    }
    int error = SSL_get_error(ssl_.get(), n);
    if (error == SSL_ERROR_ZERO_RETURN) ended_ = true;
    if (error == SSL_ERROR_SSL) failure_ = ERR_reason_error_string(ERR_peek_last_error());
    break;
  }
  return plain;
}

void TlsEnd::write(std::string_view plain) {
  if (established_)
    SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size()));
  else
    unsent_ += plain;
}

void TlsEnd::close_notify() {
  goodbye_ = true;
  if (established_) SSL_shutdown(ssl_.get());
}

std::string TlsEnd::take_wire() {
  const uint8_t* data = nullptr;
  std::size_t size = 0;
  BIO* bio = SSL_get_wbio(ssl_.get());
  BIO_mem_contents(bio, &data, &size);
  std::string wire(reinterpret_cast<const char*>(data), size);
  BIO_reset(bio);
  return wire;
}

std::string TlsEnd::alpn() const {
  const uint8_t* data = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &data, &size);
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace pillion::component
