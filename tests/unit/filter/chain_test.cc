#include "sidecar/filter/chain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/filter/fake_stream.h"

namespace pillion::filter {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

// What each hook of a scripted filter does; an unset hook is not overridden.
struct Script {
  std::function<Flow(StreamContext&, http::RequestHead&, bool)> request = nullptr;
  std::function<Flow(StreamContext&, BodyPiece&)> request_body = nullptr;
  std::function<Flow(StreamContext&, http::Headers&)> request_trailers = nullptr;
  std::function<Flow(StreamContext&, http::ResponseHead&, bool)> response = nullptr;
  std::function<Flow(StreamContext&, BodyPiece&)> response_body = nullptr;
  std::function<Flow(StreamContext&, http::Headers&)> response_trailers = nullptr;
  std::function<void(StreamContext&)> wake = nullptr;
  int created = 0;
  int done = 0;
  int destroyed = 0;
  StreamContext* context = nullptr;  // as given to the first hook
};

class ScriptedFilter final : public Filter {
 public:
  explicit ScriptedFilter(Script& script) : script_(script) {}
  ~ScriptedFilter() override { ++script_.destroyed; }
  Flow on_request(StreamContext& c, http::RequestHead& head, bool end) override {
    script_.context = &c;
    return script_.request(c, head, end);
  }
  Flow on_request_body(StreamContext& c, BodyPiece& p) override {
    return script_.request_body(c, p);
  }
  Flow on_request_trailers(StreamContext& c, http::Headers& t) override {
    return script_.request_trailers(c, t);
  }
  Flow on_response(StreamContext& c, http::ResponseHead& head, bool end) override {
    script_.context = &c;
    return script_.response(c, head, end);
  }
  Flow on_response_body(StreamContext& c, BodyPiece& p) override {
    return script_.response_body(c, p);
  }
  Flow on_response_trailers(StreamContext& c, http::Headers& t) override {
    return script_.response_trailers(c, t);
  }
  void on_wake(StreamContext& c) override { script_.wake(c); }
  void on_done(StreamContext&) override { ++script_.done; }

 private:
  Script& script_;
};

class ScriptedFactory final : public Factory {
 public:
  explicit ScriptedFactory(Script& script) : script_(script) {}
  Filter* create(Arena& arena) const override {
    ++script_.created;
    return arena.make<ScriptedFilter>(script_);
  }
  Hooks hooks() const override {
    return {.request = bool(script_.request),
            .request_body = bool(script_.request_body),
            .response = bool(script_.response),
            .response_body = bool(script_.response_body),
            .request_trailers = bool(script_.request_trailers),
            .response_trailers = bool(script_.response_trailers)};
  }

