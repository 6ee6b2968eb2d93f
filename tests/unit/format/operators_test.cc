#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "tests/unit/format/context.h"

namespace pillion::format {
namespace {

TEST_F(FormatTest, HeadersAreReadByNameOrAlternativeAndCut) {
  request_.headers.add("a", "abcdef");
  request_.headers.add("rep", "1");
  request_.headers.add("rep", "2");
  request_.method_text = "GET";
  request_.authority = "h";
  request_.path = "/p?q=1";
  response_.status = 204;
  response_.headers.add("a", "up");
  trailers_.add("t", "end");
  EXPECT_EQ(text("%REQ(A)%|%REQ(none?a)%|%REQ(NONE?A):3%|%REQ(a):0%|%REQ(a):99%"),
            "abcdef|abcdef|abc||abcdef");
  EXPECT_EQ(text("%REQ(rep)%"), "1");
  EXPECT_EQ(text("%REQ(:method)%|%REQ(host)%|%REQ(:authority)%|%REQUEST_HEADER(:path)%"),
            "GET|h|h|/p?q=1");
  EXPECT_EQ(text("%REQ_WITHOUT_QUERY(:path)%"), "/p");
  EXPECT_EQ(text("%RESP(:status)%|%RESP(a)%|%RESPONSE_HEADER(b?a)%"), "204|up|up");
  EXPECT_EQ(text("%TRAILER(t)%|%TRAILER(x?t)%|%RESPONSE_TRAILER(x)%"), "end|end|-");
}

TEST_F(FormatTest, PathsComeWithOrWithoutQueryAndFromEitherHeader) {
  request_.path = "/p?q=1";
  EXPECT_EQ(text("%PATH%|%PATH()%|%PATH(NQ)%|%PATH(WQ:ORIG)%|%PATH(:PATH)%|%PATH:2%"),
            "/p?q=1|/p?q=1|/p|-|/p?q=1|/p");
  request_.headers.add("x-envoy-original-path", "/old?o");
  EXPECT_EQ(text("%PATH%|%PATH(NQ:ORIG)%|%PATH(WQ:PATH)%|%PATH(NQ:ORIG_OR_PATH)%"),
            "/old?o|/old|/p?q=1|/old");
}

TEST_F(FormatTest, QueryParametersAreDecoded) {
  request_.path = "/p?q=1%20z&r&s=%4";
  EXPECT_EQ(
      text(
          "%QUERY_PARAM(q)%|%QUERY_PARAM(q):1%|%QUERY_PARAM(r)%|%QUERY_PARAM(s)%|%QUERY_PARAM(n)%"),
      "1 z|1||%4|-");
  EXPECT_EQ(text("%QUERY_PARAMS%|%QUERY_PARAMS(ORIG)%|%QUERY_PARAMS(DECODED)%"),
            "q=1%20z&r&s=%4|q=1%20z&r&s=%4|q=1%20z&r&s=%4");
  request_.path = "/p?a=%41%26%0a%C3%A9%zz";
  EXPECT_EQ(text("%QUERY_PARAMS(DECODED)%"), "a=A&%0a%C3%A9zz");
  request_.path = "/p?";
  EXPECT_EQ(text("%QUERY_PARAMS%|%QUERY_PARAMS(DECODED)%"), "|");
  request_.path = "/p";
  EXPECT_EQ(text("%QUERY_PARAMS%"), "-");
}

TEST_F(FormatTest, GrpcStatusIsForGrpcRequestsOnly) {
  response_.headers.add("grpc-status", "5");
  EXPECT_EQ(text("%GRPC_STATUS%"), "-");
  request_.headers.add("content-type", "application/grpc");
  EXPECT_EQ(
      text("%GRPC_STATUS%|%GRPC_STATUS(SNAKE_STRING)%|%GRPC_STATUS(NUMBER)%|%GRPC_STATUS_NUMBER%"),
      "NotFound|NOT_FOUND|5|5");
  trailers_.add("grpc-status", "1");
  EXPECT_EQ(text("%GRPC_STATUS%|%GRPC_STATUS(SNAKE_STRING)%"), "Canceled|CANCELLED");
  trailers_.set("grpc-status", "99");
  EXPECT_EQ(text("%GRPC_STATUS%"), "99");
  EXPECT_EQ(json("%GRPC_STATUS_NUMBER%"), "99");
  EXPECT_EQ(json("%GRPC_STATUS(NUMBER)%"), "99");
}

TEST_F(FormatTest, GrpcStatusFollowsFromTheHttpStatusWhenThereIsNone) {
  request_.headers.add("content-type", "application/grpc");
  EXPECT_EQ(text("%GRPC_STATUS%"), "-");
  info_.response_code = 200;
  EXPECT_EQ(text("%GRPC_STATUS%"), "Unknown");
  info_.response_code = 503;
  EXPECT_EQ(text("%GRPC_STATUS%"), "Unavailable");
  info_.response_code = 418;
  EXPECT_EQ(text("%GRPC_STATUS%"), "Unknown");
}

TEST_F(FormatTest, HeaderBytesCountNamesAndValues) {
  request_.method_text = "GET";
  request_.path = "/p";
  request_.authority = "h";
  request_.headers.add("x-a", "1");
  EXPECT_EQ(text("%REQUEST_HEADERS_BYTES%"), std::to_string(7 + 3 + 5 + 2 + 10 + 1 + 3 + 1));
  response_.headers.add("x-b", "12");
  EXPECT_EQ(text("%RESPONSE_HEADERS_BYTES%|%RESPONSE_TRAILERS_BYTES%"), "15|0");
}

TEST_F(FormatTest, DetailsHaveNoSpacesUnlessAllowed) {
  info_.response_code_details = "a b\tc";
  EXPECT_EQ(text("%RESPONSE_CODE_DETAILS%|%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%"),
            "a_b_c|a b\tc");
}

TEST_F(FormatTest, CountsAndIdsAreNumbersAlsoWhenZero) {
  EXPECT_EQ(text("%BYTES_SENT%|%RESPONSE_CODE%|%CONNECTION_ID%|%UPSTREAM_CONNECTION_ID%"),
            "0|0|0|0");
  EXPECT_EQ(json("%BYTES_SENT%"), "0");
  EXPECT_EQ(json("%UPSTREAM_CONNECTION_ID%"), "0");
  info_.upstream_wire_sent = 18446744073709551615ULL;
  info_.connection_id = 7;
  info_.attempts = 2;
  EXPECT_EQ(text("%UPSTREAM_WIRE_BYTES_SENT%|%CONNECTION_ID%|%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
            "18446744073709551615|7|2");
}

TEST_F(FormatTest, FlagsHaveShortAndLongNames) {
  EXPECT_EQ(text("%RESPONSE_FLAGS%|%RESPONSE_FLAGS_LONG%"), "-|-");
  EXPECT_EQ(json("%RESPONSE_FLAGS%"), "\"-\"");
  info_.set_flag(ResponseFlag::kUpstreamRetryLimitExceeded);
  info_.set_flag(ResponseFlag::kUpstreamConnectionFailure);
  EXPECT_EQ(text("%RESPONSE_FLAGS%"), "URX,UF");
  EXPECT_EQ(text("%RESPONSE_FLAGS_LONG%"), "UpstreamRetryLimitExceeded,UpstreamConnectionFailure");
}

TEST(ResponseFlags, EveryFlagHasANameOfItsOwn) {
  EXPECT_FALSE(response_flag_of("").has_value());
  EXPECT_FALSE(response_flag_of("XX").has_value());
  std::set<std::string> names;
  for (unsigned i = 0; i < static_cast<unsigned>(ResponseFlag::kCount); ++i) {
    std::string name;
    ResponseFlags flags;
    flags.set(static_cast<ResponseFlag>(i));
    append_response_flags(name, flags);
    EXPECT_EQ(response_flag_of(name), static_cast<ResponseFlag>(i)) << name;
    std::string long_name;
    append_response_flags(long_name, flags, true);
    EXPECT_GT(long_name.size(), name.size());
    names.insert(name);
    names.insert(long_name);
  }
  EXPECT_EQ(names.size(), 2 * static_cast<std::size_t>(ResponseFlag::kCount));
}

TEST_F(FormatTest, DurationsAreMillisecondsOnceBothEndsAreKnown) {
  auto at = [](int64_t micros) { return Time(std::chrono::microseconds(micros)); };
  EXPECT_EQ(text("%REQUEST_DURATION%|%RESPONSE_DURATION%|%RESPONSE_TX_DURATION%"), "-|-|-");
  info_.times.start = at(1'000'000);
  info_.times.request_received = at(1'000'999);
  info_.times.request_sent_last = at(1'002'000);
  info_.times.response_first = at(1'010'000);
  info_.times.downstream_last = at(1'015'500);
  info_.times.end = at(1'015'500);
  EXPECT_EQ(text("%DURATION%|%REQUEST_DURATION%|%REQUEST_TX_DURATION%|%RESPONSE_DURATION%|"
                 "%RESPONSE_TX_DURATION%"),
            "15|0|2|10|5");
  EXPECT_EQ(
      text("%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%|%COMMON_DURATION(DS_RX_BEG:DS_TX_END)%|"
           "%COMMON_DURATION(DS_RX_BEG:DS_RX_END:ns)%|%COMMON_DURATION(US_TX_END:US_RX_BEG:ms)%|"
           "%COMMON_DURATION(DS_RX_BEG:US_CX_END:ms)%|%COMMON_DURATION(OWN:DS_TX_END:ms)%"),
      "15500|15|999000|8|-|-");
  EXPECT_EQ(json("%DURATION%"), "15");
}

TEST_F(FormatTest, APointBeforeTheOtherHasNoDistanceToIt) {
  auto at = [](int64_t millis) { return Time(std::chrono::milliseconds(millis)); };
  info_.times.connection_start = at(1000);
  info_.times.start = at(1200);
  info_.times.connection_end = at(1250);
  info_.times.response_body_first = at(1230);
  EXPECT_EQ(
      text("%COMMON_DURATION(DS_CX_BEG:DS_RX_BEG:ms)%|%COMMON_DURATION(DS_RX_BEG:DS_CX_BEG:ms)%|"
           "%COMMON_DURATION(DS_CX_BEG:DS_CX_END:ms)%|%COMMON_DURATION(DS_RX_BEG:US_RX_BODY_BEG)%"),
      "200|-|250|30");
}

TEST_F(FormatTest, AResponseThatWasCutHasNoTimeOfItsLastByte) {
  auto at = [](int64_t millis) { return Time(std::chrono::milliseconds(millis)); };
  info_.times.start = at(1000);
  info_.times.response_first = at(1002);
  info_.times.end = at(1005);
  EXPECT_EQ(text("%DURATION%|%RESPONSE_TX_DURATION%|%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ms)%"),
            "5|-|-");
}

TEST_F(FormatTest, RouteTimesAreAskedForByTheirOperatorAlone) {
  EXPECT_EQ(text("%ROUTE_RESOLUTION_COUNT%"), "0");
  EXPECT_EQ(text("%ROUTE_RESOLUTION_TIME_US%"), "-");
  EXPECT_TRUE(route_times_wanted());
  info_.route_resolutions = 2;
  info_.route_resolution_time = std::chrono::nanoseconds(5999);
  EXPECT_EQ(text("%ROUTE_RESOLUTION_COUNT% %ROUTE_RESOLUTION_TIME_US%"), "2 5");
  EXPECT_EQ(json("%ROUTE_RESOLUTION_TIME_US%"), "5");
}

TEST_F(FormatTest, WithoutAConnectionThereIsNoRoundTrip) {
  EXPECT_EQ(json("%DOWNSTREAM_CX_RTT%"), "null");
}

TEST_F(FormatTest, ADurationAskedForBeforeTheEndRunsUntilNow) {
  info_.times.start = std::chrono::steady_clock::now() - std::chrono::seconds(3);
  EXPECT_GE(std::stoi(text("%DURATION%")), 3000);
}

TEST_F(FormatTest, AddressesPrintAsEnvoyPrintsThem) {
  auto v4 = Address::parse_ip("127.1.2.3", 80);
  auto v6 = Address::parse_ip("2001:db8::1", 443);
  auto path = Address::unix_path("/tmp/s");
  info_.downstream_remote = &*v4;
  info_.downstream_local = &*v6;
  info_.upstream_remote = &*path;
  EXPECT_EQ(text("%DOWNSTREAM_REMOTE_ADDRESS%|%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%|"
                 "%DOWNSTREAM_REMOTE_PORT%"),
            "127.1.2.3:80|127.1.2.3|80");
  EXPECT_EQ(text("%DOWNSTREAM_LOCAL_ADDRESS%|%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%|"
                 "%DOWNSTREAM_LOCAL_PORT%|%DOWNSTREAM_DIRECT_LOCAL_ADDRESS%"),
            "[2001:db8::1]:443|2001:db8::1|443|[2001:db8::1]:443");
  EXPECT_EQ(text("%UPSTREAM_REMOTE_ADDRESS%|%UPSTREAM_REMOTE_PORT%|%UPSTREAM_HOST%|"
                 "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"),
            "/tmp/s|-|/tmp/s|-");
  EXPECT_EQ(json("%DOWNSTREAM_REMOTE_PORT%"), "80");
}

TEST_F(FormatTest, AddressesCanBeMasked) {
  auto v4 = Address::parse_ip("10.129.10.23", 80);
  auto v6 = Address::parse_ip("2001:db8:1234:5678:9abc::1", 443);
  info_.downstream_remote = &*v4;
  info_.upstream_local = &*v6;
  EXPECT_EQ(text("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)%|"
                 "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(9)%|"
                 "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)%|"
                 "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(32)%"),
            "10.129.0.0/16|10.128.0.0/9|0.0.0.0/0|10.129.10.23/32");
  EXPECT_EQ(text("%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT(64)%"), "2001:db8:1234:5678::/64");
  EXPECT_EQ(text("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(64)%"), "10.129.10.23/32");
}

TEST_F(FormatTest, HostNamesFallBackToTheAddress) {
  auto v4 = Address::parse_ip("10.0.0.1", 80);
  auto v6 = Address::parse_ip("::1", 81);
  EXPECT_EQ(text("%UPSTREAM_HOST%|%UPSTREAM_HOST_NAME%"), "-|-");
  info_.upstream_host = &*v4;
  EXPECT_EQ(text("%UPSTREAM_HOST_NAME%|%UPSTREAM_HOST_NAME_WITHOUT_PORT%"), "10.0.0.1:80|10.0.0.1");
  for (auto [name, bare] :
       {std::pair("db.example", "db.example"), std::pair("db.example:99", "db.example"),
        std::pair("[::1]:81", "::1"), std::pair("::1", "::1")}) {
    info_.upstream_host_name = name;
    EXPECT_EQ(text("%UPSTREAM_HOST_NAME%|%UPSTREAM_HOST_NAME_WITHOUT_PORT%"),
              std::string(name) + "|" + bare);
  }
  AttemptedHost second{&*v6, "", 0, nullptr};
  AttemptedHost first{&*v4, "a.example:80", 12, &second};
  EXPECT_EQ(text("%UPSTREAM_HOSTS_ATTEMPTED%|%UPSTREAM_CONNECTION_IDS_ATTEMPTED%"), "-|-");
  info_.attempted = &first;
  EXPECT_EQ(text("%UPSTREAM_HOSTS_ATTEMPTED%|%UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT%|"
                 "%UPSTREAM_HOST_NAMES_ATTEMPTED%|%UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT%|"
                 "%UPSTREAM_CONNECTION_IDS_ATTEMPTED%"),
            "10.0.0.1:80,[::1]:81|10.0.0.1,::1|a.example:80,[::1]:81|a.example,::1|12");
}

TEST_F(FormatTest, TheServerNameComesFromSniOrHost) {
  EXPECT_EQ(text("%REQUESTED_SERVER_NAME%|%REQUESTED_SERVER_NAME(HOST_FIRST)%"), "-|-");
  request_.authority = "host.example";
  EXPECT_EQ(text("%REQUESTED_SERVER_NAME%|%REQUESTED_SERVER_NAME(SNI_FIRST)%"), "-|host.example");
  request_.headers.add("x-envoy-original-host", "orig.example");
  EXPECT_EQ(text("%REQUESTED_SERVER_NAME(HOST_FIRST)%|%REQUESTED_SERVER_NAME(HOST_FIRST:HOST)%|"
                 "%REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)%"),
            "orig.example|host.example|orig.example");
  info_.requested_server_name = "sni.example";
  EXPECT_EQ(text("%REQUESTED_SERVER_NAME%|%REQUESTED_SERVER_NAME(SNI_FIRST)%"),
            "sni.example|sni.example");
}

TEST_F(FormatTest, MetadataIsTextOrJson) {
  using Value = config::Value;
  auto value = [](auto data) { return Value{std::move(data)}; };
  Value::Object object = {
      {"s", value(std::string("x\"y"))},
      {"n", value(5.0)},
      {"f", value(1.5)},
      {"b", value(true)},
      {"big", value(12345678901234.0)},
      {"nul", Value{}},
      {"l", value(Value::Array{value(1.0), value(std::string("a")), Value{}})},
      {"o", value(Value::Object{{"z", value(1.0)}, {"a", value(std::string("q"))}})}};
  config::Metadata metadata = {{"ns", value(object)}};
  info_.route_metadata = &metadata;
  info_.upstream_metadata = &metadata;
  auto at = [this](const std::string& path) { return text("%METADATA(ROUTE:ns:" + path + ")%"); };
  EXPECT_EQ(at("s"), "x\"y");
  EXPECT_EQ(at("n"), "5");
  EXPECT_EQ(at("f"), "1.5");
  EXPECT_EQ(at("b"), "true");
  EXPECT_EQ(at("big"), "12345678901234");
  EXPECT_EQ(at("nul"), "-");
  EXPECT_EQ(at("none"), "-");
  EXPECT_EQ(at("s:x"), "-");
  EXPECT_EQ(at("o:a"), "q");
  EXPECT_EQ(at("o"), "{\"a\":\"q\",\"z\":1}");
  EXPECT_EQ(at("l"), "[1,\"a\",null]");
  EXPECT_EQ(text("%METADATA(ROUTE:ns:o):5%|%METADATA(ROUTE:ns:s):2%|%METADATA(CLUSTER:ns)%|"
                 "%METADATA(DYNAMIC:ns)%|%METADATA(ROUTE)%"),
            "{\"a\":|x\"|-|-|-");
  EXPECT_EQ(text("%UPSTREAM_METADATA(ns:o:a)%|%UPSTREAM_METADATA([\"ns\", \"n\"])%"), "q|5");
  EXPECT_EQ(json("%METADATA(ROUTE:ns:s)%"), "\"x\\\"y\"");
  EXPECT_EQ(json("%METADATA(ROUTE:ns:s):1%"), "\"x\"");
  EXPECT_EQ(json("%METADATA(ROUTE:ns:o):5%"), "{\"a\":\"q\",\"z\":1}");
  EXPECT_EQ(json("%METADATA(ROUTE:ns:n)%"), "5");
  EXPECT_EQ(json("%METADATA(ROUTE:ns:none)%"), "null");
}

TEST_F(FormatTest, EnvironmentHostNameAndIdsComeFromTheProcess) {
  EXPECT_EQ(text("%ENVIRONMENT(PATH)%"), std::getenv("PATH"));
  EXPECT_EQ(text("%ENVIRONMENT(PATH):3%"), std::string(std::getenv("PATH")).substr(0, 3));
  EXPECT_EQ(text("%ENVIRONMENT(PILLION_NO_SUCH_VARIABLE)%"), "-");
  EXPECT_EQ(text("%ENVIRONMENT(PILLION_NO_SUCH_VARIABLE)%", true), "-");
  EXPECT_EQ(json("%ENVIRONMENT(PILLION_NO_SUCH_VARIABLE)%"), "\"-\"");
  EXPECT_FALSE(text("%HOSTNAME%").empty());
  std::string id = text("%UNIQUE_ID%");
  ASSERT_EQ(id.size(), 36u);
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
  EXPECT_NE(id, text("%UNIQUE_ID%"));
  EXPECT_EQ(text("%STREAM_ID%"), "-");
  request_.headers.add("x-request-id", "r1");
  EXPECT_EQ(text("%STREAM_ID%"), "r1");
  info_.request_id = "r2";
  EXPECT_EQ(text("%STREAM_ID%"), "r2");
}

TEST_F(FormatTest, NamesOfTheStreamPrintAsTheyAre) {
  info_.route_name = "r";
  info_.upstream_cluster = "c";
  info_.upstream_cluster_raw = "raw";
  info_.virtual_cluster_name = "vc";
  info_.listener_name = "l";
  info_.protocol = http::Version::kHttp10;
  body_ = "oops";
  EXPECT_EQ(text("%ROUTE_NAME%|%UPSTREAM_CLUSTER%|%UPSTREAM_CLUSTER_RAW%|%VIRTUAL_CLUSTER_NAME%|"
                 "%LISTENER_NAME%|%PROTOCOL%|%UPSTREAM_PROTOCOL%|%LOCAL_REPLY_BODY%|%TRACE_ID%|"
                 "%DOWNSTREAM_PEER_SUBJECT%|%ACCESS_LOG_TYPE%"),
            "r|c|raw|vc|l|HTTP/1.0|-|oops|-|-|DownstreamEnd");
}

}  // namespace
}  // namespace pillion::format
