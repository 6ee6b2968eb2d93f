// Failed attempts: which are tried again, by what evidence, and which must not be.

#include "tests/component/world.h"

namespace pillion::component {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kPost = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
constexpr std::string_view kUnavailable =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

class Retry : public World {};

TEST_F(Retry, RequestThatMeetsAConnectionJustClosedIsSentAgain) {
  start();
  Peer& client = connect();
  get(client);
  // The FIN is on its way while the proxy still holds the connection for idle.
  origin_.connection(0).close();
  EXPECT_THAT(get(client), HasStatus(200));
  EXPECT_EQ(origin_.connections(), 2u);
}

TEST_F(Retry, EvenAPostIsSentAgainWhenNothingOfItWasProcessed) {
  start();
  Peer& client = connect();
  get(client);
  origin_.connection(0).close();
  EXPECT_THAT(exchange(client, kPost, "ok"), HasStatus(200));
  ASSERT_EQ(origin_.requests().size(), 2u);
  EXPECT_EQ(origin_.requests()[1].body, "body");
}

TEST_F(Retry, PostIsNotRepeatedAfterTheOriginHasReadIt) {
  start();
  origin_.then_close();
  Peer& client = connect();
  std::string answer = exchange(client, kPost, "reset reason: connection termination");
  EXPECT_THAT(answer, HasStatus(503));
  EXPECT_EQ(origin_.requests().size(), 1u);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_retry"), 0);
}

TEST_F(Retry, WithoutAPolicyAResponseIsPassedOn) {
  start();
  origin_.then_reply(std::string(kUnavailable));
  Peer& client = connect();
  EXPECT_THAT(exchange(client, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\r\n\r\n"), HasStatus(503));
  EXPECT_EQ(origin_.requests().size(), 1u);
}

TEST_F(Retry, FiveHundredsAreRetriedWhenThePolicySaysSo) {
  start({.route = "retry_policy: {retry_on: 5xx, num_retries: 2}"});
  origin_.then_reply(std::string(kUnavailable));
  origin_.then_reply(std::string(kUnavailable));
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  for (int i = 0; i < 10 && client.received().empty(); ++i) advance(milliseconds(250));
  EXPECT_THAT(client.received(), HasStatus(200));
  EXPECT_EQ(origin_.requests().size(), 3u);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_retry"), 2);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_retry_success"), 1);
  // Responses that were retried are counted apart.
  EXPECT_EQ(stat("cluster.origin.upstream_rq_503"), 0);
  EXPECT_EQ(stat("cluster.origin.retry.upstream_rq_503"), 2);
}

TEST_F(Retry, LastAnswerIsPassedOnWhenRetriesAreUsedUp) {
  start({.route = "retry_policy: {retry_on: 5xx, num_retries: 1}"});
  origin_.set_default(std::string(kUnavailable));
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  for (int i = 0; i < 10 && client.received().empty(); ++i) advance(milliseconds(250));
  EXPECT_THAT(client.received(), HasStatus(503));
  EXPECT_EQ(origin_.requests().size(), 2u);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_retry_limit_exceeded"), 1);
}

TEST_F(Retry, RefusedEndpointIsLeftForAnother) {
  Origin dead;
  uint16_t dead_port = dead.port();
  dead.stop_listening();
  start({.route = "retry_policy: {retry_on: connect-failure, num_retries: 3}",
         .endpoints = {dead_port, origin_.port()}});
  for (int i = 0; i < 4; ++i) {
    Peer& client = connect();
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    settle();
    for (int j = 0; j < 10 && client.received().empty(); ++j) advance(milliseconds(250));
    EXPECT_THAT(client.received(), HasStatus(200));
  }
  EXPECT_EQ(origin_.requests().size(), 4u);
  EXPECT_GT(stat("cluster.origin.upstream_cx_connect_fail"), 0);
}

TEST_F(Retry, RefusedConnectionWithoutAPolicyIs503) {
  origin_.stop_listening();
  start();
  Peer& client = connect();
  std::string answer =
      exchange(client, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "remote connection failure");
  EXPECT_THAT(answer, HasStatus(503));
  EXPECT_THAT(answer, HasSubstr("connection failure"));
}

TEST_F(Retry, ResponseThatHasBegunIsNeverRetried) {
  start({.route = "retry_policy: {retry_on: 'reset,5xx', num_retries: 2}"});
  origin_.then([](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    peer.finish();
  });
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  until_ended(client);
  EXPECT_THAT(client.received(), HasStatus(200));
  EXPECT_EQ(origin_.requests().size(), 1u);
}

TEST_F(Retry, CircuitBreakerBoundsRetries) {
  start({.route = "retry_policy: {retry_on: 5xx, num_retries: 5}",
         .cluster = "circuit_breakers: {thresholds: [{max_retries: 0}]}"});
  origin_.set_default(std::string(kUnavailable));
  Peer& client = connect();
  EXPECT_THAT(exchange(client, "GET / HTTP/1.1\r\nhost: a\r\n\r\n", "\r\n\r\n"), HasStatus(503));
  EXPECT_EQ(origin_.requests().size(), 1u);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_retry_overflow"), 1);
}

}  // namespace
}  // namespace pillion::component
