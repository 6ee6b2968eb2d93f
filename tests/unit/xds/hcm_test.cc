// The HTTP connection manager and its filter chain.

#include <gtest/gtest.h>

#include "tests/unit/xds/load.h"

namespace pillion::xds::test {
namespace {

using Hcm = config::HttpConnectionManager;

constexpr const char* kHcm =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config";

std::string at_hcm(const std::string& rest) {
  return std::string(kHcm) + rest;
}

constexpr const char* kBuffer =
    "{name: buf, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http.buffer."
    "v3.Buffer, max_request_bytes: 5}";
constexpr const char* kRouter =
    "{name: router, typed_config: {'@type': type.googleapis.com/envoy.extensions.filters.http."
    "router.v3.Router";

TEST(Hcm, HasEnvoysDefaults) {
  const Outcome outcome = load(with_hcm(""));
  ASSERT_EQ(outcome.problem(), "");
  const Hcm& hcm = outcome.hcm();
  EXPECT_EQ(hcm.stat_prefix, "in");
  EXPECT_EQ(hcm.server_name, "envoy");
  EXPECT_EQ(hcm.stream_idle_timeout.count(), 300'000);
  EXPECT_EQ(hcm.idle_timeout.count(), 3'600'000);
  EXPECT_EQ(hcm.drain_timeout.count(), 5000);
  EXPECT_EQ(hcm.delayed_close_timeout.count(), 1000);
  EXPECT_EQ(hcm.max_request_headers_kb, 60u);
  EXPECT_EQ(hcm.max_headers_count, 100u);
  EXPECT_TRUE(hcm.generate_request_id);
  EXPECT_TRUE(hcm.allow_absolute_url);
  EXPECT_FALSE(hcm.use_remote_address);
  ASSERT_EQ(hcm.filters.size(), 1u);
  EXPECT_EQ(hcm.filters[0].factory, nullptr);
}

TEST(Hcm, TakesTimeoutsAndLimits) {
  const Outcome outcome = load(with_hcm(
      "stream_idle_timeout: 0s, request_timeout: 1s, request_headers_timeout: 2s, drain_timeout: "
      "3s, delayed_close_timeout: 0s, max_request_headers_kb: 96, common_http_protocol_options: "
      "{idle_timeout: 4s, max_connection_duration: 5s, max_headers_count: 7, max_stream_duration: "
      "6s, headers_with_underscores_action: DROP_HEADER, max_requests_per_connection: 8}"));
  ASSERT_EQ(outcome.problem(), "");
  const Hcm& hcm = outcome.hcm();
  EXPECT_EQ(hcm.stream_idle_timeout.count(), 0);
  EXPECT_EQ(hcm.request_timeout.count(), 1000);
  EXPECT_EQ(hcm.request_headers_timeout.count(), 2000);
  EXPECT_EQ(hcm.drain_timeout.count(), 3000);
  EXPECT_EQ(hcm.delayed_close_timeout.count(), 0);
  EXPECT_EQ(hcm.idle_timeout.count(), 4000);
  EXPECT_EQ(hcm.max_connection_duration.count(), 5000);
  EXPECT_EQ(hcm.max_stream_duration.count(), 6000);
  EXPECT_EQ(hcm.max_request_headers_kb, 96u);
  EXPECT_EQ(hcm.max_headers_count, 7u);
  EXPECT_EQ(hcm.max_requests_per_connection, 8u);
  EXPECT_EQ(hcm.underscores, Hcm::HeadersWithUnderscores::kDrop);
}

TEST(Hcm, TakesHeadersAndAddresses) {
  const Outcome outcome = load(with_hcm(
      "server_name: me, server_header_transformation: PASS_THROUGH, via: v, use_remote_address: "
      "true, xff_num_trusted_hops: 2, skip_xff_append: true, internal_address_config: "
      "{unix_sockets: true, cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}, "
      "generate_request_id: false, preserve_external_request_id: true, "
      "always_set_request_id_in_response: true, append_x_forwarded_port: true, "
      "scheme_header_transformation: {scheme_to_overwrite: https}, proxy_100_continue: true, "
      "request_id_extension: {typed_config: {'@type': type.googleapis.com/envoy.extensions."
      "request_id.uuid.v3.UuidRequestIdConfig, pack_trace_reason: false}}"));
  ASSERT_EQ(outcome.problem(), "");
  const Hcm& hcm = outcome.hcm();
  EXPECT_EQ(hcm.server_name, "me");
  EXPECT_EQ(hcm.server_header, Hcm::ServerHeader::kPassThrough);
  EXPECT_EQ(hcm.via, "v");
  EXPECT_TRUE(hcm.use_remote_address);
  EXPECT_EQ(hcm.xff_num_trusted_hops, 2u);
  EXPECT_TRUE(hcm.skip_xff_append);
  EXPECT_TRUE(hcm.unix_sockets_internal);
  EXPECT_TRUE(hcm.internal_addresses_configured);
  EXPECT_EQ(hcm.internal_addresses.at(0).to_string(), "10.0.0.0/8");
  EXPECT_FALSE(hcm.generate_request_id);
  EXPECT_TRUE(hcm.preserve_external_request_id);
  EXPECT_TRUE(hcm.always_set_request_id_in_response);
  EXPECT_TRUE(hcm.append_x_forwarded_port);
  EXPECT_EQ(hcm.scheme_to_overwrite, "https");
  EXPECT_TRUE(hcm.proxy_100_continue);
  EXPECT_FALSE(hcm.pack_trace_reason);
}

TEST(Hcm, TakesPathsAndHttp1Options) {
  const Outcome outcome = load(with_hcm(
      "codec_type: HTTP1, normalize_path: true, merge_slashes: true, "
      "path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT, strip_any_host_port: true, "
      "strip_trailing_host_dot: true, http2_protocol_options: {}, http_protocol_options: "
      "{allow_absolute_url: false, accept_http_10: true, default_host_for_http_10: d, "
      "enable_trailers: true, allow_chunked_length: true, header_key_format: {proper_case_words: "
      "{}}, override_stream_error_on_invalid_http_message: true}"));
  ASSERT_EQ(outcome.problem(), "");
  const Hcm& hcm = outcome.hcm();
  EXPECT_TRUE(hcm.normalize_path);
  EXPECT_TRUE(hcm.merge_slashes);
  EXPECT_EQ(hcm.escaped_slashes, Hcm::EscapedSlashes::kUnescapeAndRedirect);
  EXPECT_EQ(hcm.strip_port, Hcm::StripPort::kAny);
  EXPECT_TRUE(hcm.strip_trailing_host_dot);
  EXPECT_FALSE(hcm.allow_absolute_url);
  EXPECT_TRUE(hcm.accept_http_10);
  EXPECT_EQ(hcm.default_host_for_http_10, "d");
  EXPECT_TRUE(hcm.enable_trailers);
  EXPECT_TRUE(hcm.allow_chunked_length);
  EXPECT_TRUE(hcm.proper_case_headers);
  EXPECT_TRUE(hcm.stream_error_on_invalid_message);
}

TEST(Hcm, TakesUpgradesWithTheirOwnFilters) {
  const std::string chain = std::string("[") + kBuffer + "}, " + kRouter + "}}]";
  const Outcome outcome =
      load(with_hcm("upgrade_configs: [{upgrade_type: WebSocket, filters: " + chain +
                    "}, {upgrade_type: CONNECT, enabled: false}]"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& upgrades = outcome.hcm().upgrades;
  ASSERT_EQ(upgrades.size(), 2u);
  EXPECT_EQ(upgrades[0].type, "websocket");
  EXPECT_TRUE(upgrades[0].enabled);
  EXPECT_EQ(upgrades[0].filters->size(), 2u);
  EXPECT_EQ(upgrades[1].type, "connect");
  EXPECT_FALSE(upgrades[1].enabled);
  EXPECT_FALSE(upgrades[1].filters);
}

TEST(Hcm, TakesLocalReplies) {
  const Outcome outcome = load(with_hcm(
      "local_reply_config: {mappers: [{filter: {response_flag_filter: {flags: [NR]}}, status_code: "
      "410, body: {inline_string: gone}, headers_to_add: [{header: {key: X, value: v}}], "
      "body_format_override: {json_format: {m: '%LOCAL_REPLY_BODY%'}}}], body_format: "
      "{text_format_source: {inline_string: '%LOCAL_REPLY_BODY%'}, content_type: text/html}}"));
  ASSERT_EQ(outcome.problem(), "");
  const auto& reply = *outcome.hcm().local_reply;
  const auto& mapper = reply.mappers.at(0);
  EXPECT_EQ(mapper.filter.kind, config::LogFilter::Kind::kResponseFlag);
  EXPECT_EQ(mapper.status, 410);
  EXPECT_EQ(mapper.body, "gone");
  EXPECT_NE(mapper.body_format->json, nullptr);
  EXPECT_EQ(mapper.body_format_content_type, "application/json");
  EXPECT_EQ(mapper.headers.append.at(0).name, "x");
  EXPECT_EQ(reply.body_format->text, "%LOCAL_REPLY_BODY%");
  EXPECT_EQ(reply.body_format_content_type, "text/html");
}

TEST(Hcm, TakesTheSharesOfTracedRequests) {
  EXPECT_FALSE(load(with_hcm("")).hcm().tracing.has_value());
  const auto all = load(with_hcm("tracing: {}")).hcm().tracing;
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->random.numerator, 10'000u);
  const auto some = load(with_hcm("tracing: {client_sampling: {value: 12.9}, random_sampling: "
                                  "{value: 0.055}, overall_sampling: {value: 7}}"))
                        .hcm()
                        .tracing;
  ASSERT_TRUE(some.has_value());
  EXPECT_EQ(some->client.numerator, 12u);
  EXPECT_EQ(some->random.numerator, 6u);
  EXPECT_EQ(some->random.denominator, 10'000u);
  EXPECT_EQ(some->overall.numerator, 7u);
}

TEST(Hcm, TakesTheCodec) {
  EXPECT_EQ(load(with_hcm("")).hcm().codec, Hcm::Codec::kAuto);
  EXPECT_EQ(load(with_hcm("codec_type: HTTP1")).hcm().codec, Hcm::Codec::kHttp1);
  EXPECT_EQ(load(with_hcm("codec_type: HTTP2")).hcm().codec, Hcm::Codec::kHttp2);
}

TEST(Hcm, HasEnvoysDefaultsForHttp2) {
  const Outcome outcome = load(with_hcm(""));
  const config::Http2Protocol& http2 = outcome.hcm().http2;
  EXPECT_EQ(http2.hpack_table_size, 4096u);
  EXPECT_EQ(http2.max_concurrent_streams, 1024u);
  EXPECT_EQ(http2.stream_window, 16u * 1024 * 1024);
  EXPECT_EQ(http2.connection_window, 24u * 1024 * 1024);
  EXPECT_FALSE(http2.allow_connect);
  EXPECT_EQ(http2.ping_interval.count(), 0);
}

TEST(Hcm, TakesAllOptionsOfHttp2) {
  const Outcome outcome = load(with_hcm(
      "http2_protocol_options: {hpack_table_size: 8192, max_concurrent_streams: 7, "
      "initial_stream_window_size: 65536, initial_connection_window_size: 70000, "
      "allow_connect: true, max_outbound_frames: 11, max_outbound_control_frames: 12, "
      "max_consecutive_inbound_frames_with_empty_payload: 13, "
      "max_inbound_priority_frames_per_stream: 14, "
      "max_inbound_window_update_frames_per_data_frame_sent: 15, "
      "override_stream_error_on_invalid_http_message: true, connection_keepalive: "
      "{interval: 10s, timeout: 3s, interval_jitter: {value: 1}, connection_idle_interval: 9s}}"));
  ASSERT_EQ(outcome.problem(), "");
  const config::Http2Protocol& http2 = outcome.hcm().http2;
  EXPECT_EQ(http2.hpack_table_size, 8192u);
  EXPECT_EQ(http2.max_concurrent_streams, 7u);
  EXPECT_EQ(http2.stream_window, 65536u);
  EXPECT_EQ(http2.connection_window, 70000u);
  EXPECT_TRUE(http2.allow_connect);
  EXPECT_EQ(http2.max_outbound_frames, 11u);
  EXPECT_EQ(http2.max_outbound_control_frames, 12u);
  EXPECT_EQ(http2.max_consecutive_empty_frames, 13u);
  EXPECT_EQ(http2.max_priority_frames_per_stream, 14u);
  EXPECT_EQ(http2.max_window_updates_per_data_frame, 15u);
  EXPECT_EQ(http2.ping_interval.count(), 10000);
  EXPECT_EQ(http2.ping_timeout.count(), 3000);
  EXPECT_EQ(http2.ping_after_idle.count(), 9000);
  EXPECT_EQ(http2.ping_jitter_percent, 1.0);
}

TEST(Hcm, RefusesOptionsOfHttp2ThatItCannotMeet) {
  EXPECT_EQ(load(with_hcm("http2_protocol_options: {allow_metadata: true}")).problem(),
            at_hcm(".http2_protocol_options.allow_metadata: is not supported by this version; "
                   "remove it"));
  EXPECT_NE(load(with_hcm("http2_protocol_options: {initial_stream_window_size: 5}")).problem(),
            "");
}

TEST(Hcm, RefusesWhatIsNotSupported) {
  EXPECT_EQ(load(with_hcm("codec_type: HTTP3")).problem(),
            at_hcm(".codec_type: is not supported by this version; use AUTO, HTTP1 or HTTP2"));
  EXPECT_EQ(load(with_hcm("add_user_agent: true")).problem(),
            at_hcm(".add_user_agent: is not supported by this version; remove it"));
  EXPECT_EQ(load(with_hcm("tracing: {provider: {name: zipkin}}")).problem(),
            at_hcm(".tracing.provider: is not supported by this version; remove it; no spans are "
                   "sent"));
  const Outcome cert =
      load(with_hcm("forward_client_cert_details: APPEND_FORWARD, set_current_client_cert_details: "
                    "{subject: true, uri: true}"));
  ASSERT_EQ(cert.problem(), "");
  EXPECT_EQ(cert.hcm().forward_client_cert,
            config::HttpConnectionManager::ForwardClientCert::kAppendForward);
  EXPECT_TRUE(cert.hcm().client_cert_details.subject);
  EXPECT_TRUE(cert.hcm().client_cert_details.uri);
  EXPECT_FALSE(cert.hcm().client_cert_details.cert);
  EXPECT_EQ(load(with_hcm("http_protocol_options: {send_fully_qualified_url: true}")).problem(),
            at_hcm(".http_protocol_options.send_fully_qualified_url: is not supported by this "
                   "version; remove it"));
}

TEST(Hcm, RefusesRoutesFromAControlPlane) {
  std::string text = with_hcm("");
  text.replace(text.find("route_config: {name: r}"), 23,
               "rds: {route_config_name: r, config_source: {ads: {}}}");
  EXPECT_EQ(load(text).problem(),
            at_hcm(".rds: is not supported by this version; routes from a control plane are not "
                   "supported by this version; use route_config"));
}

TEST(Hcm, IsCheckedByEnvoysRules) {
  EXPECT_EQ(load(with_hcm("max_request_headers_kb: 8193")).problem(),
            at_hcm(".max_request_headers_kb: must be at most 8192, is 8193"));
  std::string text = with_hcm("");
  text.replace(text.find("stat_prefix: in"), 15, "stat_prefix: ''");
  EXPECT_EQ(load(text).problem(), at_hcm(".stat_prefix: must not be empty"));
}

TEST(HttpFilters, AreParsedByTheTable) {
  const Outcome outcome = load(
      with_http_filters(std::string("[") + kBuffer + ", disabled: true}, " + kRouter +
                        ", suppress_envoy_headers: true, respect_expected_rq_timeout: true}}]"));
  ASSERT_EQ(outcome.problem(), "");
  const Hcm& hcm = outcome.hcm();
  ASSERT_EQ(hcm.filters.size(), 2u);
  EXPECT_EQ(hcm.filters[0].name, "buf");
  EXPECT_TRUE(hcm.filters[0].disabled);
  EXPECT_EQ(bytes_of(*hcm.filters[0].factory), 5u);
  EXPECT_EQ(hcm.filters[1].name, "router");
  EXPECT_TRUE(hcm.suppress_envoy_headers);
  EXPECT_TRUE(hcm.respect_expected_rq_timeout);
}

TEST(HttpFilters, ReportWhatTheFilterRefuses) {
  std::string buffer = kBuffer;
  buffer.replace(buffer.find(": 5}"), 4, ": 13}");
  EXPECT_EQ(load(with_http_filters("[" + buffer + "}, " + kRouter + "}}]")).problem(),
            at_hcm(".http_filters[0].typed_config.max_request_bytes: 13 is refused by the filter"));
}

TEST(HttpFilters, MustEndWithTheRouter) {
  EXPECT_EQ(load(with_http_filters(std::string("[") + kBuffer + "}]")).problem(),
            at_hcm(".http_filters: must end with the filter envoy.filters.http.router, with "
                   "\"@type\" type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"));
  EXPECT_EQ(load(with_http_filters(std::string("[") + kRouter + "}}, " + kBuffer + "}]")).problem(),
            at_hcm(".http_filters[0]: the router has to be the last filter, since nothing runs "
                   "after it"));
  EXPECT_EQ(load(with_http_filters("[]")).problem().rfind(at_hcm(".http_filters: must end"), 0),
            0u);
}

TEST(HttpFilters, AreSkippedWhenUnknownAndOptional) {
  const std::string unknown =
      "{name: u, typed_config: {'@type': type.googleapis.com/some.Filter, a: 1}";
  EXPECT_EQ(load(with_http_filters("[" + unknown + "}, " + kRouter + "}}]")).problem(),
            at_hcm(".http_filters[0].typed_config: the filter \"u\" (some.Filter) is not supported "
                   "by this version, which has envoy.filters.http.buffer, "
                   "envoy.filters.http.router; remove it, or set is_optional: true if requests may "
                   "pass without it"));
  const Outcome optional =
      load(with_http_filters("[" + unknown + ", is_optional: true}, " + kRouter + "}}]"));
  ASSERT_EQ(optional.problem(), "");
  EXPECT_EQ(optional.hcm().filters.size(), 1u);
  EXPECT_EQ(optional.warnings.size(), 1u);
  // The dump goes on without what it cannot name.
  EXPECT_NE(dump_json(optional.bootstrap).find("\"stat_prefix\":\"in\""), std::string::npos);
}

TEST(HttpFilters, NeedAType) {
  EXPECT_EQ(load(with_http_filters(std::string("[{name: x}, ") + kRouter + "}}]")).problem(),
            at_hcm(".http_filters[0].typed_config: is required: an object with \"@type\""));
  EXPECT_EQ(load(with_http_filters(std::string("[{name: x, config_discovery: {config_source: {ads: "
                                               "{}}, type_urls: [a]}}, ") +
                                   kRouter + "}}]"))
                .problem()
                .rfind(at_hcm(".http_filters[0].config_discovery: is not supported by this "
                              "version; remove it"),
                       0),
            0u);
}

TEST(RouterFilter, RefusesWhatIsNotSupported) {
  EXPECT_EQ(load(with_http_filters(std::string("[") + kRouter +
                                   ", strict_check_headers: [x-envoy-max-retries]}}]"))
                .problem(),
            at_hcm(".http_filters[0].typed_config.strict_check_headers: is not supported by this "
                   "version; remove it"));
}

}  // namespace
}  // namespace pillion::xds::test
