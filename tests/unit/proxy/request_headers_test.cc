// What happens to a head between codec and router, and to a response's before it leaves.

#include "sidecar/proxy/request_headers.h"

#include <gtest/gtest.h>

#include <string>

#include "sidecar/metrics/registry.h"

namespace pillion::proxy {
namespace {

using Hcm = config::HttpConnectionManager;

class HeadTest : public testing::Test {
 protected:
  HeadTest() {
    head_.method_text = "GET";
    head_.path = "/";
    head_.authority = "a";
    process_.local_address = "10.9.9.9";
  }
  void add(std::string_view name, std::string_view value) { head_.headers.add(name, value); }
  void prepare() {
    RequestFacts facts{direct_, remote_, 80};
    prepare_request(head_, config_, facts, worker_);
    internal_ = facts.internal;
  }
  std::string value(std::string_view name) {
    auto joined = head_.headers.joined(name);
    return joined ? std::string(*joined) : "(none)";
  }
  void from(const char* ip) { direct_ = remote_ = *Address::parse_ip(ip, 1234); }
  std::string checked(std::string_view path) {
    head_.path = path;
    std::optional<Refusal> refusal =
        check_request(head_, config_,
                      {stats_.dropped_headers_with_underscores,
                       stats_.requests_rejected_with_underscores_in_headers});
    if (!refusal) return std::string(head_.path);
    std::string text = std::to_string(refusal->status) + " " + std::string(refusal->details);
    return refusal->location.empty() ? text : text + " " + std::string(refusal->location);
  }

