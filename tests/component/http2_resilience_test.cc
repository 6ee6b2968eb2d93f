// HTTP/2 under strain: connections that fill up, end or die, peers that do not read, floods.

#include "tests/component/http2_peers.h"
#include "tests/component/world.h"

namespace pillion::component {
namespace {

using http::Http2Error;
using http::RecordedStream;
using ::testing::HasSubstr;

constexpr std::string_view kH2Origin = "explicit_http_config: {http2_protocol_options: {}}";
constexpr std::string_view kLimit = "per_connection_buffer_limit_bytes: 65536";

class Http2Resilience : public World {
 protected:
  Http2Resilience() {
    also_step_.emplace_back([this] { h2_origin_.poll(); });
    also_step_.emplace_back([this] {
      for (auto& side : sides_) side->poll();
    });
  }
  void start_to_h2(Scene scene = {}) {
    if (scene.cluster_http.empty()) scene.cluster_http = kH2Origin;
    scene.endpoints = {h2_origin_.port()};
    start(std::move(scene));
  }
  Http2Side& connect_h2(config::Http2Protocol protocol = {}, int receive_buffer = 0) {
    sides_.push_back(
        std::make_unique<Http2Side>(http::Role::kClient, connect(receive_buffer), protocol));
    return *sides_.back();
  }
  void until_gone(const RecordedStream& stream) {
    until([&] { return stream.gone; }, "the stream ends");
  }
  RecordedStream& get_h2(Http2Side& client, std::string_view path = "/") {
    RecordedStream& stream = client.h2.open(path);
    until_gone(stream);
    return stream;
  }

