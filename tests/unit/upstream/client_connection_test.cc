// One connection to an endpoint: which responses leave it usable, what counts as a failure, and
// what evidence a failure carries.

#include "sidecar/upstream/client_connection.h"

#include "tests/unit/upstream/pool_world.h"

namespace pillion::upstream {
namespace {

class ClientConnectionTest : public PoolWorld {};

struct LastResponse {
  const char* bytes;
  bool reusable;
};

TEST_F(ClientConnectionTest, KnowsWhetherAConnectionMayBeUsedAgain) {
  start();
  std::size_t used = 0;
  for (const LastResponse& response : std::initializer_list<LastResponse>{
           {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true},
           {"HTTP/1.1 204 No Content\r\n\r\n", true},
           {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true},
           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true},
           {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", false},
           {"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", false},
           {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokSTRAY", false},
           {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", false}}) {
    Request request;
    pool().acquire(request);
    until([&] { return served_.size() > used && served_[used]->received().ends_with("\r\n\r\n"); });
    served_[used]->send(response.bytes);
    until([&] { return request.log.ends_with("end "); });
    step();
    EXPECT_EQ(served_[used]->ended(), !response.reusable) << response.bytes;
    if (!response.reusable) {
      ++used;
    } else {
      served_[used]->close();
      until([&] { return pool().empty(); });
      ++used;
    }
  }
}

TEST_F(ClientConnectionTest, ResponsesToHeadNeedNoLengthToBeReusable) {
  start();
  Request request;
  request.head.method = http::Method::kHead;
  request.head.method_text = "HEAD";
  arrive(request, 0);
  served_[0]->send("HTTP/1.1 200 OK\r\n\r\n");
  until([&] { return request.log == "ready 200! end "; });
  step();
  EXPECT_FALSE(served_[0]->ended());
}

TEST_F(ClientConnectionTest, AResponseBeforeTheRequestsEndEndsTheConnection) {
  start();
  Request request;
  request.end = false;
  arrive(request, 0);
  served_[0]->send(kOk);
  until([&] { return request.log == "ready 200 end "; });
  until([&] { return served_[0]->ended(); });
}

// Regression: the end of the connection counted as a failure of such a response.
TEST_F(ClientConnectionTest, ABodyMayEndWithTheConnection) {
  start();
  Request request;
  arrive(request, 0);
  served_[0]->send("HTTP/1.1 200 OK\r\n\r\nhello");
  until([&] { return request.body == "hello"; });
  served_[0]->close();
  until([&] { return request.log == "ready 200 end "; });
  EXPECT_TRUE(pool().empty());
}

TEST_F(ClientConnectionTest, ACutResponseIsMalformed) {
  start();
  for (std::string_view part : {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", "HTTP/1.1 20"}) {
    Request request;
    std::size_t index = served_.size();
    arrive(request, index);
    served_[index]->send(part);
    step();
    served_[index]->close();
    until([&] { return request.log.ends_with("malformed "); });
    EXPECT_EQ(request.failure.evidence, Evidence::kUnknown);
  }
}

TEST_F(ClientConnectionTest, AMalformedResponseClosesTheConnection) {
  start();
  Request request;
  arrive(request, 0);
  served_[0]->send("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n");
  until([&] { return request.log == "ready malformed "; });
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(stats().upstream_cx_protocol_error.value(), 1);
}

// Regression: bytes after an unasked 101 began a further response of a request that was gone.
TEST_F(ClientConnectionTest, SurvivesBytesAfterAnAbandonedSwitchOfProtocols) {
  start();
  Request request;
  request.abandon_at = 101;
  arrive(request, 0);
  served_[0]->send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  until([&] { return request.log == "ready 101 "; });
  until([&] { return served_[0]->ended(); });
}

TEST_F(ClientConnectionTest, SurvivesAnInterimResponseThatIsAbandoned) {
  start();
  Request request;
  request.abandon_at = 103;
  arrive(request, 0);
  served_[0]->send(
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 "
      "OK\r\ncontent-length: 0\r\n\r\n");
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(request.log, "ready 103 ");
}

TEST_F(ClientConnectionTest, AnUnaskedResponseClosesAnIdleConnection) {
  start();
  Request request;
  arrive(request, 0);
  served_[0]->send(kOk);
  until([&] { return request.log.ends_with("end "); });
  served_[0]->send(kOk);
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(stats().upstream_cx_protocol_error.value(), 1);
}

TEST_F(ClientConnectionTest, AFailureBeforeAnythingWasWrittenSaysSo) {
  start();
  Request first;
  arrive(first, 0);
  served_[0]->send(kOk);
  until([&] { return first.log.ends_with("end "); });
  served_[0]->close();  // the loop has not seen it yet
  Request second;
  second.send_at_once = true;
  pool().acquire(second);
  ASSERT_EQ(second.log, "ready ");
  until([&] { return second.log == "ready failed "; });
  EXPECT_NE(second.failure.evidence, Evidence::kUnknown);
  EXPECT_TRUE(second.failure.reused_connection);
}

TEST_F(ClientConnectionTest, AFailureAfterTheRequestArrivedProvesNothing) {
  start();
  for (bool reset : {false, true}) {
    Request request;
    std::size_t index = served_.size();
    arrive(request, index);
    if (reset)
      served_[index]->reset();
    else
      served_[index]->close();
    until([&] { return request.log == "ready failed "; });
    EXPECT_EQ(request.failure.evidence, Evidence::kUnknown);
    EXPECT_FALSE(request.failure.reused_connection);
  }
}

TEST_F(ClientConnectionTest, AbandoningClosesTheConnection) {
  start();
  Request request;
  arrive(request, 0);
  request.connection->abandon();
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(request.log, "ready ");
  EXPECT_TRUE(pool().empty());
}

TEST_F(ClientConnectionTest, ChunksABodyOfUnknownLength) {
  start();
  Request request;
  request.end = false;
  request.head.method_text = "POST";
  arrive(request, 0);
  request.connection->send_body("hello");
  request.connection->send_body("");
  request.connection->send_end(nullptr);
  until([&] { return served_[0]->received().ends_with("0\r\n\r\n"); });
  EXPECT_EQ(
      served_[0]->received(),
      "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

TEST_F(ClientConnectionTest, PassesATunnelOn) {
  start();
  Request request;
  request.end = false;
  request.tunnel = true;
  request.head.headers.add("connection", "upgrade");
  request.head.headers.add("upgrade", "websocket");
  request.tunnel_at = 101;
  arrive(request, 0);
  EXPECT_EQ(served_[0]->received(),
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  served_[0]->send("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nEARLY");
  until([&] { return request.body == "EARLY"; });
  request.connection->send_body("up");
  until([&] { return served_[0]->received().ends_with("\r\n\r\nup"); });
  served_[0]->send("HTTP/1.1 200 OK\r\n\r\n");
  until([&] { return request.body == "EARLYHTTP/1.1 200 OK\r\n\r\n"; });
  served_[0]->close();
  until([&] { return request.log == "ready 101 end "; });
}

TEST_F(ClientConnectionTest, PausesAndResumesReading) {
  start();
  Request request;
  arrive(request, 0);
  request.connection->pause_response();
  served_[0]->send(kOk);
  step();
  EXPECT_EQ(request.log, "ready ");
  request.connection->resume_response();
  until([&] { return request.log == "ready 200 end "; });
}

}  // namespace
}  // namespace pillion::upstream
