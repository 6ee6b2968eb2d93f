// What the parser makes of responses: which part of them is body (RFC 9112 section 6.3), what keeps
// a connection usable, and what a hostile upstream may not do.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/http/event_recorder.h"

namespace pillion::http {
namespace {

struct Outcome {
  Transcript transcript;
  bool keep_alive = false;
};

Outcome run(const std::vector<std::string_view>& pieces, ExpectedBody expected, bool at_end,
            CodecLimits limits) {
  EventRecorder events;
  Http1Parser parser(Role::kClient, events, limits);
  parser.expect(expected);
  Outcome outcome;
  outcome.transcript = transcribe(parser, events, pieces, at_end);
  outcome.keep_alive = !outcome.transcript.refused && parser.keep_alive();
  return outcome;
}

// Whole and byte by byte, which must agree.
Outcome parse(std::string_view bytes, ExpectedBody expected = ExpectedBody::kNormal,
              bool at_end = false, CodecLimits limits = {}) {
  Outcome whole = run({bytes}, expected, at_end, limits);
  Outcome pieces = run(byte_by_byte(bytes), expected, at_end, limits);
  EXPECT_EQ(whole.transcript.events, pieces.transcript.events);
  EXPECT_EQ(whole.transcript.refused, pieces.transcript.refused);
  EXPECT_EQ(whole.keep_alive, pieces.keep_alive);
  return whole;
}

std::string events(std::string_view bytes, ExpectedBody expected = ExpectedBody::kNormal) {
  Outcome outcome = parse(bytes, expected);
  EXPECT_FALSE(outcome.transcript.refused) << outcome.transcript.details;
  return outcome.transcript.events;
}
bool refused(std::string_view bytes, ExpectedBody expected = ExpectedBody::kNormal) {
  Outcome outcome = parse(bytes, expected);
  if (outcome.transcript.refused) {
    EXPECT_EQ(outcome.transcript.events.find("complete"), std::string::npos);
  }
  return outcome.transcript.refused;
}
std::string ok(std::string_view fields, std::string_view body = "") {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n" + std::string(body);
}
constexpr std::string_view kHello = "5\r\nhello\r\n0\r\n\r\n";

TEST(Http1Response, PassesASizedBodyOn) {
  EXPECT_EQ(events(ok("Content-Length: 5\r\n", "hello")),
            "response 200 [content-length: 5]\nbody hello\ncomplete\n");
}

TEST(Http1Response, PassesAChunkedBodyAndTrailersOn) {
  EXPECT_EQ(events(ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\nx: y\r\n\r\n")),
            "response 200\nbody hello\ncomplete [x: y]\n");
}

TEST(Http1Response, PassesAnEmptyBodyOnAsTheHeadsEnd) {
  EXPECT_EQ(events(ok("Content-Length: 0\r\n")),
            "response 200 [content-length: 0] end\ncomplete\n");
}

TEST(Http1Response, ABodyWithoutALengthEndsWithTheConnection) {
  Outcome outcome = parse(ok("", "hello"), ExpectedBody::kNormal, true);
  EXPECT_EQ(outcome.transcript.events, "response 200\nbody hello\ncomplete\n");
  EXPECT_FALSE(outcome.keep_alive);
  EXPECT_EQ(parse(ok(""), ExpectedBody::kNormal, true).transcript.events,
            "response 200\ncomplete\n");
}

TEST(Http1Response, ABodyCutShortIsNotComplete) {
  for (const std::string& bytes :
       {ok("Content-Length: 6\r\n", "hello"), ok("Transfer-Encoding: chunked\r\n", "5\r\nhel"),
        ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"),
        ok("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n"),
        std::string("HTTP/1.1 200 OK\r\nContent-"), std::string("HTTP/1.1 2")}) {
    Outcome outcome = parse(bytes, ExpectedBody::kNormal, true);
    EXPECT_NE(outcome.transcript.events.find("cut short"), std::string::npos) << bytes;
  }
}

TEST(Http1Response, ToHeadHasNoBody) {
  for (std::string_view fields : {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", ""}) {
    Outcome outcome = parse(ok(fields), ExpectedBody::kNone);
    EXPECT_NE(outcome.transcript.events.find(" end\ncomplete\n"), std::string::npos) << fields;
    EXPECT_TRUE(outcome.keep_alive) << fields;
  }
}

TEST(Http1Response, OfStatus204And304HasNoBody) {
  EXPECT_EQ(events("HTTP/1.1 204 No Content\r\n\r\n"), "response 204 end\ncomplete\n");
  EXPECT_EQ(events("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
            "response 204 end\ncomplete\n");
  EXPECT_EQ(events("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
            "response 304 [content-length: 5] end\ncomplete\n");
  EXPECT_EQ(events("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "response 304 end\ncomplete\n");
  EXPECT_TRUE(parse("HTTP/1.1 204 No Content\r\n\r\n").keep_alive);
  EXPECT_TRUE(parse("HTTP/1.1 304 Not Modified\r\n\r\n").keep_alive);
}

// As Envoy: one of the two is a lie, and the next response may begin anywhere.
TEST(Http1Response, OfStatus204OrInterimMayNotAnnounceABody) {
  EXPECT_TRUE(refused("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_TRUE(refused("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n" +
                      std::string(kHello)));
  EXPECT_TRUE(refused("HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n"));
  EXPECT_TRUE(refused("HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n"));
  EXPECT_TRUE(refused("HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\nhello"));
  EXPECT_TRUE(
      refused("HTTP/1.1 101 X\r\nContent-Length: 5\r\nConnection: upgrade\r\n"
              "Upgrade: a\r\n\r\n"));
}

TEST(Http1Response, PassesInterimResponsesOnBeforeTheFinalOne) {
  EXPECT_EQ(events("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
                   "HTTP/1.1 199 X\r\n\r\n" +
                   ok("Content-Length: 2\r\n", "ok")),
            "response 100\nresponse 103 [link: a]\nresponse 199\n"
            "response 200 [content-length: 2]\nbody ok\ncomplete\n");
}

TEST(Http1Response, InterimResponsesToHeadAreFollowedByTheFinalOne) {
  EXPECT_EQ(
      events("HTTP/1.1 100 Continue\r\n\r\n" + ok("Content-Length: 2\r\n"), ExpectedBody::kNone),
      "response 100\nresponse 200 [content-length: 2] end\ncomplete\n");
}

TEST(Http1Response, InterimResponsesShareOneMessageAndItsLimits) {
  EventRecorder recorder;
  Http1Parser parser(Role::kClient, recorder, {});
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(parser.feed("HTTP/1.1 102 Processing\r\n\r\n").has_value());
  EXPECT_EQ(recorder.begun, 1);
  Transcript t;
  std::string hint = "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(1000, 'a') + "\r\n\r\n";
  bool stopped = false;
  for (int i = 0; i < 100 && !stopped; ++i) stopped = !parser.feed(hint).has_value();
  EXPECT_TRUE(stopped);
}

TEST(Http1Response, RefusesLengthWithTransferEncoding) {
  EXPECT_TRUE(refused(ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", kHello)));
  EXPECT_TRUE(refused(ok("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", kHello)));
}

TEST(Http1Response, RefusesTransferEncodingsOtherThanOneChunked) {
  for (std::string_view coding :
       {"gzip", "gzip, chunked", "identity", "chunked, chunked",
        "chunked\r\nTransfer-Encoding: chunked", "xchunked", "", "chunked, gzip", "chunked \t"}) {
    EXPECT_TRUE(refused(ok("Transfer-Encoding: " + std::string(coding) + "\r\n", kHello)))
        << coding;
  }
}

TEST(Http1Response, RefusesSeveralOrMalformedLengths) {
  for (std::string_view length : {"5\r\nContent-Length: 5", "5\r\nContent-Length: 4", "5, 5", "5x",
                                  "-5", "+5", "", "18446744073709551616"}) {
    EXPECT_TRUE(refused(ok("Content-Length: " + std::string(length) + "\r\n", "hello"))) << length;
  }
}

// RFC 9112 section 6.1: read it, but trust nothing that follows on the connection.
TEST(Http1Response, Http10WithTransferEncodingEndsTheConnection) {
  Outcome outcome = parse(
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"
      "Transfer-Encoding: chunked\r\n\r\n" +
      std::string(kHello));
  EXPECT_FALSE(outcome.transcript.refused);
  EXPECT_FALSE(outcome.keep_alive);
}

TEST(Http1Response, KnowsWhetherTheConnectionGoesOn) {
  EXPECT_TRUE(parse(ok("Content-Length: 0\r\n")).keep_alive);
  EXPECT_FALSE(parse(ok("Content-Length: 0\r\nConnection: close\r\n")).keep_alive);
  EXPECT_TRUE(parse(ok("Content-Length: 2\r\n", "ok")).keep_alive);
  EXPECT_TRUE(parse(ok("Transfer-Encoding: chunked\r\n", kHello)).keep_alive);
  EXPECT_FALSE(
      parse(ok("Transfer-Encoding: chunked\r\nConnection: x, close\r\n", kHello)).keep_alive);
  EXPECT_FALSE(parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keep_alive);
  EXPECT_TRUE(
      parse("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n").keep_alive);
}

TEST(Http1Response, RefusesWhatIsNoStatusLine) {
  for (std::string_view start :
       {"hello", "HTTP/1.1 099 X", "HTTP/1.1 1000 X", "HTTP/1.1 20 X", "HTTP/1.1 2x0 X",
        "HTTP/1.1 X", "HTTP/2.0 200 OK", "HTTP/1.2 200 OK", "HTTP/0.9 200 OK", "RTSP/1.0 200 OK",
        "ICE/1.0 200 OK", "ICY 200 OK", "http/1.1 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 -20 OK",
        "GET / HTTP/1.1"}) {
    EXPECT_TRUE(refused(std::string(start) + "\r\nContent-Length: 0\r\n\r\n")) << start;
  }
}

TEST(Http1Response, TakesAnyReasonOrNone) {
  for (std::string_view start :
       {"HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 Any \t Thing", "HTTP/1.1 200 \xe9"}) {
    EXPECT_EQ(events(std::string(start) + "\r\nContent-Length: 0\r\n\r\n"),
              "response 200 [content-length: 0] end\ncomplete\n")
        << start;
  }
  EXPECT_EQ(events("HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"),
            "response 999 [content-length: 0] end\ncomplete\n");
}

TEST(Http1Response, BoundsTheReason) {
  EXPECT_TRUE(refused("HTTP/1.1 200 " + std::string(70'000, 'r') + "\r\n\r\n"));
}

TEST(Http1Response, RefusesBareLineEndsFoldsAndControls) {
  EXPECT_TRUE(refused("HTTP/1.1 200 OK\nContent-Length: 0\n\n"));
  EXPECT_TRUE(refused("HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n"));
  EXPECT_TRUE(refused("HTTP/1.1 200 a\rb\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_TRUE(refused(ok("X: a\r\n b\r\nContent-Length: 0\r\n")));
  EXPECT_TRUE(refused(ok("X : a\r\nContent-Length: 0\r\n")));
  EXPECT_TRUE(refused(ok(std::string("X: a\0\r\n", 7) + "Content-Length: 0\r\n")));
  EXPECT_TRUE(refused(ok("X: a\rb\r\nContent-Length: 0\r\n")));
}

TEST(Http1Response, BoundsFields) {
  std::string fields;
  for (int i = 0; i < 101; ++i) fields += "x: 1\r\n";
  EXPECT_TRUE(refused(ok(fields + "Content-Length: 0\r\n")));
  EXPECT_TRUE(refused(ok("x: " + std::string(61 * 1024, 'a') + "\r\nContent-Length: 0\r\n")));
}

TEST(Http1Response, LeavesStrayBytesAlone) {
  EventRecorder recorder;
  Http1Parser parser(Role::kClient, recorder, {});
  std::string response = ok("Content-Length: 2\r\n", "ok");
  Result<std::size_t> taken = parser.feed(response + "HTTP/1.1 200 OK\r\n");
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(*taken, response.size());
  EXPECT_TRUE(parser.paused());
}

TEST(Http1Response, ServesOneRequestAfterTheOther) {
  EventRecorder recorder;
  Http1Parser parser(Role::kClient, recorder, {});
  for (ExpectedBody expected :
       {ExpectedBody::kNormal, ExpectedBody::kNone, ExpectedBody::kNormal, ExpectedBody::kNone}) {
    parser.expect(expected);
    std::string bytes = ok("Content-Length: 2\r\n", expected == ExpectedBody::kNone ? "" : "ok");
    Result<std::size_t> taken = parser.feed(bytes);
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(*taken, bytes.size());
    ASSERT_TRUE(parser.paused());
    parser.resume();
  }
  EXPECT_EQ(recorder.completed, 4);
}

struct TunnelCase {
  const char* head;
  ExpectedBody expected;
  int status;
};

class Http1Tunnel : public testing::TestWithParam<TunnelCase> {};

TEST_P(Http1Tunnel, PassesEarlyBytesOnUntouched) {
  std::string head = GetParam().head;
  for (std::size_t split = 1; split <= head.size() + 3; ++split) {
    EventRecorder recorder;
    Http1Parser parser(Role::kClient, recorder, {});
    recorder.parser = &parser;
    recorder.tunnel_at = GetParam().status;
    parser.expect(GetParam().expected);
    std::string bytes = head + "HTTP/1.1 no\r\nmore\n";
    std::string_view view = bytes;
    Transcript t = transcribe(parser, recorder, {view.substr(0, split), view.substr(split)});
    EXPECT_FALSE(t.refused) << t.details;
    EXPECT_TRUE(parser.tunnel());
    EXPECT_NE(t.events.find("\nbody HTTP/1.1 no\r\nmore\n\n"), std::string::npos) << t.events;
    EXPECT_EQ(t.events.find("complete"), std::string::npos);
    EXPECT_TRUE(parser.finish());
  }
}

// Regression: bytes behind a 101 that nobody took up were parsed as a further response, which began
// a message for a request that was gone.
TEST_P(Http1Tunnel, HoldsBytesBackWhenNobodyFollows) {
  EventRecorder recorder;
  Http1Parser parser(Role::kClient, recorder, {});
  parser.expect(GetParam().expected);
  std::string head = GetParam().head;
  Result<std::size_t> taken = parser.feed(head + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(*taken, head.size());
  EXPECT_EQ(recorder.begun, 1);
  EXPECT_EQ(recorder.completed, 0);
  taken = parser.feed("HTTP/1.1 200 OK\r\n");
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(*taken, 0U);
  EXPECT_EQ(recorder.begun, 1);
}

INSTANTIATE_TEST_SUITE_P(
    All, Http1Tunnel,
    testing::Values(
        TunnelCase{"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
                   ExpectedBody::kNormal, 101},
        TunnelCase{"HTTP/1.1 101 S\r\n\r\n", ExpectedBody::kNormal, 101},
        TunnelCase{"HTTP/1.1 200 OK\r\n\r\n", ExpectedBody::kTunnel, 200},
        TunnelCase{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", ExpectedBody::kTunnel, 200},
        TunnelCase{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ExpectedBody::kTunnel,
                   200},
        TunnelCase{"HTTP/1.1 204 N\r\n\r\n", ExpectedBody::kTunnel, 204}));

TEST(Http1Response, ARefusedConnectHasABodyAsUsual) {
  EXPECT_EQ(events("HTTP/1.1 403 F\r\nContent-Length: 2\r\n\r\nno", ExpectedBody::kTunnel),
            "response 403 [content-length: 2]\nbody no\ncomplete\n");
}

TEST(Http1Response, ATunnelsHeadHasNoLength) {
  EventRecorder recorder;
  Http1Parser parser(Role::kClient, recorder, {});
  parser.expect(ExpectedBody::kTunnel);
  ASSERT_TRUE(parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n").has_value());
  EXPECT_FALSE(recorder.response->headers.has(HeaderId::kContentLength));
}

}  // namespace
}  // namespace pillion::http
