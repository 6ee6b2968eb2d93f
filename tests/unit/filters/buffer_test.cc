#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/filter/fake_stream.h"
#include "tests/unit/filters/load.h"

namespace pillion::filters {
namespace {

using filter::FakeStream;
using testing::ElementsAre;
using testing::StartsWith;

constexpr std::string_view kName = "envoy.filters.http.buffer";

class Buffer : public testing::Test {
 protected:
  // A stream with the filter at a limit of five bytes.
  FakeStream& stream() {
    stream_.with_filter(load_.filter(kName, "max_request_bytes: 5"));
    return stream_;
  }
  Load load_;
  FakeStream stream_;
};

TEST_F(Buffer, RefusesAConfigWithoutALimit) {
  EXPECT_EQ(load_.filter(kName, "{}"), nullptr);
  EXPECT_THAT(load_.problems(), ElementsAre(StartsWith("max_request_bytes: ")));
}

TEST_F(Buffer, RefusesARouteThatSetsNothing) {
  EXPECT_EQ(load_.route(kName, "{}"), nullptr);
  EXPECT_EQ(load_.problems().size(), 1u);
}

TEST_F(Buffer, RefusesAZeroLimitOfARouteWithItsPath) {
  EXPECT_EQ(load_.route(kName, "buffer: {max_request_bytes: 0}"), nullptr);
  EXPECT_THAT(load_.problems(), ElementsAre(StartsWith("buffer.max_request_bytes: ")));
}

TEST_F(Buffer, AnswersABodyAboveTheLimitWith413) {
  stream().construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("123", false);
  stream_.chain.request_body("456", false);
  EXPECT_THAT(stream_.log, ElementsAre("reply 413", "< 413 end"));
}

TEST_F(Buffer, AnswersATooLargeLastPieceWith413) {
  stream().construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("123456", true);
  EXPECT_THAT(stream_.log, ElementsAre("reply 413", "< 413 end"));
}

TEST_F(Buffer, HoldsTheRequestUntilItsBodyIsWhole) {
  stream().construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("12", false);
  EXPECT_THAT(stream_.log, testing::IsEmpty());
  stream_.chain.request_body("345", true);
  EXPECT_THAT(stream_.log, ElementsAre("> head", "> 12345 end"));
}

TEST_F(Buffer, SetsTheLengthThatAChunkedRequestLacks) {
  stream().with_request({{"transfer-encoding", "chunked"}}).construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("12", false);
  stream_.chain.request_body("", true);
  EXPECT_EQ(stream_.request_field("content-length"), "2");
  EXPECT_EQ(stream_.request_field("transfer-encoding"), "(none)");
}

TEST_F(Buffer, SetsTheLengthBeforeTrailers) {
  stream().construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("123", false);
  stream_.chain.request_trailers(stream_.trailers());
  EXPECT_EQ(stream_.request_field("content-length"), "3");
  EXPECT_THAT(stream_.log, ElementsAre("> head", "> 123", "> trailers"));
}

TEST_F(Buffer, KeepsAGivenLength) {
  stream().with_request({{"content-length", "3"}}).construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("123", true);
  EXPECT_EQ(stream_.request_field("content-length"), "3");
}

TEST_F(Buffer, PassesRequestsWithoutABody) {
  stream().run();
  EXPECT_THAT(stream_.log, ElementsAre("> head end"));
  EXPECT_EQ(stream_.request_field("content-length"), "(none)");
}

TEST_F(Buffer, ARouteRaisesTheLimit) {
  stream().with_override("filter0", load_.route(kName, "buffer: {max_request_bytes: 10}"));
  stream_.construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("123456789", true);
  EXPECT_THAT(stream_.log, ElementsAre("> head", "> 123456789 end"));
}

TEST_F(Buffer, ARouteTurnsItOff) {
  stream().with_override("filter0", load_.route(kName, "disabled: true"));
  stream_.construct();
  stream_.chain.request_head(false);
  stream_.chain.request_body("123456", false);
  EXPECT_THAT(stream_.log, ElementsAre("> head", "> 123456"));
}

}  // namespace
}  // namespace pillion::filters