  metrics::Registry registry_;
  io::ManualClock clock_;
  io::EventLoop loop_{&clock_};
  Random random_{1};
  BlockPool blocks_;
  Arena arena_{blocks_};
  upstream::ClusterDirectory directory_{loop_, registry_};
  ClusterSet clusters_{directory_, loop_, random_};
  ProcessState process_;
  WorkerContext worker_{.index = 0,
                        .loop = loop_,
                        .random = random_,
                        .blocks = blocks_,
                        .clusters = clusters_,
                        .process = process_,
                        .dates = {},
                        .next_connection_id = 0,
                        .active_connections = {},
                        .active_streams = {}};
  Hcm config_;
  metrics::Http1Stats stats_;
  http::RequestHead head_{arena_};
  Address direct_ = *Address::parse_ip("192.0.2.7", 1234);
  Address remote_ = direct_;
  bool internal_ = false;
};

TEST_F(HeadTest, RemovesHopByHopFields) {
  add("connection", "close, x-mine");
  add("keep-alive", "timeout=5");
  add("proxy-connection", "keep-alive");
  add("upgrade", "websocket");
  add("te", "gzip");
  add("x-mine", "1");
  add("x-other", "2");
  prepare();
  for (const char* name :
       {"connection", "keep-alive", "proxy-connection", "upgrade", "te", "x-mine"})
    EXPECT_EQ(value(name), "(none)") << name;
  EXPECT_EQ(value("x-other"), "2");
}

TEST_F(HeadTest, PassesAnUpgradeAsItWasWritten) {
  head_.protocol = "WebSocket";
  add("connection", "keep-alive, Upgrade, x-mine");
  add("upgrade", "WebSocket");
  add("keep-alive", "timeout=5");
  add("x-mine", "1");
  prepare();
  EXPECT_EQ(value("connection"), "keep-alive, Upgrade, x-mine");
  EXPECT_EQ(value("upgrade"), "WebSocket");
  EXPECT_EQ(value("keep-alive"), "(none)");
  EXPECT_EQ(value("x-mine"), "(none)");
}

TEST_F(HeadTest, SaysByWhatPortTheClientHasCome) {
  config_.use_remote_address = config_.append_x_forwarded_port = true;
  add("x-forwarded-port", "1");
  prepare();
  EXPECT_EQ(value("x-forwarded-port"), "80");
  config_.xff_num_trusted_hops = 1;
  head_.headers.set("x-forwarded-port", "1");
  prepare();
  EXPECT_EQ(value("x-forwarded-port"), "1");
  head_.headers.remove("x-forwarded-port");
  prepare();
  EXPECT_EQ(value("x-forwarded-port"), "80");
}

TEST_F(HeadTest, RemovesFieldsThatASecondConnectionLineNames) {
  add("connection", "close");
  add("connection", "X-Mine");
  add("x-mine", "1");
  prepare();
  EXPECT_EQ(value("x-mine"), "(none)");
}

TEST_F(HeadTest, KeepsFieldsThatAClientMayNotHaveRemoved) {
  config_.use_remote_address = true;
  add("connection", "x-forwarded-for, x-forwarded-proto, host, content-length, :path");
  add("x-forwarded-for", "1.1.1.1");
  add("content-length", "5");
  prepare();
  EXPECT_EQ(value("x-forwarded-for"), "1.1.1.1,192.0.2.7");
  EXPECT_EQ(value("content-length"), "5");
  EXPECT_EQ(head_.path, "/");
}

TEST_F(HeadTest, KeepsOnlyTrailersOfTe) {
  add("te", "gzip, trailers");
  prepare();
  EXPECT_EQ(value("te"), "trailers");
}

TEST_F(HeadTest, AppendsTheClientToForwardedFor) {
  config_.use_remote_address = true;
  prepare();
  EXPECT_EQ(value("x-forwarded-for"), "192.0.2.7");
  EXPECT_EQ(value("x-forwarded-proto"), "http");
  EXPECT_FALSE(internal_);
}

TEST_F(HeadTest, JoinsSeveralForwardedForLines) {
  config_.use_remote_address = true;
  add("x-forwarded-for", "1.1.1.1");
  add("x-forwarded-for", "2.2.2.2");
  prepare();
  EXPECT_EQ(value("x-forwarded-for"), "1.1.1.1,2.2.2.2,192.0.2.7");
}

TEST_F(HeadTest, ShowsItsOwnAddressForALoopbackPeer) {
  config_.use_remote_address = true;
  from("127.0.0.1");
  prepare();
  EXPECT_EQ(value("x-forwarded-for"), "10.9.9.9");
}

TEST_F(HeadTest, TrustsSoManyHops) {
  config_.use_remote_address = true;
  config_.xff_num_trusted_hops = 1;
  add("x-forwarded-for", "1.1.1.1, 2.2.2.2");
  add("x-forwarded-proto", "https");
  prepare();
  EXPECT_EQ(remote_.ip_string(), "2.2.2.2");
  EXPECT_EQ(value("x-forwarded-for"), "1.1.1.1, 2.2.2.2,192.0.2.7");
  EXPECT_EQ(value("x-forwarded-proto"), "https");
}

TEST_F(HeadTest, DoesNotTrustTheProtoOfAnUntrustedClient) {
  config_.use_remote_address = true;
  add("x-forwarded-proto", "https");
  prepare();
  EXPECT_EQ(value("x-forwarded-proto"), "http");
  EXPECT_EQ(head_.scheme, "http");
}

TEST_F(HeadTest, TakesTheClientFromForwardedForBehindAnEdge) {
  add("x-forwarded-for", "1.1.1.1, 2.2.2.2");
  prepare();
  EXPECT_EQ(remote_.ip_string(), "2.2.2.2");
  EXPECT_EQ(value("x-forwarded-for"), "1.1.1.1, 2.2.2.2");
}

TEST_F(HeadTest, IgnoresForwardedForThatIsNoAddress) {
  for (const char* list : {"unknown", "", ",", "1.1.1.1, x", "300.1.1.1"}) {
    head_.headers.set("x-forwarded-for", list);
    remote_ = direct_;
    prepare();
    EXPECT_EQ(remote_, direct_) << list;
  }
}

TEST_F(HeadTest, LeavesForwardedForAloneWhenAsked) {
  config_.use_remote_address = config_.skip_xff_append = true;
  add("x-forwarded-for", "1.1.1.1");
  prepare();
  EXPECT_EQ(value("x-forwarded-for"), "1.1.1.1");
}

TEST_F(HeadTest, MarksInternalClients) {
  config_.use_remote_address = true;
  config_.internal_addresses = {*CidrRange::create("192.0.2.0", 24)};
  add("x-envoy-max-retries", "5");
  prepare();
  EXPECT_TRUE(internal_);
  EXPECT_EQ(value("x-envoy-internal"), "true");
  EXPECT_EQ(value("x-envoy-max-retries"), "5");
}

TEST_F(HeadTest, AnInternalClientBehindAProxyIsNotBelieved) {
  config_.use_remote_address = true;
  config_.internal_addresses = {*CidrRange::create("192.0.2.0", 24)};
  add("x-forwarded-for", "8.8.8.8");
  prepare();
  EXPECT_FALSE(internal_);
}

TEST_F(HeadTest, StripsSteeringFieldsFromOthers) {
  config_.use_remote_address = true;
  for (const char* name :
       {"x-envoy-internal", "x-envoy-retry-on", "x-envoy-retry-grpc-on", "x-envoy-max-retries",
        "x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-retriable-status-codes", "x-envoy-retriable-header-names", "x-envoy-ip-tags",
        "x-envoy-force-trace", "x-envoy-expected-rq-timeout-ms", "x-envoy-decorator-operation",
        "x-envoy-original-path", "x-envoy-hedge-on-per-try-timeout"})
    add(name, "1");
  prepare();
  for (const http::Header& h : head_.headers)
    EXPECT_TRUE(!h.name().starts_with("x-envoy-") || h.name() == "x-envoy-external-address")
        << h.name();
}

TEST_F(HeadTest, MakesARequestIdWhereThereIsNone) {
  prepare();
  std::string id = value("x-request-id");
  ASSERT_EQ(id.size(), 36U);
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
  for (std::size_t i : {8U, 13U, 18U, 23U}) EXPECT_EQ(id[i], '-');
}

TEST_F(HeadTest, MakesARequestIdInPlaceOfAnEmptyOne) {
  add("x-request-id", "");
  prepare();
  EXPECT_EQ(value("x-request-id").size(), 36U);
}

TEST_F(HeadTest, KeepsARequestIdExceptAtTheEdge) {
  add("x-request-id", "mine");
  prepare();
  EXPECT_EQ(value("x-request-id"), "mine");
  config_.use_remote_address = true;
  prepare();
  EXPECT_NE(value("x-request-id"), "mine");
  head_.headers.set("x-request-id", "mine");
  config_.preserve_external_request_id = true;
  prepare();
  EXPECT_EQ(value("x-request-id"), "mine");
}

TEST_F(HeadTest, StripsPortsAndDots) {
  auto host = [&](std::string_view authority) {
    head_.authority = authority;
    prepare();
    return std::string(head_.authority);
  };
  EXPECT_EQ(host("a:80"), "a:80");
  config_.strip_port = Hcm::StripPort::kMatching;
  EXPECT_EQ(host("a:80"), "a");
  EXPECT_EQ(host("a:81"), "a:81");
  config_.strip_port = Hcm::StripPort::kAny;
  EXPECT_EQ(host("a:81"), "a");
  EXPECT_EQ(host("[::1]:81"), "[::1]");
  EXPECT_EQ(host("[::1]"), "[::1]");
  EXPECT_EQ(host("a."), "a.");
  config_.strip_trailing_host_dot = true;
  EXPECT_EQ(host("a.:81"), "a");
  config_.strip_port = Hcm::StripPort::kKeep;
  EXPECT_EQ(host("a.:81"), "a:81");
}

TEST_F(HeadTest, AppendsVia) {
  config_.via = "1.1 here";
  add("via", "1.0 there");
  prepare();
  EXPECT_EQ(value("via"), "1.0 there, 1.1 here");
}

TEST_F(HeadTest, NormalizesPathsAsConfigured) {
  EXPECT_EQ(checked("/a/../b"), "/a/../b");
  config_.normalize_path = true;
  EXPECT_EQ(checked("/a/../b?c"), "/b?c");
  EXPECT_EQ(checked("/a%00"), "400 path_normalization_failed");
  config_.escaped_slashes = Hcm::EscapedSlashes::kReject;
  EXPECT_EQ(checked("/a%2fb"), "400 path_normalization_failed");
  config_.escaped_slashes = Hcm::EscapedSlashes::kUnescapeAndRedirect;
  EXPECT_EQ(checked("/a%2fb?c"), "307 path_normalization_failed /a/b?c");
  config_.escaped_slashes = Hcm::EscapedSlashes::kUnescapeAndForward;
  EXPECT_EQ(checked("/a%2fb?c"), "/a/b?c");
}

TEST_F(HeadTest, RefusesFragments) {
  EXPECT_EQ(checked("/a#b"), "400 path_normalization_failed");
  EXPECT_EQ(checked("/a?b#c"), "400 path_normalization_failed");
}

TEST_F(HeadTest, LeavesOptionsAsteriskAndConnectAlone) {
  config_.normalize_path = true;
  EXPECT_EQ(checked("*"), "*");
  head_.method = http::Method::kConnect;
  EXPECT_EQ(checked(""), "");
}

TEST_F(HeadTest, TreatsUnderscoresAsConfigured) {
  add("x_y", "1");
  EXPECT_EQ(checked("/"), "/");
  EXPECT_EQ(value("x_y"), "1");
  config_.underscores = Hcm::HeadersWithUnderscores::kReject;
  EXPECT_EQ(checked("/"), "400 http1.unexpected_underscore");
  EXPECT_EQ(stats_.requests_rejected_with_underscores_in_headers.value(), 1U);
  config_.underscores = Hcm::HeadersWithUnderscores::kDrop;
  EXPECT_EQ(checked("/"), "/");
  EXPECT_EQ(value("x_y"), "(none)");
  EXPECT_EQ(stats_.dropped_headers_with_underscores.value(), 1U);
}

class ResponseTest : public HeadTest {
 protected:
  std::string after(std::string_view name) {
    auto joined = response_.headers.joined(name);
    return joined ? std::string(*joined) : "(none)";
  }
  http::ResponseHead response_{arena_};
};

TEST_F(ResponseTest, RemovesHopByHopFields) {
  response_.headers.add("connection", "x-mine");
  response_.headers.add("x-mine", "1");
  response_.headers.add("keep-alive", "1");
  response_.headers.add("transfer-encoding", "chunked");
  response_.headers.add("x-other", "2");
  prepare_response(response_, config_, worker_);
  for (const char* name : {"connection", "x-mine", "keep-alive", "transfer-encoding"})
    EXPECT_EQ(after(name), "(none)") << name;
  EXPECT_EQ(after("x-other"), "2");
}

TEST_F(ResponseTest, PassesAGrantedUpgradeAsItWasWritten) {
  response_.status = 101;
  response_.headers.add("connection", "Upgrade");
  response_.headers.add("upgrade", "websocket");
  prepare_response(response_, config_, worker_);
  EXPECT_EQ(after("connection"), "Upgrade");
  EXPECT_EQ(after("upgrade"), "websocket");
}

TEST_F(ResponseTest, NamesTheServerAsConfigured) {
  response_.headers.add("server", "theirs");
  prepare_response(response_, config_, worker_);
  EXPECT_EQ(after("server"), "envoy");
  response_.headers.set("server", "theirs");
  config_.server_header = Hcm::ServerHeader::kAppendIfAbsent;
  prepare_response(response_, config_, worker_);
  EXPECT_EQ(after("server"), "theirs");
  response_.headers.remove("server");
  prepare_response(response_, config_, worker_);
  EXPECT_EQ(after("server"), "envoy");
  response_.headers.remove("server");
  config_.server_header = Hcm::ServerHeader::kPassThrough;
  prepare_response(response_, config_, worker_);
  EXPECT_EQ(after("server"), "(none)");
}

TEST_F(ResponseTest, AddsADateButKeepsTheOrigins) {
  prepare_response(response_, config_, worker_);
  std::string date = after("date");
  EXPECT_EQ(date.size(), 29U);
  EXPECT_TRUE(date.ends_with(" GMT"));
  response_.headers.set("date", "then");
  prepare_response(response_, config_, worker_);
  EXPECT_EQ(after("date"), "then");
}

TEST(DateCacheTest, PrintsRfc9110Dates) {
  DateCache dates;
  WallTime moment{std::chrono::seconds(784111777)};
  EXPECT_EQ(dates.text(moment), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(dates.text(moment + std::chrono::milliseconds(999)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(dates.text(moment + std::chrono::seconds(1)), "Sun, 06 Nov 1994 08:49:38 GMT");
}

}  // namespace
}  // namespace pillion::proxy
