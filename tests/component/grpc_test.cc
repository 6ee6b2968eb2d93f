// gRPC through the proxy: deadlines, statuses in trailers, replies of the proxy's own.

#include "tests/component/http2_peers.h"
#include "tests/component/world.h"

namespace pillion::component {
namespace {

using http::RecordedStream;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kH2Origin = "explicit_http_config: {http2_protocol_options: {}}";

class Grpc : public World {
 protected:
  Grpc() {
    also_step_.emplace_back([this] { h2_origin_.poll(); });
    also_step_.emplace_back([this] {
      if (side_) side_->poll();
    });
  }
  void start_grpc(Scene scene = {}) {
    scene.cluster_http = kH2Origin;
    scene.endpoints = {h2_origin_.port()};
    start(std::move(scene));
    side_ = std::make_unique<Http2Side>(http::Role::kClient, connect());
  }
  RecordedStream& call(std::string_view timeout = {}, std::string_view path = "/pkg.Service/Call") {
    RecordedStream& stream = side_->h2.make();
    auto* head = stream.arena().make<http::RequestHead>(stream.arena());
    head->method_text = "POST";
    head->method = http::Method::kPost;
    head->path = path;
    head->authority = "a.example";
    head->scheme = "http";
    head->headers.add("content-type", "application/grpc+proto");
    head->headers.add("te", "trailers");
    if (!timeout.empty()) head->headers.add("grpc-timeout", timeout);
    side_->h2.session->open(stream, *head, false, false);
    side_->h2.session->send_body(stream, std::string_view("\0\0\0\0\0", 5));
    side_->h2.session->send_end(stream, nullptr);
    return stream;
  }
  void until_gone(const RecordedStream& stream) {
    until([&] { return stream.gone; }, "the call ends");
  }
  void then_status(const std::string& status) {
    h2_origin_.then([status](Http2Side& side, RecordedStream& stream) {
      answer(side, stream, 200, std::string_view("\0\0\0\0\0", 5), {{"grpc-status", status}});
    });
  }
  void then_trailers_only(const std::string& status) {
    h2_origin_.then([status](Http2Side& side, RecordedStream& stream) {
      auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
      head->headers.add("content-type", "application/grpc");
      head->headers.add("grpc-status", status);
      side.h2.session->send_head(stream, *head, true);
    });
  }
  std::string seen_timeout(std::size_t request) {
    const http::Header* h =
        h2_origin_.request(request).request->headers.find(http::HeaderId::kGrpcTimeout);
    return h == nullptr ? "" : std::string(h->value());
  }

