// Clients and origins that break the rules, by mistake or on purpose: refused, bounded, and without
// harm to others.

#include "tests/component/world.h"

namespace pillion::component {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class AbusivePeer : public World {
 protected:
  // What the proxy says to bytes that are no proper request; it closes the connection after it.
  std::string refused(std::string_view bytes) {
    Peer& client = connect();
    client.send(bytes);
    client.finish();
    until_ended(client);
    return client.received();
  }
};

TEST_F(AbusivePeer, SmugglingShapesAreRefusedAndNeverForwarded) {
  start();
  for (const char* request :
       {"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nbody",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +4\r\n\r\nbody",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : a\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n 2\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: 1\n\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx\x01: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "GET / HTTP/1.1\r\nhost: a b\r\n\r\n",
        "GET / HTTP/1.2.3\r\nhost: a\r\n\r\n"}) {
    std::string answer = refused(request);
    // 400, or 501 for a transfer coding and 426 for a version that are not known here.
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 501 ") ||
                answer.starts_with("HTTP/1.1 426 "))
        << request << "\n"
        << answer;
  }
  EXPECT_TRUE(origin_.requests().empty());
}

// The head is sound and may be on its way already when the body turns out not to be.
TEST_F(AbusivePeer, BadChunkSizeIs400) {
  start();
  EXPECT_THAT(refused("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
              HasSubstr("HTTP/1.1 400 "));
}

TEST_F(AbusivePeer, MalformedRequestIsAnsweredBeforeTheConnectionCloses) {
  start();
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\nbad field\r\n\r\n");
  until_ended(client);
  EXPECT_THAT(client.received(), AllOf(HasStatus(400), HasSubstr("connection: close\r\n")));
  EXPECT_EQ(stat("http.ingress.downstream_cx_protocol_error"), 1);
}

TEST_F(AbusivePeer, HeadersBeyondTheLimitsAre431) {
  start(
      {.hcm = "max_request_headers_kb: 8, common_http_protocol_options: {max_headers_count: 20}"});
  Peer& large = connect();
  large.send("GET / HTTP/1.1\r\nhost: a\r\nx: " + std::string(9000, 'y') + "\r\n\r\n");
  until_ended(large);
  EXPECT_THAT(large.received(), HasStatus(431));
  Peer& many = connect();
  std::string request = "GET / HTTP/1.1\r\nhost: a\r\n";
  for (int i = 0; i < 25; ++i) request += "x" + std::to_string(i) + ": y\r\n";
  many.send(request + "\r\n");
  until_ended(many);
  EXPECT_THAT(many.received(), HasStatus(431));
  EXPECT_TRUE(origin_.requests().empty());
}

TEST_F(AbusivePeer, HeadersInSingleBytesAreStillARequest) {
  start();
  Peer& client = connect();
  for (char c : std::string_view("GET /slow HTTP/1.1\r\nhost: a\r\nx-long-name: value\r\n\r\n")) {
    client.send({&c, 1});
    step();
  }
  until([&] { return client.received().ends_with("ok"); }, "the answer");
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("x-long-name: value\r\n"));
}

TEST_F(AbusivePeer, FloodOfPipelinedRequestsIsNotReadAhead) {
  start();
  origin_.then_hang();
  Peer& client = connect();
  std::string flood;
  while (flood.size() < 16 * 1024 * 1024) flood += "GET /f HTTP/1.1\r\nhost: a\r\n\r\n";
  client.send("GET /first HTTP/1.1\r\nhost: a\r\n\r\n" + flood);
  settle();
  EXPECT_EQ(origin_.requests().size(), 1u);
  EXPECT_GT(client.unsent(), 0u) << "the proxy took all of it while one request was under way";
}

TEST_F(AbusivePeer, GarbageFromTheOriginIs502) {
  start();
  origin_.then_reply("this is not HTTP\r\n\r\n");
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  EXPECT_THAT(client.received(), HasStatus(502));
  EXPECT_TRUE(origin_.connection(0).ended());
  EXPECT_EQ(stat("cluster.origin.upstream_cx_protocol_error"), 1);
  EXPECT_THAT(get(client), HasStatus(200));
}

TEST_F(AbusivePeer, OriginsExtraBytesAreNotTheNextAnswer) {
  start();
  origin_.then_reply(
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
      "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
  Peer& client = connect();
  get(client);
  settle();
  EXPECT_THAT(get(client), Not(HasSubstr("evil")));
  EXPECT_EQ(origin_.connections(), 2u) << "a connection with stray bytes was used again";
}

TEST_F(AbusivePeer, OriginThatSpeaksUnaskedIsNotUsed) {
  start();
  Peer& client = connect();
  get(client);
  origin_.connection(0).send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
  settle();
  EXPECT_THAT(get(client), Not(HasSubstr("evil")));
  EXPECT_EQ(origin_.connections(), 2u);
}

TEST_F(AbusivePeer, ResponseHeadersBeyondTheLimitAreRefused) {
  start({.cluster_http = "common_http_protocol_options: {max_headers_count: 10}"});
  std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n";
  for (int i = 0; i < 20; ++i) answer += "x" + std::to_string(i) + ": y\r\n";
  origin_.then_reply(answer + "\r\nok");
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  EXPECT_THAT(client.received(), ::testing::AnyOf(HasStatus(502), HasStatus(503)));
}

TEST_F(AbusivePeer, QueueForTheOriginIsBounded) {
  start({.cluster =
             "circuit_breakers: {thresholds: [{max_connections: 1, max_pending_requests: 1}]}"});
  origin_.then_hang();
  Peer& served = connect();
  served.send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\n");
  until([&] { return origin_.requests().size() == 1; }, "the first request arrives");
  Peer& waiting = connect();
  waiting.send("GET /2 HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  Peer& refused_one = connect();
  refused_one.send("GET /3 HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  EXPECT_THAT(refused_one.received(), AllOf(HasStatus(503), HasSubstr("x-envoy-overloaded: true")));
  EXPECT_EQ(waiting.received(), "");
  EXPECT_EQ(stat("cluster.origin.upstream_rq_pending_overflow"), 1);
  origin_.connection(0).send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  until([&] { return waiting.received().ends_with("ok"); }, "the one that waited is served");
}

}  // namespace
}  // namespace pillion::component
