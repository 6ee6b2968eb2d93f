// The HTTP connection manager (translate.h).

#include <envoy/config/core/v3/protocol.pb.h>
#include <envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h>
#include <envoy/extensions/request_id/uuid/v3/uuid.pb.h>
#include <fmt/format.h>
#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <cmath>

#include "sidecar/base/text.h"
#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace core = envoy::config::core::v3;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using Hcm = config::HttpConnectionManager;

constexpr std::string_view kInlineRoutes =
    "routes from a control plane are not supported by this version; use route_config";

void check_hcm_fields(const HttpConnectionManager& message, const FieldPath& at) {
  // Harmless: HTTP/3 settings do not concern connections over TCP, client certificates need TLS,
  // and the last one an extension.
  check_fields(message, at,
               {"codec_type",
                "stat_prefix",
                "route_config",
                "http_filters",
                "tracing",
                "common_http_protocol_options",
                "http_protocol_options",
                "http2_protocol_options",
                "server_name",
                "server_header_transformation",
                "scheme_header_transformation",
                "max_request_headers_kb",
                "stream_idle_timeout",
                "request_timeout",
                "request_headers_timeout",
                "drain_timeout",
                "delayed_close_timeout",
                "access_log",
                "use_remote_address",
                "xff_num_trusted_hops",
                "internal_address_config",
                "skip_xff_append",
                "via",
                "generate_request_id",
                "preserve_external_request_id",
                "always_set_request_id_in_response",
                "forward_client_cert_details",
                "set_current_client_cert_details",
                "proxy_100_continue",
                "upgrade_configs",
                "normalize_path",
                "merge_slashes",
                "path_with_escaped_slashes_action",
                "request_id_extension",
                "local_reply_config",
                "strip_matching_host_port",
                "strip_any_host_port",
                "stream_error_on_invalid_http_message",
                "strip_trailing_host_dot",
                "append_x_forwarded_port",
                "append_local_overload",
                "rds",
                "scoped_routes"},
               {"http3_protocol_options", "add_proxy_protocol_connection_state"});
  if (message.has_rds()) not_supported(at.field("rds"), kInlineRoutes);
  if (message.has_scoped_routes()) not_supported(at.field("scoped_routes"), kInlineRoutes);
  // Without a provider no spans are made; what is left chooses requests and marks their ids.
  if (message.tracing().has_provider())
    not_supported(at.field("tracing.provider"), "remove it; no spans are sent");
  if (message.codec_type() == HttpConnectionManager::HTTP3)
    not_supported(at.field("codec_type"), "use AUTO, HTTP1 or HTTP2");
}

// Percentages become counts as Envoy makes them.
void take_tracing(const HttpConnectionManager& message, const FieldPath& at, Hcm& to) {
  if (!message.has_tracing()) return;
  const HttpConnectionManager::Tracing& from = message.tracing();
  config::Tracing tracing;
  if (from.has_client_sampling())
    tracing.client.numerator = static_cast<uint32_t>(from.client_sampling().value());
  if (from.has_random_sampling())
    tracing.random.numerator =
        static_cast<uint32_t>(std::lround(from.random_sampling().value() * 100));
  if (from.has_overall_sampling())
    tracing.overall.numerator = static_cast<uint32_t>(from.overall_sampling().value());
  override_tracing(tracing, at);
  to.tracing = tracing;
}

void take_client_cert(const HttpConnectionManager& message, const FieldPath& at, Hcm& to) {
  using Mode = Hcm::ForwardClientCert;
  switch (message.forward_client_cert_details()) {
    case HttpConnectionManager::FORWARD_ONLY:
      to.forward_client_cert = Mode::kForwardOnly;
      break;
    case HttpConnectionManager::APPEND_FORWARD:
      to.forward_client_cert = Mode::kAppendForward;
      break;
    case HttpConnectionManager::SANITIZE_SET:
      to.forward_client_cert = Mode::kSanitizeSet;
      break;
    case HttpConnectionManager::ALWAYS_FORWARD_ONLY:
      to.forward_client_cert = Mode::kAlwaysForwardOnly;
      break;
    default:
      to.forward_client_cert = Mode::kSanitize;
  }
  const auto& details = message.set_current_client_cert_details();
  check_fields(details, at.field("set_current_client_cert_details"),
               {"subject", "cert", "chain", "dns", "uri"});
  to.client_cert_details = {details.subject().value(), details.cert(), details.chain(),
                            details.dns(), details.uri()};
}

