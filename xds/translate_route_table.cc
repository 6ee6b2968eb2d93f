// Route configurations and their virtual hosts (translate.h).

#include <envoy/config/route/v3/route.pb.h>
#include <fmt/format.h>

#include "sidecar/base/text.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::route::v3;
using config::VirtualHost;

// Envoy's default for the body of a direct response.
constexpr uint32_t kMaxDirectResponseBody = 4096;

void take_headers(const v3::VirtualHost& message, const FieldPath& at, VirtualHost& to) {
  to.request_headers = {
      header_appends(message.request_headers_to_add(), at.field("request_headers_to_add")),
      header_removals(message.request_headers_to_remove(), at.field("request_headers_to_remove"))};
  to.response_headers = {
      header_appends(message.response_headers_to_add(), at.field("response_headers_to_add")),
      header_removals(message.response_headers_to_remove(),
                      at.field("response_headers_to_remove"))};
}

VirtualHost::RequireTls require_tls(v3::VirtualHost::TlsRequirementType type) {
  switch (type) {
    case v3::VirtualHost::EXTERNAL_ONLY:
      return VirtualHost::RequireTls::kExternalOnly;
    case v3::VirtualHost::ALL:
      return VirtualHost::RequireTls::kAll;
    default:
      return VirtualHost::RequireTls::kNone;
  }
}

void take_virtual_clusters(const v3::VirtualHost& message, const FieldPath& at, VirtualHost& to) {
  for (const auto& cluster : message.virtual_clusters()) {
    const FieldPath entry = at.index(to.virtual_clusters.size());
    const FieldPath headers = entry.field("headers");
    if (cluster.headers().empty()) headers.missing("must not be empty; match at least one header");
    to.virtual_clusters.push_back({cluster.name(), header_matchers(cluster.headers(), headers)});
  }
}

class TableTranslator {
 public:
  TableTranslator(const v3::RouteConfiguration& message, const Translation& translation,
                  const FieldPath& at)
      : message_(message), translation_(translation), at_(at) {}

  std::shared_ptr<const config::RouteTable> run() {
    check_fields(
        message_, at_,
        {"name", "virtual_hosts", "internal_only_headers", "response_headers_to_add",
         "response_headers_to_remove", "request_headers_to_add", "request_headers_to_remove",
         "most_specific_header_mutations_wins", "validate_clusters",
         "max_direct_response_body_size_bytes", "ignore_port_in_host_matching",
         "ignore_path_parameters_in_path_matching", "typed_per_filter_config", "metadata"});
    auto table = std::make_shared<config::RouteTable>();
    take_settings(*table);
    const FieldPath hosts = at_.field("virtual_hosts");
    table->virtual_hosts.reserve(static_cast<std::size_t>(message_.virtual_hosts_size()));
    for (const v3::VirtualHost& host : message_.virtual_hosts())
      table->virtual_hosts.push_back(
          virtual_host(host, hosts.index(table->virtual_hosts.size()), *table));
    return table;
  }

 private:
  void take_settings(config::RouteTable& table) {
    table.name = message_.name();
    table.request_headers = {
        header_appends(message_.request_headers_to_add(), at_.field("request_headers_to_add")),
        header_removals(message_.request_headers_to_remove(),
                        at_.field("request_headers_to_remove"))};
    table.response_headers = {
        header_appends(message_.response_headers_to_add(), at_.field("response_headers_to_add")),
        header_removals(message_.response_headers_to_remove(),
                        at_.field("response_headers_to_remove"))};
    table.most_specific_header_mutations_wins = message_.most_specific_header_mutations_wins();
    table.ignore_port_in_host_matching = message_.ignore_port_in_host_matching();
    table.ignore_path_parameters_in_path_matching =
        message_.ignore_path_parameters_in_path_matching();
    table.validate_clusters =
        !message_.has_validate_clusters() || message_.validate_clusters().value();
    table.filters = translate_overrides(message_.typed_per_filter_config(), translation_,
                                        at_.field("typed_per_filter_config"));
    for (const std::string& name : message_.internal_only_headers())
      table.internal_only_headers.push_back(lower_copy(name));
    if (message_.has_metadata())
      table.metadata = metadata(message_.metadata(), at_.field("metadata"));
  }

  VirtualHost virtual_host(const v3::VirtualHost& message, const FieldPath& at,
                           const config::RouteTable& table) {
    check_fields(message, at,
                 {"name", "domains", "routes", "require_tls", "virtual_clusters",
                  "request_headers_to_add", "request_headers_to_remove", "response_headers_to_add",
                  "response_headers_to_remove", "typed_per_filter_config",
                  "include_request_attempt_count", "include_attempt_count_in_response",
                  "retry_policy", "per_request_buffer_limit_bytes", "metadata"});
    VirtualHost host;
    host.name = message.name();
    take_domains(message, at.field("domains"), host);
    take_headers(message, at, host);
    take_virtual_clusters(message, at.field("virtual_clusters"), host);
    host.require_tls = require_tls(message.require_tls());
    host.include_request_attempt_count = message.include_request_attempt_count();
    host.include_attempt_count_in_response = message.include_attempt_count_in_response();
    if (message.has_metadata()) host.metadata = metadata(message.metadata(), at.field("metadata"));
    if (!message.typed_per_filter_config().empty())
      host.filters = std::make_unique<config::FilterOverrides>(translate_overrides(
          message.typed_per_filter_config(), translation_, at.field("typed_per_filter_config")));
    take_routes(message, at, table.validate_clusters, host);
    return host;
  }

  void take_routes(const v3::VirtualHost& message, const FieldPath& at, bool validate_clusters,
                   VirtualHost& to) {
    RouteLevel level{translation_, nullptr, {}, kMaxDirectResponseBody, validate_clusters};
    if (message.has_retry_policy())
      level.retry = translate_retry(message.retry_policy(), at.field("retry_policy"));
    if (message.has_per_request_buffer_limit_bytes())
      level.body_buffer_limit = message.per_request_buffer_limit_bytes().value();
    if (message_.has_max_direct_response_body_size_bytes())
      level.max_direct_response_body = message_.max_direct_response_body_size_bytes().value();
    const FieldPath routes = at.field("routes");
    to.routes.reserve(static_cast<std::size_t>(message.routes_size()));
    for (const v3::Route& route : message.routes())
      to.routes.push_back(translate_route(route, level, routes.index(to.routes.size())));
  }

  void take_domains(const v3::VirtualHost& message, const FieldPath& at, VirtualHost& to) {
    to.domains.reserve(static_cast<std::size_t>(message.domains_size()));
    for (const std::string& domain : message.domains()) {
      const FieldPath entry = at.index(to.domains.size());
      to.domains.push_back(lower_copy(domain));
      if (domain.empty())
        entry.problem("must not be empty; to match every host give \"*\"");
      else if (!domains_.insert(to.domains.back()).second)
        entry.problem(fmt::format(
            "the domain \"{}\" is given twice in this route configuration; keep one of the two",
            to.domains.back()));
    }
  }

  const v3::RouteConfiguration& message_;
  const Translation& translation_;
  const FieldPath& at_;
  std::unordered_set<std::string> domains_;
};

}  // namespace

std::shared_ptr<const config::RouteTable> translate_routes(const v3::RouteConfiguration& message,
                                                           const Translation& translation,
                                                           const FieldPath& at) {
  return TableTranslator(message, translation, at).run();
}

}  // namespace pillion::xds
