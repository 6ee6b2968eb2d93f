// Connections on both sides: how long they live, and what makes them end.

#include "tests/component/world.h"

namespace pillion::component {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class KeepAlive : public World {};

TEST_F(KeepAlive, OneConnectionServesManyRequestsOnEitherSide) {
  start();
  Peer& client = connect();
  for (int i = 0; i < 5; ++i) EXPECT_THAT(get(client), HasStatus(200));
  EXPECT_EQ(origin_.connections(), 1u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_total"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_200"), 5);
  EXPECT_EQ(stat("http.ingress.downstream_cx_total"), 1);
  EXPECT_EQ(stat("http.ingress.downstream_rq_2xx"), 5);
}

TEST_F(KeepAlive, PipelinedRequestsAreAnsweredInOrder) {
  start();
  for (char c : {'a', 'b', 'c'})
    origin_.then_reply(std::string("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n") + c);
  Peer& client = connect();
  std::string requests;
  for (const char* path : {"/1", "/2", "/3"})
    requests += "GET " + std::string(path) + " HTTP/1.1\r\nhost: x\r\n\r\n";
  std::string answers = exchange(client, requests, "c");
  std::size_t a = answers.find("\r\n\r\na");
  std::size_t b = answers.find("\r\n\r\nb");
  std::size_t c = answers.find("\r\n\r\nc");
  ASSERT_NE(c, std::string::npos);
  EXPECT_TRUE(a < b && b < c) << answers;
  ASSERT_EQ(origin_.requests().size(), 3u);
  EXPECT_THAT(origin_.requests()[1].head, ::testing::StartsWith("GET /2 "));
}

TEST_F(KeepAlive, ClientsCloseIsHonoured) {
  start();
  Peer& client = connect();
  EXPECT_THAT(exchange(client, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", "ok"),
              HasSubstr("connection: close\r\n"));
  until_ended(client);
  Peer& other = connect();
  get(other);
  EXPECT_EQ(origin_.connections(), 1u) << "close is between client and proxy only";
}

TEST_F(KeepAlive, OriginsCloseEndsItsConnectionButNotTheClients) {
  start();
  origin_.then_reply("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
  Peer& client = connect();
  EXPECT_THAT(get(client), Not(HasSubstr("connection: close")));
  EXPECT_THAT(get(client), HasStatus(200));
  EXPECT_EQ(origin_.connections(), 2u);
}

TEST_F(KeepAlive, IdleClientIsClosedAfterTheIdleTimeout) {
  start({.hcm = "common_http_protocol_options: {idle_timeout: 30s}"});
  Peer& client = connect();
  get(client);
  advance(seconds(29));
  EXPECT_FALSE(client.ended());
  advance(seconds(2));
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(stat("http.ingress.downstream_cx_idle_timeout"), 1);
}

TEST_F(KeepAlive, IdleUpstreamConnectionIsClosedAfterItsTimeout) {
  start({.cluster_http = "common_http_protocol_options: {idle_timeout: 10s}"});
  Peer& client = connect();
  get(client);
  advance(seconds(11));
  EXPECT_TRUE(origin_.connection(0).ended());
  EXPECT_EQ(stat("cluster.origin.upstream_cx_idle_timeout"), 1);
  get(client);
  EXPECT_EQ(origin_.connections(), 2u);
}

TEST_F(KeepAlive, UpstreamConnectionIsGivenUpAfterItsLastRequest) {
  start({.cluster_http = "common_http_protocol_options: {max_requests_per_connection: 2}"});
  Peer& client = connect();
  for (int i = 0; i < 4; ++i) EXPECT_THAT(get(client), HasStatus(200));
  EXPECT_EQ(origin_.connections(), 2u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_max_requests"), 2);
}

TEST_F(KeepAlive, ClientConnectionEndsWithItsLastRequest) {
  start({.hcm = "common_http_protocol_options: {max_requests_per_connection: 2}"});
  Peer& client = connect();
  EXPECT_THAT(get(client), Not(HasSubstr("connection: close")));
  EXPECT_THAT(get(client), HasSubstr("connection: close"));
  until_ended(client);
}

TEST_F(KeepAlive, PoolPrefersTheConnectionUsedLast) {
  start();
  Peer& first = connect();
  Peer& second = connect();
  origin_.then_hang();
  first.send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\n");
  until([&] { return origin_.requests().size() == 1; }, "the first request arrives");
  get(second);
  ASSERT_EQ(origin_.connections(), 2u);
  origin_.connection(0).send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  until([&] { return first.received().ends_with("ok"); }, "the first answer");
  get(second);
  EXPECT_EQ(origin_.requests().back().connection, 0u);
}

TEST_F(KeepAlive, Http10ClientIsClosedUnlessItAsksToStay) {
  start({.hcm = "http_protocol_options: {accept_http_10: true, default_host_for_http_10: a}"});
  Peer& client = connect();
  EXPECT_THAT(exchange(client, "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", "ok"),
              HasSubstr("connection: keep-alive\r\n"));
  exchange(client, "GET / HTTP/1.0\r\n\r\n", "ok");
  until_ended(client);
}

TEST_F(KeepAlive, ClientThatLeavesAbandonsItsRequest) {
  start();
  origin_.then_hang();
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  until([&] { return origin_.requests().size() == 1; }, "the request arrives");
  client.close();
  until([&] { return origin_.connection(0).ended(); }, "the origin's connection is closed");
  EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
  EXPECT_EQ(stat("http.ingress.downstream_rq_active"), 0);
  EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_remote_active_rq"), 1);
}

}  // namespace
}  // namespace pillion::component
