// The TCP proxy between two connections with TLS: each half ends on its own, and failures on one
// side reach the other.

#include "tests/component/tls_world.h"

namespace pillion::component {
namespace {

class TlsTunnel : public TlsWorld {
 protected:
  void start_tunnel(const std::string& chain_fields = "") {
    raw_origin_.set_tls(
        [this] { return TlsEnd::server({.own = &server_, .trusts = authority_.pem()}); });
    start({.cluster = mutual_client(),
           .endpoints = {raw_origin_.port()},
           .chains = "{" + mutual_server() + chain_fields +
                     ", filters: [{name: tcp, typed_config: {'@type': type.googleapis.com/envoy."
                     "extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: "
                     "origin}}]}"});
  }
  // A client whose bytes reach the endpoint.
  Peer& tunnel() {
    start_tunnel();
    Peer& client = connect_mutual();
    client.send("question");
    until([&] { return raw_origin_.connections() == 1 && server().received() == "question"; },
          "the question");
    return client;
  }
  Peer& server() { return raw_origin_.peer(); }
};

TEST_F(TlsTunnel, AClientWithoutCertificateIsRefused) {
  start_tunnel();
  Peer& client = connect_tls();
  until_ended(client);
  EXPECT_EQ(client.tls()->failure(), "TLSV1_ALERT_CERTIFICATE_REQUIRED");
  EXPECT_EQ(ssl("fail_verify_no_cert"), 1);
}

TEST_F(TlsTunnel, AHandshakeThatStallsIsGivenUp) {
  start_tunnel(", transport_socket_connect_timeout: 2s");
  Peer& silent = connect_raw();
  settle();
  advance(milliseconds(2100));
  EXPECT_TRUE(silent.ended());
  EXPECT_EQ(stat("listener.127.0.0.1_0.downstream_cx_transport_socket_connect_timeout"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_active"), 0);
}

TEST_F(TlsTunnel, AnEndpointThatFailsTheHandshakeEndsTheTunnel) {
  start_tunnel();
  raw_origin_.set_tls([this] { return TlsEnd::server({.own = &unknown_}); });
  Peer& client = connect_mutual();
  until_ended(client);
  EXPECT_EQ(cluster_ssl("fail_verify_error"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_fail"), 1);
}

TEST_F(TlsTunnel, AClientsGoodbyeLeavesTheOtherDirectionOpen) {
  Peer& client = tunnel();
  client.close_notify();
  until([&] { return server().tls()->ended(); }, "the goodbye reaches the endpoint");
  EXPECT_FALSE(client.ended());
  server().send("a long answer");
  until([&] { return client.received() == "a long answer"; }, "the answer");
  server().close_notify();
  until_ended(client);
  EXPECT_TRUE(client.tls()->ended());
  EXPECT_EQ(stat("cluster.origin.upstream_cx_active"), 0);
}

TEST_F(TlsTunnel, AnEndpointsGoodbyeLeavesTheOtherDirectionOpen) {
  Peer& client = tunnel();
  server().close_notify();
  until([&] { return client.tls()->ended(); }, "the goodbye reaches the client");
  client.send(" and more");
  until([&] { return server().received() == "question and more"; }, "what the client adds");
  client.close_notify();
  client.finish();
  until([&] { return server().ended(); }, "the end");
}

TEST_F(TlsTunnel, AResetOfTheEndpointIsPassedOn) {
  Peer& client = tunnel();
  server().reset();
  until_ended(client);
  EXPECT_FALSE(client.tls()->ended()) << "a goodbye would say that all is well";
}

TEST_F(TlsTunnel, AResetOfTheClientIsPassedOn) {
  Peer& client = tunnel();
  client.reset();
  until([&] { return server().ended(); }, "the endpoint is told");
  EXPECT_FALSE(server().tls()->ended()) << "a goodbye would say that all is well";
}

TEST_F(TlsTunnel, DamagedBytesEndBothSides) {
  Peer& client = tunnel();
  client.send_raw(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  until_ended(client);
  until([&] { return server().ended(); }, "the endpoint is told");
  EXPECT_EQ(client.tls()->failure(), "SSLV3_ALERT_BAD_RECORD_MAC");
  EXPECT_EQ(ssl("connection_error"), 1);
}

}  // namespace
}  // namespace pillion::component