void take_common_options(const core::HttpProtocolOptions& message, const FieldPath& at, Hcm& to) {
  check_fields(
      message, at,
      {"idle_timeout", "max_connection_duration", "max_headers_count", "max_stream_duration",
       "headers_with_underscores_action", "max_requests_per_connection"},
      {"max_response_headers_kb"});
  if (message.has_idle_timeout())
    to.idle_timeout = millis(message.idle_timeout(), at.field("idle_timeout"));
  to.max_connection_duration =
      millis(message.max_connection_duration(), at.field("max_connection_duration"));
  to.max_stream_duration = millis(message.max_stream_duration(), at.field("max_stream_duration"));
  if (message.has_max_headers_count()) to.max_headers_count = message.max_headers_count().value();
  to.max_requests_per_connection = message.max_requests_per_connection().value();
  switch (message.headers_with_underscores_action()) {
    case core::HttpProtocolOptions::REJECT_REQUEST:
      to.underscores = Hcm::HeadersWithUnderscores::kReject;
      break;
    case core::HttpProtocolOptions::DROP_HEADER:
      to.underscores = Hcm::HeadersWithUnderscores::kDrop;
      break;
    default:
      to.underscores = Hcm::HeadersWithUnderscores::kAllow;
  }
}

void take_http1_options(const core::Http1ProtocolOptions& message, const FieldPath& at, Hcm& to) {
  // Which parser Envoy uses cannot be seen from outside.
  check_fields(
      message, at,
      {"allow_absolute_url", "accept_http_10", "default_host_for_http_10", "header_key_format",
       "enable_trailers", "allow_chunked_length", "override_stream_error_on_invalid_http_message"},
      {"use_balsa_parser"});
  to.allow_absolute_url = !message.has_allow_absolute_url() || message.allow_absolute_url().value();
  to.accept_http_10 = message.accept_http_10();
  to.default_host_for_http_10 = message.default_host_for_http_10();
  to.enable_trailers = message.enable_trailers();
  to.allow_chunked_length = message.allow_chunked_length();
  to.proper_case_headers = message.header_key_format().has_proper_case_words();
  if (message.header_key_format().has_stateful_formatter())
    not_supported(at.field("header_key_format.stateful_formatter"), "use proper_case_words");
  if (message.has_override_stream_error_on_invalid_http_message())
    to.stream_error_on_invalid_message =
        message.override_stream_error_on_invalid_http_message().value();
}

void take_codec(const HttpConnectionManager& message, const FieldPath& at, Hcm& to) {
  if (message.codec_type() == HttpConnectionManager::HTTP1) to.codec = Hcm::Codec::kHttp1;
  if (message.codec_type() == HttpConnectionManager::HTTP2) to.codec = Hcm::Codec::kHttp2;
  if (message.has_http_protocol_options())
    take_http1_options(message.http_protocol_options(), at.field("http_protocol_options"), to);
  if (message.has_http2_protocol_options())
    to.http2 =
        translate_http2(message.http2_protocol_options(), at.field("http2_protocol_options"));
}

void take_server_headers(const HttpConnectionManager& message, const FieldPath& at, Hcm& to) {
  if (!message.server_name().empty()) to.server_name = message.server_name();
  switch (message.server_header_transformation()) {
    case HttpConnectionManager::APPEND_IF_ABSENT:
      to.server_header = Hcm::ServerHeader::kAppendIfAbsent;
      break;
    case HttpConnectionManager::PASS_THROUGH:
      to.server_header = Hcm::ServerHeader::kPassThrough;
      break;
    default:
      to.server_header = Hcm::ServerHeader::kOverwrite;
  }
  to.via = message.via();
  const FieldPath scheme = at.field("scheme_header_transformation");
  check_fields(message.scheme_header_transformation(), scheme, {"scheme_to_overwrite"});
  to.scheme_to_overwrite = message.scheme_header_transformation().scheme_to_overwrite();
}

void take_timeouts(const HttpConnectionManager& message, const FieldPath& at, Hcm& to) {
  if (message.has_stream_idle_timeout())
    to.stream_idle_timeout = millis(message.stream_idle_timeout(), at.field("stream_idle_timeout"));
  to.request_timeout = millis(message.request_timeout(), at.field("request_timeout"));
  to.request_headers_timeout =
      millis(message.request_headers_timeout(), at.field("request_headers_timeout"));
  if (message.has_drain_timeout())
    to.drain_timeout = millis(message.drain_timeout(), at.field("drain_timeout"));
  if (message.has_delayed_close_timeout())
    to.delayed_close_timeout =
        millis(message.delayed_close_timeout(), at.field("delayed_close_timeout"));
}

void take_addresses(const HttpConnectionManager& message, const FieldPath& at, Hcm& to) {
  to.use_remote_address = message.use_remote_address().value();
  to.xff_num_trusted_hops = message.xff_num_trusted_hops();
  to.skip_xff_append = message.skip_xff_append();
  to.append_x_forwarded_port = message.append_x_forwarded_port();
  to.append_local_overload = message.append_local_overload();
  if (!message.has_internal_address_config()) return;
  const auto& internal = message.internal_address_config();
  to.internal_addresses_configured = true;
  to.unix_sockets_internal = internal.unix_sockets();
  to.internal_addresses =
      cidr_ranges(internal.cidr_ranges(), at.field("internal_address_config.cidr_ranges"));
}

