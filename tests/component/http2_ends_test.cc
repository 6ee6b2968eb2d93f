// HTTP/2 connections that are about to end, on either side, while streams and tunnels are open.

#include "tests/component/http2_world.h"
#include "tests/component/raw_origin.h"

namespace pillion::component {
namespace {

using http::Http2Error;
using http::RecordedStream;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kTunnels =
    "upgrade_configs: [{upgrade_type: websocket}], http2_protocol_options: {allow_connect: true}, "
    "drain_timeout: 5s";

class Http2Ends : public Http2World {
 protected:
  Http2Ends() : Http2World(allowing()) {}
  static config::Http2Protocol allowing() {
    config::Http2Protocol protocol;
    protocol.allow_connect = true;
    return protocol;
  }
  static void accept(Http2Side& side, RecordedStream& stream) {
    auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
    side.h2.session->send_head(stream, *head, false);
    side.h2.session->send_body(stream, "hi");
  }
};

TEST_F(Http2Ends, GoawayInTheMiddleOfAResponseLetsItEnd) {
  start_to_h2();
  h2_origin_.then(accept);
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/");
  until([&] { return asked.body == "hi"; }, "the beginning");
  h2_origin_.connection(0).h2.session->goaway(Http2Error::kNoError);
  settle();
  EXPECT_EQ(get_h2(client).body, "ok");
  EXPECT_EQ(h2_origin_.connections(), 2u);
  RecordedStream& served = h2_origin_.request(0);
  h2_origin_.connection(0).h2.session->send_body(served, " there");
  h2_origin_.connection(0).h2.session->send_end(served, nullptr);
  until_gone(asked);
  EXPECT_EQ(asked.body, "hi there");
  EXPECT_TRUE(asked.closed.complete);
  until([&] { return h2_origin_.connection(0).peer.ended(); }, "the old connection closes");
}

TEST_F(Http2Ends, GoawayWithAnErrorInTheMiddleOfAResponseCutsWhatTheCloseCuts) {
  start_to_h2();
  h2_origin_.then(accept);
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/");
  until([&] { return asked.body == "hi"; }, "the beginning");
  Http2Side& side = h2_origin_.connection(0);
  side.send_raw(http::frame(7, 0, 0, http::number32(1) + http::number32(2)));
  side.peer.finish();
  until_gone(asked);
  EXPECT_FALSE(asked.closed.complete);
  EXPECT_EQ(get_h2(client).body, "ok");
}

TEST_F(Http2Ends, AnEndpointThatOnlyStopsSendingHasLeft) {
  start_to_h2();
  h2_origin_.then(accept);
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/", false, "POST");
  h2_origin_.set_eager();
  until([&] { return asked.body == "hi"; }, "the beginning");
  h2_origin_.connection(0).peer.finish();
  until_gone(asked);
  EXPECT_FALSE(asked.closed.complete);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
  EXPECT_EQ(get_h2(client).body, "ok");
}

TEST_F(Http2Ends, AClientThatOnlyStopsSendingHasLeft) {
  start_to_h2();
  h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  client.h2.open("/");
  until([&] { return h2_origin_.requests() == 1; }, "the request arrives");
  client.peer.finish();
  until_ended(client.peer);
  settle();
  EXPECT_EQ(stat("http2.streams_active"), 0);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
  EXPECT_EQ(stat("http.ingress.downstream_cx_active"), 0);
}

// RFC 8441 section 3: whether an endpoint takes extended CONNECT is not known before its SETTINGS.
TEST_F(Http2Ends, AFirstRequestMayBeAnExtendedConnect) {
  start_to_h2({.hcm = "upgrade_configs: [{upgrade_type: websocket}]"}, "allow_connect: true");
  h2_origin_.set_eager();
  h2_origin_.then(accept);
  Peer& client = connect();
  std::string answer = exchange(client,
                                "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: "
                                "websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                                "early",
                                "hi");
  EXPECT_THAT(answer, HasStatus(101));
  until([&] { return h2_origin_.request(0).body == "early"; }, "what the client said meanwhile");
  client.send(" and late");
  until([&] { return h2_origin_.request(0).body == "early and late"; }, "what followed");
}

// Endpoints that take connections and say nothing, not even SETTINGS.
class MuteEndpoint : public Http2Ends {
 protected:
  MuteEndpoint() {
    also_step_.emplace_back([this] { mute_.poll(); });
  }
  // A client that waits for its tunnel.
  Peer& waiting_client() {
    start({.hcm = "upgrade_configs: [{upgrade_type: websocket}]",
           .cluster_http = "explicit_http_config: {http2_protocol_options: {allow_connect: true}}",
           .endpoints = {mute_.port()}});
    Peer& client = connect();
    client.send(
        "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    until([&] { return mute_.connections() == 1; }, "a connection");
    settle();
    EXPECT_EQ(client.received(), "");
    EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 1);
    return client;
  }
  void nothing_is_left() {
    settle();
    EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
    EXPECT_EQ(stat("cluster.origin.http2.streams_active"), 0);
    EXPECT_EQ(stat("http.ingress.downstream_rq_active"), 0);
  }
  RawOrigin mute_;
};

TEST_F(MuteEndpoint, AnExtendedConnectWaitsNoLongerThanItsClient) {
  waiting_client().reset();
  nothing_is_left();
}

TEST_F(MuteEndpoint, AnExtendedConnectWaitsNoLongerThanItsRouteLetsIt) {
  Peer& client = waiting_client();
  advance(seconds(16));
  EXPECT_THAT(client.received(), HasStatus(504));
  nothing_is_left();
}

TEST_F(MuteEndpoint, AnExtendedConnectFailsWithTheConnectionItWaitsFor) {
  Peer& client = waiting_client();
  while (mute_.connections() > 0 && client.received().empty() && mute_.connections() < 5) {
    std::size_t before = mute_.connections();
    mute_.peer(before - 1).reset();
    until([&] { return mute_.connections() > before || !client.received().empty(); },
          "another connection, or an answer");
  }
  EXPECT_THAT(client.received(), HasStatus(503));
  nothing_is_left();
}

TEST_F(Http2Ends, ATunnelLivesThroughADrainAndNoneIsOpenedAfterIt) {
  start_to_h2({.hcm = std::string(kTunnels) +
                      ", common_http_protocol_options: {max_requests_per_connection: 2}"},
              "allow_connect: true");
  h2_origin_.set_eager();
  h2_origin_.then(accept);
  Http2Side& client = connect_h2();
  until([&] { return client.h2.settings > 0; }, "the proxy's settings");
  RecordedStream& tunnel = open_websocket(client);
  until([&] { return tunnel.body == "hi"; }, "the tunnel is open");
  get_h2(client);  // the last request: the connection drains
  EXPECT_EQ(stat("http2.goaway_sent"), 0) << "a notice says nothing final";
  advance(seconds(6));
  EXPECT_EQ(stat("http2.goaway_sent"), 1);
  client.silent = true;
  client.send_raw(
      http::frame(http::kHeaders, http::kEndHeaders, 99,
                  http::literal(":method", "CONNECT") + http::literal(":protocol", "websocket") +
                      http::literal(":scheme", "http") + http::literal(":path", "/chat") +
                      http::literal(":authority", "a.example")));
  settle();
  EXPECT_EQ(h2_origin_.requests(), 2u) << "above GOAWAY's last stream";
  EXPECT_FALSE(client.peer.ended());
  client.silent = false;
  client.h2.session->send_body(tunnel, "still here");
  until([&] { return h2_origin_.request(0).body == "still here"; }, "the tunnel's bytes");
  client.h2.session->reset(tunnel, Http2Error::kCancel);
  until_ended(client.peer);
  EXPECT_EQ(stat("http.ingress.downstream_cx_upgrades_active"), 0);
  EXPECT_EQ(stat("http2.streams_active"), 0);
}

TEST_F(Http2Ends, ATunnelEndsWithEitherSide) {
  start_to_h2({.hcm = std::string(kTunnels)}, "allow_connect: true");
  h2_origin_.set_eager();
  for (bool by_client : {true, false}) {
    h2_origin_.then(accept);
    Http2Side& client = connect_h2();
    until([&] { return client.h2.settings > 0; }, "the proxy's settings");
    RecordedStream& tunnel = open_websocket(client);
    until([&] { return tunnel.body == "hi"; }, "the tunnel is open");
    if (by_client) {
      client.h2.session->reset(tunnel, Http2Error::kCancel);
    } else {
      h2_origin_.connection(0).h2.session->reset(h2_origin_.request(h2_origin_.requests() - 1),
                                                 Http2Error::kConnect);
      until_gone(tunnel);
    }
    settle();
    EXPECT_EQ(stat("http.ingress.downstream_cx_upgrades_active"), 0);
    EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
    EXPECT_EQ(stat("cluster.origin.http2.streams_active"), 0);
  }
}

}  // namespace
}  // namespace pillion::component
