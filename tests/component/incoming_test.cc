// From accept to the filter chain: listener filters, the chain they lead to, and servers that speak
// first.

#include "tests/component/raw_origin.h"
#include "tests/component/world.h"
#include "tests/unit/net/client_hello.h"

namespace pillion::component {
namespace {

using net::client_hello;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kTls =
    "{name: t, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.listener."
    "tls_inspector.v3.TlsInspector}}";
constexpr const char* kHttp =
    "{name: h, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.listener."
    "http_inspector.v3.HttpInspector}}";

std::string proxy_filter(const std::string& fields = "") {
  return "{name: p, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.listener."
         "proxy_protocol.v3.ProxyProtocol, " +
         fields + "}}";
}

class Incoming : public World {
 protected:
  Incoming() {
    for (RawOrigin* server : {&first_, &second_})
      also_step_.push_back([server] { server->poll(); });
  }

  static std::string tcp_chain(const std::string& match, const std::string& cluster) {
    return "{filter_chain_match: {" + match +
           "}, filters: [{name: tcp, typed_config: {'@type': type.googleapis.com/envoy.extensions."
           "filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: " +
           cluster + "}}]}, ";
  }
  static std::string http_chain(const std::string& match) {
    return "{filter_chain_match: {" + match +
           "}, filters: [{name: hcm, typed_config: {'@type': type.googleapis.com/envoy.extensions."
           "filters.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: h, "
           "use_remote_address: true, route_config: {virtual_hosts: [{name: all, domains: ['*'], "
           "routes: [{match: {prefix: /}, route: {cluster: origin}}]}]}, http_filters: [{name: r, "
           "typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3."
           "Router}}]}}]}, ";
  }
  static std::string cluster(const std::string& name, uint16_t port) {
    return "{name: " + name + ", load_assignment: {cluster_name: " + name +
           ", endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: "
           "127.0.0.1, port_value: " +
           std::to_string(port) + "}}}}]}]}}, ";
  }
  void start_with(const std::string& filters, const std::string& chains,
                  const std::string& more = "") {
    start({.listener = "stat_prefix: l, listener_filters: [" + filters + "]" +
                       (more.empty() ? "" : ", " + more),
           .chains = chains,
           .clusters = cluster("first", first_.port()) + cluster("second", second_.port())});
  }
  // Steps until that server has heard `bytes` on its only connection.
  void until_heard(RawOrigin& server, const std::string& bytes) {
    until([&] { return server.connections() == 1 && server.peer().received() == bytes; },
          "the server hears the client");
  }

