#include "xds/block_yaml.h"

#include <gtest/gtest.h>

#include <random>

#include "xds/yaml.h"

namespace pillion::xds {
namespace {

std::string shown(const Node& node) {
  switch (node.kind()) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kBool:
      return "b:" + std::string(node.text());
    case Node::Kind::kNumber:
      return "n:" + std::string(node.text());
    case Node::Kind::kString:
      return "s:" + std::string(node.text());
    case Node::Kind::kArray: {
      std::string text = "[";
      for (const Node& item : node.items()) text += shown(item) + ",";
      return text + "]";
    }
    case Node::Kind::kObject: {
      std::string text = "{";
      for (const Member& member : node.members())
        text += std::string(member.name) + "=" + shown(member.value) + ",";
      return text + "}";
    }
  }
  return "";
}

// The tree of the full parser, which small texts always go through.
std::string full(const std::string& text) {
  Document document;
  auto parsed = parse_yaml(text, document);
  return parsed ? shown(document.root) : "error";
}

std::string fast(const std::string& text) {
  Document document;
  return parse_block_yaml(text, document) ? shown(document.root) : "gave up";
}

TEST(BlockYaml, ReadsWhatProgramsWrite) {
  const std::string text =
      "---\n"
      "# A comment\n"
      "admin:\n"
      "  address: {}\n"
      "clusters:\n"
      "- name: a\n"
      "  'type': STATIC  # not looked up\n"
      "  \"@type\": type.googleapis.com/x.Y\n"
      "  ports: [] \n"
      "  endpoints:\n"
      "    - - 1\n"
      "      - -2\n"
      "    -\n"
      "      deep: yes\n"
      "    - plain text, with: commas\n"
      "  empty:\n"
      "\n"
      "- name: 'b #c'\n"
      "last: 10.0.0.1:80\n";
  std::string good = text;
  good.erase(good.find(", with: commas"), 14);
  EXPECT_EQ(fast(good), full(good));
  EXPECT_EQ(fast(good),
            "{admin={address={},},clusters=[{name=s:a,type=s:STATIC,@type=s:type.googleapis.com/x.Y"
            ",ports=[],endpoints=[[n:1,n:-2,],{deep=b:true,},s:plain text,],empty=null,},"
            "{name=s:b #c,},],last=s:10.0.0.1:80,}");
  EXPECT_EQ(fast(text), "gave up");
}

// Whatever it does not give up at, it reads as the full parser does.
TEST(BlockYaml, AgreesWithTheFullParserOrGivesUp) {
  for (const char* text : {"",
                           "a",
                           "a:",
                           "a: b",
                           "a: b\nc",
                           "a: b\n  c",
                           "a: b\n c: d",
                           "a: b\n\nc: d\n",
                           "- a\nb: c",
                           "a: 1\n- b",
                           "a:\n- b\nc: d",
                           "a:\n - b\n- c",
                           "a:\n  - b\n - c",
                           "- a\n- b\n",
                           "-\n- ~\n- null",
                           "- - a\n  - b\n- c",
                           "- - a\n - b",
                           "- a:\n  - b\n  c: d",
                           "- a: 1\n   b: 2",
                           "- a: 1\n b: 2",
                           "-  a: 1\n   b: 2",
                           "a: b: c",
                           "a: b:",
                           "a: b:c",
                           "a: b #c",
                           "a: b#c",
                           "a: #c",
                           "a:#c",
                           "a:b",
                           "a: 'b''c'",
                           "a: 'b' c",
                           "a: 'b' #c",
                           "a: 'b'#c",
                           "a: 'b",
                           "a: \"b\\n\"",
                           "a: \"b\"",
                           "'a': b",
                           "'a' : b",
                           "a : b",
                           "a: {}",
                           "a: {} b",
                           "a: {b: c}",
                           "a: [b]",
                           "a: []",
                           "a: [] # c",
                           "a: |\n  b",
                           "a: >\n  b",
                           "a: &x b\nc: *x",
                           "a: !!str b",
                           "a: @b",
                           "a: %b",
                           "a: `b",
                           "a: -",
                           "a: - b",
                           "a: -b",
                           "a: ?b",
                           "a: :b",
                           "a: ,b",
                           "a: *b",
                           "? a\n: b",
                           "%YAML 1.2\n---\na: b",
                           "---\na: b",
                           "--- a",
                           "---\na: b\n---\nc: d",
                           "a: b\n...\n",
                           "a: b\n...\nc: d",
                           "a:\tb",
                           "a: b\r\n",
                           "\xef\xbb\xbf"
                           "a: b",
                           "a: \xc3\xa9",
                           "\xc3\xa9: a",
                           "a: b\n\n\n  # c\nd: e",
                           "  a: b\n  c: d",
                           "  a: b\nc: d",
                           "a: 0x1F",
                           "a: 010",
                           "a: 08",
                           "a: 1.5",
                           "a: .5",
                           "a: yes\nb: NO",
                           "a: 99999999999",
                           "a: 99999999999999999999",
                           "a: -0x10",
                           "a: +5",
                           "a: --5",
                           "a: ''",
                           "a: \"\"",
                           "'': a",
                           "a: b  \nc: d  ",
                           "-a: b",
                           "- -a",
                           "-a",
                           "a:\n\n  b",
                           "a:\n  b\n  c",
                           "a:\n  'b'",
                           "a:\n  {}",
                           "- {}\n- []",
                           "a: {}\n  b: c",
                           "- a\n  b",
                           "- 'a'\n  b: c",
                           "a: b\na: c",
                           "a-b.c/d: e",
                           "a b: c",
                           "- a b: c",
                           "a: x y z",
                           "a: x, y",
                           "a: x] y",
                           "a: it's",
                           "a: b 'c'",
                           "# only\n",
                           "\n\n",
                           "a: ~",
                           "a: Null",
                           "a: nULL",
                           "- # c\n  a: b",
                           "a: # c\n  b: d",
                           "a:  # c\n- b",
                           "a: b\n# c\n  d: e",
                           "a: \x04"
                           "b",
                           "a: |",
                           "a: 'b\n  c'"}) {
    const std::string result = fast(text);
    if (result == "gave up") continue;
    EXPECT_EQ(result, full(text)) << text;
  }
}

// Writes random trees in the styles that programs use.
class Writer {
 public:
  explicit Writer(unsigned seed) : random_(seed) {}
  std::string document() {
    out_.clear();
    collection(0, 0, false);
    return out_;
  }

