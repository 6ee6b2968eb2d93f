// How a cluster speaks HTTP: the HttpProtocolOptions extension and the cluster's deprecated fields
// (translate.h).

#include <envoy/config/cluster/v3/cluster.pb.h>
#include <envoy/config/core/v3/protocol.pb.h>
#include <envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h>
#include <google/protobuf/any.pb.h>

#include "sidecar/base/text.h"
#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace core = envoy::config::core::v3;
using config::UpstreamHttp;
using envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

constexpr std::string_view kNoHttp3 = "use http2_protocol_options or http_protocol_options";

// Ends a chain of upstream filters; on its own it stands for what there is without one.
constexpr std::string_view kUpstreamCodec =
    "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";

void take_common(const core::HttpProtocolOptions& message, const FieldPath& at, UpstreamHttp& to) {
  // What to do with underscores in names concerns requests from clients.
  check_fields(message, at,
               {"idle_timeout", "max_connection_duration", "max_headers_count",
                "max_response_headers_kb", "max_requests_per_connection"},
               {"headers_with_underscores_action"});
  if (message.has_idle_timeout())
    to.idle_timeout = millis(message.idle_timeout(), at.field("idle_timeout"));
  if (message.has_max_connection_duration())
    to.max_connection_duration =
        millis(message.max_connection_duration(), at.field("max_connection_duration"));
  if (message.has_max_headers_count()) to.max_headers_count = message.max_headers_count().value();
  if (message.has_max_response_headers_kb())
    to.max_response_headers_kb = to.http2_max_response_headers_kb =
        message.max_response_headers_kb().value();
  if (message.has_max_requests_per_connection())
    to.max_requests_per_connection = message.max_requests_per_connection().value();
}

void take_http1(const core::Http1ProtocolOptions& message, const FieldPath& at, UpstreamHttp& to) {
  // The harmless ones concern requests from clients, or which parser Envoy uses.
  check_fields(message, at, {"header_key_format", "enable_trailers"},
               {"allow_absolute_url", "accept_http_10", "default_host_for_http_10",
                "override_stream_error_on_invalid_http_message", "use_balsa_parser"});
  to.enable_trailers = message.enable_trailers();
  to.proper_case_headers = message.header_key_format().has_proper_case_words();
  if (message.header_key_format().has_stateful_formatter())
    not_supported(at.field("header_key_format.stateful_formatter"), "use proper_case_words");
}

void check_upstream_filters(const HttpProtocolOptions& message, const FieldPath& at) {
  for (int i = 0; i < message.http_filters_size(); ++i) {
    if (type_name(message.http_filters(i).typed_config()) != kUpstreamCodec)
      not_supported(at.index(static_cast<std::size_t>(i)),
                    "move the filter to the HTTP connection manager");
  }
}

void take_protocols(const HttpProtocolOptions& message, const FieldPath& at, UpstreamHttp& to) {
  // One of the three ways to choose; each has the same options below it.
  auto take = [&to](const auto& chosen, const FieldPath& place) {
    if (chosen.has_http_protocol_options())
      take_http1(chosen.http_protocol_options(), place.field("http_protocol_options"), to);
    if (chosen.has_http2_protocol_options())
      to.http2 =
          translate_http2(chosen.http2_protocol_options(), place.field("http2_protocol_options"));
    if (chosen.has_http3_protocol_options())
      not_supported(place.field("http3_protocol_options"), kNoHttp3);
  };
  if (message.has_use_downstream_protocol_config()) {
    take(message.use_downstream_protocol_config(), at.field("use_downstream_protocol_config"));
    // A version that is not configured is not spoken.
    bool http2 = message.use_downstream_protocol_config().has_http2_protocol_options();
    to.protocol = http2 ? UpstreamHttp::Protocol::kDownstream : UpstreamHttp::Protocol::kHttp1;
  } else if (message.has_auto_config()) {
    const FieldPath place = at.field("auto_config");
    check_fields(message.auto_config(), place,
                 {"http_protocol_options", "http2_protocol_options", "http3_protocol_options"});
    take(message.auto_config(), place);
    to.protocol = UpstreamHttp::Protocol::kAuto;
  } else {
    take(message.explicit_http_config(), at.field("explicit_http_config"));
    if (message.explicit_http_config().has_http2_protocol_options())
      to.protocol = UpstreamHttp::Protocol::kHttp2;
  }
}

