#include "sidecar/http/http2_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/http/http2_peers.h"

namespace pillion::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Http2SessionTest : public ::testing::Test {
 protected:
  Http2Peer client{Role::kClient};
  Http2Peer server{Role::kServer};

  // Passes bytes until neither side has any.
  void exchange() {
    for (int i = 0; i < 1000; ++i) {
      std::string there = client.take();
      if (!there.empty()) server.feed(there);
      std::string back = server.take();
      if (!back.empty()) client.feed(back);
      if (there.empty() && back.empty()) return;
    }
    FAIL() << "the two never come to rest";
  }
  void respond(RecordedStream& stream, int status, std::string_view body, bool end = true) {
    auto* head = stream.arena().make<ResponseHead>(stream.arena());
    head->status = status;
    head->headers.add("x-served", "yes");
    server.session->send_head(stream, *head, end && body.empty());
    server.session->send_body(stream, body);
    if (end) server.session->send_end(stream, nullptr);
  }
};

TEST_F(Http2SessionTest, CarriesARequestAndItsResponse) {
  RecordedStream& asked = client.open("/a?b=c");
  exchange();
  RecordedStream& served = *server.streams.at(1);
  EXPECT_EQ(served.log, "request GET /a?b=c host=a.example scheme=http end\nend\n");
  EXPECT_EQ(served.request->version, Version::kHttp2);
  respond(served, 200, "hello");
  exchange();
  EXPECT_EQ(asked.log, "response 200 [x-served: yes]\nend\ncomplete\n");
  EXPECT_EQ(asked.body, "hello");
  EXPECT_TRUE(served.closed.complete);
  EXPECT_EQ(server.session->streams(), 0u);
  EXPECT_EQ(client.session->streams(), 0u);
}

TEST_F(Http2SessionTest, SmallResponseTakesTwoFrames) {
  client.open("/");
  exchange();
  respond(*server.streams.at(1), 200, "hello");
  std::string bytes = server.take();
  // HEADERS without, then DATA with END_STREAM, and nothing after it.
  ASSERT_GT(bytes.size(), 9u);
  std::size_t head = 9 + static_cast<unsigned char>(bytes[2]);
  EXPECT_EQ(bytes[3], kHeaders);
  EXPECT_EQ(bytes[4] & kEndStream, 0);
  EXPECT_EQ(bytes.substr(head), frame(kData, kEndStream, 1, "hello"));
}

TEST_F(Http2SessionTest, PassesInterimResponsesAndTrailers) {
  RecordedStream& asked = client.open("/", false, "POST");
  client.session->send_body(asked, "abc");
  auto* sum = asked.arena().make<Headers>(asked.arena());
  sum->add("x-sum", "3");
  client.session->send_end(asked, sum);
  exchange();
  RecordedStream& served = *server.streams.at(1);
  EXPECT_THAT(served.log, HasSubstr("end [x-sum: 3]\n"));
  EXPECT_EQ(served.body, "abc");
  ResponseHead early(served.arena());
  early.status = 103;
  early.headers.add("link", "</s.css>");
  server.session->send_interim(served, early);
  ResponseHead head(served.arena());
  server.session->send_head(served, head, false);
  auto* trailers = served.arena().make<Headers>(served.arena());
  trailers->add("grpc-status", "0");
  server.session->send_end(served, trailers);
  exchange();
  EXPECT_EQ(asked.log,
            "response 103 [link: </s.css>]\nresponse 200\nend [grpc-status: 0]\ncomplete\n");
  EXPECT_EQ(server.counts[Http2Count::kTrailers], 1);
}

TEST_F(Http2SessionTest, LargeBodiesPassInWindows) {
  std::string big(40 * 1024 * 1024, 'x');
  RecordedStream& asked = client.open("/");
  exchange();
  respond(*server.streams.at(1), 200, big);
  EXPECT_EQ(server.session->buffered(), big.size());
  exchange();
  EXPECT_EQ(asked.body.size(), big.size());
  EXPECT_TRUE(asked.closed.complete);
  EXPECT_EQ(server.session->buffered(), 0u);
}

