// Peers that break the rules of HTTP/2 or bend them: raw frames against a session.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/http/http2_peers.h"

namespace pillion::http {
namespace {

using ::testing::HasSubstr;

class Http2Abuse : public ::testing::Test {
 protected:
  static config::Http2Protocol resetting() {
    config::Http2Protocol protocol;
    protocol.reset_malformed_streams = true;
    return protocol;
  }
  Http2Peer server{Role::kServer, resetting()};

  // What the server makes of one request's fields.
  std::string served(const std::string& fields, bool end = true) {
    EXPECT_TRUE(
        server.feed(hello() + frame(kHeaders, kEndHeaders | (end ? kEndStream : 0), 1, fields)));
    server.take();
    return server.streams.at(1)->log;
  }
  bool survives(std::string_view bytes) {
    bool alive = server.feed(bytes);
    server.take();
    return alive && server.flushed;
  }
};

TEST_F(Http2Abuse, BytesThatAreNoPrefaceEndTheConnection) {
  EXPECT_FALSE(server.feed("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_TRUE(server.session->over());
}

TEST_F(Http2Abuse, MalformedFieldsResetTheirStreamAlone) {
  const std::string violations[] = {
      get_fields() + literal("X-Upper", "1"),
      get_fields() + literal("x-bad\r", "1"),
      get_fields() + literal("x", "a\r\nb: c"),
      get_fields() + literal("x", std::string_view("a\0b", 3)),
      get_fields() + literal("connection", "close"),
      get_fields() + literal("transfer-encoding", "chunked"),
      get_fields() + literal("upgrade", "h2c"),
      get_fields() + literal("te", "deflate"),
      get_fields() + literal(":path", "/2"),
      get_fields() + literal(":unknown", "1"),
      get_fields() + literal("host", "other.example"),
      get_fields() + literal("content-length", "5"),
      literal("x", "1") + get_fields(),
      literal(":method", "GET") + literal(":scheme", "http") + literal(":authority", "a"),
      literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "") +
          literal(":authority", "a"),
      literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "/a b") +
          literal(":authority", "a"),
      get_fields() + literal(":status", "200"),
  };
  uint32_t id = 1;
  ASSERT_TRUE(survives(hello()));
  for (const std::string& fields : violations) {
    EXPECT_TRUE(survives(frame(kHeaders, kEndHeaders | kEndStream, id, fields))) << id;
    ASSERT_EQ(server.streams.count(id), 1u);
    EXPECT_THAT(server.streams.at(id)->log, ::testing::StartsWith("reset ")) << id;
    id += 2;
  }
  EXPECT_TRUE(survives(get_frame(id)));
  EXPECT_THAT(server.streams.at(id)->log, ::testing::StartsWith("request GET /"));
  EXPECT_GE(server.counts[Http2Count::kMessagingError], 15);
}

TEST_F(Http2Abuse, AMalformedMessageEndsTheConnectionUnlessConfiguredOtherwise) {
  const std::string violations[] = {
      get_fields() + literal("X-Upper", "1"),
      get_fields() + literal("connection", "close"),
      get_fields() + literal("host", "other.example"),
      literal(":method", "GET") + literal(":scheme", "http") + literal(":authority", "a"),
  };
  for (const std::string& fields : violations) {
    Http2Peer strict{Role::kServer};
    EXPECT_FALSE(strict.feed(hello() + frame(kHeaders, kEndHeaders | kEndStream, 1, fields)));
    EXPECT_THAT(strict.streams.at(1)->log, ::testing::StartsWith("reset 1"));
    EXPECT_THAT(strict.take(), HasSubstr(frame(kGoaway, 0, 0, {"\0\0\0\1\0\0\0\1", 8})));
    EXPECT_TRUE(strict.session->over());
  }
}

TEST_F(Http2Abuse, WhatCanBeAnsweredIsRefusedWithAStatus) {
  EXPECT_THAT(served(literal(":method", "GET") + literal(":scheme", "http") +
                     literal(":path", "/") + literal(":authority", "a@b")),
              HasSubstr("refused 400 http.invalid_authority"));
}

TEST_F(Http2Abuse, ForeignSchemeIsTakenForHttp) {
  EXPECT_THAT(served(literal(":method", "GET") + literal(":scheme", "ftp") + literal(":path", "/") +
                     literal(":authority", "a")),
              HasSubstr("scheme=http "));
}

TEST_F(Http2Abuse, HostStandsInForAuthorityAndEqualOnesAreOne) {
  EXPECT_EQ(served(literal(":method", "GET") + literal(":scheme", "http") + literal(":path", "/") +
                   literal("host", "b.example")),
            "request GET / host=b.example scheme=http end\nend\n");
}

TEST_F(Http2Abuse, CookieCrumbsAreJoinedAndCounted) {
  std::string crumbs;
  for (int i = 0; i < 3; ++i) crumbs += literal("cookie", "c" + std::to_string(i));
  EXPECT_THAT(served(get_fields() + crumbs), HasSubstr("[cookie: c0; c1; c2]"));
  crumbs.clear();
  for (int i = 0; i < 97; ++i) crumbs += literal("cookie", "c");
  EXPECT_TRUE(survives(get_frame(3, crumbs)));
  EXPECT_THAT(server.streams.at(3)->log, HasSubstr("http2.too_many_headers"));
  EXPECT_EQ(server.counts[Http2Count::kHeaderOverflow], 1);
}

TEST_F(Http2Abuse, HeaderListsOfManyBytesAreRefusedAndTheTableStaysInStep) {
  // Indexed once, then repeated: each byte on the wire stands for four kilobytes.
  std::string bomb = get_fields();
  bomb += std::string("\x40\x01x\x7f\xe1\x1d", 6) + std::string(3936, 'v');
  bomb += std::string(90, '\xbe');
  ASSERT_TRUE(survives(hello()));
  EXPECT_TRUE(survives(frame(kHeaders, kEndHeaders | kEndStream, 1, bomb)));
  EXPECT_THAT(server.streams.at(1)->log, HasSubstr("http2.header_list_size_too_large"));
  EXPECT_TRUE(survives(frame(kHeaders, kEndHeaders | kEndStream, 3, get_fields() + "\xbe")));
  EXPECT_THAT(server.streams.at(3)->log, HasSubstr("[x: vvv"));
}

TEST_F(Http2Abuse, TrailersWithoutAnEndAreMalformed) {
  served(literal(":method", "POST") + literal(":scheme", "http") + literal(":path", "/") +
             literal(":authority", "a"),
         false);
  EXPECT_TRUE(survives(frame(kHeaders, kEndHeaders, 1, literal("x", "1"))));
  EXPECT_THAT(server.streams.at(1)->log, HasSubstr("reset 1"));
}

TEST_F(Http2Abuse, BodyThatBreaksItsContentLengthIsCutOff) {
  served(literal(":method", "POST") + literal(":scheme", "http") + literal(":path", "/") +
             literal(":authority", "a") + literal("content-length", "3"),
         false);
  EXPECT_TRUE(survives(frame(kData, kEndStream, 1, "four")));
  EXPECT_TRUE(server.streams.at(1)->gone);
  EXPECT_THAT(server.streams.at(1)->log, HasSubstr("http2.violation.of.messaging.rule"));
}

TEST_F(Http2Abuse, EmptyFramesFlood) {
  served(literal(":method", "POST") + literal(":scheme", "http") + literal(":path", "/") +
             literal(":authority", "a"),
         false);
  EXPECT_TRUE(survives(frame(kData, 0, 1, {})));
  EXPECT_TRUE(survives(frame(kData, 0, 1, "x")));
  EXPECT_TRUE(survives(frame(kData, 0, 1, {})));
  EXPECT_FALSE(survives(frame(kData, 0, 1, {})));
  EXPECT_EQ(server.counts[Http2Count::kEmptyFramesFlood], 1);
}

TEST_F(Http2Abuse, PriorityFlood) {
  ASSERT_TRUE(survives(hello() + get_frame(1)));
  std::string priority = frame(kPriority, 0, 3, number32(0) + "\x10");
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(survives(priority)) << i;
  EXPECT_FALSE(survives(priority));
  EXPECT_EQ(server.counts[Http2Count::kPriorityFlood], 1);
}

TEST_F(Http2Abuse, WindowUpdateFlood) {
  ASSERT_TRUE(survives(hello() + get_frame(1)));
  std::string update = frame(kWindowUpdate, 0, 0, number32(1));
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(survives(update)) << i;
  EXPECT_FALSE(survives(update));
  EXPECT_EQ(server.counts[Http2Count::kWindowUpdateFlood], 1);
}

TEST_F(Http2Abuse, RapidResetIsBoundedByABucketThatRefills) {
  ASSERT_TRUE(survives(hello()));
  uint32_t id = 1;
  auto abuse = [&] {
    bool alive = survives(get_frame(id) + frame(kRst, 0, id, number32(8)));
    id += 2;
    return alive;
  };
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(abuse()) << i;
  server.now += std::chrono::seconds(1);
  for (int i = 0; i < 33; ++i) ASSERT_TRUE(abuse()) << i;
  EXPECT_FALSE(abuse());
  EXPECT_EQ(server.counts[Http2Count::kResetFlood], 1);
}

TEST_F(Http2Abuse, RefusalsThatNobodyReadsAreAFlood) {
  ASSERT_TRUE(survives(hello()));
  uint32_t id = 1;
  for (; id < 2 * server.config.max_concurrent_streams; id += 2)
    ASSERT_TRUE(server.feed(get_frame(id)));
  bool alive = true;
  int refused = 0;
  for (; alive && refused < 2000; id += 2, ++refused) alive = server.feed(get_frame(id));
  // The two SETTINGS frames are not known to have been read either.
  EXPECT_EQ(refused, 999);
  EXPECT_EQ(server.counts[Http2Count::kOutboundControlFlood], 1);
}

TEST_F(Http2Abuse, RefusalsThatAreReadAreNone) {
  ASSERT_TRUE(survives(hello()));
  uint32_t id = 1;
  for (; id < 2 * server.config.max_concurrent_streams; id += 2)
    ASSERT_TRUE(survives(get_frame(id)));
  for (int i = 0; i < 3000; ++i, id += 2) ASSERT_TRUE(survives(get_frame(id))) << i;
}

TEST_F(Http2Abuse, ResetsThatAPeerProvokesAreBoundedLikeItsOwn) {
  ASSERT_TRUE(survives(hello()));
  uint32_t id = 1;
  bool alive = true;
  // Answered each, so that nothing but the resets themselves can be counted.
  for (; id < 4000 && alive; id += 2) {
    ASSERT_TRUE(survives(frame(kHeaders, kEndHeaders, id, get_fields())));
    RecordedStream& stream = *server.streams.at(id);
    auto* head = stream.arena().make<ResponseHead>(stream.arena());
    server.session->send_head(stream, *head, false);
    alive = survives(frame(kWindowUpdate, 0, id, number32(0x7fffffff)));
    alive = alive && !server.session->over();
  }
  EXPECT_GT(id, 2000u);
  EXPECT_LT(id, 2100u);
  EXPECT_EQ(server.counts[Http2Count::kResetFlood], 1);
  EXPECT_EQ(server.counts[Http2Count::kRxReset], 0);
}

TEST_F(Http2Abuse, ContinuationFlood) {
  ASSERT_TRUE(survives(hello() + frame(kHeaders, kEndStream, 1, get_fields())));
  for (int i = 0; i < 16; ++i)
    ASSERT_TRUE(survives(frame(kContinuation, 0, 1, literal("x", "y")))) << i;
  EXPECT_FALSE(survives(frame(kContinuation, 0, 1, literal("x", "y"))));
  EXPECT_EQ(server.counts[Http2Count::kContinuationFlood], 1);
}

TEST_F(Http2Abuse, PingsThatNobodyReadsTheAnswersToFlood) {
  ASSERT_TRUE(survives(hello()));
  std::string ping = frame(kPing, 0, 0, "12345678");
  // The peer does not read: what was written stays in the output.
  Buffer out;
  bool alive = true;
  int sent = 0;
  for (; alive && sent < 3000; ++sent) {
    alive = server.feed(ping) && server.session->flush(out, SIZE_MAX).has_value();
  }
  EXPECT_FALSE(alive);
  EXPECT_NEAR(sent, 1000, 5);
  EXPECT_EQ(server.counts[Http2Count::kOutboundControlFlood], 1);
}

TEST_F(Http2Abuse, PingsThatAreReadAreNoFlood) {
  ASSERT_TRUE(survives(hello()));
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(survives(frame(kPing, 0, 0, "12345678"))) << i;
}

TEST_F(Http2Abuse, SettingsThatNobodyReadsTheAnswersToFlood) {
  ASSERT_TRUE(survives(hello()));
  std::string settings;
  for (int i = 0; i < 1100; ++i) settings += frame(kSettings, 0, 0, {});
  EXPECT_FALSE(server.feed(settings));
  EXPECT_EQ(server.counts[Http2Count::kOutboundControlFlood], 1);
}

TEST_F(Http2Abuse, ResponsesThatNobodyReadsFlood) {
  server.config.max_outbound_frames = 100;
  ASSERT_TRUE(survives(hello()));
  Buffer out;
  bool alive = true;
  for (uint32_t id = 1; alive && id < 1000; id += 2) {
    alive = server.feed(get_frame(id));
    RecordedStream& stream = *server.streams.at(id);
    ResponseHead head(stream.arena());
    server.session->send_head(stream, head, true);
    alive = alive && server.session->flush(out, SIZE_MAX).has_value();
  }
  EXPECT_FALSE(alive);
  EXPECT_EQ(server.counts[Http2Count::kOutboundFlood], 1);
}

TEST_F(Http2Abuse, MoreStreamsThanAllowedAreRefused) {
  config::Http2Protocol config;
  config.max_concurrent_streams = 2;
  Http2Peer narrow(Role::kServer, config);
  ASSERT_TRUE(narrow.feed(hello() + get_frame(1) + get_frame(3) + get_frame(5)));
  EXPECT_EQ(narrow.streams.size(), 2u);
  EXPECT_EQ(narrow.counts[Http2Count::kStreamRefused], 1);
  narrow.take();
  EXPECT_FALSE(narrow.session->over());
  // A client that knows the limit has no excuse.
  ASSERT_TRUE(narrow.feed(frame(kSettings, 1, 0, {}) + get_frame(7)));
  narrow.take();
  EXPECT_TRUE(narrow.session->over());
  EXPECT_EQ(narrow.streams.size(), 2u);
  EXPECT_EQ(narrow.counts[Http2Count::kGoawaySent], 1);
}

TEST_F(Http2Abuse, FramesForAStreamThatItsClientHasEndedAreAnError) {
  for (int kind = 0; kind < 3; ++kind) {
    Http2Peer peer(Role::kServer);
    ASSERT_TRUE(peer.feed(hello() + get_frame(1)));
    if (kind == 2) {
      ASSERT_TRUE(peer.feed(frame(kRst, 0, 1, number32(8))));
    } else {
      RecordedStream& stream = *peer.streams.at(1);
      ResponseHead head(stream.arena());
      peer.session->send_head(stream, head, true);
    }
    peer.take();
    EXPECT_TRUE(peer.streams.at(1)->gone);
    peer.feed(kind == 0 ? get_frame(1) : frame(kData, kEndStream, 1, "x"));
    std::string goaway = peer.take();
    EXPECT_TRUE(peer.session->over()) << kind;
    EXPECT_THAT(goaway, HasSubstr(number32(5))) << "STREAM_CLOSED";
  }
}

TEST_F(Http2Abuse, FramesOnTheirWayToAStreamThatWasResetHereAreNone) {
  ASSERT_TRUE(survives(hello() + frame(kHeaders, kEndHeaders, 1, get_fields())));
  server.session->reset(*server.streams.at(1), Http2Error::kCancel);
  server.take();
  EXPECT_TRUE(survives(frame(kData, 0, 1, "x") + frame(kData, kEndStream, 1, "y")));
  EXPECT_FALSE(server.session->over());
}

TEST_F(Http2Abuse, GoawayNamesWhatCameWhileItWaitedToBeSent) {
  ASSERT_TRUE(survives(hello()));
  server.session->goaway(Http2Error::kNoError);
  ASSERT_TRUE(server.feed(get_frame(1) + get_frame(3)));
  EXPECT_THAT(server.streams.at(3)->log, ::testing::StartsWith("request GET /"));
  EXPECT_THAT(server.take(), HasSubstr(frame(7, 0, 0, number32(3) + number32(0))));
}

TEST_F(Http2Abuse, StreamsAreOpenedInOrder) {
  ASSERT_TRUE(survives(hello() + get_frame(5)));
  survives(get_frame(3));
  EXPECT_TRUE(server.session->over());
  EXPECT_EQ(server.streams.count(3), 0u);
}

TEST_F(Http2Abuse, AClientThatSaysGoawayIsDoneWithItsLastStream) {
  ASSERT_TRUE(survives(hello() + get_frame(1) + frame(7, 0, 0, number32(0) + number32(0))));
  EXPECT_FALSE(server.session->finished());
  RecordedStream& stream = *server.streams.at(1);
  ResponseHead head(stream.arena());
  server.session->send_head(stream, head, true);
  server.take();
  EXPECT_TRUE(stream.closed.complete);
  EXPECT_TRUE(server.session->finished());
  EXPECT_FALSE(server.session->over());
}

TEST_F(Http2Abuse, ResponsesOfAnEndpointAreHeldToTheSameRules) {
  Http2Peer client(Role::kClient, resetting());
  RecordedStream& switching = client.open("/");
  RecordedStream& upper = client.open("/");
  client.take();
  ASSERT_TRUE(client.feed(frame(kSettings, 0, 0, {})));
  EXPECT_TRUE(client.feed(frame(kHeaders, kEndHeaders, 1, literal(":status", "101"))));
  EXPECT_THAT(switching.log, HasSubstr("reset 1"));
  EXPECT_TRUE(client.feed(
      frame(kHeaders, kEndHeaders, 3, literal(":status", "200") + literal("Upper", "1"))));
  EXPECT_THAT(upper.log, HasSubstr("reset 1"));
}

TEST_F(Http2Abuse, InterimResponsesCannotFillTheArena) {
  Http2Peer client(Role::kClient);
  RecordedStream& asked = client.open("/");
  client.take();
  ASSERT_TRUE(client.feed(frame(kSettings, 0, 0, {})));
  std::string interim = frame(kHeaders, kEndHeaders, 1,
                              literal(":status", "103") + literal("x", std::string(1000, 'v')));
  int passed = 0;
  while (!asked.gone && passed < 1000) {
    client.feed(interim);
    ++passed;
  }
  EXPECT_LT(passed, 70);
  EXPECT_THAT(asked.log, HasSubstr("http2.header_list_size_too_large"));
}

}  // namespace
}  // namespace pillion::http
