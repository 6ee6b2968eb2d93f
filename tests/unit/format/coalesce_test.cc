#include <gtest/gtest.h>

#include "sidecar/format/json_reader.h"
#include "tests/unit/format/context.h"

namespace pillion::format {
namespace {

std::string coalesce(std::string_view operators, std::string_view after = "") {
  return "%COALESCE({\"operators\": [" + std::string(operators) + "]})" + std::string(after) + "%";
}

TEST_F(FormatTest, CoalesceRefusesWhatItCannotRead) {
  const std::pair<std::string, std::string> bad[] = {
      {"%COALESCE%", "requires parameters"},
      {"%COALESCE(x)%", "no JSON from byte 0"},
      {"%COALESCE([])%", "expected {\"operators\""},
      {"%COALESCE({\"operators\": []})%", "at least one"},
      {"%COALESCE({\"operators\": [\"PROTOCOL\"], \"more\": 1})%", "expected {\"operators\""},
      {coalesce("\"NOPE\""), "not an operator"},
      {coalesce("\"REQ\""), "requires parameters"},
      {coalesce("5"), "a name, or an object"},
      {coalesce("{\"param\": \"a\"}"), "needs a 'command'"},
      {coalesce("{\"command\": 1}"), "'command' must be a string"},
      {coalesce("{\"command\": \"REQ\", \"parm\": \"a\"}"), "'parm' is none of"},
      {coalesce("{\"command\": \"REQ\", \"param\": \"a\", \"max_length\": 0}"), "positive whole"},
      {coalesce("{\"command\": \"REQ\", \"param\": \"a\", \"max_length\": 1.5}"), "positive whole"},
  };
  for (const auto& [format, message] : bad)
    EXPECT_NE(problem(format).find(message), std::string::npos)
        << format << ": " << problem(format);
}

TEST_F(FormatTest, CoalesceTakesTheFirstThatIsNeitherAbsentNorEmpty) {
  std::string format =
      coalesce(R"("REQUESTED_SERVER_NAME", {"command": "REQ", "param": "x-a"}, "ROUTE_NAME")");
  EXPECT_EQ(text(format), "-");
  info_.route_name = "route";
  request_.headers.add("x-a", "");
  EXPECT_EQ(text(format), "route");
  request_.headers.set("x-a", "header");
  EXPECT_EQ(text(format), "header");
  info_.requested_server_name = "sni";
  EXPECT_EQ(text("<" + format + ">"), "<sni>");
}

TEST_F(FormatTest, CoalesceCutsEachPartAndTheWhole) {
  request_.headers.add("x-a", "abcdef");
  std::string part = R"({"command": "REQ", "param": "x-a", "max_length": 4})";
  EXPECT_EQ(text(coalesce(part)), "abcd");
  EXPECT_EQ(text(coalesce(part, ":2")), "ab");
  EXPECT_EQ(json(coalesce(part, ":2")), "\"ab\"");
}

TEST_F(FormatTest, CoalesceKeepsTheTypeOfThePartInJson) {
  std::string format = coalesce(R"({"command": "REQ", "param": "x-a"}, "BYTES_SENT")", ":1");
  info_.response_body_bytes = 123;
  EXPECT_EQ(json(format), "123");
  EXPECT_EQ(text(format), "1");
  request_.headers.add("x-a", "xyz");
  EXPECT_EQ(json(format), "\"x\"");
  EXPECT_EQ(json(coalesce("\"ROUTE_NAME\"")), "null");
}

TEST(ParseJson, ReadsEveryKindOfValue) {
  auto value = parse_json(R"( {"a": [true, false, null, -1.5e1], "b\u00e9\ud83d\ude00": "\n\""} )");
  ASSERT_TRUE(value.has_value());
  using Value = config::Value;
  Value::Object expected;
  expected["a"] = Value{Value::Array{{true}, {false}, {std::monostate{}}, {-15.0}}};
  expected["b\xc3\xa9\xf0\x9f\x98\x80"] = Value{std::string("\n\"")};
  EXPECT_EQ(*value, Value{expected});
}

TEST(ParseJson, SaysWhereItIsWrong) {
  for (const char* text : {"", "{", "[1,]", "{\"a\" 1}", "\"a", "\"\\x\"", "\"\\ud800\"",
                           "\"\\u12g4\"", "\"\n\"", "tru", "1 2", ".5", "inf", "{a: 1}"})
    EXPECT_FALSE(parse_json(text).has_value()) << text;
  EXPECT_EQ(parse_json("[1, x]").error().message, "is no JSON from byte 4 on");
  EXPECT_FALSE(parse_json(std::string(100, '[') + std::string(100, ']')).has_value());
}

}  // namespace
}  // namespace pillion::format