 private:
  Script& script_;
};

std::shared_ptr<const Factory> scripted(Script& script) {
  return std::make_shared<ScriptedFactory>(script);
}

auto request_answers(Flow flow) {
  return [flow](StreamContext&, http::RequestHead&, bool) { return flow; };
}
auto response_answers(Flow flow) {
  return [flow](StreamContext&, http::ResponseHead&, bool) { return flow; };
}
auto replies(int status, std::string_view body = {}) {
  return [status, body](StreamContext& c, http::RequestHead&, bool) {
    c.reply({.status = status, .body = body});
    return Flow::kReplied;
  };
}

TEST(Chain, IsEmptyWithoutEnabledFilters) {
  Script off;
  FakeStream stream;
  stream.with_filter(nullptr).with_filter(scripted(off), /*disabled=*/true);
  stream.construct();
  EXPECT_TRUE(stream.chain.empty());
  EXPECT_EQ(off.created, 0);
  EXPECT_FALSE(stream.chain.request_paused());
}

TEST(Chain, AnUnconstructedChainCanBeFinished) {
  Chain chain;
  chain.finish();
  EXPECT_TRUE(chain.empty());
}

TEST(Chain, ARouteEnablesAndDisablesFilters) {
  Script normally_off{.request = request_answers(Flow::kContinue)};
  Script normally_on{.request = request_answers(Flow::kContinue)};
  FakeStream stream;
  stream.with_filter(scripted(normally_off), true).with_filter(scripted(normally_on));
  stream.with_override("filter0", nullptr, false).with_override("filter1", nullptr, true);
  stream.run();
  EXPECT_EQ(normally_off.created, 1);
  EXPECT_EQ(normally_on.created, 0);
}

TEST(Chain, TheMostSpecificLevelThatSaysSoDecides) {
  Script script{.request = request_answers(Flow::kContinue)};
  FakeStream stream;
  stream.with_filter(scripted(script));
  stream.with_override("filter0", nullptr, false).with_override("filter0", nullptr, true);
  stream.with_override("other", nullptr, false);
  stream.construct();
  EXPECT_TRUE(stream.chain.empty());
}

TEST(Chain, RunsRequestsInOrderAndResponsesInReverse) {
  std::string order;
  auto adds = [&order](const char* text) {
    return Script{.request =
                      [&order, text](StreamContext&, http::RequestHead&, bool) {
                        order += text;
                        return Flow::kContinue;
                      },
                  .response =
                      [&order, text](StreamContext&, http::ResponseHead&, bool) {
                        order += text;
                        return Flow::kContinue;
                      }};
  };
  Script a = adds("a");
  Script b = adds("b");
  FakeStream stream;
  stream.with_filter(scripted(a)).with_filter(scripted(b)).run().respond(204);
  EXPECT_EQ(order, "abba");
  EXPECT_THAT(stream.log, ElementsAre("> head end", "< 204 end"));
}

TEST(Chain, ReplyPassesTheResponseHooksOfAllFilters) {
  auto marks = [](const char* name) {
    return [name](StreamContext&, http::ResponseHead& head, bool) {
      head.headers.add(name, "1");
      return Flow::kContinue;
    };
  };
  Script before{.request = request_answers(Flow::kContinue), .response = marks("x-before")};
  Script replying{.request = replies(403, "no"), .response = marks("x-replying")};
  Script after{.request = request_answers(Flow::kContinue), .response = marks("x-after")};
  FakeStream stream;
  stream.with_filter(scripted(before)).with_filter(scripted(replying)).with_filter(scripted(after));
  stream.run();
  EXPECT_THAT(stream.log, ElementsAre("reply 403", "< 403", "< no end"));
  EXPECT_EQ(stream.response_field("x-before"), "1");
  EXPECT_EQ(stream.response_field("x-replying"), "1");
  EXPECT_EQ(stream.response_field("x-after"), "1");
  EXPECT_EQ(after.context != nullptr, true);
}

TEST(Chain, NothingOfTheRequestPassesAfterAReply) {
  Script replying{.request = replies(403)};
  FakeStream stream;
  stream.with_filter(scripted(replying));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("rest", true);
  EXPECT_THAT(stream.log, ElementsAre("reply 403", "< 403 end"));
}

TEST(Chain, ReplyFromAResponseHookGoesByTheFilters) {
  int seen = 0;
  Script outer{.request = request_answers(Flow::kContinue),
               .response = [&seen](StreamContext&, http::ResponseHead&, bool) {
                 ++seen;
                 return Flow::kContinue;
               }};
  Script inner{.request = request_answers(Flow::kContinue),
               .response = [](StreamContext& c, http::ResponseHead&, bool) {
                 c.reply({.status = 502, .body = "bad"});
                 return Flow::kReplied;
               }};
  FakeStream stream;
  stream.with_filter(scripted(outer)).with_filter(scripted(inner)).run();
  stream.with_response(200);
  stream.chain.response_head(false);
  EXPECT_EQ(seen, 0);
  EXPECT_THAT(stream.log, ElementsAre("> head end", "reply 502", "< 502", "< bad end"));
}

TEST(Chain, ASecondResponseDropsWhatWasHeldOfTheFirst) {
  Script holding{.response = response_answers(Flow::kPause)};
  FakeStream stream;
  stream.with_filter(scripted(holding)).run();
  stream.with_response(200);
  stream.chain.response_head(false);
  stream.chain.response_body("held", false);
  EXPECT_EQ(stream.chain.response_buffered(), 4u);
  stream.respond(504);
  EXPECT_EQ(stream.chain.response_buffered(), 0u);
  EXPECT_FALSE(stream.chain.response_paused());
  EXPECT_THAT(stream.log, ElementsAre("> head end", "< 504 end"));
}

TEST(Chain, ResetEndsBothDirections) {
  Script resetting{.request = [](StreamContext& c, http::RequestHead&, bool) {
    c.reset_stream("why");
    return Flow::kReplied;
  }};
  FakeStream stream;
  stream.with_filter(scripted(resetting)).run();
  EXPECT_THAT(stream.log, ElementsAre("reset why"));
}

TEST(Chain, PauseHoldsHeadBodyAndTrailersInOrder) {
  Script pausing{.request = request_answers(Flow::kPause)};
  FakeStream stream;
  stream.with_filter(scripted(pausing));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("one", false);
  stream.chain.request_body("two", false);
  stream.chain.request_trailers(stream.trailers());
  EXPECT_THAT(stream.log, IsEmpty());
  EXPECT_TRUE(stream.chain.request_paused());
  EXPECT_EQ(stream.chain.request_buffered(), 6u);
  pausing.context->resume();
  EXPECT_THAT(stream.log, ElementsAre("> head", "> onetwo", "> trailers"));
  EXPECT_FALSE(stream.chain.request_paused());
  EXPECT_EQ(stream.chain.request_buffered(), 0u);
}

TEST(Chain, AHeldEndOfBodyGoesOnOnce) {
  Script pausing{.request = request_answers(Flow::kPause)};
  FakeStream stream;
  stream.with_filter(scripted(pausing));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("", true);
  pausing.context->resume();
  pausing.context->resume();
  EXPECT_THAT(stream.log, ElementsAre("> head", ">  end"));
}

TEST(Chain, TwoPausedFiltersGoOnOneAfterTheOther) {
  Script first{.request = request_answers(Flow::kPause)};
  Script second{.request = request_answers(Flow::kPause)};
  FakeStream stream;
  stream.with_filter(scripted(first)).with_filter(scripted(second));
  stream.construct();
  stream.chain.request_head(false);
  EXPECT_EQ(second.context, nullptr);
  stream.chain.request_body("data", true);
  first.context->resume();
  EXPECT_THAT(stream.log, IsEmpty());
  EXPECT_EQ(stream.chain.request_buffered(), 4u);
  second.context->resume();
  EXPECT_THAT(stream.log, ElementsAre("> head", "> data end"));
}

TEST(Chain, ABodyHookGoesOnByItselfAndSeesEachPieceOnce) {
  std::string seen;
  Script whole{.request = request_answers(Flow::kPause),
               .request_body = [&seen](StreamContext&, BodyPiece& piece) {
                 seen += piece.data;
                 return piece.end ? Flow::kContinue : Flow::kBuffer;
               }};
  FakeStream stream;
  stream.with_filter(scripted(whole));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("ab", false);
  stream.chain.request_body("cd", false);
  EXPECT_THAT(stream.log, IsEmpty());
  stream.chain.request_body("ef", true);
  EXPECT_EQ(seen, "abcdef");
  EXPECT_THAT(stream.log, ElementsAre("> head", "> abcdef end"));
}

TEST(Chain, AFilterMayChangeABody) {
  Script upper{.request_body = [](StreamContext& c, BodyPiece& piece) {
    piece.data = c.arena().concat("<", piece.data, ">");
    return Flow::kContinue;
  }};
  FakeStream stream;
  stream.with_filter(scripted(upper));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("x", true);
  EXPECT_THAT(stream.log, ElementsAre("> head", "> <x> end"));
}

TEST(Chain, BufferBeyondTheLimitIsAnswered413) {
  Script whole{.request = request_answers(Flow::kBuffer),
               .request_body = [](StreamContext&, BodyPiece&) { return Flow::kBuffer; }};
  FakeStream stream;
  stream.limits.request = 4;
  stream.with_filter(scripted(whole));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("1234", false);
  EXPECT_THAT(stream.log, IsEmpty());
  stream.chain.request_body("5", false);
  EXPECT_THAT(stream.log, ElementsAre("reply 413", "< 413 end"));
  EXPECT_EQ(stream.chain.request_buffered(), 0u);
}

TEST(Chain, ResponseBufferBeyondTheLimitIsAnswered500) {
  Script whole{.response = response_answers(Flow::kBuffer),
               .response_body = [](StreamContext&, BodyPiece&) { return Flow::kBuffer; }};
  FakeStream stream;
  stream.limits.response = 4;
  stream.with_filter(scripted(whole)).run();
  stream.with_response(200);
  stream.chain.response_head(false);
  stream.chain.response_body("12345", false);
  EXPECT_THAT(stream.log, ElementsAre("> head end", "reply 500", "< 500 end"));
}

TEST(Chain, PauseBeyondTheLimitOnlyStopsTheReader) {
  Script pausing{.request = request_answers(Flow::kPause)};
  FakeStream stream;
  stream.limits.request = 4;
  stream.with_filter(scripted(pausing));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("1234", false);
  EXPECT_FALSE(stream.chain.request_full());
  stream.chain.request_body("5678", false);
  EXPECT_TRUE(stream.chain.request_full());
  pausing.context->resume();
  EXPECT_FALSE(stream.chain.request_full());
  EXPECT_THAT(stream.log, ElementsAre("> head", "> 12345678"));
}

TEST(Chain, AFilterSetsTheRequestsLimit) {
  Script whole{.request = [](StreamContext& c, http::RequestHead&, bool) {
    c.set_buffer_limit(2);
    return Flow::kBuffer;
  }};
  FakeStream stream;
  stream.with_filter(scripted(whole));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("123", false);
  EXPECT_THAT(stream.log, ElementsAre("reply 413", "< 413 end"));
}

TEST(Chain, ReleasesAHeldResponseInParts) {
  Script slow{.response = [](StreamContext&, http::ResponseHead&, bool) { return Flow::kContinue; },
              .response_body = [](StreamContext&, BodyPiece&) { return Flow::kPause; }};
  FakeStream stream;
  stream.with_filter(scripted(slow)).run();
  stream.with_response(200);
  stream.chain.response_head(false);
  stream.chain.response_body("abcdef", true);
  slow.context->release_response(2);
  EXPECT_EQ(slow.context->held_response_bytes(), 4u);
  EXPECT_TRUE(stream.chain.response_paused());
  slow.context->release_response(100);
  EXPECT_FALSE(stream.chain.response_paused());
  EXPECT_THAT(stream.log, ElementsAre("> head end", "< 200", "< ab", "< cdef end"));
}

TEST(Chain, ATrailersHookEndsItsFiltersPause) {
  Script whole;
  whole.request = request_answers(Flow::kBuffer);
  whole.request_body = [](StreamContext&, BodyPiece&) { return Flow::kBuffer; };
  whole.request_trailers = [](StreamContext&, http::Headers&) { return Flow::kContinue; };
  FakeStream stream;
  stream.with_filter(scripted(whole));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("body", false);
  EXPECT_THAT(stream.log, IsEmpty());
  stream.chain.request_trailers(stream.trailers());
  EXPECT_THAT(stream.log, ElementsAre("> head", "> body", "> trailers"));
}

TEST(Chain, ATrailersHookMayHoldTrailersBack) {
  Script waiting;
  waiting.response = response_answers(Flow::kContinue);
  waiting.response_trailers = [](StreamContext&, http::Headers&) { return Flow::kPause; };
  FakeStream stream;
  stream.with_filter(scripted(waiting)).run();
  stream.with_response(200);
  stream.chain.response_head(false);
  stream.chain.response_body("body", false);
  stream.chain.response_trailers(stream.trailers());
  EXPECT_EQ(stream.log.back(), "< body");
  EXPECT_TRUE(stream.chain.response_paused());
  waiting.context->resume();
  EXPECT_EQ(stream.log.back(), "< trailers");
  EXPECT_FALSE(stream.chain.response_paused());
}

TEST(Chain, WakesEachFilterAtItsOwnTime) {
  std::string woken;
  auto sleeps = [&woken](const char* name, milliseconds delay) {
    return Script{.request =
                      [delay](StreamContext& c, http::RequestHead&, bool) {
                        c.wake_after(delay);
                        return Flow::kContinue;
                      },
                  .wake = [&woken, name](StreamContext&) { woken += name; }};
  };
  Script late = sleeps("late ", milliseconds(30));
  Script early = sleeps("early ", milliseconds(10));
  FakeStream stream;
  stream.with_filter(scripted(late)).with_filter(scripted(early)).run();
  stream.advance(milliseconds(9));
  EXPECT_EQ(woken, "");
  stream.advance(milliseconds(1));
  EXPECT_EQ(woken, "early ");
  stream.advance(milliseconds(20));
  EXPECT_EQ(woken, "early late ");
  EXPECT_FALSE(stream.timer().has_value());
}

TEST(Chain, ResumeFromAWakeGoesOnAfterTheHook) {
  std::vector<std::string> at_wake;
  FakeStream stream;
  Script delaying{.request =
                      [](StreamContext& c, http::RequestHead&, bool) {
                        c.wake_after(milliseconds(5));
                        return Flow::kPause;
                      },
                  .wake =
                      [&](StreamContext& c) {
                        c.resume();
                        at_wake = stream.log;
                      }};
  stream.with_filter(scripted(delaying)).run();
  stream.advance(milliseconds(5));
  EXPECT_THAT(at_wake, IsEmpty());
  EXPECT_THAT(stream.log, ElementsAre("> head end"));
}

TEST(Chain, ReplyFromAWakeDropsTheHeldRequest) {
  Script delaying{.request =
                      [](StreamContext& c, http::RequestHead&, bool) {
                        c.wake_after(milliseconds(5));
                        return Flow::kPause;
                      },
                  .wake = [](StreamContext& c) { c.reply({.status = 503}); }};
  FakeStream stream;
  stream.with_filter(scripted(delaying));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("held", true);
  stream.advance(milliseconds(5));
  EXPECT_THAT(stream.log, ElementsAre("reply 503", "< 503 end"));
  EXPECT_EQ(stream.chain.request_buffered(), 0u);
}

TEST(Chain, AnswersFromInsideTheRequestDoNotDisturbIt) {
  Script both{.request = request_answers(Flow::kContinue),
              .response = response_answers(Flow::kContinue)};
  FakeStream stream;
  stream.at_request_head = [&stream] { stream.respond(404); };
  stream.with_filter(scripted(both)).run();
  EXPECT_THAT(stream.log, ElementsAre("> head end", "< 404 end"));
}

TEST(Chain, DoneRunsOnceForEveryFilterWhateverHappened) {
  Script reached{.request = replies(403)};
  Script unreached{.request = request_answers(Flow::kContinue)};
  {
    FakeStream stream;
    stream.with_filter(scripted(reached)).with_filter(scripted(unreached)).run();
    stream.chain.finish();
    stream.chain.finish();
  }
  EXPECT_EQ(reached.done, 1);
  EXPECT_EQ(unreached.done, 1);
  EXPECT_EQ(reached.destroyed, 1);
  EXPECT_EQ(unreached.destroyed, 1);
}

TEST(Chain, FinishWhilePartsPassStopsThem) {
  Script pausing{.request = request_answers(Flow::kPause)};
  FakeStream stream;
  stream.at_request_head = [&stream] { stream.chain.finish(); };
  stream.with_filter(scripted(pausing));
  stream.construct();
  stream.chain.request_head(false);
  stream.chain.request_body("held", true);
  pausing.context->resume();
  EXPECT_THAT(stream.log, ElementsAre("> head"));
  EXPECT_EQ(pausing.done, 1);
}

TEST(Chain, FinishWhileAResponseIsReleasedStopsIt) {
  Script slow{.response = response_answers(Flow::kPause)};
  FakeStream stream;
  stream.at_response_body = [&stream] { stream.chain.finish(); };
  stream.with_filter(scripted(slow)).run();
  stream.with_response(200);
  stream.chain.response_head(false);
  stream.chain.response_body(std::string(40000, 'x'), false);
  stream.chain.response_body("end", true);
  slow.context->resume();
  EXPECT_EQ(stream.log.size(), 3u);  // heads both ways, the first block of the body
  EXPECT_EQ(slow.done, 1);
}

TEST(Chain, NothingHappensAfterFinish) {
  Script script{.request = [](StreamContext& c, http::RequestHead&, bool) {
    c.wake_after(milliseconds(1));
    return Flow::kPause;
  }};
  FakeStream stream;
  stream.with_filter(scripted(script)).run();
  stream.chain.finish();
  EXPECT_FALSE(stream.timer().has_value());
  stream.chain.request_body("x", true);
  stream.respond(200);
  EXPECT_THAT(stream.log, IsEmpty());
}

struct CountedState final : ConnectionState {
  explicit CountedState(int& alive) : alive_(alive) { ++alive_; }
  ~CountedState() override { --alive_; }
  int& alive_;
};

TEST(ConnectionSlots, KeepOneStatePerKey) {
  int alive = 0;
  ConnectionSlots slots;
  const uint64_t a = ConnectionSlots::new_key();
  const uint64_t b = ConnectionSlots::new_key();
  EXPECT_EQ(slots.of(a), nullptr);
  slots.of(a) = std::make_unique<CountedState>(alive);
  EXPECT_NE(slots.of(a), nullptr);
  EXPECT_EQ(slots.of(b), nullptr);
}

TEST(ConnectionSlots, DropTheOldestBeyondTheirMaximum) {
  int alive = 0;
  ConnectionSlots slots;
  for (std::size_t i = 0; i <= ConnectionSlots::kMax; ++i)
    slots.of(ConnectionSlots::new_key()) = std::make_unique<CountedState>(alive);
  EXPECT_EQ(alive, static_cast<int>(ConnectionSlots::kMax));
}

TEST(Overrides, ListsLevelsFromLeastToMostSpecific) {
  auto least = std::make_shared<RouteConfig>();
  auto most = std::make_shared<RouteConfig>();
  config::FilterOverrides table;
  table["f"] = {std::nullopt, least};
  config::FilterOverrides none;
  config::FilterOverrides route;
  route["f"] = {std::nullopt, most};
  Overrides overrides;
  overrides.add(nullptr);
  overrides.add(&table);
  overrides.add(&none);
  overrides.add(&route);
  const RouteConfig* found[Overrides::kMaxLevels];
  ASSERT_EQ(overrides.configs("f", found), 2u);
  EXPECT_EQ(found[0], least.get());
  EXPECT_EQ(found[1], most.get());
  EXPECT_EQ(overrides.config("f"), most.get());
  EXPECT_EQ(overrides.config("g"), nullptr);
  EXPECT_EQ(overrides.disabled("f"), std::nullopt);
}

}  // namespace
}  // namespace pillion::filter
