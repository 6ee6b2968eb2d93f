// Routes: what they match and what they do (translate.h).

#include <envoy/config/route/v3/route_components.pb.h>
#include <fmt/format.h>

#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::route::v3;
using config::PathMatch;

PathMatch path_match(const v3::RouteMatch& message, const FieldPath& at) {
  PathMatch match;
  match.case_sensitive = !message.has_case_sensitive() || message.case_sensitive().value();
  switch (message.path_specifier_case()) {
    case v3::RouteMatch::kPrefix:
      match.kind = PathMatch::Kind::kPrefix;
      match.text = message.prefix();
      break;
    case v3::RouteMatch::kPath:
      match.kind = PathMatch::Kind::kExact;
      match.text = message.path();
      break;
    case v3::RouteMatch::kSafeRegex:
      match.kind = PathMatch::Kind::kRegex;
      match.text = regex(message.safe_regex(), at.field("safe_regex"));
      break;
    case v3::RouteMatch::kConnectMatcher:
      match.kind = PathMatch::Kind::kConnect;
      break;
    case v3::RouteMatch::kPathSeparatedPrefix:
      match.kind = PathMatch::Kind::kSeparatedPrefix;
      match.text = message.path_separated_prefix();
      break;
    default:  // path_match_policy is reported by check_fields, absence by validate.
      break;
  }
  return match;
}

std::unique_ptr<config::RouteConditions> conditions(const v3::RouteMatch& message,
                                                    const FieldPath& at) {
  if (message.headers().empty() && message.query_parameters().empty() && !message.has_grpc() &&
      !message.has_runtime_fraction())
    return nullptr;
  auto result = std::make_unique<config::RouteConditions>();
  result->headers = header_matchers(message.headers(), at.field("headers"));
  const FieldPath query = at.field("query_parameters");
  for (const auto& parameter : message.query_parameters())
    result->query.push_back(query_matcher(parameter, query.index(result->query.size())));
  if (message.has_runtime_fraction())
    result->fraction = fraction(message.runtime_fraction(), at.field("runtime_fraction"));
  result->grpc = message.has_grpc();
  return result;
}

int redirect_status(v3::RedirectAction::RedirectResponseCode code) {
  switch (code) {
    case v3::RedirectAction::FOUND:
      return 302;
    case v3::RedirectAction::SEE_OTHER:
      return 303;
    case v3::RedirectAction::TEMPORARY_REDIRECT:
      return 307;
    case v3::RedirectAction::PERMANENT_REDIRECT:
      return 308;
    default:
      return 301;
  }
}

config::RedirectAction redirect(const v3::RedirectAction& message, const FieldPath& at) {
  config::RedirectAction action;
  action.status = redirect_status(message.response_code());
  action.https = message.https_redirect();
  action.scheme = message.scheme_redirect();
  action.host = message.host_redirect();
  action.port = message.port_redirect();
  if (action.port > UINT16_MAX) at.field("port_redirect").problem("must be at most 65535");
  action.path = message.path_redirect();
  action.prefix_rewrite = message.prefix_rewrite();
  if (message.has_regex_rewrite())
    action.regex_rewrite = std::make_unique<config::RegexRewrite>(
        regex_rewrite(message.regex_rewrite(), at.field("regex_rewrite")));
  action.strip_query = message.strip_query();
  return action;
}

config::DirectResponse direct_response(const v3::DirectResponseAction& message,
                                       const RouteLevel& level, const FieldPath& at) {
  config::DirectResponse response;
  response.status = static_cast<int>(message.status());
  if (message.has_body())
    response.body = data_source(message.body(), at.field("body"), level.max_direct_response_body)
                        .value_or(std::string());
  return response;
}

void take_action(const v3::Route& message, const RouteLevel& level, const FieldPath& at,
                 config::Route& to) {
  switch (message.action_case()) {
    case v3::Route::kRoute:
      to.action = translate_route_action(message.route(), level, at.field("route"));
      break;
    case v3::Route::kRedirect:
      to.action = redirect(message.redirect(), at.field("redirect"));
      break;
    case v3::Route::kDirectResponse:
      to.action = direct_response(message.direct_response(), level, at.field("direct_response"));
      break;
    case v3::Route::kNonForwardingAction:
      to.action = config::NonForwarding{};
      break;
    default:  // filter_action is reported by check_fields, absence by validate.
      break;
  }
}

config::Tracing tracing(const v3::Tracing& message, const FieldPath& at) {
  // The rest is about what spans hold.
  check_fields(message, at, {"client_sampling", "random_sampling", "overall_sampling"},
               {"custom_tags"});
  config::Tracing tracing;
  if (message.has_client_sampling())
    tracing.client = fraction(message.client_sampling(), at.field("client_sampling"));
  if (message.has_random_sampling())
    tracing.random = fraction(message.random_sampling(), at.field("random_sampling"));
  if (message.has_overall_sampling())
    tracing.overall = fraction(message.overall_sampling(), at.field("overall_sampling"));
  override_tracing(tracing, at);
  return tracing;
}

std::unique_ptr<config::HeaderEdits> edits(std::vector<config::HeaderAppend> append,
                                           std::vector<std::string> remove) {
  if (append.empty() && remove.empty()) return nullptr;
  return std::make_unique<config::HeaderEdits>(
      config::HeaderEdits{std::move(append), std::move(remove)});
}

}  // namespace

config::Route translate_route(const v3::Route& message, const RouteLevel& level,
                              const FieldPath& at) {
  // Decorators only shape spans, of which this version makes none.
  check_fields(
      message, at,
      {"match", "route", "redirect", "direct_response", "non_forwarding_action", "name", "metadata",
       "typed_per_filter_config", "request_headers_to_add", "request_headers_to_remove",
       "response_headers_to_add", "response_headers_to_remove", "per_request_buffer_limit_bytes",
       "stat_prefix", "tracing"},
      {"decorator"});
  const FieldPath match = at.field("match");
  check_fields(message.match(), match,
               {"prefix", "path", "safe_regex", "connect_matcher", "path_separated_prefix",
                "case_sensitive", "headers", "query_parameters", "grpc", "runtime_fraction"});
  config::Route route;
  route.name = message.name();
  route.path = path_match(message.match(), match);
  route.conditions = conditions(message.match(), match);
  take_action(message, level, at, route);
  route.request_headers = edits(
      header_appends(message.request_headers_to_add(), at.field("request_headers_to_add")),
      header_removals(message.request_headers_to_remove(), at.field("request_headers_to_remove")));
  route.response_headers =
      edits(header_appends(message.response_headers_to_add(), at.field("response_headers_to_add")),
            header_removals(message.response_headers_to_remove(),
                            at.field("response_headers_to_remove")));
  if (!message.typed_per_filter_config().empty())
    route.filters = std::make_unique<config::FilterOverrides>(translate_overrides(
        message.typed_per_filter_config(), level.translation, at.field("typed_per_filter_config")));
  if (message.has_metadata()) route.metadata = metadata(message.metadata(), at.field("metadata"));
  if (message.has_tracing())
    route.tracing =
        std::make_unique<config::Tracing>(tracing(message.tracing(), at.field("tracing")));
  route.stat_prefix = message.stat_prefix();
  route.request_body_buffer_limit = level.body_buffer_limit;
  if (message.has_per_request_buffer_limit_bytes())
    route.request_body_buffer_limit = message.per_request_buffer_limit_bytes().value();
  return route;
}

}  // namespace pillion::xds
