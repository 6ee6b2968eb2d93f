// Bytes from the network and from files of others into the TLS layer: ciphertext to a server and to
// a client, certificate bundles, OCSP staples, and a certificate that a peer presents.

#include <openssl/pool.h>
#include <openssl/ssl.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "sidecar/base/check.h"
#include "sidecar/tls/context.h"
#include "sidecar/tls/ocsp.h"
#include "sidecar/tls/validator.h"
#include "tests/unit/tls/pki.h"

namespace pillion::tls {
namespace {

struct Contexts {
  Contexts() {
    Authority authority;
    config::DownstreamTls downstream;
    downstream.certificates.push_back(certificate_of(authority.leaf({.sans = "DNS:a.test"})));
    downstream.validation = trusting(authority);
    downstream.alpn = {"h2", "http/1.1"};
    server =
        *ServerContext::build(std::make_shared<config::DownstreamTls>(downstream), compile_match);
    config::UpstreamTls upstream;
    upstream.validation = trusting(authority);
    upstream.sni = "a.test";
    client = *ClientContext::build(std::make_shared<config::UpstreamTls>(upstream), compile_match);
    config::CertificateValidation validation = trusting(authority);
    validation.sans = {
        san(config::SanMatcher::Type::kUri, "spiffe://", config::StringMatcher::Kind::kPrefix)};
    validator.emplace(*Validator::compile(validation, compile_match));
  }
  std::unique_ptr<ServerContext> server;
  std::unique_ptr<ClientContext> client;
  std::optional<Validator> validator;
};

Contexts& contexts() {
  static Contexts made;
  return made;
}

void converse(Session& session, std::string_view bytes, std::size_t piece) {
  Buffer out;
  session.start(out);
  std::vector<char> plain(bytes.size() + Session::kMaxRecord);
  while (!bytes.empty()) {
    std::string_view part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    std::size_t n = session.feed(part, plain, out);
    // Whoever has not proved to hold a key cannot make plaintext.
    CHECK(n == 0);
  }
  if (session.failed()) CHECK(!session.failure_text().empty());
}

void present(std::string_view der) {
  bssl::UniquePtr<STACK_OF(CRYPTO_BUFFER)> chain(sk_CRYPTO_BUFFER_new_null());
  bssl::PushToStack(chain.get(),
                    bssl::UniquePtr<CRYPTO_BUFFER>(CRYPTO_BUFFER_new(
                        reinterpret_cast<const uint8_t*>(der.data()), der.size(), nullptr)));
  // No input is signed by an authority that was made a moment ago.
  CHECK(!contexts().validator->verify(chain.get(), true, {}).ok());
}

}  // namespace
}  // namespace pillion::tls

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  using namespace pillion::tls;
  if (size < 2) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data + 2), size - 2);
  switch (data[0] % 5) {
    case 0:
      converse(*contexts().server->make_session(), bytes, data[1] + 1u);
      break;
    case 1:
      converse(*contexts().client->make_session(), bytes, data[1] + 1u);
      break;
    case 2: {
      pillion::config::CertificateValidation validation;
      validation.trusted_ca = inline_secret(bytes);
      validation.crl = inline_secret(bytes);
      static_cast<void>(Validator::compile(validation, compile_match));
      break;
    }
    case 3:
      present(bytes);
      break;
    default:
      if (auto staple = parse_ocsp(bytes)) CHECK(staple->serial.size() <= bytes.size());
  }
  return 0;
}
