#include "xds/yaml.h"

#include <gtest/gtest.h>

namespace pillion::xds {
namespace {

std::string error_of(const std::string& text) {
  Document document;
  auto result = parse_yaml(text, document);
  return result ? "no error" : result.error().message;
}

Node::Kind kind_of(const std::string& text) {
  Document document;
  EXPECT_TRUE(parse_yaml("v: " + text, document));
  return document.root.find("v")->kind();
}

std::string text_of(const std::string& text) {
  Document document;
  EXPECT_TRUE(parse_yaml("v: " + text, document));
  return std::string(document.root.find("v")->text());
}

TEST(Yaml, TypesPlainScalarsAsEnvoyDoes) {
  for (const char* word : {"true", "True", "TRUE", "yes", "on", "y"}) {
    EXPECT_EQ(kind_of(word), Node::Kind::kBool) << word;
    EXPECT_EQ(text_of(word), "true") << word;
  }
  for (const char* word : {"false", "No", "OFF", "n"}) EXPECT_EQ(text_of(word), "false") << word;
  for (const char* word : {"", "~", "null", "NULL"})
    EXPECT_EQ(kind_of(word), Node::Kind::kNull) << word;
  for (const char* word : {"text", "1.5", "1e3", "0x", "1_000", "5s", "tRuE", "1.2.3.4", "::1"})
    EXPECT_EQ(kind_of(word), Node::Kind::kString) << word;
  EXPECT_EQ(kind_of("-17"), Node::Kind::kNumber);
  EXPECT_EQ(text_of("0x1F"), "31");
  EXPECT_EQ(text_of("010"), "8");
  EXPECT_EQ(text_of("+5"), "5");
}

TEST(Yaml, KeepsIntegersBeyond32BitsAsText) {
  EXPECT_EQ(kind_of("2147483647"), Node::Kind::kNumber);
  EXPECT_EQ(kind_of("2147483648"), Node::Kind::kString);
  EXPECT_EQ(text_of("4294967295"), "4294967295");
}

TEST(Yaml, TakesQuotedScalarsAsText) {
  for (const char* word : {"'true'", "\"5\"", "'~'", "''"})
    EXPECT_EQ(kind_of(word), Node::Kind::kString) << word;
  EXPECT_EQ(text_of("\"a\\tb\\u00e9\""), "a\tb\xc3\xa9");
  EXPECT_EQ(kind_of("!!str 5"), Node::Kind::kString);
}

TEST(Yaml, ReadsBlocksAndFlows) {
  Document document;
  ASSERT_TRUE(parse_yaml("a:\n- b: 1\n  c: |\n    two\n    lines\n- [x, {y: z}]\n", document));
  const auto items = document.root.find("a")->items();
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].find("c")->text(), "two\nlines\n");
  EXPECT_EQ(items[1].items()[1].find("y")->text(), "z");
}

TEST(Yaml, FollowsAliases) {
  Document document;
  ASSERT_TRUE(parse_yaml("a: &x {k: 1}\nb: *x\n", document));
  EXPECT_EQ(document.root.find("b")->find("k")->text(), "1");
}

TEST(Yaml, NamesLineAndColumnOfAnError) {
  EXPECT_EQ(error_of("a: b\nc: [1, 2\n"), "3:1: end of sequence flow not found");
  EXPECT_EQ(error_of("a: b\n\tc: d\n").substr(0, 2), "2:");
  EXPECT_EQ(error_of("a: *nowhere\n"), "1:4: the referenced anchor is not defined");
}

TEST(Yaml, RefusesASecondDocument) {
  EXPECT_EQ(error_of("a: 1\n---\nb: 2\n"),
            "2:1: a second YAML document begins here; give one document only");
  EXPECT_EQ(error_of("---\na: 1\n...\n"), "no error");
}

TEST(Yaml, RefusesKeysThatAreNoNames) {
  EXPECT_EQ(error_of("[a, b]: c\n"), "1:1: a mapping's key has to be a name");
}

TEST(Yaml, BoundsWhatAliasesExpandTo) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) text += ", " + before;
    text += "]\n";
  }
  EXPECT_NE(error_of(text).find("the aliases of this file expand to too much"), std::string::npos);
}

TEST(Yaml, RefusesAnAliasOfItself) {
  EXPECT_EQ(error_of("a: &x [*x]\n"), "1:8: the alias is part of what it stands for");
}

TEST(Yaml, BoundsTheDepth) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_EQ(error_of(deep), "no error");
  EXPECT_EQ(error_of("[" + deep + "]"), "1:101: the nesting is too deep");
  EXPECT_NE(error_of(std::string(100'000, '[')), "no error");
}

TEST(Yaml, CountsTheDepthOfAliases) {
  const std::string half = std::string(60, '[') + std::string(60, ']');
  EXPECT_EQ(error_of("- &x " + half + "\n- " + std::string(60, '[') + "*x" + std::string(60, ']')),
            "2:63: the nesting is too deep");
}

TEST(Yaml, RefusesBytesThatAreNoUtf8) {
  EXPECT_EQ(error_of("a: \xff\n"), "1:4: this byte is not valid UTF-8");
}

}  // namespace
}  // namespace pillion::xds
