#include "xds/json.h"

#include <gtest/gtest.h>

namespace pillion::xds {
namespace {

std::string error_of(const std::string& text) {
  Document document;
  auto result = parse_json(text, document);
  return result ? "no error" : result.error().message;
}

TEST(Json, ReadsEveryKindOfValue) {
  Document document;
  ASSERT_TRUE(parse_json(R"( {"a": [1, -2.5e3, true, false, null, "x"], "b": {}} )", document));
  const auto items = document.root.find("a")->items();
  ASSERT_EQ(items.size(), 6u);
  EXPECT_EQ(items[0].text(), "1");
  EXPECT_EQ(items[1].text(), "-2.5e3");
  EXPECT_EQ(items[1].kind(), Node::Kind::kNumber);
  EXPECT_EQ(items[2].text(), "true");
  EXPECT_EQ(items[3].kind(), Node::Kind::kBool);
  EXPECT_EQ(items[4].kind(), Node::Kind::kNull);
  EXPECT_EQ(items[5].text(), "x");
  EXPECT_TRUE(document.root.find("b")->members().empty());
  EXPECT_EQ(document.root.find("c"), nullptr);
}

TEST(Json, UnescapesStrings) {
  Document document;
  ASSERT_TRUE(parse_json(R"("\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z")", document));
  EXPECT_EQ(document.root.text(), "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80z");
}

TEST(Json, NamesLineAndColumnOfAnError) {
  EXPECT_EQ(error_of("{\n  \"a\": 1,\n  \"b\" 2\n}"), "3:7: expected ':'");
  EXPECT_EQ(error_of("{\"a\": 1 \"b\": 2}"), "1:9: expected ',' or '}'");
  EXPECT_EQ(error_of("[1 2]"), "1:4: expected ',' or ']'");
}

TEST(Json, RefusesWhatIsNoJson) {
  EXPECT_EQ(error_of(""), "1:1: the text ends where a value should be");
  EXPECT_EQ(error_of("{} {}"), "1:4: there is text after the end of the value");
  EXPECT_EQ(error_of("[1,]"), "1:4: expected a value; strings need double quotes");
  EXPECT_EQ(error_of("{a: 1}"), "1:2: expected a name in double quotes");
  EXPECT_EQ(error_of("['a']"), "1:2: expected a value; strings need double quotes");
  EXPECT_EQ(error_of("01"), "1:3: a number cannot begin with 0");
  EXPECT_EQ(error_of("1."), "1:3: expected a digit after the decimal point");
  EXPECT_EQ(error_of("1e"), "1:3: expected a digit in the exponent");
  EXPECT_EQ(error_of("-"), "1:2: expected a value; strings need double quotes");
  EXPECT_EQ(error_of("\"a"), "1:3: the string has no closing quote");
  EXPECT_EQ(error_of("\"a\nb\""),
            "1:3: a string cannot hold a line break or control character; escape it");
  EXPECT_EQ(error_of(R"("\x")"), "1:4: the string holds an unknown escape");
  EXPECT_EQ(error_of(R"("\ud800")"), "1:8: the string holds an unknown escape");
  EXPECT_EQ(error_of("tru"), "1:1: expected a value; strings need double quotes");
}

TEST(Json, RefusesBytesThatAreNoUtf8) {
  EXPECT_EQ(error_of("{\"a\":\n \"\xff\"}"), "2:3: this byte is not valid UTF-8");
  EXPECT_EQ(error_of("\"\xc0\xaf\""), "1:2: this byte is not valid UTF-8");
  EXPECT_EQ(error_of("\"\xed\xa0\x80\""), "1:2: this byte is not valid UTF-8");
}

TEST(Json, BoundsTheDepth) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_EQ(error_of(deep), "no error");
  EXPECT_EQ(error_of("[" + deep + "]"), "1:101: the nesting is too deep");
}

}  // namespace
}  // namespace pillion::xds