void take_names(const core::UpstreamHttpProtocolOptions& message, const FieldPath& at,
                UpstreamHttp& to) {
  check_fields(message, at, {"auto_sni", "auto_san_validation", "override_auto_sni_header"});
  to.auto_sni = message.auto_sni();
  to.auto_san_validation = message.auto_san_validation();
  to.auto_sni_header = lower_copy(message.override_auto_sni_header());
  if (!to.auto_sni_header.empty() && !to.auto_sni && !to.auto_san_validation)
    at.field("override_auto_sni_header").warning("has no effect without auto_sni");
}

void take_options(const HttpProtocolOptions& message, const FieldPath& at, UpstreamHttp& to) {
  check_fields(
      message, at,
      {"common_http_protocol_options", "explicit_http_config", "use_downstream_protocol_config",
       "auto_config", "http_filters", "upstream_http_protocol_options"});
  if (message.has_upstream_http_protocol_options())
    take_names(message.upstream_http_protocol_options(), at.field("upstream_http_protocol_options"),
               to);
  if (message.has_common_http_protocol_options())
    take_common(message.common_http_protocol_options(), at.field("common_http_protocol_options"),
                to);
  check_upstream_filters(message, at.field("http_filters"));
  take_protocols(message, at, to);
}

// The fields of the cluster that the extension has replaced; Envoy ignores them beside it.
bool take_deprecated(const envoy::config::cluster::v3::Cluster& message, const FieldPath& at,
                     UpstreamHttp& to) {
  if (message.has_max_requests_per_connection())
    to.max_requests_per_connection = message.max_requests_per_connection().value();
  if (message.has_common_http_protocol_options())
    take_common(message.common_http_protocol_options(), at.field("common_http_protocol_options"),
                to);
  if (message.has_http_protocol_options())
    take_http1(message.http_protocol_options(), at.field("http_protocol_options"), to);
  if (message.has_upstream_http_protocol_options())
    take_names(message.upstream_http_protocol_options(), at.field("upstream_http_protocol_options"),
               to);
  if (message.has_http2_protocol_options()) {
    to.http2 =
        translate_http2(message.http2_protocol_options(), at.field("http2_protocol_options"));
    to.protocol = UpstreamHttp::Protocol::kHttp2;
  }
  return message.has_max_requests_per_connection() || message.has_common_http_protocol_options() ||
         message.has_http_protocol_options() || message.has_http2_protocol_options() ||
         message.has_upstream_http_protocol_options();
}

}  // namespace

void translate_upstream_http(const envoy::config::cluster::v3::Cluster& message,
                             const FieldPath& at, config::Cluster& to) {
  UpstreamHttp http;
  bool set = take_deprecated(message, at, http);
  const FieldPath options = at.field("typed_extension_protocol_options");
  for (const auto& [name, any] : message.typed_extension_protocol_options()) {
    const FieldPath entry = options.key(name);
    if (type_name(any) != HttpProtocolOptions::descriptor()->full_name()) {
      not_supported(entry, "remove it; only " + HttpProtocolOptions::descriptor()->full_name() +
                               " is known here");
      continue;
    }
    HttpProtocolOptions extension;
    if (!unpack_to(any, entry, extension)) continue;
    http = {};
    set = true;
    take_options(extension, entry, http);
  }
  if (set) to.http = std::make_unique<UpstreamHttp>(http);
}

}  // namespace pillion::xds
