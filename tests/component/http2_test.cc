// HTTP/2 on either side of the proxy, and the other version on the other.

#include "tests/component/http2_world.h"

namespace pillion::component {
namespace {

using http::RecordedStream;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view kWebSocket = "upgrade_configs: [{upgrade_type: websocket}]";

using Http2Component = Http2World;

TEST_F(Http2Component, ServesHttp2ClientsFromAnHttp1Origin) {
  start();
  Http2Side& client = connect_h2();
  RecordedStream& first = get_h2(client, "/1");
  RecordedStream& second = get_h2(client, "/2");
  EXPECT_THAT(first.log, HasSubstr("response 200"));
  EXPECT_EQ(second.body, "ok");
  EXPECT_TRUE(second.closed.complete);
  ASSERT_EQ(origin_.requests().size(), 2u);
  EXPECT_THAT(origin_.requests()[0].head, StartsWith("GET /1 HTTP/1.1\r\nhost: a.example\r\n"));
  EXPECT_EQ(origin_.connections(), 1u);
  EXPECT_EQ(stat("http.ingress.downstream_cx_http2_total"), 1);
  EXPECT_EQ(stat("http.ingress.downstream_cx_http1_total"), 0);
  EXPECT_EQ(stat("http.ingress.downstream_rq_http2_total"), 2);
  EXPECT_EQ(stat("http.ingress.downstream_rq_2xx"), 2);
  EXPECT_EQ(stat("http.ingress.downstream_rq_active"), 0);
  EXPECT_EQ(stat("http2.streams_active"), 0);
}

TEST_F(Http2Component, ServesHttp1ClientsFromAnHttp2Origin) {
  start_to_h2();
  Peer& client = connect();
  for (const char* path : {"/1", "/2"}) {
    std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nhost: a.example\r\n\r\n";
    EXPECT_THAT(exchange(client, request, "2\r\nok\r\n0\r\n\r\n"), HasStatus(200));
  }
  EXPECT_EQ(h2_origin_.connections(), 1u);
  EXPECT_THAT(h2_origin_.request(0).log, StartsWith("request GET /1 host=a.example scheme=http"));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_http2_total"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_200"), 2);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
  EXPECT_EQ(stat("cluster.origin.http2.streams_active"), 0);
}

TEST_F(Http2Component, MultiplexesOnBothSides) {
  start_to_h2();
  Http2Side& client = connect_h2();
  std::vector<RecordedStream*> asked;
  for (int i = 0; i < 50; ++i) asked.push_back(&client.h2.open("/" + std::to_string(i)));
  for (RecordedStream* stream : asked) until_gone(*stream);
  for (RecordedStream* stream : asked) EXPECT_EQ(stream->body, "ok");
  EXPECT_EQ(h2_origin_.connections(), 1u);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_200"), 50);
  EXPECT_EQ(stat("http.ingress.downstream_rq_2xx"), 50);
}

TEST_F(Http2Component, PassesBodiesAndTrailersBothWays) {
  start_to_h2();
  h2_origin_.then([](Http2Side& side, RecordedStream& stream) {
    answer(side, stream, 200, "answer", {{"grpc-status", "0"}});
  });
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/", false, "POST");
  client.h2.session->send_body(asked, "question");
  auto* trailers = asked.arena().make<http::Headers>(asked.arena());
  trailers->add("x-sum", "8");
  client.h2.session->send_end(asked, trailers);
  until_gone(asked);
  EXPECT_EQ(h2_origin_.request(0).body, "question");
  EXPECT_THAT(h2_origin_.request(0).log, HasSubstr("end [x-sum: 8]"));
  EXPECT_EQ(asked.body, "answer");
  EXPECT_THAT(asked.log, HasSubstr("end [grpc-status: 0]"));
}