TEST_F(Http2SessionTest, PausedStreamHoldsItsPeerUpAndNoOther) {
  client.pause_at_body = false;
  RecordedStream& slow = client.open("/slow");
  RecordedStream& fast = client.open("/fast");
  slow.pause_at_body = true;
  exchange();
  std::string big(20 * 1024 * 1024, 'x');
  respond(*server.streams.at(1), 200, big);
  exchange();
  EXPECT_EQ(slow.body.size(), 16u * 1024 * 1024) << "one stream's window";
  EXPECT_TRUE(server.session->window_shut(*server.streams.at(1)));
  respond(*server.streams.at(3), 200, "quick");
  exchange();
  EXPECT_EQ(fast.body, "quick");
  EXPECT_FALSE(slow.gone);
  slow.pause_at_body = false;
  client.session->resume(slow);
  exchange();
  EXPECT_EQ(slow.body.size(), big.size());
  EXPECT_TRUE(slow.closed.complete);
}

TEST_F(Http2SessionTest, AbandonedBytesDoNotShrinkTheConnectionsWindow) {
  // More than the connection's window, stream after stream, none of it read.
  for (int i = 0; i < 10; ++i) {
    RecordedStream& asked = client.open("/");
    asked.pause_at_body = true;
    exchange();
    respond(*server.streams.at(static_cast<StreamId>(1 + 2 * i)), 200,
            std::string(10 * 1024 * 1024, 'x'));
    exchange();
    EXPECT_GT(asked.body.size(), 9u * 1024 * 1024) << i;
    client.session->reset(asked, Http2Error::kCancel);
    exchange();
  }
}

// A client whose responses begin in windows of 1000 bytes.
class FirstWindow : public Http2SessionTest {
 protected:
  static config::Http2Protocol narrow_at_first() {
    config::Http2Protocol protocol;
    protocol.first_window = 1000;
    protocol.connection_window = 65535;
    return protocol;
  }
  FirstWindow() : narrow_(Role::kClient, narrow_at_first()) {}
  void pass() {
    for (int i = 0; i < 10000; ++i) {
      std::string there = narrow_.take();
      if (!there.empty()) server.feed(there);
      std::string back = server.take();
      if (!back.empty()) narrow_.feed(back);
      if (there.empty() && back.empty()) return;
    }
    FAIL() << "the two never come to rest";
  }
  Http2Peer narrow_;
};

