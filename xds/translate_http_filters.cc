// The chain of HTTP filters, which ends with the router (translate.h).

#include <envoy/extensions/filters/http/router/v3/router.pb.h>
#include <envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h>
#include <fmt/format.h>
#include <google/protobuf/any.pb.h>

#include <algorithm>

#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using envoy::extensions::filters::http::router::v3::Router;

constexpr std::string_view kUpstreamCodec =
    "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";

void take_router(const Router& message, const FieldPath& at, config::HttpConnectionManager& to) {
  // Spans and extra stats are all that the harmless ones ask for.
  check_fields(message, at,
               {"suppress_envoy_headers", "respect_expected_rq_timeout", "upstream_http_filters"},
               {"dynamic_stats", "start_child_span", "suppress_grpc_request_failure_code_stats"});
  to.suppress_envoy_headers = message.suppress_envoy_headers();
  to.respect_expected_rq_timeout = message.respect_expected_rq_timeout();
  const FieldPath filters = at.field("upstream_http_filters");
  for (int i = 0; i < message.upstream_http_filters_size(); ++i) {
    if (type_name(message.upstream_http_filters(i).typed_config()) != kUpstreamCodec)
      not_supported(filters.index(static_cast<std::size_t>(i)),
                    "move the filter to http_filters of the HTTP connection manager");
  }
}

std::string known_filters(filter::FilterTable filters) {
  std::string names;
  for (const filter::FilterType& type : filters) names.append(type.name).append(", ");
  return names + "envoy.filters.http.router";
}

class ChainTranslator {
 public:
  ChainTranslator(const Translation& translation, config::HttpConnectionManager& hcm)
      : translation_(translation), hcm_(hcm) {}

  std::vector<config::HttpFilter> run(const HttpFilterMessages& messages, const FieldPath& at) {
    chain_.reserve(static_cast<std::size_t>(messages.size()));
    bool routed = false;
    for (int i = 0; i < messages.size(); ++i) {
      const FieldPath entry = at.index(static_cast<std::size_t>(i));
      const bool is_router =
          type_name(messages[i].typed_config()) == Router::descriptor()->full_name();
      if (is_router && i + 1 < messages.size())
        entry.problem("the router has to be the last filter, since nothing runs after it");
      routed = routed || is_router;
      add(messages[i], is_router, entry);
    }
    if (!routed)
      at.missing(
          "must end with the filter envoy.filters.http.router, with \"@type\" "
          "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router");
    return std::move(chain_);
  }

 private:
  void add(const v3::HttpFilter& message, bool is_router, const FieldPath& at) {
    check_fields(message, at, {"name", "typed_config", "is_optional", "disabled"});
    config::HttpFilter filter;
    filter.name = message.name();
    filter.disabled = message.disabled();
    const FieldPath typed = at.field("typed_config");
    if (is_router) {
      Router router;
      if (unpack_to(message.typed_config(), typed, router)) take_router(router, typed, hcm_);
      if (filter.disabled) at.field("disabled").problem("the router cannot be disabled");
    } else if (!parse(message, typed, filter)) {
      return;
    }
    chain_.push_back(std::move(filter));
  }

  // False when the filter is left out.
  bool parse(const v3::HttpFilter& message, const FieldPath& at, config::HttpFilter& to) {
    const std::string_view name = type_name(message.typed_config());
    const auto type = std::find_if(
        translation_.filters.begin(), translation_.filters.end(),
        [&](const filter::FilterType& t) { return !name.empty() && t.config_message == name; });
    if (type == translation_.filters.end()) {
      report_unknown(message, name, at);
      return false;
    }
    const auto config = unpack(message.typed_config(), at);
    if (config == nullptr) return false;
    to.factory = type->parse(*config, translation_.parse_context(at));
    return to.factory != nullptr;
  }

  void report_unknown(const v3::HttpFilter& message, std::string_view name, const FieldPath& at) {
    if (name.empty()) {
      at.missing("is required: an object with \"@type\"");
    } else if (message.is_optional()) {
      at.warning(
          fmt::format("the optional filter \"{}\" ({}) is not there in this version; "
                      "requests pass without it",
                      message.name(), name));
    } else {
      at.problem(
          fmt::format("the filter \"{}\" ({}) is not supported by this version, which has "
                      "{}; remove it, or set is_optional: true if requests may pass "
                      "without it",
                      message.name(), name, known_filters(translation_.filters)));
    }
  }

  const Translation& translation_;
  config::HttpConnectionManager& hcm_;
  std::vector<config::HttpFilter> chain_;
};

}  // namespace

std::vector<config::HttpFilter> translate_http_filters(const HttpFilterMessages& messages,
                                                       const Translation& translation,
                                                       const FieldPath& at,
                                                       config::HttpConnectionManager& hcm) {
  return ChainTranslator(translation, hcm).run(messages, at);
}

}  // namespace pillion::xds
