// A peer that resets its connection, or its stream, in each phase of a request or of a response,
// for every pair of HTTP versions: whatever was under way ends, nothing is left behind, and the
// next client is served.

#include "tests/component/http_ends.h"
#include "tests/component/world.h"

namespace pillion::component {
namespace {

struct Pair {
  bool down;  // HTTP/2
  bool up;
  Phase phase;
};

std::string name_of_case(const ::testing::TestParamInfo<Pair>& info) {
  return std::string(info.param.down ? "Http2To" : "Http1To") +
         (info.param.up ? "Http2" : "Http1") + name_of(info.param.phase);
}

std::vector<Pair> all_pairs() {
  std::vector<Pair> pairs;
  for (bool down : {false, true})
    for (bool up : {false, true})
      for (Phase phase : kPhases) pairs.push_back({down, up, phase});
  return pairs;
}

class Phases : public World, public ::testing::WithParamInterface<Pair> {
 protected:
  Phases() : back_(GetParam().up) {
    also_step_.emplace_back([this] {
      for (auto& front : fronts_) front->poll();
      back_.poll();
    });
  }
  void start_pair() {
    Scene scene{.hcm = "drain_timeout: 0.1s, delayed_close_timeout: 0.1s",
                .endpoints = {back_.port()}};
    if (GetParam().up) scene.cluster_http = "explicit_http_config: {http2_protocol_options: {}}";
    start(std::move(scene));
  }
  Front& client() {
    fronts_.push_back(std::make_unique<Front>(GetParam().down, connect()));
    return *fronts_.back();
  }
  // The request is as far as `phase`, and the origin has heard that much of it.
  void request_to(Front& front, Phase phase) {
    front.go_to(phase);
    if (phase >= Phase::kHead) until([&] { return back_.heard_head(); }, "the head arrives");
    if (phase >= Phase::kHalfBody)
      until([&] { return back_.heard_body().starts_with(kHalf); }, "half of the body arrives");
    if (phase >= Phase::kEnd) until([&] { return back_.heard_end(); }, "the body arrives");
    settle();
  }
  void respond_to(Front& front, Phase phase) {
    back_.go_to(phase);
    if (phase >= Phase::kHead) until([&] { return front.status() == 200; }, "the head arrives");
    if (phase >= Phase::kHalfBody)
      until([&] { return front.body().starts_with(kHalf); }, "half of the body arrives");
    if (phase >= Phase::kEnd) until([&] { return front.complete(); }, "the response arrives");
    settle();
  }
  void nothing_is_left() {
    for (const char* name :
         {"http.ingress.downstream_rq_active", "http2.streams_active",
          "cluster.origin.upstream_rq_active", "cluster.origin.upstream_rq_pending_active",
          "cluster.origin.http2.streams_active"})
      until([&] { return stat(name) == 0; }, std::string(name) + " to be 0");
    settle();
  }
  // A client that comes after it all, by an origin of its own kind.
  void others_are_served() {
    std::size_t before = back_.requests();
    back_.begin_again();
    Front& next = client();
    next.go_to(Phase::kEnd);
    until([&] { return back_.requests() > before && back_.heard_end(); }, "the next request");
    back_.go_to(Phase::kEnd);
    until([&] { return next.complete(); }, "the next response");
    EXPECT_EQ(next.status(), 200);
    EXPECT_EQ(next.body(), "halfhalf");
    nothing_is_left();
  }

