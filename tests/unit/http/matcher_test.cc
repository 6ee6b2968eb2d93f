#include "sidecar/http/matcher.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace pillion::http {
namespace {

using StringKind = config::StringMatcher::Kind;
using HeaderKind = config::HeaderMatcher::Kind;

bool matches(StringKind kind, std::string_view pattern, std::string_view text,
             bool ignore_case = false) {
  auto matcher = StringMatcher::compile({kind, ignore_case, std::string(pattern)});
  EXPECT_TRUE(matcher.has_value());
  return matcher->matches(text);
}

TEST(StringMatcher, NamesABadRegex) {
  auto matcher = StringMatcher::compile({StringKind::kRegex, false, "a(b"});
  ASSERT_FALSE(matcher.has_value());
  EXPECT_EQ(matcher.error().message, "regex 'a(b': missing ): a(b");
}

TEST(StringMatcher, MatchesByKind) {
  EXPECT_TRUE(matches(StringKind::kExact, "ab", "ab"));
  EXPECT_FALSE(matches(StringKind::kExact, "ab", "aB"));
  EXPECT_FALSE(matches(StringKind::kExact, "ab", "abc"));
  EXPECT_TRUE(matches(StringKind::kPrefix, "ab", "abc"));
  EXPECT_FALSE(matches(StringKind::kPrefix, "ab", "a"));
  EXPECT_TRUE(matches(StringKind::kSuffix, "bc", "abc"));
  EXPECT_FALSE(matches(StringKind::kSuffix, "bc", "abC"));
  EXPECT_TRUE(matches(StringKind::kContains, "b", "abc"));
  EXPECT_FALSE(matches(StringKind::kContains, "d", "abc"));
}

TEST(StringMatcher, RegexCoversTheWholeText) {
  EXPECT_TRUE(matches(StringKind::kRegex, "a.c", "abc"));
  EXPECT_FALSE(matches(StringKind::kRegex, "a.c", "abcd"));
  EXPECT_FALSE(matches(StringKind::kRegex, "a.c", "xabc"));
  EXPECT_TRUE(matches(StringKind::kRegex, "", ""));
}

TEST(StringMatcher, IgnoresCaseWhenAsked) {
  EXPECT_TRUE(matches(StringKind::kExact, "aB", "Ab", true));
  EXPECT_TRUE(matches(StringKind::kPrefix, "aB", "Abc", true));
  EXPECT_TRUE(matches(StringKind::kSuffix, "Bc", "abC", true));
  EXPECT_TRUE(matches(StringKind::kContains, "B", "abc", true));
  EXPECT_FALSE(matches(StringKind::kContains, "B", "acd", true));
}

// Whether a request with these x-h fields matches.
bool header_matches(const config::HeaderMatcher& matcher, const std::vector<std::string>& values) {
  BlockPool pool;
  Arena arena(pool);
  RequestHead head(arena);
  for (const std::string& value : values) head.headers.add("x-h", value);
  auto compiled = HeaderMatcher::compile(matcher);
  EXPECT_TRUE(compiled.has_value());
  return compiled->matches(head);
}

config::HeaderMatcher matcher_of(HeaderKind kind) {
  config::HeaderMatcher matcher;
  matcher.name = "x-h";
  matcher.kind = kind;
  return matcher;
}

TEST(HeaderMatcher, NamesTheHeaderOfABadRegex) {
  config::HeaderMatcher matcher = matcher_of(HeaderKind::kString);
  matcher.string = {StringKind::kRegex, false, "["};
  auto compiled = HeaderMatcher::compile(matcher);
  ASSERT_FALSE(compiled.has_value());
  EXPECT_EQ(compiled.error().message, "header 'x-h': regex '[': missing ]: [");
}

TEST(HeaderMatcher, RefusesAMatcherWithoutAName) {
  EXPECT_FALSE(HeaderMatcher::compile(config::HeaderMatcher{}).has_value());
}

TEST(HeaderMatcher, PresenceFollowsTheTruthTableOfEnvoy) {
  struct Case {
    bool present, invert, missing_as_empty, when_absent, when_present;
  };
  for (const Case& c : std::vector<Case>{{true, false, false, false, true},
                                         {false, false, false, true, false},
                                         {true, true, false, true, false},
                                         {false, true, false, false, true},
                                         {true, false, true, true, true},
                                         {false, false, true, false, false},
                                         {true, true, true, false, false},
                                         {false, true, true, true, true}}) {
    config::HeaderMatcher matcher = matcher_of(HeaderKind::kPresent);
    matcher.present = c.present;
    matcher.invert = c.invert;
    matcher.treat_missing_as_empty = c.missing_as_empty;
    EXPECT_EQ(header_matches(matcher, {}), c.when_absent) << c.present << c.invert;
    EXPECT_EQ(header_matches(matcher, {""}), c.when_present) << c.present << c.invert;
  }
}

TEST(HeaderMatcher, AMissingFieldMatchesNoStringEvenInverted) {
  config::HeaderMatcher matcher = matcher_of(HeaderKind::kString);
  matcher.string.text = "a";
  EXPECT_FALSE(header_matches(matcher, {}));
  EXPECT_TRUE(header_matches(matcher, {"a"}));
  matcher.invert = true;
  EXPECT_FALSE(header_matches(matcher, {}));
  EXPECT_FALSE(header_matches(matcher, {"a"}));
  EXPECT_TRUE(header_matches(matcher, {"b"}));
  matcher.treat_missing_as_empty = true;
  EXPECT_TRUE(header_matches(matcher, {}));
}

TEST(HeaderMatcher, ComparesRepeatedFieldsOneByOne) {
  config::HeaderMatcher matcher = matcher_of(HeaderKind::kString);
  matcher.string.text = "b";
  EXPECT_TRUE(header_matches(matcher, {"a", "b"}));
  matcher.string.text = "a,b";
  EXPECT_FALSE(header_matches(matcher, {"a", "b"}));
  matcher.invert = true;
  EXPECT_TRUE(header_matches(matcher, {"a", "b"}));
  matcher.string.text = "a";
  EXPECT_FALSE(header_matches(matcher, {"a", "b"}));
}

TEST(HeaderMatcher, RangeIsHalfOpenAndWantsAWholeNumber) {
  config::HeaderMatcher matcher = matcher_of(HeaderKind::kRange);
  matcher.range_start = -10;
  matcher.range_end = 10;
  for (const char* inside : {"-10", "9", "+5", "-5", "0"})
    EXPECT_TRUE(header_matches(matcher, {inside})) << inside;
  for (const char* outside :
       {"-11", "10", "", "a", "5x", "+-5", "++5", "+", "5.0", "99999999999999999999"})
    EXPECT_FALSE(header_matches(matcher, {outside})) << outside;
  EXPECT_FALSE(header_matches(matcher, {}));
  matcher.invert = true;
  EXPECT_FALSE(header_matches(matcher, {}));
  EXPECT_TRUE(header_matches(matcher, {"5x"}));
}

TEST(HeaderMatcher, ReadsPseudoFieldsOfBothHeads) {
  BlockPool pool;
  Arena arena(pool);
  RequestHead request(arena);
  request.method_text = "POST";
  ResponseHead response(arena);
  response.status = 503;
  config::HeaderMatcher matcher = matcher_of(HeaderKind::kString);
  matcher.name = ":method";
  matcher.string.text = "POST";
  EXPECT_TRUE(HeaderMatcher::compile(matcher)->matches(request));
  EXPECT_FALSE(HeaderMatcher::compile(matcher)->matches(response));
  matcher.name = ":status";
  matcher.string = {StringKind::kPrefix, false, "5"};
  EXPECT_TRUE(HeaderMatcher::compile(matcher)->matches(response));
}

bool query_matches(std::optional<std::string> exact, bool present, std::string_view query) {
  config::QueryMatcher matcher;
  matcher.name = "a";
  matcher.present = present;
  if (exact) matcher.value = config::StringMatcher{StringKind::kExact, false, *exact};
  auto compiled = QueryMatcher::compile(matcher);
  EXPECT_TRUE(compiled.has_value());
  return compiled->matches(query);
}

TEST(QueryMatcher, NamesTheParameterOfABadRegex) {
  config::QueryMatcher matcher;
  matcher.name = "a";
  matcher.value = config::StringMatcher{StringKind::kRegex, false, "*"};
  auto compiled = QueryMatcher::compile(matcher);
  ASSERT_FALSE(compiled.has_value());
  EXPECT_EQ(compiled.error().message,
            "query parameter 'a': regex '*': no argument for repetition operator: *");
}

TEST(QueryMatcher, PresenceIgnoresTheValue) {
  for (const char* query : {"a", "a=", "a=1", "b=1&a", "&a", "a=1&a=2"}) {
    EXPECT_TRUE(query_matches({}, true, query)) << query;
    EXPECT_FALSE(query_matches({}, false, query)) << query;
  }
  for (const char* query : {"", "b", "A=1", "aa=1", "%61=1", "b=a"}) {
    EXPECT_FALSE(query_matches({}, true, query)) << query;
    EXPECT_TRUE(query_matches({}, false, query)) << query;
  }
}

TEST(QueryMatcher, ComparesTheFirstValueUndecoded) {
  EXPECT_TRUE(query_matches("b", true, "a=b"));
  EXPECT_TRUE(query_matches("b%20c", true, "a=b%20c"));
  EXPECT_FALSE(query_matches("b c", true, "a=b%20c"));
  EXPECT_FALSE(query_matches("2", true, "a=1&a=2"));
  EXPECT_TRUE(query_matches("", true, "a"));
  EXPECT_TRUE(query_matches("b=c", true, "a=b=c"));
  EXPECT_FALSE(query_matches("", true, "b"));
}

}  // namespace
}  // namespace pillion::http