  Http2Origin h2_origin_;
  std::unique_ptr<Http2Side> side_;
};

TEST_F(Grpc, CallsPassWithTheirTrailers) {
  start_grpc();
  then_status("0");
  RecordedStream& made = call();
  until_gone(made);
  EXPECT_THAT(made.log, HasSubstr("end [grpc-status: 0]"));
  EXPECT_THAT(h2_origin_.request(0).log, HasSubstr("[te: trailers]"));
}

TEST_F(Grpc, RepliesOfTheProxyAreTrailersOnly) {
  start_grpc({.routes = "{match: {path: /closed}, direct_response: {status: 403}},"});
  RecordedStream& made = call({}, "/closed");
  until_gone(made);
  EXPECT_THAT(made.log, StartsWith("response 200 [content-type: application/grpc] "
                                   "[grpc-status: 7]"));
  EXPECT_THAT(made.log, HasSubstr(" end\n"));
}

TEST_F(Grpc, StatusInTrailersIsTheOutcome) {
  start_grpc();
  for (const char* status : {"0", "5", "14", "13"}) then_status(status);
  then_trailers_only("2");
  for (int i = 0; i < 5; ++i) until_gone(call());
  auto endpoint = directory_->find("origin")->endpoints()->all.at(0);
  EXPECT_EQ(endpoint->counts.rq_success.load(), 2u) << "0 and NOT_FOUND";
  EXPECT_EQ(endpoint->counts.rq_error.load(), 3u);
}

TEST_F(Grpc, DeadlineIsPassedOnUntouchedUnlessTheRouteFollowsIt) {
  start_grpc();
  until_gone(call("7S"));
  EXPECT_EQ(seen_timeout(0), "7S");
}

TEST_F(Grpc, DeadlineBoundsTheCall) {
  start_grpc({.route = "timeout: 0s, max_stream_duration: {grpc_timeout_header_max: 10s}"});
  h2_origin_.then_hang();
  RecordedStream& made = call("2S");
  until([&] { return h2_origin_.requests() == 1; }, "the call arrives");
  EXPECT_EQ(seen_timeout(0), "2000000u");
  advance(milliseconds(1900));
  EXPECT_FALSE(made.gone);
  advance(milliseconds(200));
  until_gone(made);
  EXPECT_THAT(made.log, HasSubstr("[grpc-status: 4]"));
  until([&] { return h2_origin_.request(0).gone; }, "the origin hears of it");
}

TEST_F(Grpc, RouteCapsTheDeadline) {
  start_grpc({.route = "timeout: 0s, max_stream_duration: {grpc_timeout_header_max: 1s}"});
  h2_origin_.then_hang();
  RecordedStream& made = call("20S");
  settle();
  EXPECT_EQ(seen_timeout(0), "1000000u");
  advance(milliseconds(1100));
  until_gone(made);
  EXPECT_THAT(made.log, HasSubstr("[grpc-status: 4]"));
}

TEST_F(Grpc, EachTryIsToldWhatIsLeft) {
  start_grpc({.route = "timeout: 0s, max_grpc_timeout: 0s, retry_policy: {retry_on: unavailable, "
                       "num_retries: 1, retry_back_off: {base_interval: 1s, max_interval: 1s}}"});
  then_trailers_only("14");
  RecordedStream& made = call("10S");
  until([&] { return h2_origin_.requests() == 1; }, "the first try");
  EXPECT_EQ(seen_timeout(0), "10000000u");
  advance(seconds(2));
  until_gone(made);
  ASSERT_EQ(h2_origin_.requests(), 2u);
  std::string left = seen_timeout(1);
  ASSERT_EQ(left.size(), 8u) << left;
  EXPECT_TRUE(left.starts_with("9") && left.ends_with("u")) << left;
  EXPECT_EQ(stat("cluster.origin.upstream_rq_retry_success"), 1);
}

TEST_F(Grpc, DeadlineTakesThePlaceOfTheRoutesTimeout) {
  start_grpc({.route = "timeout: 1s, max_grpc_timeout: 5s, grpc_timeout_offset: 0.5s"});
  h2_origin_.then_hang();
  RecordedStream& made = call("3S");
  settle();
  advance(milliseconds(2400));
  EXPECT_FALSE(made.gone);
  advance(milliseconds(200));
  until_gone(made);
  EXPECT_THAT(made.log, HasSubstr("[grpc-status: 14]"));
}

TEST_F(Grpc, StreamsGoBothWaysAtOnce) {
  start_grpc();
  h2_origin_.set_eager();
  RecordedStream* serving = nullptr;
  Http2Side* serving_side = nullptr;
  h2_origin_.then([&](Http2Side& side, RecordedStream& stream) {
    auto* head = stream.arena().make<http::ResponseHead>(stream.arena());
    side.h2.session->send_head(stream, *head, false);
    serving = &stream;
    serving_side = &side;
  });
  RecordedStream& made = side_->h2.open("/pkg.Service/Chat", false, "POST");
  until([&] { return made.response != nullptr; }, "the head");
  std::string said;
  for (int i = 0; i < 5; ++i) {
    side_->h2.session->send_body(made, "ping");
    said += "ping";
    until([&] { return serving->body == said; }, "the message");
    serving_side->h2.session->send_body(*serving, "pong");
    until([&] { return made.body.size() == said.size(); }, "the answer");
  }
  side_->h2.session->send_end(made, nullptr);
  until([&] { return serving->remote_ended(); }, "the half-close");
  EXPECT_FALSE(made.gone);
  auto* trailers = serving->arena().make<http::Headers>(serving->arena());
  trailers->add("grpc-status", "0");
  serving_side->h2.session->send_end(*serving, trailers);
  until_gone(made);
  EXPECT_TRUE(made.closed.complete);
}

}  // namespace
}  // namespace pillion::component
