#include "sidecar/http/headers.h"

#include <gtest/gtest.h>

#include <string>

namespace pillion::http {
namespace {

class HeadersTest : public ::testing::Test {
 protected:
  std::string text() const {
    std::string out;
    for (const Header& h : headers_) {
      out += h.name();
      out += '=';
      out += h.value();
      out += ';';
    }
    return out;
  }
  BlockPool pool_;
  Arena arena_{pool_};
  Headers headers_{arena_};
};

TEST_F(HeadersTest, FindsNothingInAnEmptySet) {
  EXPECT_EQ(headers_.find(HeaderId::kHost), nullptr);
  EXPECT_EQ(headers_.find("x-unknown"), nullptr);
  EXPECT_FALSE(headers_.joined("x-unknown").has_value());
  EXPECT_EQ(headers_.remove("x-unknown"), 0u);
  EXPECT_EQ(headers_.remove(HeaderId::kVia), 0u);
  EXPECT_EQ(headers_.value(HeaderId::kVia), "");
}

TEST_F(HeadersTest, EveryInternedNameFindsItsId) {
  for (unsigned i = 1; i < static_cast<unsigned>(HeaderId::kCount); ++i) {
    auto id = static_cast<HeaderId>(i);
    ASSERT_FALSE(header_name(id).empty()) << i;
    EXPECT_EQ(header_id(header_name(id)), id) << header_name(id);
  }
}

TEST_F(HeadersTest, NamesThatAreNotInternedAreOther) {
  EXPECT_EQ(header_id(""), HeaderId::kOther);
  EXPECT_EQ(header_id("x"), HeaderId::kOther);
  EXPECT_EQ(header_id("Host"), HeaderId::kOther);
  EXPECT_EQ(header_id("hosts"), HeaderId::kOther);
  EXPECT_EQ(header_id("x-envoy-upstream-rq-timeout-mt"), HeaderId::kOther);
  // Every interned name with one letter changed is another name.
  for (unsigned i = 1; i < static_cast<unsigned>(HeaderId::kCount); ++i) {
    std::string name(header_name(static_cast<HeaderId>(i)));
    for (std::size_t at = 0; at < name.size(); ++at) {
      std::string other = name;
      other[at] = '~';
      EXPECT_EQ(header_id(other), HeaderId::kOther) << other;
    }
  }
}

TEST_F(HeadersTest, AddLowersTheNameAndInternsIt) {
  headers_.add("X-Request-ID", "Abc");
  headers_.add("X-Own-Header", "Def");
  EXPECT_EQ(text(), "x-request-id=Abc;x-own-header=Def;");
  EXPECT_EQ(headers_.begin()->id, HeaderId::kRequestId);
  ASSERT_NE(headers_.find(HeaderId::kRequestId), nullptr);
  ASSERT_NE(headers_.find("x-own-header"), nullptr);
  EXPECT_EQ(headers_.find("x-own-header")->value(), "Def");
}

TEST_F(HeadersTest, AddCopiesItsArguments) {
  std::string name = "x-a";
  std::string value = "one";
  headers_.add(name, value);
  name = "zzz";
  value = "zzz";
  EXPECT_EQ(text(), "x-a=one;");
}

TEST_F(HeadersTest, SetReplacesAllInTheFirstPlace) {
  headers_.add("a", "1");
  headers_.add("b", "2");
  headers_.add("c", "3");
  headers_.add("b", "4");
  headers_.set("b", "5");
  EXPECT_EQ(text(), "a=1;b=5;c=3;");
  headers_.set(HeaderId::kVia, "x");
  headers_.set(HeaderId::kVia, "y");
  EXPECT_EQ(text(), "a=1;b=5;c=3;via=y;");
}

TEST_F(HeadersTest, RemoveTakesAllOfAName) {
  headers_.add("te", "1");
  headers_.add("x-a", "2");
  headers_.add("te", "3");
  headers_.add("x-a", "4");
  headers_.add("x-b", "5");
  EXPECT_EQ(headers_.remove(HeaderId::kTe), 2u);
  EXPECT_EQ(headers_.remove("x-a"), 2u);
  EXPECT_EQ(text(), "x-b=5;");
  EXPECT_FALSE(headers_.has(HeaderId::kTe));
  headers_.add("te", "6");
  EXPECT_EQ(headers_.value(HeaderId::kTe), "6");
}

TEST_F(HeadersTest, JoinedValuesUseCommasAndCookiesSemicolons) {
  headers_.add("x-a", "1");
  headers_.add("cookie", "k=1");
  EXPECT_EQ(headers_.joined("x-a"), "1");
  headers_.add("x-a", "");
  headers_.add("cookie", "l=2");
  headers_.add("x-a", "3");
  EXPECT_EQ(headers_.joined("x-a"), "1,,3");
  EXPECT_EQ(headers_.joined("cookie"), "k=1; l=2");
}

TEST_F(HeadersTest, JoinRepeatedMakesOneLineOfInlineHeadersOnly) {
  for (const char* value : {"1", "2"})
    for (const char* name : {"x-forwarded-for", "x-own", "cookie", "server", "via"})
      headers_.add(name, value);
  headers_.join_repeated(true);
  EXPECT_EQ(text(),
            "x-forwarded-for=1,2;x-own=1;cookie=1;server=1;via=1,2;x-own=2;cookie=2;server=2;");
  headers_.join_repeated(false);
  EXPECT_EQ(text(), "x-forwarded-for=1,2;x-own=1;cookie=1;server=1,2;via=1,2;x-own=2;cookie=2;");
}

TEST_F(HeadersTest, JoinRepeatedLeavesOutEmptyValues) {
  for (const char* value : {"", "", "1", "", "2"}) headers_.add("via", value);
  for (const char* value : {"", ""}) headers_.add("x-request-id", value);
  headers_.join_repeated(true);
  EXPECT_EQ(text(), "via=1,2;x-request-id=;");
}

TEST_F(HeadersTest, AnyValueStopsAtTheFirstThatSatisfies) {
  headers_.add("x-a", "1");
  headers_.add("x-b", "2");
  headers_.add("x-a", "3");
  std::string seen;
  EXPECT_TRUE(headers_.any_value("x-a", [&seen](std::string_view v) {
    seen += v;
    return v == "3";
  }));
  EXPECT_EQ(seen, "13");
  EXPECT_FALSE(headers_.any_value("x-b", [](std::string_view v) { return v == "1"; }));
  EXPECT_FALSE(headers_.any_value("x-c", [](std::string_view) { return true; }));
}

TEST_F(HeadersTest, ByteSizeCountsWhatTheWireNeeds) {
  EXPECT_EQ(headers_.byte_size(), 0u);
  headers_.add("ab", "cde");
  EXPECT_EQ(headers_.byte_size(), std::string_view("ab: cde\r\n").size());
}

TEST_F(HeadersTest, GrowsBeyondItsFirstArray) {
  for (int i = 0; i < 1000; ++i) headers_.add("x-" + std::to_string(i), std::to_string(i));
  EXPECT_EQ(headers_.size(), 1000u);
  EXPECT_EQ(headers_.find("x-0")->value(), "0");
  EXPECT_EQ(headers_.find("x-999")->value(), "999");
}

TEST_F(HeadersTest, RemoveIfKeepsTheOrderOfTheRest) {
  for (int i = 0; i < 6; ++i) headers_.add("x-" + std::to_string(i), "v");
  EXPECT_EQ(headers_.remove_if([](const Header& h) { return h.name().back() % 2 == 1; }), 3u);
  EXPECT_EQ(text(), "x-0=v;x-2=v;x-4=v;");
}

TEST_F(HeadersTest, RemovesASetOfNames) {
  headers_.add("connection", "close");
  headers_.add("x-a", "1");
  headers_.add("upgrade", "websocket");
  headers_.add("upgrade", "h2c");
  EXPECT_EQ(headers_.remove(header_ids({HeaderId::kConnection, HeaderId::kUpgrade, HeaderId::kTe})),
            3u);
  EXPECT_EQ(headers_.size(), 1u);
  EXPECT_FALSE(headers_.has(HeaderId::kUpgrade));
  EXPECT_TRUE(headers_.find("x-a") != nullptr);
  EXPECT_EQ(headers_.remove(header_ids({HeaderId::kConnection})), 0u);
}

}  // namespace
}  // namespace pillion::http