  RawOrigin first_;
  RawOrigin second_;
};

TEST_F(Incoming, AConnectionThatMatchesNoChainIsClosed) {
  start_with(kTls, tcp_chain("server_names: [a.test]", "first"));
  Peer& client = connect();
  client.send(client_hello({.server_name = "b.test"}));
  until_ended(client);
  EXPECT_EQ(stat("listener.l.no_filter_chain_match"), 1);
  EXPECT_EQ(stat("listener.l.downstream_pre_cx_active"), 0);
  EXPECT_EQ(worker_->connections(), 0u);
}

TEST_F(Incoming, AClientThatSaysNothingIsClosedAfterTheTimeout) {
  start_with(kTls, tcp_chain("server_names: [a.test]", "first"));
  Peer& client = connect();
  advance(seconds(14));
  EXPECT_EQ(stat("listener.l.downstream_pre_cx_active"), 1);
  EXPECT_FALSE(client.ended());
  advance(seconds(2));
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(stat("listener.l.downstream_pre_cx_timeout"), 1);
  EXPECT_EQ(stat("listener.l.downstream_pre_cx_active"), 0);
}

TEST_F(Incoming, TheTimeoutMayHandOnWhatIsKnown) {
  start_with(kTls, tcp_chain("server_names: [a.test]", "first") + http_chain(""),
             "listener_filters_timeout: 1s, continue_on_listener_filters_timeout: true");
  Peer& client = connect();
  advance(seconds(2));
  EXPECT_EQ(stat("listener.l.downstream_pre_cx_timeout"), 1);
  EXPECT_THAT(get(client), HasStatus(200));
}

TEST_F(Incoming, AClientThatLeavesInListenerFiltersIsCounted) {
  start_with(kTls, tcp_chain("server_names: [a.test]", "first"));
  Peer& client = connect();
  client.send("\x16\x03");
  settle();
  client.close();
  settle();
  EXPECT_EQ(stat("listener.l.downstream_listener_filter_remote_close"), 1);
  EXPECT_EQ(worker_->connections(), 0u);
}

TEST_F(Incoming, ServerNamesLeadToTheirChains) {
  start_with(kTls, tcp_chain("server_names: [a.test]", "first") +
                       tcp_chain("server_names: ['*.b.test']", "second"));
  std::string hello = client_hello({.server_name = "a.test"});
  Peer& client = connect();
  for (char c : hello) {
    client.send(std::string(1, c));
    settle();
  }
  until_heard(first_, hello);  // passed on as it was
  hello = client_hello({.server_name = "x.B.test", .protocols = {"h2"}});
  connect().send(hello);
  until_heard(second_, hello);
  EXPECT_EQ(stat("tls_inspector.tls_found"), 2);
  EXPECT_EQ(stat("tls_inspector.sni_found"), 2);
  EXPECT_EQ(stat("tls_inspector.alpn_found"), 1);
  EXPECT_EQ(stat("tls_inspector.alpn_not_found"), 1);
  EXPECT_EQ(stat("listener.l.downstream_cx_total"), 2);
}

TEST_F(Incoming, PlainBytesAreToldFromTls) {
  start_with(kTls, tcp_chain("transport_protocol: tls", "first") +
                       http_chain("transport_protocol: raw_buffer"));
  Peer& client = connect();
  EXPECT_THAT(get(client), HasStatus(200));
  EXPECT_EQ(stat("tls_inspector.tls_not_found"), 1);
  connect().send(client_hello());
  until([&] { return first_.connections() == 1; }, "the tunnel");
  EXPECT_EQ(stat("http.h.downstream_cx_total"), 1);
}

TEST_F(Incoming, HttpIsToldFromOtherBytes) {
  start_with(std::string(kTls) + ", " + kHttp,
             http_chain("application_protocols: [http/1.0, http/1.1]") +
                 tcp_chain("application_protocols: [h2c]", "second") + tcp_chain("", "first"));
  Peer& client = connect();
  EXPECT_THAT(get(client), HasStatus(200));
  connect().send("*1\r\n$4\r\nPING\r\n");
  until([&] { return first_.connections() >= 1 && !first_.peer().received().empty(); }, "bytes");
  connect().send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  until([&] { return second_.connections() == 1; }, "HTTP/2");
  EXPECT_EQ(stat("http_inspector.http11_found"), 1);
  EXPECT_EQ(stat("http_inspector.http2_found"), 1);
  EXPECT_EQ(stat("http_inspector.http_not_found"), 1);
}

TEST_F(Incoming, AFilterMayBeDisabledForPorts) {
  start_with(
      "{name: t, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.listener."
      "tls_inspector.v3.TlsInspector}, filter_disabled: {any_match: true}}",
      tcp_chain("", "first"));
  connect().send("x");
  until_heard(first_, "x");
  EXPECT_EQ(stat("tls_inspector.tls_not_found"), 0);
}

// No timer stands before the first byte of a server: the clock does not move in these.
TEST_F(Incoming, AServerThatSpeaksFirstIsHeardAtOnce) {
  first_.set_greeting("220 mail.test ESMTP\r\n");
  start_with(std::string(kTls) + ", " + kHttp, tcp_chain("server_names: [a.test]", "second") +
                                                   http_chain("application_protocols: [http/1.1]") +
                                                   tcp_chain("", "first"));
  Peer& client = connect();
  until([&] { return client.received() == "220 mail.test ESMTP\r\n"; }, "the greeting");
  client.send("EHLO me\r\n");
  until_heard(first_, "EHLO me\r\n");
  EXPECT_EQ(stat("listener.l.detection_server_first"), 1);
  EXPECT_EQ(stat("listener.l.downstream_cx_total"), 1);
  EXPECT_EQ(stat("listener.l.downstream_pre_cx_active"), 0);
  EXPECT_EQ(stat("listener.l.detection_early_connect_unused"), 0);
}

TEST_F(Incoming, AClientThatSpeaksFirstGoesToItsChain) {
  start_with(std::string(kTls) + ", " + kHttp,
             http_chain("application_protocols: [http/1.1]") + tcp_chain("", "first"));
  Peer& client = connect();
  until([&] { return first_.connections() == 1; }, "the early connection");
  EXPECT_THAT(get(client), HasStatus(200));
  EXPECT_EQ(stat("listener.l.detection_early_connect_unused"), 1);
  until([&] { return first_.peer().ended(); }, "the early connection is given up");
  EXPECT_EQ(stat("cluster.first.upstream_cx_active"), 0);
}

TEST_F(Incoming, WhatWasConnectedEarlyServesTheClientThatMeantIt) {
  start_with(kTls, tcp_chain("server_names: [a.test]", "second") + tcp_chain("", "first"));
  Peer& client = connect();
  until([&] { return first_.connections() == 1; }, "the early connection");
  client.send("plain");
  until_heard(first_, "plain");
  EXPECT_EQ(stat("listener.l.detection_early_connect"), 1);
  EXPECT_EQ(stat("listener.l.detection_early_connect_unused"), 0);
  EXPECT_EQ(stat("cluster.first.upstream_cx_total"), 1);
}

TEST_F(Incoming, AServerThatIsDownDoesNotHurtTheOtherChains) {
  first_.stop_listening();
  start_with(std::string(kTls) + ", " + kHttp,
             http_chain("application_protocols: [http/1.1]") + tcp_chain("", "first"));
  Peer& client = connect();
  settle();
  EXPECT_FALSE(client.ended());
  EXPECT_THAT(get(client), HasStatus(200));
  Peer& other = connect();
  settle();
  other.send("\r\n");
  until_ended(other);
}

TEST_F(Incoming, AServerThatResetsBeforeAnyByteIsTriedAgain) {
  start_with(kTls, tcp_chain("server_names: [a.test]", "second") + tcp_chain("", "first"));
  Peer& client = connect();
  until([&] { return first_.connections() == 1; }, "the early connection");
  settle();  // so that the proxy knows of it
  first_.peer().reset();
  settle();
  client.send("plain");
  until([&] { return first_.connections() == 2 && first_.peer(1).received() == "plain"; },
        "the second connection");
}

TEST_F(Incoming, AHeaderOfTheProxyProtocolNamesTheClient) {
  start_with(proxy_filter(), http_chain(""));
  Peer& client = connect();
  client.send("PROXY TCP4 203.0.113.7 203.0.113.8 1000 2000\r\n");
  EXPECT_THAT(get(client), HasStatus(200));
  ASSERT_EQ(origin_.requests().size(), 1u);
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("x-forwarded-for: 203.0.113.7\r\n"));
  EXPECT_EQ(stat("proxy_proto.versions.v1.found"), 1);
  EXPECT_EQ(stat("http.h.downstream_cx_rx_bytes_total"), 0);  // counted when it ends
}

TEST_F(Incoming, ChainsMatchOnWhatTheHeaderSays) {
  start_with(proxy_filter(), tcp_chain("destination_port: 2000", "first") +
                                 tcp_chain("direct_source_prefix_ranges: [{address_prefix: "
                                           "127.0.0.1, prefix_len: 32}]",
                                           "second"));
  connect().send("PROXY TCP4 203.0.113.7 203.0.113.8 1000 2000\r\nx");
  until_heard(first_, "x");
  connect().send("PROXY TCP4 203.0.113.7 203.0.113.8 1000 2001\r\ny");
  until_heard(second_, "y");
}

TEST_F(Incoming, HeadersThatAreMissingOrMalformedAreRefused) {
  start_with(proxy_filter("stat_prefix: p, disallowed_versions: [V2]"), tcp_chain("", "first"));
  Peer& missing = connect();
  missing.send("GET / HTTP/1.1\r\n\r\n");
  until_ended(missing);
  Peer& malformed = connect();
  malformed.send("PROXY TCP4 nonsense\r\n");
  until_ended(malformed);
  Peer& disallowed = connect();
  disallowed.send(std::string("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16));
  until_ended(disallowed);
  EXPECT_EQ(stat("proxy_proto.p.not_found_disallowed"), 1);
  EXPECT_EQ(stat("proxy_proto.p.versions.v1.error"), 1);
  EXPECT_EQ(stat("proxy_proto.p.versions.v2.disallowed"), 1);
  EXPECT_EQ(stat("downstream_cx_proxy_proto_error"), 3);
  EXPECT_EQ(first_.connections(), 0u);
}

TEST_F(Incoming, AHeaderMayBeFollowedByAServerThatSpeaksFirst) {
  first_.set_greeting("hello");
  start_with(proxy_filter() + ", " + kTls,
             tcp_chain("server_names: [a.test]", "second") + tcp_chain("", "first"));
  Peer& client = connect();
  client.send("PROXY UNKNOWN\r\n");
  until([&] { return client.received() == "hello"; }, "the greeting");
}

TEST_F(Incoming, AWorkerThatEndsClosesConnectionsThatAreStillInspected) {
  start_with(kTls, tcp_chain("server_names: [a.test]", "second") + tcp_chain("", "first"));
  Peer& client = connect();
  until([&] { return first_.connections() == 1; }, "the early connection");
  worker_.reset();
  for (int i = 0; i < 10 && !client.ended(); ++i) client.poll();
  EXPECT_TRUE(client.ended());
}

}  // namespace
}  // namespace pillion::component
