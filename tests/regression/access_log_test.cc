// Operators that parsed, and printed nothing or too little since nobody filled what they read.

#include "tests/regression/logged_world.h"

namespace pillion::regression {
namespace {

using component::HasStatus;
using component::milliseconds;
using component::Peer;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n";

class AccessLog : public LoggedWorld {};

TEST_F(AccessLog, NamesTheFilterChain) {
  start_logging("%FILTER_CHAIN_NAME%", {.chain = "name: front"});
  get(connect());
  EXPECT_EQ(logged(), "front\n");
}

TEST_F(AccessLog, KnowsTheSocketsOwnAddress) {
  start_logging("%DOWNSTREAM_DIRECT_LOCAL_PORT%");
  get(connect());
  EXPECT_EQ(logged(), std::to_string(port()) + "\n");
}

TEST_F(AccessLog, CountsUpstreamFieldsOfAllAttempts) {
  start_logging(
      "%UPSTREAM_WIRE_BYTES_SENT% %UPSTREAM_HEADER_BYTES_SENT% "
      "%UPSTREAM_HEADER_BYTES_RECEIVED% %UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED%",
      {.route = "retry_policy: {retry_on: 5xx}"});
  origin_.then_reply("HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n");
  origin_.then_reply("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
  Peer& client = connect();
  client.send(kGet);
  until([&] { return origin_.requests().size() == 1; }, "the first attempt");
  advance(milliseconds(50));
  until([&] { return client.received().ends_with("0\r\n\r\n"); }, "the answer");
  std::size_t wire = 0;
  for (const component::Seen& seen : origin_.requests()) wire += seen.head.size();
  // Neither request line nor empty line are fields.
  std::size_t sent = wire - 2 * std::string("GET / HTTP/1.1\r\n\r\n").size();
  std::size_t received = std::string("content-length0transfer-encodingchunked").size() + 2 * 3;
  EXPECT_EQ(logged(), std::to_string(wire) + " " + std::to_string(sent) + " " +
                          std::to_string(received) + " " + std::to_string(received) + "\n");
}

TEST_F(AccessLog, CountsFieldsThatFrameAMessage) {
  start_logging("%DOWNSTREAM_HEADER_BYTES_RECEIVED% %DOWNSTREAM_HEADER_BYTES_SENT%");
  Peer& client = connect();
  exchange(client,
           "POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n"
           "connection: close\r\n\r\n0\r\n\r\n",
           "ok");
  std::string head = client.received().substr(0, client.received().find("\r\n\r\n") + 2);
  EXPECT_THAT(head, ::testing::HasSubstr("connection: close"));
  std::size_t sent = head.size() - std::string("HTTP/1.1 200 OK\r\n").size();
  std::size_t received =
      std::string("hosta.exampletransfer-encodingchunkedconnectionclose").size() + 3 * 3;
  EXPECT_EQ(logged(), std::to_string(received) + " " + std::to_string(sent) + "\n");
}

TEST_F(AccessLog, ShowsThatTheConnectionEnds) {
  start_logging("%RESP(connection)%");
  exchange(connect(), "GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n", "ok");
  EXPECT_EQ(logged(), "close\n");
}

TEST_F(AccessLog, TellsResetsFromOrderlyEnds) {
  start_logging("%DOWNSTREAM_DETECTED_CLOSE_TYPE% %UPSTREAM_DETECTED_CLOSE_TYPE%",
                {.routes = "{match: {prefix: /here}, direct_response: {status: 200}}, "});
  exchange(connect(), "GET /here HTTP/1.1\r\nhost: a.example\r\n\r\n", "\r\n\r\n");
  get(connect());
  origin_.then_close();
  EXPECT_THAT(exchange(connect(), kGet, "termination"), HasStatus(503));
  origin_.then_reset();
  EXPECT_THAT(exchange(connect(), kGet, "termination"), HasStatus(503));
  origin_.then_hang();
  Peer& client = connect();
  client.send(kGet);
  until([&] { return origin_.requests().size() == 4; }, "the request arrives");
  client.reset();
  until([&] { return stat("http.ingress.downstream_cx_active") == 4; }, "the client is gone");
  EXPECT_EQ(logged(),
            "Normal -\nNormal Normal\nNormal Normal\nNormal RemoteReset\nRemoteReset Normal\n");
}

TEST_F(AccessLog, AResponseCutShortHasNoLastByte) {
  start_logging(
      "%RESPONSE_CODE% %RESPONSE_TX_DURATION% %COMMON_DURATION(DS_RX_BEG:DS_TX_END:ms)% "
      "%COMMON_DURATION(DS_CX_BEG:DS_CX_END:ms)%");
  origin_.then([](Peer& origin) {
    origin.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");
    origin.finish();
  });
  Peer& client = connect();
  client.send(kGet);
  until_ended(client);
  EXPECT_EQ(logged(), "200 - - -\n");
}

TEST_F(AccessLog, CountsHowOftenARouteWasLookedFor) {
  start_logging("%ROUTE_RESOLUTION_COUNT%");
  get(connect());
  exchange(connect(), "GET / HTTP/1.1\r\nbad\r\n\r\n", "Bad Request");
  EXPECT_EQ(logged(), "1\n0\n");
}

TEST_F(AccessLog, MeasuresTheRoundTripOfAnOpenConnection) {
  start_logging("%DOWNSTREAM_CX_RTT%");
  get(connect());
  EXPECT_THAT(logged(), ::testing::MatchesRegex("[0-9]+\n"));
}

}  // namespace
}  // namespace pillion::regression
