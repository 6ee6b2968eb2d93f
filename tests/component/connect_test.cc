// CONNECT requests that end at the proxy: what follows goes to an endpoint as plain TCP.

#include "tests/component/raw_origin.h"
#include "tests/component/world.h"

namespace pillion::component {
namespace {

using testing::StartsWith;

class Connect : public World {
 protected:
  Connect() {
    also_step_.push_back([this] { server_.poll(); });
  }
  void start_connect(const std::string& config = "") {
    start({.hcm = "upgrade_configs: [{upgrade_type: CONNECT}]",
           .routes = "{match: {connect_matcher: {}}, route: {cluster: origin, upgrade_configs: "
                     "[{upgrade_type: CONNECT, connect_config: {" +
                     config + "}}]}}, ",
           .endpoints = {server_.port()}});
  }
  static constexpr std::string_view kRequest =
      "CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n";
  RawOrigin server_;
};

TEST_F(Connect, AnEndpointThatRefusesIsAnError) {
  server_.stop_listening();
  start_connect();
  Peer& client = connect();
  client.send(kRequest);
  until([&] { return !client.received().empty(); }, "an answer");
  EXPECT_THAT(client.received(), HasStatus(503));
}

TEST_F(Connect, TheTunnelCarriesPlainBytes) {
  start_connect();
  Peer& client = connect();
  client.send(kRequest);
  until([&] { return client.received().ends_with("\r\n\r\n"); }, "the answer");
  EXPECT_THAT(client.received(), HasStatus(200));
  client.received().clear();
  client.send("ping");
  until([&] { return server_.connections() == 1 && server_.peer().received() == "ping"; }, "ping");
  server_.peer().send("pong");
  until([&] { return client.received() == "pong"; }, "pong");
  server_.peer().finish();
  until_ended(client);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_http1_total"), 0);
}

TEST_F(Connect, WhatTheClientSendsBeforeTheAnswerArrives) {
  start_connect("proxy_protocol_config: {}");
  Peer& client = connect();
  client.send(std::string(kRequest) + "early");
  until([&] { return server_.connections() == 1 && server_.peer().received().ends_with("early"); },
        "the first bytes");
  EXPECT_THAT(server_.peer().received(), StartsWith("PROXY TCP4 127.0.0.1 127.0.0.1 "));
}

TEST_F(Connect, AServerMaySpeakFirst) {
  server_.set_greeting("220 hello\r\n");
  start_connect();
  Peer& client = connect();
  client.send(kRequest);
  until([&] { return client.received().ends_with("220 hello\r\n"); }, "the greeting");
  EXPECT_THAT(client.received(), HasStatus(200));
}

}  // namespace
}  // namespace pillion::component