TEST_F(FirstWindow, IsAllThatAResponseNobodyTakesHas) {
  RecordedStream& asked = narrow_.open("/");
  asked.pause_at_body = true;
  asked.wider = 1'000'000;
  pass();
  respond(*server.streams.at(1), 200, std::string(100'000, 'x'));
  pass();
  EXPECT_EQ(asked.body.size(), 1000u);
}

TEST_F(FirstWindow, WidensAsAResponseIsTaken) {
  RecordedStream& asked = narrow_.open("/");
  asked.wider = 40'000;
  pass();
  respond(*server.streams.at(1), 200, std::string(5000, 'x'), false);
  pass();
  ASSERT_EQ(asked.body.size(), 5000u);
  asked.pause_at_body = true;
  server.session->send_body(*server.streams.at(1), std::string(100'000, 'x'));
  pass();
  EXPECT_GT(asked.body.size(), 5000u + 40'000 / 2);
  EXPECT_LE(asked.body.size(), 5000u + 41'000);
}

TEST_F(FirstWindow, NarrowsWhenLessIsGranted) {
  RecordedStream& asked = narrow_.open("/");
  asked.wider = 40'000;
  pass();
  respond(*server.streams.at(1), 200, std::string(100'000, 'x'), false);
  pass();
  ASSERT_EQ(asked.body.size(), 100'000u);
  asked.wider = 0;
  server.session->send_body(*server.streams.at(1), std::string(100'000, 'x'));
  pass();
  ASSERT_EQ(asked.body.size(), 200'000u);
  asked.pause_at_body = true;
  server.session->send_body(*server.streams.at(1), std::string(100'000, 'x'));
  pass();
  EXPECT_LE(asked.body.size(), 201'000u);
}

TEST_F(FirstWindow, LeavesTheConnectionsToOthers) {
  constexpr StreamId kStalled = 100;
  std::vector<RecordedStream*> stalled;
  for (StreamId i = 0; i < kStalled; ++i) {
    stalled.push_back(&narrow_.open("/"));
    stalled.back()->pause_at_body = true;
  }
  RecordedStream& taken = narrow_.open("/");
  pass();
  for (auto& [id, stream] : server.streams) respond(*stream, 200, std::string(300'000, 'x'));
  pass();
  for (RecordedStream* stream : stalled) EXPECT_EQ(stream->body.size(), 1000u);
  EXPECT_EQ(taken.body.size(), 300'000u) << "more than the connection's window is held back";
  // Those that leave give nothing back twice.
  for (RecordedStream* stream : stalled) narrow_.session->reset(*stream, Http2Error::kCancel);
  RecordedStream& last = narrow_.open("/");
  pass();
  EXPECT_FALSE(server.session->over());
  respond(*server.streams.at(2 * kStalled + 3), 200, std::string(300'000, 'x'));
  pass();
  EXPECT_EQ(last.body.size(), 300'000u);
}

TEST_F(Http2SessionTest, LargePieceIsWrittenWithoutWaiting) {
  client.open("/");
  exchange();
  RecordedStream& served = *server.streams.at(1);
  ResponseHead head(served.arena());
  server.session->send_head(served, head, false);
  Buffer out;
  std::string piece(100000, 'y');
  server.session->send_body(served, piece, out, 1 << 20);
  EXPECT_GT(out.size(), piece.size());
  EXPECT_EQ(served.unsent(), 0u);
  server.session->send_body(served, piece, out, 150000);
  EXPECT_GT(served.unsent(), 0u) << "the output is full";
  EXPECT_LT(out.size(), 180000u);
  server.session->send_end(served, nullptr);
  client.feed(out.to_string());
  exchange();
  EXPECT_EQ(client.made[0]->body, piece + piece);
}

TEST_F(Http2SessionTest, CloggedStreamIsToldWhenItDrains) {
  client.config.stream_window = 65535;
  Http2Peer narrow(Role::kClient, client.config);
  RecordedStream& asked = narrow.open("/");
  asked.pause_at_body = true;
  server.feed(narrow.take());
  RecordedStream& served = *server.streams.at(1);
  respond(served, 200, std::string(200000, 'x'), false);
  EXPECT_TRUE(server.session->clogged(served));
  narrow.feed(server.take());
  EXPECT_EQ(asked.body.size(), 65535u);
  EXPECT_EQ(served.drained, 0);
  asked.pause_at_body = false;
  narrow.session->resume(asked);
  for (int i = 0; i < 20; ++i) {
    server.feed(narrow.take());
    narrow.feed(server.take());
  }
  EXPECT_EQ(asked.body.size(), 200000u);
  EXPECT_EQ(served.drained, 1);
  EXPECT_FALSE(server.session->clogged(served));
}

TEST_F(Http2SessionTest, ResetReachesThePeerWithItsCode) {
  RecordedStream& asked = client.open("/");
  exchange();
  client.session->reset(asked, Http2Error::kCancel);
  EXPECT_FALSE(asked.attached());
  exchange();
  EXPECT_THAT(server.streams.at(1)->log, HasSubstr("reset by peer 8 http2.remote_reset\n"));
  EXPECT_EQ(server.counts[Http2Count::kRxReset], 1);
  EXPECT_EQ(client.counts[Http2Count::kTxReset], 1);
}

TEST_F(Http2SessionTest, DestroyedStreamIsReset) {
  client.open("/");
  exchange();
  client.made.clear();
  exchange();
  EXPECT_THAT(server.streams.at(1)->log, HasSubstr("reset by peer 8"));
}

TEST_F(Http2SessionTest, RefusedStreamCountsAsUnprocessed) {
  server.refuse = true;
  RecordedStream& asked = client.open("/");
  exchange();
  EXPECT_EQ(asked.log, "reset by peer 7 http2.remote_refuse unprocessed\n");
  EXPECT_EQ(server.counts[Http2Count::kStreamRefused], 1);
}

TEST_F(Http2SessionTest, EarlyWholeResponseCutsTheRequestOff) {
  RecordedStream& asked = client.open("/", false, "POST");
  exchange();
  RecordedStream& served = *server.streams.at(1);
  respond(served, 413, "no");
  server.session->finish(served);
  exchange();
  EXPECT_THAT(asked.log, HasSubstr("response 413"));
  EXPECT_EQ(asked.body, "no");
  EXPECT_TRUE(asked.remote_ended());
  EXPECT_TRUE(asked.closed.remote);
  EXPECT_EQ(asked.closed.code, Http2Error::kNoError);
  EXPECT_EQ(server.session->streams(), 0u);
}

TEST_F(Http2SessionTest, GoawayLeavesWhatCameBefore) {
  RecordedStream& first = client.open("/1");
  exchange();
  server.session->shutdown_notice();
  exchange();
  RecordedStream& second = client.open("/2");
  exchange();
  EXPECT_EQ(server.streams.count(3), 0u) << "nghttp2's clients open none after any GOAWAY";
  EXPECT_TRUE(second.gone || !second.attached());
  respond(*server.streams.at(1), 200, "ok");
  exchange();
  EXPECT_TRUE(first.closed.complete);
}

TEST_F(Http2SessionTest, StreamsAboveTheLastOneOfGoawayAreUnprocessed) {
  RecordedStream& first = client.open("/1");
  exchange();
  RecordedStream& second = client.open("/2");
  std::string late = client.take();
  server.session->goaway(Http2Error::kNoError);
  exchange();
  server.feed(late);
  EXPECT_EQ(server.streams.count(3), 0u);
  EXPECT_EQ(second.log, "reset by peer 7 http2.remote_refuse unprocessed\n");
  respond(*server.streams.at(1), 200, "ok");
  exchange();
  EXPECT_TRUE(first.closed.complete);
}

TEST_F(Http2SessionTest, PingsAreAnswered) {
  exchange();
  client.session->ping();
  exchange();
  EXPECT_EQ(client.ping_acks, 1);
}

TEST_F(Http2SessionTest, ExtendedConnectLooksLikeAnUpgrade) {
  config::Http2Protocol allowing;
  allowing.allow_connect = true;
  Http2Peer host(Role::kServer, allowing);
  client.feed(host.take());
  EXPECT_TRUE(client.session->peer_allows_connect());
  RecordedStream& asked = client.make();
  RequestHead head(asked.arena());
  head.method_text = "GET";
  head.path = "/chat";
  head.authority = "a.example";
  head.scheme = "https";
  head.protocol = "websocket";
  client.session->open(asked, head, false, true);
  host.feed(client.take());
  EXPECT_EQ(host.streams.at(1)->log,
            "request GET /chat host=a.example scheme=https protocol=websocket\n");
}

TEST_F(Http2SessionTest, PlainConnectHasAuthorityAlone) {
  RecordedStream& asked = client.make();
  RequestHead head(asked.arena());
  head.method_text = "CONNECT";
  head.method = Method::kConnect;
  head.authority = "a.example:443";
  client.session->open(asked, head, false, true);
  exchange();
  EXPECT_EQ(server.streams.at(1)->log, "request CONNECT  host=a.example:443 scheme=\n");
}

TEST_F(Http2SessionTest, ConnectionSpecificFieldsStayHere) {
  RecordedStream& asked = client.make();
  RequestHead head(asked.arena());
  head.method_text = "GET";
  head.path = "/";
  head.authority = "a.example";
  for (const char* name : {"connection", "keep-alive", "upgrade", "transfer-encoding"})
    head.headers.add(name, "x");
  head.headers.add("te", "trailers, deflate");
  head.headers.add("x-kept", "1");
  client.session->open(asked, head, true, false);
  exchange();
  EXPECT_EQ(server.streams.at(1)->log,
            "request GET / host=a.example scheme=http [x-kept: 1] end\nend\n");
}

TEST_F(Http2SessionTest, OutputStopsAtWhatTheOwnerTakes) {
  client.open("/");
  exchange();
  respond(*server.streams.at(1), 200, std::string(1000000, 'x'));
  std::string some = server.take(100000);
  EXPECT_GE(some.size(), 100000u);
  EXPECT_LT(some.size(), 120000u);
  client.feed(some);
  exchange();
  EXPECT_EQ(client.made[0]->body.size(), 1000000u);
}

}  // namespace
}  // namespace pillion::http