  Http2Origin h2_origin_;
  std::vector<std::unique_ptr<Http2Side>> sides_;
};

TEST_F(Http2Resilience, FullConnectionsAreJoinedByAnother) {
  start_to_h2({.cluster_http =
                   "explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 2}}"});
  for (int i = 0; i < 5; ++i) h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  std::vector<RecordedStream*> asked;
  for (int i = 0; i < 5; ++i) asked.push_back(&client.h2.open("/"));
  until([&] { return h2_origin_.requests() == 5; }, "all requests arrive");
  EXPECT_EQ(h2_origin_.connections(), 3u);
  for (std::size_t i = 0; i < 3; ++i)
    for (auto& [id, stream] : h2_origin_.connection(i).h2.streams)
      answer(h2_origin_.connection(i), *stream, 200, "ok");
  for (RecordedStream* stream : asked) until_gone(*stream);
  get_h2(client);
  EXPECT_EQ(h2_origin_.connections(), 3u) << "there is room again";
}

TEST_F(Http2Resilience, TheEndpointsLimitOfStreamsIsRespected) {
  config::Http2Protocol narrow;
  narrow.max_concurrent_streams = 1;
  Http2Origin origin(narrow);
  also_step_.emplace_back([&] { origin.poll(); });
  start({.cluster_http = std::string(kH2Origin), .endpoints = {origin.port()}});
  Http2Side& client = connect_h2();
  get_h2(client);  // brings the endpoint's settings
  origin.then_hang();
  origin.then_hang();
  client.h2.open("/1");
  client.h2.open("/2");
  until([&] { return origin.requests() == 3; }, "both arrive");
  EXPECT_EQ(origin.connections(), 2u);
  also_step_.pop_back();
}

TEST_F(Http2Resilience, GoawayOfAnEndpointMovesNewRequestsElsewhere) {
  start_to_h2();
  Http2Side& client = connect_h2();
  h2_origin_.then_hang();
  RecordedStream& before = client.h2.open("/before");
  until([&] { return h2_origin_.requests() == 1; }, "the request arrives");
  h2_origin_.connection(0).h2.session->goaway(Http2Error::kNoError);
  settle();
  EXPECT_EQ(get_h2(client, "/after").body, "ok");
  EXPECT_EQ(h2_origin_.connections(), 2u);
  answer(h2_origin_.connection(0), h2_origin_.request(0), 200, "late");
  until_gone(before);
  EXPECT_EQ(before.body, "late");
  until([&] { return h2_origin_.connection(0).peer.ended(); }, "the old connection closes");
  EXPECT_EQ(stat("cluster.origin.upstream_cx_close_notify"), 1);
}

TEST_F(Http2Resilience, RequestsThatGoawayLeftUnprocessedAreSentAgain) {
  start_to_h2();
  Http2Side& client = connect_h2();
  get_h2(client);
  // The endpoint says that it has seen the first stream only, while a POST is on its way.
  h2_origin_.then([](Http2Side& side, RecordedStream&) {
    side.silent = true;
    side.h2.take();
    side.send_raw(http::frame(7, 0, 0, http::number32(1) + http::number32(0)));
  });
  RecordedStream& asked = client.h2.open("/", false, "POST");
  client.h2.session->send_body(asked, "once");
  client.h2.session->send_end(asked, nullptr);
  until_gone(asked);
  EXPECT_THAT(asked.log, HasSubstr("response 200"));
  ASSERT_EQ(h2_origin_.requests(), 3u);
  EXPECT_EQ(h2_origin_.request(2).body, "once");
  EXPECT_EQ(stat("cluster.origin.upstream_rq_retry"), 0) << "nobody had begun with it";
}

TEST_F(Http2Resilience, RefusedStreamIsRetriedByPolicyOnly) {
  start_to_h2({.routes = "{match: {path: /again}, route: {cluster: origin, retry_policy: "
                         "{retry_on: refused-stream, num_retries: 2}}},"});
  auto refuse = [](Http2Side& side, RecordedStream& stream) {
    side.h2.session->reset(stream, Http2Error::kRefusedStream);
  };
  Http2Side& client = connect_h2();
  h2_origin_.then(refuse);
  RecordedStream& once = get_h2(client, "/once");
  EXPECT_THAT(once.log, HasSubstr("response 503"));
  EXPECT_THAT(once.body, HasSubstr("reset reason: remote refused stream reset"));
  h2_origin_.then(refuse);
  RecordedStream& again = client.h2.open("/again");
  settle();
  advance(seconds(1));
  until_gone(again);
  EXPECT_EQ(again.body, "ok");
  EXPECT_EQ(stat("cluster.origin.upstream_rq_retry_success"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_rx_reset"), 0)
      << "a refusal is not counted as a reset";
}

TEST_F(Http2Resilience, ResetOfAnEndpointIsReported) {
  start_to_h2();
  h2_origin_.then([](Http2Side& side, RecordedStream& stream) {
    side.h2.session->reset(stream, Http2Error::kInternal);
  });
  Http2Side& client = connect_h2();
  RecordedStream& asked = get_h2(client);
  EXPECT_THAT(asked.log, HasSubstr("response 503"));
  EXPECT_THAT(asked.body, HasSubstr("reset reason: remote reset"));
  EXPECT_EQ(get_h2(client).body, "ok");
  EXPECT_EQ(h2_origin_.connections(), 1u);
}

TEST_F(Http2Resilience, ResetAfterTheHeadCutsTheResponse) {
  start_to_h2();
  h2_origin_.then([](Http2Side& side, RecordedStream& stream) {
    auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
    side.h2.session->send_head(stream, *head, false);
    side.h2.session->send_body(stream, "half");
  });
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/");
  until([&] { return asked.body == "half"; }, "the beginning");
  h2_origin_.connection(0).h2.session->reset(h2_origin_.request(0), Http2Error::kInternal);
  until_gone(asked);
  EXPECT_THAT(asked.log, HasSubstr("response 200"));
  EXPECT_EQ(asked.closed.code, Http2Error::kInternal);
  EXPECT_TRUE(asked.closed.remote);
  EXPECT_FALSE(client.peer.ended());
}

TEST_F(Http2Resilience, ConnectionThatDiesFailsAllItsRequests) {
  start_to_h2();
  h2_origin_.then_hang();
  h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  RecordedStream& first = client.h2.open("/1");
  RecordedStream& second = client.h2.open("/2");
  until([&] { return h2_origin_.requests() == 2; }, "both arrive");
  h2_origin_.connection(0).peer.reset();
  until_gone(first);
  until_gone(second);
  EXPECT_THAT(first.log, HasSubstr("response 503"));
  EXPECT_THAT(second.body, HasSubstr("reset reason: connection termination"));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_destroy_remote_with_active_rq"), 1);
  EXPECT_EQ(get_h2(client).body, "ok");
}

TEST_F(Http2Resilience, MalformedFramesOfAnEndpointAre502) {
  start_to_h2();
  h2_origin_.then([](Http2Side& side, RecordedStream&) {
    side.send_raw(http::frame(http::kData, 0, 0, "on no stream"));
  });
  Http2Side& client = connect_h2();
  EXPECT_THAT(get_h2(client).log, HasSubstr("response 502"));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_protocol_error"), 1);
}

TEST_F(Http2Resilience, KeepalivePingsFindADeadEndpoint) {
  start_to_h2({.route = "timeout: 0s",
               .cluster_http = "explicit_http_config: {http2_protocol_options: "
                               "{connection_keepalive: {interval: 10s, timeout: 2s}}}"});
  h2_origin_.then_hang();
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/");
  until([&] { return h2_origin_.requests() == 1; }, "the request arrives");
  advance(seconds(30));
  EXPECT_FALSE(asked.gone) << "it answers";
  h2_origin_.connection(0).silent = true;
  advance(seconds(15));
  until_gone(asked);
  EXPECT_EQ(stat("cluster.origin.http2.keepalive_timeout"), 1);
}

TEST_F(Http2Resilience, IdleEndpointConnectionsClose) {
  start_to_h2({.cluster_http =
                   std::string(kH2Origin) + ", common_http_protocol_options: {idle_timeout: 5s}"});
  get_h2(connect_h2());
  advance(seconds(6));
  EXPECT_TRUE(h2_origin_.connection(0).peer.ended());
  EXPECT_EQ(stat("cluster.origin.upstream_cx_idle_timeout"), 1);
}

TEST_F(Http2Resilience, WideWindowsThatNobodyReadsHoldTheOriginUp) {
  start({.listener = std::string(kLimit), .route = "timeout: 0s", .cluster = std::string(kLimit)});
  constexpr int kStreams = 40;
  constexpr std::size_t kBody = 2 * 1024 * 1024;
  for (int i = 0; i < kStreams; ++i)
    origin_.then_reply("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(kBody) + "\r\n\r\n" +
                       std::string(kBody, 'x'));
  config::Http2Protocol wide;
  wide.stream_window = wide.connection_window = 0x7fffffff;
  Http2Side& client = connect_h2(wide, 16 * 1024);
  std::vector<RecordedStream*> asked;
  for (int i = 0; i < kStreams; ++i) asked.push_back(&client.h2.open("/"));
  client.poll();
  client.peer.set_reading(false);
  settle();
  ASSERT_EQ(origin_.requests().size(), static_cast<std::size_t>(kStreams));
  // All but what sockets hold, whose buffers are not the proxy's.
  EXPECT_GT(stat("cluster.origin.upstream_flow_control_paused_reading_total"), 0);
  int64_t read = 0;
  client.peer.close();
  settle();
  read = stat("cluster.origin.upstream_cx_rx_bytes_total");
  EXPECT_GT(read, 0);
  // The limit, one read for each of some responses that had begun, and what the client's socket
  // took.
  EXPECT_LT(read, 8 * 1024 * 1024);
}

TEST_F(Http2Resilience, SlowStreamsDoNotHoldUpOthers) {
  start({.listener = std::string(kLimit), .route = "timeout: 0s", .cluster = std::string(kLimit)});
  origin_.then_reply("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" +
                     std::string(1000000, 'x'));
  config::Http2Protocol narrow;
  narrow.stream_window = 65535;
  Http2Side& client = connect_h2(narrow);
  RecordedStream& slow = client.h2.open("/slow");
  slow.pause_at_body = true;
  settle();
  EXPECT_EQ(slow.body.size(), 65535u);
  EXPECT_EQ(get_h2(client, "/fast").body, "ok");
  slow.pause_at_body = false;
  client.h2.session->resume(slow);
  until_gone(slow);
  EXPECT_EQ(slow.body.size(), 1000000u);
}

TEST_F(Http2Resilience, LargeBodiesPassBothWaysUnharmed) {
  start_to_h2(
      {.listener = std::string(kLimit), .route = "timeout: 0s", .cluster = std::string(kLimit)});
  std::string body(5 * 1024 * 1024, ' ');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i * 7 % 26);
  h2_origin_.then(
      [&body](Http2Side& side, RecordedStream& stream) { answer(side, stream, 200, body); });
  Http2Side& client = connect_h2();
  RecordedStream& asked = client.h2.open("/", false, "POST");
  client.h2.session->send_body(asked, body);
  client.h2.session->send_end(asked, nullptr);
  until_gone(asked);
  EXPECT_TRUE(asked.body == body);
  EXPECT_TRUE(h2_origin_.request(0).body == body);
}

TEST_F(Http2Resilience, UploadWaitsForAnOriginThatDoesNotRead) {
  start({.listener = std::string(kLimit), .route = "timeout: 0s", .cluster = std::string(kLimit)});
  Http2Side& client = connect_h2();
  get_h2(client);
  origin_.set_reading(false);
  constexpr std::size_t kBig = 40 * 1024 * 1024;
  RecordedStream& asked = client.h2.open("/", false, "POST");
  client.h2.session->send_body(asked, std::string(kBig, 'u'));
  client.h2.session->send_end(asked, nullptr);
  settle();
  EXPECT_GT(client.h2.session->buffered(), kBig / 3) << "the proxy read on";
  origin_.set_reading(true);
  until_gone(asked);
  EXPECT_EQ(asked.body, "ok");
}

TEST_F(Http2Resilience, StalledResponseIsResetInTheEnd) {
  start({.hcm = "stream_idle_timeout: 30s"});
  origin_.then_reply("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
  config::Http2Protocol shut;
  shut.stream_window = 0;
  Http2Side& client = connect_h2(shut);
  RecordedStream& asked = client.h2.open("/");
  settle();
  EXPECT_EQ(stat("http2.streams_active"), 1) << "it waits for a window";
  advance(seconds(40));
  until_gone(asked);
  EXPECT_EQ(stat("http2.tx_flush_timeout"), 1);
  EXPECT_EQ(stat("http2.streams_active"), 0);
}

TEST_F(Http2Resilience, FloodEndsTheConnectionAndIsCounted) {
  start_to_h2();
  Http2Side& client = connect_h2();
  get_h2(client);
  client.silent = true;
  std::string resets;
  for (uint32_t id = 3; id < 2100; id += 2)
    resets += http::get_frame(id) + http::frame(http::kRst, 0, id, http::number32(8));
  client.send_raw(resets);
  until_ended(client.peer);
  EXPECT_EQ(client.h2.goaway, Http2Error::kEnhanceYourCalm);
  EXPECT_EQ(stat("http.ingress.downstream_rq_too_many_premature_resets"), 1);
  EXPECT_EQ(stat("http.ingress.downstream_rq_active"), 0);
}

TEST_F(Http2Resilience, WorkerThatEndsCutsOpenStreamsOff) {
  start_to_h2();
  h2_origin_.then_hang();
  connect_h2().h2.open("/");
  until([&] { return h2_origin_.requests() == 1; }, "the request arrives");
  worker_.reset();
  for (int i = 0; i < 1000 && !sides_[0]->peer.ended(); ++i) sides_[0]->peer.poll();
  EXPECT_TRUE(sides_[0]->peer.ended());
}

}  // namespace
}  // namespace pillion::component
