// Which requests are traced, and how their ids say so. What Envoy does with the same requests is
// the oracle.

#include "sidecar/proxy/trace_reason.h"

#include <gtest/gtest.h>

#include <string>

namespace pillion::proxy {
namespace {

// The first eight digits are 286331153, of ten thousand 1153.
constexpr std::string_view kId = "11111111-2222-4333-8444-555555555555";

std::string with_letter(char letter) {
  std::string id(kId);
  id[14] = letter;
  return id;
}

class TraceReasonTest : public testing::Test {
 protected:
  // The letter of the id afterwards, and why the request is traced.
  std::pair<char, TraceReason> decide(std::string_view id, std::string_view header = {}) {
    http::RequestHead head(arena_);
    head.headers.add("x-request-id", id);
    if (!header.empty()) head.headers.add(header, "1");
    TraceReason reason = decide_trace(head, tracing_, pack_, random_);
    std::string_view after = head.headers.value(http::HeaderId::kRequestId);
    return {after.size() > 14 ? after[14] : '?', reason};
  }

  config::Tracing tracing_;
  bool pack_ = true;
  Random random_{1};
  BlockPool blocks_;
  Arena arena_{blocks_};
};

using Decided = std::pair<char, TraceReason>;

TEST_F(TraceReasonTest, ReadsUuidsOnly) {
  EXPECT_EQ(trace_reason(kId), TraceReason::kNone);
  EXPECT_EQ(trace_reason(with_letter('9')), TraceReason::kSampled);
  EXPECT_EQ(trace_reason(with_letter('a')), TraceReason::kForced);
  EXPECT_EQ(trace_reason(with_letter('b')), TraceReason::kClient);
  EXPECT_EQ(trace_reason(with_letter('c')), TraceReason::kNone);
  EXPECT_EQ(trace_reason("xxxxxxxxxxxxxx9"), TraceReason::kNone);
  EXPECT_EQ(trace_reason(""), TraceReason::kNone);
}

TEST_F(TraceReasonTest, AnIdThatIsNoNumberIsLeftAlone) {
  EXPECT_EQ(decide("abc"), Decided('?', TraceReason::kNone));
  EXPECT_EQ(decide("zzzzzzzz-2222-4333-8444-555555555555", "x-envoy-force-trace"),
            Decided('4', TraceReason::kNone));
}

TEST_F(TraceReasonTest, PrefersTheClientsWishToAForcedTraceAndThatToChance) {
  EXPECT_EQ(decide(kId), Decided('9', TraceReason::kSampled));
  EXPECT_EQ(decide(kId, "x-envoy-force-trace"), Decided('a', TraceReason::kForced));
  EXPECT_EQ(decide(kId, "x-client-trace-id"), Decided('b', TraceReason::kClient));
  tracing_.client.numerator = 0;
  EXPECT_EQ(decide(kId, "x-client-trace-id"), Decided('9', TraceReason::kSampled));
}

TEST_F(TraceReasonTest, KeepsWhatAnEarlierHopHasDecided) {
  tracing_.random.numerator = 0;
  EXPECT_EQ(decide(with_letter('9')), Decided('9', TraceReason::kSampled));
  EXPECT_EQ(decide(with_letter('b'), "x-envoy-force-trace"), Decided('b', TraceReason::kClient));
  EXPECT_EQ(decide(kId), Decided('4', TraceReason::kNone));
}

TEST_F(TraceReasonTest, ChanceFollowsFromTheId) {
  tracing_.random = {1153, 10'000};
  EXPECT_EQ(decide(kId).second, TraceReason::kNone);
  tracing_.random = {1154, 10'000};
  EXPECT_EQ(decide(kId).second, TraceReason::kSampled);
  tracing_.overall = {53, 100};
  EXPECT_EQ(decide(with_letter('a')), Decided('4', TraceReason::kNone));
  tracing_.overall = {54, 100};
  EXPECT_EQ(decide(with_letter('a')), Decided('a', TraceReason::kForced));
}

TEST_F(TraceReasonTest, WithoutPackingTheIdNeitherTellsNorLearns) {
  pack_ = false;
  EXPECT_EQ(decide(kId, "x-envoy-force-trace"), Decided('4', TraceReason::kForced));
  tracing_.random.numerator = 0;
  EXPECT_EQ(decide(with_letter('a')), Decided('a', TraceReason::kNone));
}

}  // namespace
}  // namespace pillion::proxy