  Back back_;
  std::vector<std::unique_ptr<Front>> fronts_;
};

TEST_P(Phases, AClientThatResetsItsConnectionInItsRequestLeavesNothing) {
  start_pair();
  Front& front = client();
  request_to(front, GetParam().phase);
  front.peer().reset();
  nothing_is_left();
  EXPECT_EQ(stat("http.ingress.downstream_cx_active"), 0);
  if (GetParam().phase >= Phase::kHead) {
    EXPECT_EQ(stat("http.ingress.downstream_cx_destroy_remote_active_rq"), 1);
  }
  others_are_served();
}

TEST_P(Phases, AClientThatResetsItsConnectionInItsResponseLeavesNothing) {
  start_pair();
  Front& front = client();
  request_to(front, Phase::kEnd);
  respond_to(front, GetParam().phase);
  front.peer().reset();
  nothing_is_left();
  EXPECT_EQ(stat("http.ingress.downstream_cx_active"), 0);
  others_are_served();
}

TEST_P(Phases, AnOriginThatResetsItsConnectionInItsResponseCutsItOff) {
  start_pair();
  Front& front = client();
  request_to(front, Phase::kEnd);
  Phase phase = GetParam().phase;
  respond_to(front, phase);
  back_.peer().reset();
  if (phase == Phase::kEnd) {
    settle();
    EXPECT_FALSE(front.peer().ended()) << "the response was complete";
    EXPECT_EQ(front.body(), "halfhalf");
  } else if (phase >= Phase::kHead) {
    until([&] { return front.cut(); }, "the response is cut off");
    EXPECT_EQ(front.status(), 200);
  } else {
    until([&] { return front.complete(); }, "a reply");
    // Half a head and no more is malformed, too.
    bool half = phase == Phase::kHalfHead && !GetParam().up;
    EXPECT_EQ(front.status(), half ? 502 : 503);
  }
  front.peer().close();
  nothing_is_left();
  others_are_served();
}

INSTANTIATE_TEST_SUITE_P(Pairs, Phases, ::testing::ValuesIn(all_pairs()), name_of_case);

// Those in which the origin has heard of the request.
class HeardPhases : public Phases {};

TEST_P(HeardPhases, AnOriginThatResetsItsConnectionInTheRequestFailsItAlone) {
  start_pair();
  Front& front = client();
  request_to(front, GetParam().phase);
  back_.peer().reset();
  until([&] { return front.status() != 0 || front.cut(); }, "an answer");
  EXPECT_EQ(front.status(), 503);
  settle();
  EXPECT_EQ(stat("cluster.origin.upstream_cx_destroy_remote_with_active_rq"), 1);
  front.peer().close();
  nothing_is_left();
  others_are_served();
}

std::vector<Pair> heard_pairs() {
  std::vector<Pair> pairs;
  for (Pair pair : all_pairs())
    if (pair.phase >= Phase::kHead) pairs.push_back(pair);
  return pairs;
}
INSTANTIATE_TEST_SUITE_P(Pairs, HeardPhases, ::testing::ValuesIn(heard_pairs()), name_of_case);

// RST_STREAM in place of a connection's end: the connection carries on.
class StreamPhases : public Phases {};

TEST_P(StreamPhases, AClientThatResetsItsStreamLeavesItsConnection) {
  start_pair();
  Front& front = client();
  request_to(front, Phase::kEnd);
  respond_to(front, GetParam().phase);
  if (front.stream().attached())
    front.side().h2.session->reset(front.stream(), http::Http2Error::kCancel);
  nothing_is_left();
  EXPECT_FALSE(front.peer().ended());
  EXPECT_EQ(stat("http.ingress.downstream_cx_active"), 1);
  others_are_served();
}

std::vector<Pair> pairs_of(bool down, bool up) {
  std::vector<Pair> pairs;
  for (Pair pair : all_pairs())
    if (pair.down == down && pair.up == up) pairs.push_back(pair);
  return pairs;
}
INSTANTIATE_TEST_SUITE_P(ToHttp1, StreamPhases, ::testing::ValuesIn(pairs_of(true, false)),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(ToHttp2, StreamPhases, ::testing::ValuesIn(pairs_of(true, true)),
                         name_of_case);

class OriginStreamPhases : public Phases {};

TEST_P(OriginStreamPhases, AnOriginThatResetsItsStreamKeepsItsConnection) {
  start_pair();
  Front& front = client();
  request_to(front, Phase::kEnd);
  Phase phase = GetParam().phase;
  // A head that was cut in two can only be followed by its rest.
  respond_to(front, phase == Phase::kHalfHead ? Phase::kConnected : phase);
  http::RecordedStream& stream = *back_.stream();
  if (stream.attached()) back_.side().h2.session->reset(stream, http::Http2Error::kInternal);
  until([&] { return front.complete() || front.cut(); }, "the end");
  EXPECT_EQ(front.status(), phase >= Phase::kHead ? 200 : 503);
  EXPECT_EQ(front.complete(), phase == Phase::kEnd || phase < Phase::kHead);
  front.peer().close();
  nothing_is_left();
  others_are_served();
  EXPECT_EQ(back_.connections(), 1u);
}
INSTANTIATE_TEST_SUITE_P(FromHttp1, OriginStreamPhases, ::testing::ValuesIn(pairs_of(false, true)),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(FromHttp2, OriginStreamPhases, ::testing::ValuesIn(pairs_of(true, true)),
                         name_of_case);

}  // namespace
}  // namespace pillion::component
