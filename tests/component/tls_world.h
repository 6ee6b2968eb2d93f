#pragma once
// A world with an authority, certificates good and bad, and TLS on either side of the proxy. At the
// end of each test everybody leaves, and nothing may be left of them in the gauges.

#include <list>
#include <string>
#include <vector>

#include "tests/component/http2_peers.h"
#include "tests/component/raw_origin.h"
#include "tests/component/world.h"

namespace pillion::component {

class TlsWorld : public World {
 protected:
  TlsWorld() {
    also_step_.emplace_back([this] { h2_origin_.poll(); });
    also_step_.emplace_back([this] { raw_origin_.poll(); });
    also_step_.emplace_back([this] {
      for (Http2Side& side : sides_) side.poll();
    });
  }

  void TearDown() override {
    if (worker_ == nullptr) return;
    for (Peer* client : clients_) client->close();
    for (std::size_t i = 0; i < origin_.connections(); ++i) origin_.connection(i).close();
    for (std::size_t i = 0; i < raw_origin_.connections(); ++i) raw_origin_.peer(i).close();
    for (std::size_t i = 0; i < h2_origin_.connections(); ++i)
      h2_origin_.connection(i).peer.close();
    settle();
    for (const char* gauge :
         {"http.ingress.downstream_cx_active", "http.ingress.downstream_cx_ssl_active",
          "http.ingress.downstream_rq_active", "cluster.origin.upstream_cx_active",
          "cluster.origin.upstream_rq_active", "cluster.origin.upstream_rq_pending_active"})
      EXPECT_EQ(stat(gauge), 0) << gauge;
    EXPECT_EQ(worker_->connections(), 0u);
  }

  // YAML's double quotes.
  static std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (char c : text) {
      if (c == '\n')
        out += "\\n";
      else
        out += c;
    }
    return out + "\"";
  }
  static std::string given(std::string_view text) {
    return "{inline_string: " + quoted(text) + "}";
  }
  static std::string own(const tls::Issued& issued) {
    return "tls_certificates: [{certificate_chain: " + given(issued.pem()) +
           ", private_key: " + given(issued.key_pem()) + "}]";
  }
  // `more`: further fields of the validation context, each followed by a comma.
  static std::string validation(const tls::Authority& authority, const std::string& more = "") {
    return "validation_context: {" + more + "trusted_ca: " + given(authority.pem()) + "}";
  }
  static std::string uri_is(const std::string& uri) {
    return "match_typed_subject_alt_names: [{san_type: URI, matcher: {exact: '" + uri + "'}}], ";
  }
  static std::string transport(const std::string& side, const std::string& common,
                               const std::string& more = "") {
    return "transport_socket: {name: tls, typed_config: {'@type': type.googleapis.com/envoy."
           "extensions.transport_sockets.tls.v3." +
           side + "TlsContext, " + more + "common_tls_context: {" + common + "}}}";
  }
  // Of a listener whose clients need a certificate of the authority.
  [[nodiscard]] std::string mutual_server(const std::string& more = "") const {
    return transport("Downstream", own(server_) + ", " + validation(authority_, more),
                     "require_client_certificate: true, ");
  }
  [[nodiscard]] std::string plain_server(const std::string& more = "") const {
    return transport("Downstream", own(server_) + more);
  }
  // Of a cluster; shows a certificate.
  [[nodiscard]] std::string mutual_client(const std::string& more = "") const {
    return transport("Upstream", own(proxy_) + ", " + validation(authority_, more),
                     "sni: server.test, ");
  }

  Peer& connect_tls(const TlsPlan& plan = {}, SSL_SESSION* resumed = nullptr) {
    Peer& client = connect_raw();
    client.secure(TlsEnd::client(plan, resumed));
    return client;
  }
  Peer& connect_raw() {
    clients_.push_back(&connect());
    return *clients_.back();
  }
  Peer& connect_mutual() { return connect_tls({.own = &client_, .trusts = authority_.pem()}); }
  Http2Side& speak_h2(Peer& client) { return sides_.emplace_back(http::Role::kClient, client); }
  void until_established(Peer& client) {
    until([&] { return client.tls()->established(); }, "the handshake");
  }
  int64_t ssl(const std::string& name) const { return stat("listener.127.0.0.1_0.ssl." + name); }
  int64_t cluster_ssl(const std::string& name) const { return stat("cluster.origin.ssl." + name); }

  tls::Authority authority_{"root"};
  tls::Authority stranger_{"another root"};
  tls::Issued server_ = authority_.leaf(
      {.common_name = "server", .sans = "DNS:server.test,URI:spiffe://mesh.test/server"});
  tls::Issued client_ =
      authority_.leaf({.common_name = "client", .sans = "URI:spiffe://mesh.test/client"});
  tls::Issued proxy_ =
      authority_.leaf({.common_name = "proxy", .sans = "URI:spiffe://mesh.test/proxy"});
  tls::Issued expired_ = authority_.leaf(
      {.common_name = "expired", .sans = "DNS:server.test", .from_days = -30, .to_days = -1});
  tls::Issued early_ = authority_.leaf(
      {.common_name = "early", .sans = "DNS:server.test", .from_days = 1, .to_days = 30});
  tls::Issued revoked_ = authority_.leaf({.common_name = "revoked", .sans = "DNS:server.test"});
  tls::Issued unknown_ =
      stranger_.leaf({.common_name = "unknown", .sans = "URI:spiffe://mesh.test/client"});
  // Says that the authority has signed it, which did not.
  tls::Issued forged_ = forge();

  Http2Origin h2_origin_;
  RawOrigin raw_origin_;

 private:
  tls::Issued forge() const {
    tls::Issued made = authority_.leaf({.common_name = "forged", .sans = "DNS:server.test"});
    X509_sign(made.certificate.get(), made.key.get(), EVP_sha256());
    return made;
  }

  std::vector<Peer*> clients_;
  std::list<Http2Side> sides_;
};

}  // namespace pillion::component