 private:
  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
  std::string scalar() {
    static const char* const kScalars[] = {"a",    "10.0.0.1", "80",      "'quoted: #'", "\"x\"",
                                           "true", "~",        "1.5s",    "-3",          "a b c",
                                           "0x10", "''",       "svc/x",   "no",          "{}",
                                           "a#b",  "[]",       "'@type'", "x:y",         "1e3"};
    return kScalars[below(std::size(kScalars))];
  }
  void end_line() { out_ += below(8) == 0 ? "  # comment\n" : "\n"; }
  void value(unsigned indent, unsigned depth) {
    if (depth > 5 || below(3) == 0) {
      out_ += " " + scalar();
      end_line();
    } else if (below(10) == 0) {
      end_line();  // null
    } else {
      end_line();
      collection(indent, depth + 1, false);
    }
  }
  // `begun`: the first line's indentation is written already.
  void collection(unsigned indent, unsigned depth, bool begun) {
    const bool list = below(2) == 0;
    const unsigned count = 1 + below(3);
    for (unsigned i = 0; i < count; ++i) {
      if (!begun || i > 0) out_ += std::string(indent, ' ');
      if (list && depth <= 5 && below(3) == 0) {
        out_ += "- ";
        collection(indent + 2, depth + 1, true);
      } else if (list) {
        out_ += "-";
        value(indent + 1 + below(3), depth);
      } else {
        out_ += "key" + std::to_string(i) + ":";
        value(indent + 1 + below(3), depth);
      }
      if (below(12) == 0) out_ += "\n# between\n";
    }
  }
  std::mt19937 random_;
  std::string out_;
};

TEST(BlockYaml, ReadsRandomTreesAsTheFullParserDoes) {
  const unsigned first = std::random_device()();
  unsigned read = 0;
  for (unsigned seed = first; seed < first + 500; ++seed) {
    const std::string text = Writer(seed).document();
    const std::string result = fast(text);
    if (result == "gave up") continue;
    ++read;
    ASSERT_EQ(result, full(text)) << "seed " << seed << "\n" << text;
  }
  EXPECT_GT(read, 400u) << "first seed " << first;
}

TEST(BlockYaml, BoundsTheDepth) {
  std::string text;
  for (int i = 0; i < 110; ++i) text += "- ";
  EXPECT_EQ(fast(text + "a"), "gave up");
  EXPECT_NE(fast(text.substr(0, 198) + "a"), "gave up");
}

TEST(BlockYaml, IsUsedForLargeTexts) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "- name: service-" + std::to_string(i) + "\n";
  Document document;
  ASSERT_TRUE(parse_yaml(text, document));
  EXPECT_EQ(document.root.items().size(), 20'000u);
  // An anchor is beyond it, and the full parser takes over.
  Document other;
  ASSERT_TRUE(parse_yaml(text + "- &x {a: 1}\n- *x\n", other));
  EXPECT_EQ(other.root.items().size(), 20'002u);
}

}  // namespace
}  // namespace pillion::xds
