// Who may send how much over HTTP/2, to whom it is held, and what that leaves for everyone else.

#include <algorithm>

#include "tests/component/http2_world.h"
#include "tests/component/raw_origin.h"

namespace pillion::component {
namespace {

using http::Http2Error;
using http::RecordedStream;
using ::testing::HasSubstr;

constexpr std::string_view kLimit = "per_connection_buffer_limit_bytes: 65536";

class Http2Windows : public Http2World {
 protected:
  // Responses of `size` bytes, from an origin that sends as its windows let it.
  void answer_with(std::size_t size, int count) {
    for (int i = 0; i < count; ++i)
      h2_origin_.then([size](Http2Side& side, RecordedStream& stream) {
        answer(side, stream, 200, std::string(size, 'x'));
      });
  }
  static config::Http2Protocol wide() {
    config::Http2Protocol protocol;
    protocol.stream_window = protocol.connection_window = 0x7fffffff;
    return protocol;
  }
  // Asks for `count` responses and reads none of them.
  Http2Side& stalled_client(int count) {
    Http2Side& client = connect_h2(wide(), 16 * 1024);
    for (int i = 0; i < count; ++i) client.h2.open("/");
    client.poll();
    client.peer.set_reading(false);
    return client;
  }
};

TEST_F(Http2Windows, WhatAClientDoesNotReadStaysAtAnHttp2Endpoint) {
  constexpr int kStreams = 100;
  constexpr std::size_t kBody = 1024 * 1024;
  start_to_h2({.listener = std::string(kLimit), .route = "timeout: 0s"});
  answer_with(kBody, kStreams);
  stalled_client(kStreams);
  until([&] { return h2_origin_.requests() == kStreams; }, "all requests arrive");
  settle();
  std::size_t left = 0;
  for (auto& [id, stream] : h2_origin_.connection(0).h2.streams) left += stream->unsent();
  std::size_t sent = kStreams * kBody - left;
  // A first window of each, the limit and as much again under way, and what the client's socket
  // took from the proxy.
  EXPECT_LT(sent, kStreams * 16 * 1024 + 2 * 65536 + 6 * 1024 * 1024);
}

TEST_F(Http2Windows, AClientThatDoesNotReadTakesNothingFromOthers) {
  constexpr int kStreams = 20;
  constexpr std::size_t kBody = 3 * 1024 * 1024;
  // Less for all of the endpoint's responses than those that stall hold back.
  start_to_h2({.listener = std::string(kLimit), .route = "timeout: 0s"},
              "initial_connection_window_size: 65535");
  answer_with(kBody, kStreams + 1);
  stalled_client(kStreams);
  until([&] { return h2_origin_.requests() == kStreams; }, "all requests arrive");
  settle();
  Http2Side& other = connect_h2(wide());
  RecordedStream& asked = get_h2(other);
  EXPECT_EQ(asked.body.size(), kBody);
  EXPECT_EQ(h2_origin_.connections(), 1u);
}

TEST_F(Http2Windows, AResponseThatIsReadIsGivenAWideWindow) {
  start_to_h2({.route = "timeout: 0s"});
  h2_origin_.then([](Http2Side& side, RecordedStream& stream) {
    auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
    side.h2.session->send_head(stream, *head, false);
    side.h2.session->send_body(stream, std::string(200'000, 'x'));
  });
  Http2Side& client = connect_h2(wide());
  RecordedStream& asked = client.h2.open("/");
  until([&] { return asked.body.size() == 200'000; }, "all of it");
  // As much as would otherwise take a reply of the proxy for each 8 KiB goes out in one piece.
  RecordedStream& stream = h2_origin_.request(0);
  h2_origin_.connection(0).silent = true;
  h2_origin_.connection(0).h2.session->send_body(stream, std::string(1'000'000, 'x'));
  std::size_t sent = h2_origin_.connection(0).h2.take().size();
  EXPECT_GT(sent, 200'000u);
  EXPECT_LT(sent, 600'000u) << "half of the connection's limit is for others";
}

// Peers whose SETTINGS change in the middle, frame by frame.
class NarrowedWindows : public Http2World {
 protected:
  static std::string initial_window(uint32_t size) {
    constexpr char kInitialWindowSize = 4;
    std::string entry{'\0', kInitialWindowSize};
    return http::frame(http::kSettings, 0, 0, entry + http::number32(size));
  }
  static std::string window_update(uint32_t stream, uint32_t size) {
    return http::frame(http::kWindowUpdate, 0, stream, http::number32(size));
  }
  // How often `byte` has come.
  static auto heard(Peer& peer, char byte) {
    return std::count(peer.received().begin(), peer.received().end(), byte);
  }
};

TEST_F(NarrowedWindows, AnEndpointsThatFallsBelowZeroIsObeyed) {
  RawOrigin endpoint;
  also_step_.emplace_back([&] { endpoint.poll(); });
  endpoint.set_greeting(http::frame(http::kSettings, 0, 0, {}));
  start({.route = "timeout: 0s",
         .cluster_http = "explicit_http_config: {http2_protocol_options: {}}",
         .endpoints = {endpoint.port()}});
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/", false, "POST");
  client.h2.session->send_body(asked, std::string(50'000, '~'));
  until([&] { return endpoint.connections() == 1 && heard(endpoint.peer(), '~') >= 50'000; },
        "the beginning of the body");
  auto before = heard(endpoint.peer(), '~');
  endpoint.peer().send(initial_window(1000));
  settle();
  client.h2.session->send_body(asked, "~~~~");
  settle();
  EXPECT_EQ(heard(endpoint.peer(), '~'), before) << "the window is " << 1000 - 50'000;
  endpoint.peer().send(window_update(1, 49'003));
  settle();
  EXPECT_EQ(heard(endpoint.peer(), '~'), before + 3);
  endpoint.peer().send(window_update(1, 1));
  settle();
  EXPECT_EQ(heard(endpoint.peer(), '~'), before + 4);
  also_step_.pop_back();
}

// Frames that did not fit into the output follow when it has drained, whatever made them leave.
TEST_F(NarrowedWindows, AnUploadGoesOnAfterAWindowLetsMoreGoThanTheSocketTakes) {
  RawOrigin endpoint;
  also_step_.emplace_back([&] { endpoint.poll(); });
  endpoint.set_greeting(initial_window(0) + window_update(0, 1'000'000));
  start({.route = "timeout: 0s",
         .cluster = "per_connection_buffer_limit_bytes: 16384",
         .cluster_http = "explicit_http_config: {http2_protocol_options: {}}",
         .endpoints = {endpoint.port()}});
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/", false, "POST");
  settle();
  client.h2.session->send_body(asked, std::string(90'000, '~'));
  settle();
  auto before = heard(endpoint.peer(), '~');
  endpoint.peer().send(window_update(1, 1'000'000));
  until([&] { return heard(endpoint.peer(), '~') == before + 90'000; }, "all of the body");
  also_step_.pop_back();
}

TEST_F(NarrowedWindows, AClientsThatFallsBelowZeroIsObeyed) {
  start();
  origin_.then_reply("HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" +
                     std::string(200'000, '~'));
  Peer& client = connect();
  client.send(std::string(http::kPreface) + initial_window(100'000) + window_update(0, 1'000'000) +
              http::get_frame(1));
  until([&] { return heard(client, '~') >= 100'000; }, "as much as the window takes");
  settle();
  auto before = heard(client, '~');
  client.send(initial_window(0));
  settle();
  client.send(window_update(1, 99'999));
  settle();
  EXPECT_EQ(heard(client, '~'), before) << "the window is still below zero";
  client.send(window_update(1, 2));
  settle();
  EXPECT_EQ(heard(client, '~'), before + 1);
}

TEST_F(Http2Windows, ResetsBeforeAnyResponseEndTheConnection) {
  start_to_h2();
  for (int i = 0; i < 600; ++i) h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  settle();
  client.silent = true;
  uint32_t id = 1;
  auto reset_some = [&](int count) {
    std::string bytes;
    for (; count > 0; --count, id += 2)
      bytes += http::get_frame(id) + http::frame(http::kRst, 0, id, http::number32(8));
    client.send_raw(bytes);
    settle();
  };
  reset_some(249);
  EXPECT_FALSE(client.peer.ended()) << "good ones could still make up for it";
  reset_some(1);
  until_ended(client.peer);
  EXPECT_EQ(client.h2.goaway, Http2Error::kEnhanceYourCalm);
  EXPECT_EQ(stat("http.ingress.downstream_rq_too_many_premature_resets"), 1);
  EXPECT_EQ(stat("http.ingress.downstream_rq_active"), 0);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
}

TEST_F(Http2Windows, PatientClientsMayResetWhatTheyLike) {
  start_to_h2();
  Http2Side& client = connect_h2();
  constexpr int kRequests = 300;
  std::vector<RecordedStream*> asked;
  for (int i = 0; i < kRequests; ++i) {
    h2_origin_.then_hang();
    asked.push_back(&client.h2.open("/"));
  }
  until([&] { return h2_origin_.requests() == kRequests; }, "all requests arrive");
  advance(milliseconds(1100));
  for (RecordedStream* stream : asked) client.h2.session->reset(*stream, Http2Error::kCancel);
  settle();
  EXPECT_EQ(stat("http2.rx_reset"), kRequests);
  EXPECT_EQ(stat("http2.streams_active"), 0);
  EXPECT_EQ(get_h2(client).body, "ok");
}

class OneAtATime : public Http2World {
 protected:
  OneAtATime() : Http2World(one()) {}
  static config::Http2Protocol one() {
    config::Http2Protocol protocol;
    protocol.max_concurrent_streams = 1;
    return protocol;
  }
};

TEST_F(OneAtATime, RequestsQueueForTheOnlyStream) {
  start_to_h2({.cluster = "circuit_breakers: {thresholds: [{max_connections: 1}]}"});
  Http2Side& client = connect_h2();
  get_h2(client);  // brings the endpoint's settings
  constexpr int kRequests = 5;
  for (int i = 0; i < kRequests; ++i) h2_origin_.then_hang();
  std::vector<RecordedStream*> asked;
  for (int i = 0; i < kRequests; ++i) asked.push_back(&client.h2.open("/" + std::to_string(i)));
  for (std::size_t i = 0; i < kRequests; ++i) {
    until([&] { return h2_origin_.requests() == i + 2; }, "the next request");
    settle();
    EXPECT_EQ(h2_origin_.requests(), i + 2) << "one at a time";
    EXPECT_EQ(stat("cluster.origin.upstream_rq_pending_active"),
              static_cast<int64_t>(kRequests - i - 1));
    RecordedStream& served = h2_origin_.request(i + 1);
    EXPECT_THAT(served.log, HasSubstr("/" + std::to_string(i)));
    answer(h2_origin_.connection(0), served, 200, "ok");
    until_gone(*asked[i]);
    EXPECT_EQ(asked[i]->body, "ok");
  }
  EXPECT_EQ(h2_origin_.connections(), 1u);
}

TEST_F(OneAtATime, AQueuedRequestMayLeaveBeforeItsTurn) {
  start_to_h2({.cluster = "circuit_breakers: {thresholds: [{max_connections: 1}]}"});
  Http2Side& client = connect_h2();
  get_h2(client);
  h2_origin_.then_hang();
  RecordedStream& first = client.h2.open("/first");
  RecordedStream& second = client.h2.open("/second");
  RecordedStream& third = client.h2.open("/third");
  until([&] { return h2_origin_.requests() == 2; }, "the first arrives");
  settle();
  client.h2.session->reset(second, Http2Error::kCancel);
  settle();
  answer(h2_origin_.connection(0), h2_origin_.request(1), 200, "ok");
  until_gone(first);
  until_gone(third);
  EXPECT_EQ(third.body, "ok");
  EXPECT_EQ(h2_origin_.requests(), 3u);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_pending_active"), 0);
}

}  // namespace
}  // namespace pillion::component
