#pragma once
// What BoringSSL calls on behalf of a Session: reading and writing ciphertext, choosing
// certificates and protocols, verifying peers, keeping sessions and encrypting tickets. Internal to
// sidecar/tls; the thread of the session at hand.

#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "sidecar/tls/session.h"

namespace pillion::tls {

struct SessionCallbacks {
  // Reads from Session::input_ and writes to Session::out_, without a buffer in between.
  static BIO* make_bio(Session& session);
  // Protocol names in the form of the ALPN extension (RFC 7301 section 3.1).
  static std::string alpn_wire(const std::vector<std::string>& names);

  // Makes new sessions of a client's context go to its SessionCache.
  static void keep_sessions(SSL_CTX* context);
  // Makes a server's context choose among its certificates by SNI, key type and staples.
  static void choose_certificates(SSL_CTX* context);

  static int read(BIO* bio, char* to, int size);
  static int write(BIO* bio, const char* from, int size);
  static ssl_verify_result_t verify(SSL* ssl, uint8_t* alert);
  // Sessions end with what their verdict rests on.
  static void limit_session(SSL* ssl, int64_t until);
  static ssl_select_cert_result_t select_certificate(const SSL_CLIENT_HELLO* hello);
  // The credential is chosen by then, and only until the handshake's end can it be asked for.
  static int note_certificate(const SSL_CLIENT_HELLO* hello);
  static int select_alpn(SSL* ssl, const uint8_t** out, uint8_t* out_size, const uint8_t* in,
                         unsigned in_size, void*);
  static int keep_session(SSL* ssl, SSL_SESSION* session);
  static int ticket_key(SSL* ssl, uint8_t* name, uint8_t* iv, EVP_CIPHER_CTX* cipher,
                        HMAC_CTX* hmac, int encrypt);

  static Session& of(const SSL* ssl) { return *static_cast<Session*>(SSL_get_app_data(ssl)); }
};

}  // namespace pillion::tls
