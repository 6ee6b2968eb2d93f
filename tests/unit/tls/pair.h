#pragma once
// A client's and a server's session whose ciphertext is carried from one to the other by hand.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sidecar/tls/context.h"
#include "tests/unit/tls/pki.h"

namespace pillion::tls {

// Feeds all of `ciphertext` in pieces of at most `piece` bytes; returns the plaintext.
inline std::string feed_all(Session& session, std::string_view ciphertext, Buffer& out,
                            std::size_t piece = 65536) {
  std::string plain;
  std::vector<char> room(piece + Session::kMaxRecord);
  while (!ciphertext.empty()) {
    std::string_view part = ciphertext.substr(0, piece);
    ciphertext.remove_prefix(part.size());
    std::size_t n = session.feed(part, room, out);
    plain.append(room.data(), n);
  }
  return plain;
}

struct Pair {
  std::unique_ptr<Session> client;
  std::unique_ptr<Session> server;
  Buffer to_server;
  Buffer to_client;
  std::string at_server;  // plaintext that has arrived
  std::string at_client;
  std::size_t piece = 65536;

  // Carries bytes until both are silent.
  void pump() {
    while (!to_server.empty() || !to_client.empty()) {
      std::string bytes = to_server.to_string();
      to_server.clear();
      at_server += feed_all(*server, bytes, to_client, piece);
      bytes = to_client.to_string();
      to_client.clear();
      at_client += feed_all(*client, bytes, to_server, piece);
    }
  }
  Pair& shake() {
    client->start(to_server);
    pump();
    if (!established()) return *this;
    // BoringSSL sends TLS 1.3 tickets along with a server's first bytes.
    server->write(" ", to_client);
    pump();
    at_client.clear();
    return *this;
  }
  [[nodiscard]] bool established() const {
    return client->established() && server->established() && !client->failed() && !server->failed();
  }
};

inline std::unique_ptr<ServerContext> server_context(const config::DownstreamTls& source) {
  auto built = ServerContext::build(std::make_shared<config::DownstreamTls>(source), compile_match);
  EXPECT_TRUE(built) << (built ? "" : built.error().message);
  return built ? *std::move(built) : nullptr;
}

inline std::unique_ptr<ClientContext> client_context(const config::UpstreamTls& source) {
  auto built = ClientContext::build(std::make_shared<config::UpstreamTls>(source), compile_match);
  EXPECT_TRUE(built) << (built ? "" : built.error().message);
  return built ? *std::move(built) : nullptr;
}

inline Pair pair_of(const ClientContext& client, const ServerContext& server,
                    ClientOptions options = {}) {
  Pair pair;
  pair.client = client.make_session({}, std::move(options));
  pair.server = server.make_session();
  return pair;
}

// A server with one certificate of `authority`, and a client that trusts it.
struct Plain {
  Authority authority;
  Issued server_leaf = authority.leaf(
      {.common_name = "server", .sans = "DNS:server.test,URI:spiffe://mesh.test/server"});
  Issued client_leaf =
      authority.leaf({.common_name = "client", .sans = "URI:spiffe://mesh.test/client"});
  config::DownstreamTls downstream;
  config::UpstreamTls upstream;

  Plain() {
    downstream.certificates.push_back(certificate_of(server_leaf));
    upstream.validation = trusting(authority);
    upstream.sni = "server.test";
  }
  // Both sides show certificates and verify them.
  Plain& mutual() {
    downstream.validation = trusting(authority);
    downstream.require_client_certificate = true;
    upstream.certificates.push_back(certificate_of(client_leaf));
    return *this;
  }
  Pair shake() {
    auto server = server_context(downstream);
    auto client = client_context(upstream);
    Pair pair = pair_of(*client, *server);
    pair.shake();
    return pair;
  }
};

}  // namespace pillion::tls
