#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/filter/fake_stream.h"
#include "tests/unit/filters/load.h"

namespace pillion::filters {
namespace {

using filter::FakeStream;
using testing::ElementsAre;
using testing::StartsWith;

constexpr std::string_view kName = "envoy.filters.http.header_mutation";

class HeaderMutation : public testing::Test {
 protected:
  FakeStream& stream(const std::string& yaml) {
    auto factory = load_.filter(kName, yaml);
    EXPECT_NE(factory, nullptr) << testing::PrintToString(load_.problems());
    return stream_.with_filter(std::move(factory));
  }
  // The path after these mutations of the query.
  std::string path(const std::string& path, const std::string& mutations) {
    FakeStream one;
    auto factory = load_.filter(kName, "mutations: {query_parameter_mutations: " + mutations + "}");
    EXPECT_NE(factory, nullptr) << testing::PrintToString(load_.problems());
    one.with_filter(std::move(factory))
        .with_request({{":path", path}, {"x-v", "q/\xc3\xa9?"}})
        .run();
    return std::string(one.request().path);
  }
  Load load_;
  FakeStream stream_;
};

TEST_F(HeaderMutation, ReportsAllProblemsWithTheirPaths) {
  EXPECT_EQ(load_.filter(kName, R"(mutations: {
      request_mutations: [{remove: ":path"}, {append: {header: {key: ":path", value: a}}}, {}],
      response_mutations: [{append: {header: {key: a, value: "%NOPE%"}}}],
      query_parameter_mutations: [{append: {record: {key: a, value: 5}}}, {}, {append: {}}]})"),
            nullptr);
  EXPECT_THAT(load_.problems(),
              testing::UnorderedElementsAre(
                  StartsWith("mutations.request_mutations[0].remove: "),
                  StartsWith("mutations.request_mutations[1].append.header.key: "),
                  StartsWith("mutations.request_mutations[2]"),
                  StartsWith("mutations.response_mutations[0].append.header.value: "),
                  StartsWith("mutations.query_parameter_mutations[0].append.record.value: "),
                  StartsWith("mutations.query_parameter_mutations[1]: "),
                  StartsWith("mutations.query_parameter_mutations[2].append.record: ")));
}

TEST_F(HeaderMutation, RefusesAWrongPerRouteMutationWithItsPath) {
  EXPECT_EQ(load_.route(kName, "mutations: {request_mutations: [{remove: host}]}"), nullptr);
  EXPECT_THAT(load_.problems(), ElementsAre(StartsWith("mutations.request_mutations[0].remove: ")));
}

TEST_F(HeaderMutation, AppliesMutationsInTheirOrder) {
  stream(R"(mutations: {request_mutations: [
      {append: {header: {key: x-a, value: first}}},
      {remove: x-a},
      {append: {header: {key: x-a, value: second}}},
      {append: {header: {key: x-b, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}},
      {append: {header: {key: x-c, value: new}, append_action: ADD_IF_ABSENT}},
      {append: {header: {key: x-d, value: new}, append_action: OVERWRITE_IF_EXISTS}}]})");
  stream_.with_request({{"x-a", "old"}, {"x-b", "old"}, {"x-c", "old"}}).run();
  EXPECT_EQ(stream_.request_field("x-a"), "second");
  EXPECT_EQ(stream_.request_field("x-b"), "new");
  EXPECT_EQ(stream_.request_field("x-c"), "old");
  EXPECT_EQ(stream_.request_field("x-d"), "(none)");
}

TEST_F(HeaderMutation, FillsInOperators) {
  stream(R"(mutations: {
      request_mutations: [{append: {header: {key: x-m, value: "<%REQ(:METHOD)%>"}}},
                          {append: {header: {key: x-none, value: "%REQ(x-absent)%"}}}],
      response_mutations: [{append: {header: {key: x-p, value: "%REQ(:PATH)% %RESP(x-r)%"}}}]})");
  stream_.with_request({{":path", "/here"}}).run().respond(200, {{"x-r", "r"}});
  EXPECT_EQ(stream_.request_field("x-m"), "<GET>");
  EXPECT_EQ(stream_.request_field("x-none"), "(none)");
  EXPECT_EQ(stream_.response_field("x-p"), "/here r");
}

TEST_F(HeaderMutation, ChangesLocalRepliesToo) {
  stream("mutations: {response_mutations: [{append: {header: {key: x-a, value: b}}}]}");
  stream_.construct();
  stream_.respond(404);
  EXPECT_EQ(stream_.response_field("x-a"), "b");
}

TEST_F(HeaderMutation, LevelsFollowFromMostToLeastSpecific) {
  stream("mutations: {request_mutations: [{append: {header: {key: x-a, value: own}}}]}");
  for (const char* level : {"table", "host", "route"})
    stream_.with_override(
        "filter0",
        load_.route(
            kName,
            std::string("mutations: {request_mutations: [{append: {header: {key: x-a, value: ") +
                level + "}}}]}"));
  stream_.run();
  EXPECT_EQ(stream_.request_field("x-a"), "own,route,host,table");
}

TEST_F(HeaderMutation, TheMostSpecificLevelComesLastWhenItShallWin) {
  stream("most_specific_header_mutations_wins: true");
  for (const char* level : {"host", "route"})
    stream_.with_override(
        "filter0",
        load_.route(
            kName,
            std::string("mutations: {response_mutations: [{append: {header: {key: x-a, value: ") +
                level + "}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}}]}"));
  stream_.run().respond(200);
  EXPECT_EQ(stream_.response_field("x-a"), "route");
}

TEST_F(HeaderMutation, QueryParametersAreAddedEncoded) {
  EXPECT_EQ(path("/p", R"([{append: {record: {key: q, value: "a b&c=%REQ(x-v)%"}}}])"),
            "/p?q=a%20b%26c%3Dq%2F%C3%A9%3F");
  EXPECT_EQ(path("/p?q=0", "[{append: {record: {key: q, value: x}}}]"), "/p?q=0&q=x");
}

TEST_F(HeaderMutation, QueryActionsDifferWhereTheParameterExists) {
  EXPECT_EQ(path("/p?a=1", "[{append: {record: {key: a, value: x}, action: ADD_IF_ABSENT}}]"),
            "/p?a=1");
  EXPECT_EQ(path("/p", "[{append: {record: {key: a, value: x}, action: ADD_IF_ABSENT}}]"),
            "/p?a=x");
  EXPECT_EQ(path("/p?b=1", "[{append: {record: {key: a, value: x}, action: OVERWRITE_IF_EXISTS}}]"),
            "/p?b=1");
  EXPECT_EQ(path("/p?a=1&b=2&a=3",
                 "[{append: {record: {key: a, value: x}, action: OVERWRITE_IF_EXISTS}}]"),
            "/p?a=x&b=2");
  EXPECT_EQ(path("/p?b=1",
                 "[{append: {record: {key: a, value: x}, action: OVERWRITE_IF_EXISTS_OR_ADD}}]"),
            "/p?b=1&a=x");
}

TEST_F(HeaderMutation, OtherQueryParametersKeepPlaceAndSpelling) {
  EXPECT_EQ(path("/p?z=%20%2b+&gone=1&flag&%67one&a=%zz", "[{remove: gone}]"),
            "/p?z=%20%2b+&flag&a=%zz");
  EXPECT_EQ(path("/p?gone=1", "[{remove: gone}]"), "/p");
}

}  // namespace
}  // namespace pillion::filters
