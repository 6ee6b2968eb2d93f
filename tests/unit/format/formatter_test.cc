#include "sidecar/format/formatter.h"

#include <gtest/gtest.h>

#include "sidecar/format/operator.h"
#include "tests/unit/format/context.h"

namespace pillion::format {
namespace {

TEST_F(FormatTest, RefusesWhatIsNoOperator) {
  for (const char* bad : {"%", "100%", "50% of", "%REQ(a)", "%req(a)%", "%REQ(a):x%", "%REQ(a):%",
                          "%REQ(a):99999999999999999999%", "%REQ(a)b%"})
    EXPECT_NE(problem(bad).find("no valid operator at position"), std::string::npos) << bad;
  EXPECT_NE(problem("50% of").find("at position 2"), std::string::npos);
}

TEST_F(FormatTest, NamesAnUnknownOperatorAndListsTheKnownOnes) {
  std::string message = problem("a %NOPE% b");
  EXPECT_NE(message.find("format 'a %NOPE% b': %NOPE% is not an operator"), std::string::npos);
  EXPECT_NE(message.find(" RESPONSE_CODE "), std::string::npos);
  EXPECT_NE(message.find(" UPSTREAM_HOST "), std::string::npos);
}

TEST_F(FormatTest, RefusesArgumentsThatAnOperatorDoesNotTake) {
  for (const char* bad : {"%PROTOCOL(x)%", "%BYTES_SENT(a)%", "%DURATION(x)%", "%STREAM_ID(x)%"})
    EXPECT_NE(problem(bad).find("takes no parameters"), std::string::npos) << bad;
  for (const char* bad : {"%PROTOCOL:3%", "%START_TIME:4%", "%RESPONSE_FLAGS:2%", "%HOSTNAME:2%",
                          "%TRACE_ID:3%", "%LOCAL_REPLY_BODY:3%", "%CLUSTER_METADATA(a):4%"})
    EXPECT_NE(problem(bad).find("does not allow a length"), std::string::npos) << bad;
  for (const char* bad : {"%REQ%", "%REQ()%", "%QUERY_PARAM%", "%ENVIRONMENT()%",
                          "%COMMON_DURATION%", "%UPSTREAM_METADATA()%"})
    EXPECT_NE(problem(bad).find("requires parameters"), std::string::npos) << bad;
}

TEST_F(FormatTest, RefusesBadArguments) {
  const std::pair<const char*, const char*> cases[] = {
      {"%REQ(a?b?c)%", "more than one alternative header"},
      {"%REQ(a b)%", "is not the name of a header"},
      {"%REQ(a)b)%", "is not the name of a header"},
      {"%REQ(a:b)%", "is not the name of a header"},
      {"%GRPC_STATUS(FOO)%", "none of CAMEL_STRING"},
      {"%PATH(XX)%", "neither WQ nor NQ"},
      {"%PATH(WQ:FOO)%", "none of ORIG, PATH"},
      {"%QUERY_PARAMS(foo)%", "neither ORIG nor DECODED"},
      {"%COMMON_DURATION(DS_RX_BEG:DS_TX_END:s)%", "none of ms, us and ns"},
      {"%COMMON_DURATION(DS_RX_BEG)%", "is not START:END"},
      {"%METADATA(FOO:a)%", "is no type of metadata"},
      {"%UPSTREAM_METADATA([\"a\",b])%", "not a list of quoted names"},
      {"%REQUESTED_SERVER_NAME(FOO)%", "none of SNI_ONLY"},
      {"%REQUESTED_SERVER_NAME(SNI_FIRST:FOO)%", "none of ORIG, HOST"},
      {"%START_TIME(%n)%", "newline"},
      {"%FILTER_STATE(a:FOO)%", "none of PLAIN"},
      {"%FILTER_STATE(a:FIELD)%", "FIELD goes with"},
      {"%FILTER_STATE(:PLAIN)%", "must not be empty"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)%", "not a prefix length"},
      {"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(129)%", "not a prefix length"},
  };
  for (const auto& [format, message] : cases)
    EXPECT_NE(problem(format).find(message), std::string::npos)
        << format << ": " << problem(format);
}

TEST_F(FormatTest, LiteralsAreKnownAsSuch) {
  for (const char* literal : {"", "abc", "100%%", "%%%%a"}) {
    auto formatter = Formatter::parse(literal);
    ASSERT_TRUE(formatter.has_value()) << literal;
    EXPECT_TRUE(formatter->is_literal()) << literal;
    EXPECT_EQ(formatter->literal(), text(literal)) << literal;
  }
  EXPECT_EQ(text("%%%%a"), "%%a");
  EXPECT_FALSE(Formatter::parse("a%PROTOCOL%")->is_literal());
  EXPECT_EQ(Formatter::parse("a%PROTOCOL%")->literal(), "");
}

TEST_F(FormatTest, AbsentValuesAreDashesOrNothing) {
  EXPECT_EQ(text("%REQ(a)%-%REQ(b)%|%ROUTE_NAME%"), "---|-");
  EXPECT_EQ(text("%REQ(a)%-%REQ(b)%|%ROUTE_NAME%", true), "-|");
  std::string out;
  Formatter::parse("<%REQ(a)%>")->append_header_value(out, context());
  EXPECT_EQ(out, "<>");
}

TEST_F(FormatTest, APresentButEmptyValueIsNoDash) {
  request_.headers.add("emp", "");
  EXPECT_EQ(text("%REQ(emp)%|%REQ(none)%"), "|-");
}

// Every operator in the tables, with a plausible argument where it needs one, on a stream that
// knows nothing.
TEST_F(FormatTest, EveryOperatorRendersAnEmptyStream) {
  std::size_t count = 0;
  for (auto operators :
       {header_operators(), stream_operators(), time_operators(), address_operators(),
        metadata_operators(), tls_operators(), coalesce_operators()}) {
    for (const Operator& op : operators) {
      std::string format = "%" + std::string(op.name) + "%";
      if ((op.syntax & kParamsRequired) != 0) {
        std::string argument = op.name == "METADATA"          ? "ROUTE:a"
                               : op.name == "COMMON_DURATION" ? "DS_RX_BEG:DS_TX_END"
                               : op.name == "COALESCE"        ? R"({"operators":["PROTOCOL"]})"
                                                              : "a";
        format = "%" + std::string(op.name) + "(" + argument + ")%";
      }
      auto formatter = Formatter::parse(format);
      ASSERT_TRUE(formatter.has_value()) << format << ": " << formatter.error().message;
      StreamInfo info;
      std::string out;
      formatter->append_to(out, Context{&info});
      out.clear();
      formatter->append_to(out, context());
      ++count;
    }
  }
  EXPECT_GT(count, 130u);
}

TEST_F(FormatTest, TheDefaultLineHasEnvoysForm) {
  request_.method_text = "GET";
  request_.path = "/new";
  request_.authority = "h.example";
  request_.headers.add("x-envoy-original-path", "/old?q");
  request_.headers.add("user-agent", "curl/8");
  request_.headers.add("x-forwarded-for", "10.0.0.1");
  request_.headers.add("x-request-id", "id-1");
  response_.headers.add("x-envoy-upstream-service-time", "7");
  info_.protocol = http::Version::kHttp11;
  info_.response_code = 200;
  info_.request_body_bytes = 3;
  info_.response_body_bytes = 12;
  info_.start_wall = WallTime(std::chrono::milliseconds(1795166478573));
  info_.times.start = Time(std::chrono::milliseconds(1000));
  info_.times.end = Time(std::chrono::milliseconds(1042));
  auto upstream = Address::parse_ip("10.1.2.3", 8080);
  info_.upstream_host = &*upstream;
  EXPECT_EQ(text(default_access_log_format()),
            "[2026-11-20T09:21:18.573Z] \"GET /old?q HTTP/1.1\" 200 - 3 12 42 7 \"10.0.0.1\" "
            "\"curl/8\" \"id-1\" \"h.example\" \"10.1.2.3:8080\"\n");
}

}  // namespace
}  // namespace pillion::format