void take_request_id(const HttpConnectionManager& message, const FieldPath& at, Hcm& to) {
  using envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig;
  to.generate_request_id =
      !message.has_generate_request_id() || message.generate_request_id().value();
  to.preserve_external_request_id = message.preserve_external_request_id();
  to.always_set_request_id_in_response = message.always_set_request_id_in_response();
  if (!message.request_id_extension().has_typed_config()) return;
  const FieldPath typed = at.field("request_id_extension.typed_config");
  UuidRequestIdConfig uuid;
  if (!unpack_to(message.request_id_extension().typed_config(), typed, uuid)) return;
  // Sampling by request id only matters to spans.
  check_fields(uuid, typed, {"pack_trace_reason"}, {"use_request_id_for_trace_sampling"});
  to.pack_trace_reason = !uuid.has_pack_trace_reason() || uuid.pack_trace_reason().value();
}

void take_paths(const HttpConnectionManager& message, const FieldPath& at, Hcm& to) {
  to.normalize_path = message.normalize_path().value();
  to.merge_slashes = message.merge_slashes();
  switch (message.path_with_escaped_slashes_action()) {
    case HttpConnectionManager::REJECT_REQUEST:
      to.escaped_slashes = Hcm::EscapedSlashes::kReject;
      break;
    case HttpConnectionManager::UNESCAPE_AND_REDIRECT:
      to.escaped_slashes = Hcm::EscapedSlashes::kUnescapeAndRedirect;
      break;
    case HttpConnectionManager::UNESCAPE_AND_FORWARD:
      to.escaped_slashes = Hcm::EscapedSlashes::kUnescapeAndForward;
      break;
    default:
      to.escaped_slashes = Hcm::EscapedSlashes::kKeep;
  }
  if (message.strip_any_host_port() && message.strip_matching_host_port())
    at.field("strip_any_host_port")
        .problem("cannot be set beside strip_matching_host_port; keep one of the two");
  if (message.strip_any_host_port())
    to.strip_port = Hcm::StripPort::kAny;
  else if (message.strip_matching_host_port())
    to.strip_port = Hcm::StripPort::kMatching;
  to.strip_trailing_host_dot = message.strip_trailing_host_dot();
}

void take_upgrades(const HttpConnectionManager& message, const Translation& translation,
                   const FieldPath& at, Hcm& to) {
  for (const auto& upgrade : message.upgrade_configs()) {
    const FieldPath entry = at.index(to.upgrades.size());
    config::UpgradeConfig result;
    result.type = lower_copy(upgrade.upgrade_type());
    result.enabled = !upgrade.has_enabled() || upgrade.enabled().value();
    if (result.type.empty()) entry.field("upgrade_type").missing("must not be empty");
    if (std::any_of(to.upgrades.begin(), to.upgrades.end(),
                    [&](const config::UpgradeConfig& u) { return u.type == result.type; }))
      entry.problem(fmt::format("the upgrade type \"{}\" is given twice", result.type));
    if (!upgrade.filters().empty())
      result.filters =
          translate_http_filters(upgrade.filters(), translation, entry.field("filters"), to);
    to.upgrades.push_back(std::move(result));
  }
}

}  // namespace

std::shared_ptr<const Hcm> translate_hcm(const HttpConnectionManager& message,
                                         Translation& translation, const FieldPath& at) {
  check_hcm_fields(message, at);
  auto hcm = std::make_shared<Hcm>();
  translation.stat_prefix = message.stat_prefix();
  hcm->stat_prefix = message.stat_prefix();
  if (message.has_common_http_protocol_options())
    take_common_options(message.common_http_protocol_options(),
                        at.field("common_http_protocol_options"), *hcm);
  hcm->stream_error_on_invalid_message = message.stream_error_on_invalid_http_message().value();
  take_codec(message, at, *hcm);
  hcm->proxy_100_continue = message.proxy_100_continue();
  if (message.has_max_request_headers_kb())
    hcm->max_request_headers_kb = message.max_request_headers_kb().value();
  take_server_headers(message, at, *hcm);
  take_timeouts(message, at, *hcm);
  take_addresses(message, at, *hcm);
  take_client_cert(message, at, *hcm);
  take_request_id(message, at, *hcm);
  take_tracing(message, at, *hcm);
  take_paths(message, at, *hcm);
  hcm->access_logs = translate_access_logs(message.access_log(), at.field("access_log"));
  if (message.has_local_reply_config())
    hcm->local_reply =
        translate_local_reply(message.local_reply_config(), at.field("local_reply_config"));
  hcm->filters =
      translate_http_filters(message.http_filters(), translation, at.field("http_filters"), *hcm);
  take_upgrades(message, translation, at.field("upgrade_configs"), *hcm);
  hcm->routes = translate_routes(message.route_config(), translation, at.field("route_config"));
  return hcm;
}

}  // namespace pillion::xds
