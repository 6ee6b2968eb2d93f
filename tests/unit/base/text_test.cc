#include "sidecar/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion {
namespace {

using ::testing::ElementsAre;

TEST(Text, ComparesWithoutCaseInAsciiOnly) {
  EXPECT_TRUE(equals_ignore_case("Content-LENGTH", "content-length"));
  EXPECT_FALSE(equals_ignore_case("a", "ab"));
  EXPECT_FALSE(equals_ignore_case("[", "{"));  // differ in the bit that makes the case of letters
  EXPECT_FALSE(equals_ignore_case("\xc4", "\xe4"));
  EXPECT_TRUE(equals_ignore_case("", ""));
  EXPECT_TRUE(starts_with_ignore_case("HTTP/1.1", "http/"));
  EXPECT_FALSE(starts_with_ignore_case("HT", "http/"));
  EXPECT_EQ(lower_copy("AbC@[Z"), "abc@[z");
}

TEST(Text, TrimsSpacesAndTabsOnly) {
  EXPECT_EQ(trim(" \t a b\t "), "a b");
  EXPECT_EQ(trim(" \t"), "");
  EXPECT_EQ(trim("\r\na"), "\r\na");
}

TEST(Text, SplitsKeepingEmptyParts) {
  EXPECT_THAT(split("a,b,,c,", ','), ElementsAre("a", "b", "", "c", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(Text, FindsTokensInLists) {
  EXPECT_TRUE(list_has_token("keep-alive, Upgrade", "upgrade"));
  EXPECT_TRUE(list_has_token(" close ", "close"));
  EXPECT_FALSE(list_has_token("closed, not-close", "close"));
  EXPECT_FALSE(list_has_token("", "close"));
  EXPECT_TRUE(list_has_token(",,close", "close"));
}

TEST(Text, ParsesWholeNumbersOnly) {
  EXPECT_EQ(parse_number<uint32_t>("4294967295"), 4294967295u);
  EXPECT_EQ(parse_number<int>("-12"), -12);
  for (std::string_view text : {"", "4294967296", "-1", "+1", " 1", "1 ", "0x1", "1.0", "one"})
    EXPECT_FALSE(parse_number<uint32_t>(text).has_value()) << text;
  EXPECT_FALSE(parse_number<uint8_t>("256").has_value());
}

TEST(Text, EscapesForJson) {
  using std::string_view_literals::operator""sv;
  std::string out = "<";
  append_json_escaped(out, "a\"b\\c\n\r\t\x01\x1f\0d\x7f/"sv);
  EXPECT_EQ(out, "<a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\\u0000d\x7f/");
}

TEST(Text, LowersAsciiLettersOnlyWhereverTheyStand) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t from = 0; from < 9; ++from) {
    std::string text = all.substr(from);
    std::string out(text.size(), '?');
    lower_into(out.data(), text);
    for (std::size_t i = 0; i < text.size(); ++i) EXPECT_EQ(out[i], lower(text[i])) << from + i;
  }
}

TEST(Text, TakesMembersOffAList) {
  std::string_view list = " a ,,b,";
  EXPECT_EQ(take_member(list), "a");
  EXPECT_EQ(take_member(list), "");
  EXPECT_EQ(take_member(list), "b");
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace pillion
