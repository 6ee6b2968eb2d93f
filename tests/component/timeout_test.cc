// Time-outs of both sides, on a clock that the test moves.

#include "tests/component/world.h"

namespace pillion::component {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

class Timeouts : public World {
 protected:
  // Sends a request that the origin takes and does not answer.
  Peer& hang(std::string_view request = kGet) {
    origin_.then_hang();
    Peer& client = connect();
    client.send(request);
    until([this] { return !origin_.requests().empty(); }, "the request arrives");
    return client;
  }
};

TEST_F(Timeouts, RouteTimeoutIs15SecondsByDefault) {
  start();
  Peer& client = hang();
  advance(milliseconds(14900));
  EXPECT_EQ(client.received(), "");
  advance(milliseconds(200));
  EXPECT_THAT(client.received(), HasStatus(504));
  EXPECT_THAT(client.received(), HasSubstr("upstream request timeout"));
  EXPECT_TRUE(origin_.connection(0).ended());
  EXPECT_EQ(stat("cluster.origin.upstream_rq_timeout"), 1);
}

TEST_F(Timeouts, RouteTimeoutStartsWhenTheRequestIsComplete) {
  start({.route = "timeout: 2s"});
  Peer& client = connect();
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbo");
  advance(seconds(10));
  EXPECT_EQ(client.received(), "");
  origin_.then_hang();
  client.send("dy");
  settle();
  advance(milliseconds(2100));
  EXPECT_THAT(client.received(), HasStatus(504));
}

TEST_F(Timeouts, PerTryTimeoutTriesAgain) {
  start({.route = "retry_policy: {retry_on: 5xx, num_retries: 1, per_try_timeout: 1s}"});
  Peer& client = hang();
  advance(milliseconds(1500));
  EXPECT_THAT(client.received(), HasStatus(200));
  EXPECT_EQ(origin_.requests().size(), 2u);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_per_try_timeout"), 1);
}

TEST_F(Timeouts, StreamIdleTimeoutEndsASilentRequest) {
  start({.hcm = "stream_idle_timeout: 3s", .route = "timeout: 0s"});
  Peer& client = hang();
  advance(milliseconds(3100));
  EXPECT_THAT(client.received(), HasStatus(504));
  EXPECT_THAT(client.received(), HasSubstr("stream timeout"));
  EXPECT_EQ(stat("http.ingress.downstream_rq_idle_timeout"), 1);
}

TEST_F(Timeouts, SlowHeadersAreTimedOut) {
  start({.hcm = "request_headers_timeout: 2s"});
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n");
  advance(milliseconds(2100));
  EXPECT_THAT(client.received(), HasStatus(408));
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(stat("http.ingress.downstream_rq_header_timeout"), 1);
}

TEST_F(Timeouts, TheShorterOfTheTwoLimitsOnAHeadIsNamed) {
  start({.hcm = "request_headers_timeout: 3s, request_timeout: 2s"});
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n");
  advance(milliseconds(2100));
  EXPECT_THAT(client.received(), HasStatus(408));
  EXPECT_THAT(client.received(), ::testing::EndsWith("\r\n\r\nrequest timeout"));
  EXPECT_EQ(stat("http.ingress.downstream_rq_header_timeout"), 0);
  EXPECT_EQ(stat("http.ingress.downstream_rq_timeout"), 1);
}

TEST_F(Timeouts, SlowRequestIsTimedOut) {
  start({.hcm = "request_timeout: 5s"});
  Peer& client = connect();
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n");
  for (int i = 0; i < 4; ++i) {
    advance(seconds(1));
    client.send("x");
  }
  EXPECT_EQ(client.received(), "");
  advance(milliseconds(1100));
  EXPECT_THAT(client.received(), HasStatus(408));
  EXPECT_EQ(stat("http.ingress.downstream_rq_timeout"), 1);
}

TEST_F(Timeouts, TimeoutInsideAResponseCutsItOff) {
  start({.route = "timeout: 2s"});
  origin_.then([](Peer& peer) { peer.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf"); });
  Peer& client = connect();
  client.send(kGet);
  until([&] { return client.received().ends_with("half"); }, "half of the answer");
  advance(milliseconds(2100));
  EXPECT_TRUE(client.ended());
  EXPECT_THAT(client.received(), ::testing::EndsWith("half"));
}

TEST_F(Timeouts, UnfinishedConnectIsGivenUp) {
  // A backlog that is full answers no further SYN, as a host that is gone does.
  net::ListenOptions tiny;
  tiny.backlog = 0;
  net::Fd listening = std::move(*net::listen_on(*Address::parse_ip("127.0.0.1", 0), tiny));
  uint16_t port = net::local_address(listening.number()).port();
  std::vector<net::Fd> fillers;
  for (int i = 0; i < 4; ++i)
    fillers.push_back(std::move(*net::start_connect(*Address::parse_ip("127.0.0.1", port), {})));
  start({.cluster = "connect_timeout: 0.5s", .endpoints = {port}});
  Peer& client = connect();
  client.send(kGet);
  settle();
  advance(milliseconds(600));
  EXPECT_THAT(client.received(), HasStatus(503));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_timeout"), 1);
}

}  // namespace
}  // namespace pillion::component
