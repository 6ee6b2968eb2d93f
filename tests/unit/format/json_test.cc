#include <gtest/gtest.h>

#include "sidecar/format/json_text.h"
#include "tests/unit/format/context.h"

namespace pillion::format {
namespace {

using Value = config::Value;
using Object = Value::Object;
using Array = Value::Array;

Value of(const char* text) {
  return Value{std::string(text)};
}

std::string line(const Value& layout, const Context& context, bool omit_empty = false) {
  auto formatter = JsonFormatter::parse(layout, omit_empty, false);
  if (!formatter) return "problem: " + formatter.error().message;
  std::string out;
  formatter->append_to(out, context);
  return out;
}

TEST_F(FormatTest, JsonNamesTheKeyOfABadFormat) {
  Value layout{Object{{"a", Value{Object{{"b", of("%NOPE%")}}}}}};
  EXPECT_EQ(line(layout, context()).find("problem: 'a': 'b': format '%NOPE%'"), 0u);
  EXPECT_EQ(line(Value{Array{}}, context()), "problem: a JSON format must be an object");
}

TEST_F(FormatTest, JsonKeepsTypesAndSortsKeys) {
  request_.headers.add("a", "abc");
  info_.response_code = 200;
  Value layout{Object{{"z", of("plain")},
                      {"code", of("%RESPONSE_CODE%")},
                      {"mixed", of("%RESPONSE_CODE% %REQ(a)% %REQ(none)%")},
                      {"none", of("%REQ(none)%")},
                      {"number", Value{7.0}},
                      {"half", Value{1.5}},
                      {"yes", Value{true}},
                      {"nul", Value{}},
                      {"empty", of("")},
                      {"percent", of("100%%")},
                      {"list", Value{Array{of("%REQ(a)%"), Value{3.0}, of("%REQ(none)%"),
                                           Value{Object{{"k", of("%RESPONSE_CODE%")}}}}}},
                      {"object", Value{Object{{"x", of("%REQ(none)%")}}}}}};
  EXPECT_EQ(line(layout, context()),
            "{\"code\":200,\"empty\":\"\",\"half\":1.5,\"list\":[\"abc\",3,null,{\"k\":200}],"
            "\"mixed\":\"200 abc -\",\"none\":null,\"nul\":null,\"number\":7,"
            "\"object\":{\"x\":null},\"percent\":\"100%\",\"yes\":true,\"z\":\"plain\"}\n");
}

TEST_F(FormatTest, JsonOmitsNullsAndObjectsThatHoldNothingElse) {
  request_.headers.add("emp", "");
  Value layout{Object{{"a", of("%REQ(none)%")},
                      {"b", of("%REQ(emp)%")},
                      {"c", of("%REQ(none)%-%REQ(none)%")},
                      {"d", Value{Array{of("%REQ(none)%")}}},
                      {"e", Value{Object{{"x", Value{Object{{"y", of("%REQ(none)%")}}}}}}},
                      {"f", Value{}}}};
  EXPECT_EQ(line(layout, context(), true), "{\"b\":\"\",\"c\":\"-\",\"d\":[]}\n");
  EXPECT_EQ(line(Value{Object{{"a", of("%REQ(none)%")}}}, context(), true), "{}\n");
}

std::string escaped(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonText, EscapesWhatJsonWantsEscaped) {
  EXPECT_EQ(escaped(""), "\"\"");
  EXPECT_EQ(escaped("plain /<>'"), "\"plain /<>'\"");
  EXPECT_EQ(escaped("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(escaped("\b\f\n\r\t\x01\x7f"), "\"\\b\\f\\n\\r\\t\\u0001\\u007f\"");
  EXPECT_EQ(escaped("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

TEST(JsonText, KeepsTheBytesOfTextThatIsNotUtf8) {
  EXPECT_EQ(escaped("q\"\\\xff\xc3\xa9\t."), "\"q\\u0022\\u005c\\u00ff\\u00c3\\u00a9\\u0009.\"");
  // A stray continuation, an overlong form, a surrogate, beyond the last code point, a cut
  // sequence.
  for (const char* bad : {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"})
    EXPECT_EQ(escaped(bad).find("\"\\u00"), 0u) << escaped(bad);
}

TEST(JsonText, NumbersAreShortAndExact) {
  auto number = [](double value) {
    std::string out;
    append_json_number(out, value);
    return out;
  };
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(-3), "-3");
  EXPECT_EQ(number(1.5), "1.5");
  EXPECT_EQ(number(0.1), "0.1");
  EXPECT_EQ(number(12345678901234.0), "12345678901234");
  EXPECT_EQ(number(1e300), "1e+300");
  EXPECT_EQ(number(1.0 / 0.0), "null");
}

}  // namespace
}  // namespace pillion::format