TEST_F(Http2Component, TrailersCrossToHttp1WhereAllowed) {
  start({.hcm = "http_protocol_options: {enable_trailers: true}",
         .cluster_http = "explicit_http_config: {http_protocol_options: {enable_trailers: true}}"});
  origin_.then_reply(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-end: 1\r\n\r\n");
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/", false, "POST");
  client.h2.session->send_body(asked, "abc");
  auto* trailers = asked.arena().make<http::Headers>(asked.arena());
  trailers->add("x-sum", "3");
  client.h2.session->send_end(asked, trailers);
  until_gone(asked);
  EXPECT_EQ(origin_.requests()[0].body, "3\r\nabc\r\n0\r\nx-sum: 3\r\n\r\n");
  EXPECT_THAT(asked.log, HasSubstr("end [x-end: 1]"));
}

TEST_F(Http2Component, PrefaceMayComeByteByByte) {
  start({.hcm = "request_headers_timeout: 1s"});
  Peer& client = connect();
  for (char c : http::kPreface) {
    client.send({&c, 1});
    step();
  }
  Http2Side side(http::Role::kClient, client);
  std::string rest = side.h2.take();
  EXPECT_THAT(rest, StartsWith(http::kPreface));
  RecordedStream& asked = side.h2.open("/");
  client.send(rest.substr(http::kPreface.size()) + side.h2.take());
  until([&] { return side.poll(), asked.gone; }, "the response");
  EXPECT_EQ(asked.body, "ok");
}

TEST_F(Http2Component, PrefaceThatIsNeverCompletedIsBoundedInTime) {
  start({.hcm = "request_headers_timeout: 1s"});
  Peer& client = connect();
  client.send(http::kPreface.substr(0, 10));
  settle();
  EXPECT_FALSE(client.ended());
  advance(seconds(2));
  EXPECT_TRUE(client.ended());
}

TEST_F(Http2Component, BytesThatOnlyBeginLikeThePrefaceAreHttp1) {
  start();
  Peer& client = connect();
  client.send("PRI");
  settle();
  EXPECT_THAT(exchange(client, " /x HTTP/1.1\r\nhost: a\r\n\r\n", "\r\n\r\n"), HasStatus(400));
}

TEST_F(Http2Component, CodecTypeLimitsWhatIsSpoken) {
  start({.hcm = "codec_type: HTTP2"});
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  until_ended(client);
  EXPECT_THAT(client.received(), Not(HasSubstr("HTTP/1.1")));
  EXPECT_EQ(stat("http.ingress.downstream_cx_protocol_error"), 1);
  EXPECT_EQ(get_h2(connect_h2()).body, "ok");
}

TEST_F(Http2Component, UseDownstreamProtocolSpeaksWhatTheClientDoes) {
  start_to_h2({.cluster_http = "use_downstream_protocol_config: {http_protocol_options: {}, "
                               "http2_protocol_options: {}}"});
  EXPECT_EQ(get_h2(connect_h2()).body, "ok");
  EXPECT_EQ(stat("cluster.origin.upstream_cx_http2_total"), 1);
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  EXPECT_EQ(stat("cluster.origin.upstream_cx_http1_total"), 1);
}

TEST_F(Http2Component, DrainSaysGoawayTwiceAndClosesAfterTheLastStream) {
  start();
  origin_.then_hang();
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/");
  until([&] { return origin_.requests().size() == 1; }, "the request arrives");
  worker_->drain_connections();
  settle();
  EXPECT_EQ(client.h2.goaways, 1);
  EXPECT_EQ(stat("http2.goaway_sent"), 0) << "it was announced";
  advance(seconds(4));
  EXPECT_EQ(client.h2.goaways, 1);
  advance(seconds(2));
  EXPECT_EQ(client.h2.goaways, 2);
  EXPECT_EQ(stat("http2.goaway_sent"), 1);
  EXPECT_FALSE(client.peer.ended());
  origin_.connection(0).send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate");
  until_gone(asked);
  EXPECT_EQ(asked.body, "late");
  until_ended(client.peer);
}

TEST_F(Http2Component, IdleConnectionDrains) {
  start({.hcm = "common_http_protocol_options: {idle_timeout: 60s}, drain_timeout: 1s"});
  Http2Side& client = connect_h2();
  get_h2(client);
  advance(seconds(61));
  EXPECT_EQ(stat("http.ingress.downstream_cx_idle_timeout"), 1);
  advance(seconds(2));
  EXPECT_TRUE(client.peer.ended());
  EXPECT_EQ(client.h2.goaway, http::Http2Error::kNoError);
}

TEST_F(Http2Component, ConnectionEndsAfterItsMaximumOfRequests) {
  start({.hcm = "common_http_protocol_options: {max_requests_per_connection: 2}, "
                "drain_timeout: 1s"});
  Http2Side& client = connect_h2();
  get_h2(client);
  EXPECT_EQ(stat("http2.goaway_sent"), 0);
  get_h2(client);
  advance(seconds(2));
  until_ended(client.peer);
  EXPECT_EQ(stat("http.ingress.downstream_cx_max_requests_reached"), 1);
}

TEST_F(Http2Component, ClientsResetAbandonsTheRequestAlone) {
  start_to_h2();
  h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/slow");
  until([&] { return h2_origin_.requests() == 1; }, "the request arrives");
  client.h2.session->reset(asked, http::Http2Error::kCancel);
  until([&] { return h2_origin_.request(0).gone; }, "the origin hears of it");
  EXPECT_THAT(h2_origin_.request(0).log, HasSubstr("reset by peer 8"));
  EXPECT_EQ(get_h2(client).body, "ok");
  EXPECT_EQ(h2_origin_.connections(), 1u) << "the connection serves on";
  EXPECT_EQ(stat("http.ingress.downstream_rq_rx_reset"), 1);
  EXPECT_EQ(stat("http2.rx_reset"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_tx_reset"), 1);
}

TEST_F(Http2Component, ClientThatLeavesAbandonsAllItsRequests) {
  start_to_h2();
  h2_origin_.then_hang();
  h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  client.h2.open("/1");
  client.h2.open("/2");
  until([&] { return h2_origin_.requests() == 2; }, "the requests arrive");
  client.peer.close();
  until([&] { return h2_origin_.request(0).gone && h2_origin_.request(1).gone; },
        "the origin hears of it");
  EXPECT_EQ(stat("http.ingress.downstream_rq_active"), 0);
  EXPECT_EQ(stat("http.ingress.downstream_cx_http2_active"), 0);
  EXPECT_EQ(stat("http2.streams_active"), 0);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
}

TEST_F(Http2Component, RulesBrokenByAClientEndItsConnectionWithAReason) {
  start_to_h2();
  h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/");
  until([&] { return h2_origin_.requests() == 1; }, "the request arrives");
  client.send_raw(http::frame(http::kData, 0, 0, "on no stream"));
  until([&] { return h2_origin_.request(0).gone; }, "its request is abandoned");
  until_ended(client.peer);
  EXPECT_EQ(client.h2.goaway, http::Http2Error::kProtocol);
  EXPECT_FALSE(asked.closed.complete);
  EXPECT_EQ(stat("http.ingress.downstream_cx_protocol_error"), 1);
}

TEST_F(Http2Component, MalformedRequestEndsItsConnection) {
  start_to_h2();
  h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  RecordedStream& other = client.h2.open("/other");
  until([&] { return h2_origin_.requests() == 1; }, "the other request arrives");
  client.silent = true;
  client.send_raw(http::get_frame(3, http::literal("Upper", "1")));
  until_ended(client.peer);
  EXPECT_EQ(client.h2.goaway, http::Http2Error::kProtocol);
  EXPECT_FALSE(other.closed.complete);
  until([&] { return h2_origin_.request(0).gone; }, "the other request is abandoned");
  EXPECT_EQ(stat("http.ingress.downstream_cx_protocol_error"), 1);
  EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_local_active_rq"), 1);
  EXPECT_EQ(stat("http.ingress.downstream_rq_rx_reset"), 2);
}

TEST_F(Http2Component, MalformedRequestEndsItsStreamAloneWhereConfigured) {
  start({.hcm = "http2_protocol_options: {override_stream_error_on_invalid_http_message: true}"});
  Http2Side& client = connect_h2();
  get_h2(client);
  RecordedStream& asked = client.h2.open("/");
  client.silent = true;
  client.h2.take();
  client.send_raw(http::get_frame(3, http::literal("Upper", "1")));
  until_gone(asked);
  EXPECT_EQ(asked.closed.code, http::Http2Error::kProtocol);
  EXPECT_FALSE(client.peer.ended());
  EXPECT_EQ(stat("http2.rx_messaging_error"), 1);
  EXPECT_EQ(origin_.requests().size(), 1u);
}

TEST_F(Http2Component, EarlyResponseStopsTheUpload) {
  start({.routes = "{match: {path: /closed}, direct_response: {status: 403}},"});
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/closed", false, "POST");
  until([&] { return asked.remote_ended(); }, "the response ends");
  EXPECT_FALSE(asked.gone) << "what is under way may still be its end";
  advance(milliseconds(200));
  until_gone(asked);
  EXPECT_THAT(asked.log, HasSubstr("response 403"));
  EXPECT_TRUE(asked.remote_ended());
  EXPECT_EQ(asked.closed.code, http::Http2Error::kNoError);
}

TEST_F(Http2Component, KeepalivePingsFindADeadClient) {
  start({.hcm = "http2_protocol_options: {connection_keepalive: {interval: 10s, timeout: 2s, "
                "interval_jitter: {value: 0}}}"});
  Http2Side& client = connect_h2();
  get_h2(client);
  advance(seconds(30));
  EXPECT_FALSE(client.peer.ended()) << "it answers";
  client.silent = true;
  advance(seconds(15));
  EXPECT_TRUE(client.peer.ended());
  EXPECT_EQ(stat("http2.keepalive_timeout"), 1);
}

TEST_F(Http2Component, HeadersOverHttp1LimitsAreRefusedPerStream) {
  start({.hcm = "common_http_protocol_options: {max_headers_count: 10}"});
  Http2Side& client = connect_h2();
  get_h2(client);
  std::string many;
  for (int i = 0; i < 12; ++i) many += http::literal("cookie", "c");
  RecordedStream& asked = client.h2.open("/");
  client.silent = true;
  client.h2.take();
  client.send_raw(http::get_frame(3, many));
  until_gone(asked);
  EXPECT_EQ(stat("http2.header_overflow"), 1);
}

TEST_F(Http2Component, WebSocketFromHttp2ToHttp1) {
  start({.hcm = std::string(kWebSocket) + ", http2_protocol_options: {allow_connect: true}"});
  origin_.then_reply(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhi");
  Http2Side& client = connect_h2();
  until([&] { return client.h2.settings > 0; }, "the proxy's settings");
  RecordedStream& tunnel = open_websocket(client);
  until([&] { return tunnel.body == "hi"; }, "the first bytes");
  EXPECT_THAT(tunnel.log, StartsWith("response 200"));
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("upgrade: websocket\r\n"));
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("sec-websocket-key: "));
  client.h2.session->send_body(tunnel, "there");
  until([&] { return origin_.connection(0).received().empty(); }, "nothing is left");
  origin_.connection(0).close();
  until([&] { return tunnel.remote_ended(); }, "the end");
}

TEST_F(Http2Component, WebSocketFromHttp1ToHttp2) {
  config::Http2Protocol allowing;
  allowing.allow_connect = true;
  Http2Origin origin(allowing);
  origin.set_eager();
  also_step_.emplace_back([&] { origin.poll(); });
  origin.then([](Http2Side& side, RecordedStream& stream) { answer(side, stream, 200, "ok"); });
  origin.then([](Http2Side& side, RecordedStream& stream) {
    auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
    side.h2.session->send_head(stream, *head, false);
    side.h2.session->send_body(stream, "hi");
  });
  start({.hcm = std::string(kWebSocket),
         .cluster_http = "explicit_http_config: {http2_protocol_options: {allow_connect: true}}",
         .endpoints = {origin.port()}});
  // The first request brings the endpoint's settings.
  Peer& before = connect();
  before.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  Peer& client = connect();
  std::string answer = exchange(client,
                                "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\n"
                                "upgrade: websocket\r\n"
                                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                                "hi");
  EXPECT_THAT(answer, HasStatus(101));
  EXPECT_THAT(answer, HasSubstr("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  client.send("there");
  until([&] { return origin.requests() == 2 && origin.request(1).body == "there"; }, "the bytes");
  EXPECT_THAT(origin.request(1).log, HasSubstr("protocol=websocket"));
  also_step_.pop_back();
}

TEST_F(Http2Component, ATunnelThatEndsInBothDirectionsIsNoFailure) {
  h2_origin_.set_eager();
  h2_origin_.then(
      [](Http2Side& side, RecordedStream& stream) { answer(side, stream, 200, "bye"); });
  start_to_h2({.hcm = "upgrade_configs: [{upgrade_type: CONNECT}]",
               .routes = "{match: {connect_matcher: {}}, route: {cluster: origin}},"});
  Http2Side& client = connect_h2();
  RecordedStream& tunnel = client.h2.make();
  auto* head = tunnel.arena().make<http::RequestHead>(tunnel.arena());
  head->method_text = "CONNECT";
  head->method = http::Method::kConnect;
  head->authority = "a.example:443";
  client.h2.session->open(tunnel, *head, false, true);
  client.h2.session->send_end(tunnel, nullptr);
  until_gone(tunnel);
  EXPECT_TRUE(tunnel.closed.complete);
  EXPECT_EQ(tunnel.body, "bye");
  EXPECT_EQ(stat("http.ingress.downstream_rq_rx_reset"), 0);
  EXPECT_EQ(stat("http.ingress.downstream_rq_tx_reset"), 0);
}

TEST_F(Http2Component, AResponseToHeadEndsWhereItsOriginEndsIt) {
  h2_origin_.then([](Http2Side& side, RecordedStream& stream) {
    auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
    side.h2.session->send_head(stream, *head, false);
    side.h2.session->send_end(stream, nullptr);
  });
  start_to_h2();
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/", true, "HEAD");
  until_gone(asked);
  EXPECT_TRUE(asked.closed.complete);
  EXPECT_EQ(stat("http.ingress.downstream_rq_rx_reset"), 0);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_200"), 1);
}

TEST_F(Http2Component, WhatCameBeforeAResetReachesTheClientBeforeIt) {
  h2_origin_.then([](Http2Side& side, RecordedStream& stream) {
    auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
    side.h2.session->send_head(stream, *head, false);
    side.h2.session->send_body(stream, "part");
    Buffer out;
    ASSERT_TRUE(side.h2.session->flush(out, 1 << 20));
    side.h2.session->reset(stream, http::Http2Error::kInternal);
    ASSERT_TRUE(side.h2.session->flush(out, 1 << 20));
    side.send_raw(out.to_string());
  });
  start_to_h2();
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/");
  until_gone(asked);
  EXPECT_THAT(asked.log, StartsWith("response 200"));
  EXPECT_EQ(asked.body, "part");
  EXPECT_EQ(asked.closed.code, http::Http2Error::kInternal);
}

TEST_F(Http2Component, PlainConnectTunnelsOverHttp2) {
  start({.hcm = "upgrade_configs: [{upgrade_type: CONNECT}]",
         .routes = "{match: {connect_matcher: {}}, route: {cluster: origin}},"});
  origin_.then_reply("HTTP/1.1 200 OK\r\n\r\nhi");
  Http2Side& client = connect_h2();
  RecordedStream& tunnel = client.h2.make();
  auto* head = tunnel.arena().make<http::RequestHead>(tunnel.arena());
  head->method_text = "CONNECT";
  head->method = http::Method::kConnect;
  head->authority = "a.example:443";
  client.h2.session->open(tunnel, *head, false, true);
  until([&] { return tunnel.body == "hi"; }, "the first bytes");
  // The client's end is passed on as the origin's.
  client.h2.session->send_end(tunnel, nullptr);
  until([&] { return origin_.connection(0).ended(); }, "the origin sees the end");
}

}  // namespace
}  // namespace pillion::component
