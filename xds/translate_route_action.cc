// RouteAction and its weighted clusters (translate.h).

#include <envoy/config/route/v3/route_components.pb.h>
#include <fmt/format.h>

#include "sidecar/base/text.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

using config::ForwardAction;
using envoy::config::route::v3::RouteAction;
using envoy::config::route::v3::WeightedCluster;

void check_cluster(const std::string& name, const RouteLevel& level, const FieldPath& at) {
  if (!level.validate_clusters || name.empty() || level.translation.clusters.contains(name)) return;
  at.problem(
      fmt::format("unknown cluster \"{}\"; add it to static_resources.clusters, or set "
                  "validate_clusters: false in the route configuration",
                  name));
}

config::WeightedCluster weighted_cluster(const WeightedCluster::ClusterWeight& message,
                                         const std::string& runtime_prefix, const RouteLevel& level,
                                         const FieldPath& at) {
  // metadata_match chooses among subsets, which no cluster of this version has.
  check_fields(message, at,
               {"name", "cluster_header", "weight", "request_headers_to_add",
                "request_headers_to_remove", "response_headers_to_add",
                "response_headers_to_remove", "typed_per_filter_config", "host_rewrite_literal"},
               {"metadata_match"});
  config::WeightedCluster cluster;
  cluster.name = message.name();
  cluster.cluster_header = lower_copy(message.cluster_header());
  cluster.weight = message.weight().value();
  if (!runtime_prefix.empty()) {
    const auto weight = at.runtime().number(runtime_prefix + "." + message.name());
    if (weight && *weight <= UINT32_MAX) cluster.weight = static_cast<uint32_t>(*weight);
  }
  if (cluster.name.empty() == cluster.cluster_header.empty())
    at.missing("needs exactly one of name and cluster_header");
  check_cluster(cluster.name, level, at.field("name"));
  cluster.request_headers = {
      header_appends(message.request_headers_to_add(), at.field("request_headers_to_add")),
      header_removals(message.request_headers_to_remove(), at.field("request_headers_to_remove"))};
  cluster.response_headers = {
      header_appends(message.response_headers_to_add(), at.field("response_headers_to_add")),
      header_removals(message.response_headers_to_remove(),
                      at.field("response_headers_to_remove"))};
  cluster.host_rewrite = message.host_rewrite_literal();
  cluster.filters = translate_overrides(message.typed_per_filter_config(), level.translation,
                                        at.field("typed_per_filter_config"));
  return cluster;
}

std::vector<config::WeightedCluster> weighted_clusters(const WeightedCluster& message,
                                                       const RouteLevel& level,
                                                       const FieldPath& at) {
  // total_weight has been without effect since Envoy takes the sum of the weights.
  check_fields(message, at, {"clusters", "runtime_key_prefix"}, {"total_weight"});
  const FieldPath list = at.field("clusters");
  std::vector<config::WeightedCluster> clusters;
  clusters.reserve(static_cast<std::size_t>(message.clusters_size()));
  uint64_t total = 0;
  for (const auto& cluster : message.clusters()) {
    clusters.push_back(weighted_cluster(cluster, message.runtime_key_prefix(), level,
                                        list.index(clusters.size())));
    total += clusters.back().weight;
  }
  if (!clusters.empty() && total == 0)
    at.missing("the weights add up to 0; give at least one cluster a weight");
  if (total > UINT32_MAX)
    at.problem(fmt::format("the weights add up to {}, more than 4294967295", total));
  return clusters;
}

void take_cluster(const RouteAction& message, const RouteLevel& level, const FieldPath& at,
                  ForwardAction& to) {
  switch (message.cluster_specifier_case()) {
    case RouteAction::kCluster:
      to.cluster = message.cluster();
      check_cluster(to.cluster, level, at.field("cluster"));
      break;
    case RouteAction::kClusterHeader:
      to.cluster_header = lower_copy(message.cluster_header());
      break;
    case RouteAction::kWeightedClusters:
      to.weighted =
          weighted_clusters(message.weighted_clusters(), level, at.field("weighted_clusters"));
      break;
    default:  // Plug-ins are reported by check_fields, absence by validate.
      break;
  }
  switch (message.cluster_not_found_response_code()) {
    case RouteAction::NOT_FOUND:
      to.cluster_not_found_status = 404;
      break;
    case RouteAction::INTERNAL_SERVER_ERROR:
      to.cluster_not_found_status = 500;
      break;
    default:
      to.cluster_not_found_status = 503;
  }
}

void take_rewrites(const RouteAction& message, const FieldPath& at, ForwardAction& to) {
  to.prefix_rewrite = message.prefix_rewrite();
  if (message.has_regex_rewrite()) {
    if (!to.prefix_rewrite.empty())
      at.field("regex_rewrite").problem("cannot be set beside prefix_rewrite; keep one of the two");
    to.regex_rewrite = std::make_unique<config::RegexRewrite>(
        regex_rewrite(message.regex_rewrite(), at.field("regex_rewrite")));
  }
  switch (message.host_rewrite_specifier_case()) {
    case RouteAction::kHostRewriteLiteral:
      to.host_rewrite = message.host_rewrite_literal();
      break;
    case RouteAction::kAutoHostRewrite:
      to.auto_host_rewrite = message.auto_host_rewrite().value();
      break;
    case RouteAction::kHostRewriteHeader:
      to.host_rewrite_header = lower_copy(message.host_rewrite_header());
      break;
    case RouteAction::kHostRewritePathRegex:
      to.host_rewrite_regex = std::make_unique<config::RegexRewrite>(
          regex_rewrite(message.host_rewrite_path_regex(), at.field("host_rewrite_path_regex")));
      break;
    default:
      break;
  }
  to.append_x_forwarded_host = message.append_x_forwarded_host();
}

void take_grpc_timeouts(const RouteAction& message, const FieldPath& at, ForwardAction& to) {
  config::GrpcTimeouts grpc;
  const auto& duration = message.max_stream_duration();
  const FieldPath duration_at = at.field("max_stream_duration");
  if (duration.has_grpc_timeout_header_max())
    grpc.header_max =
        millis(duration.grpc_timeout_header_max(), duration_at.field("grpc_timeout_header_max"));
  grpc.header_offset = millis(duration.grpc_timeout_header_offset(),
                              duration_at.field("grpc_timeout_header_offset"));
  // The newer field wins over the one that it has replaced.
  if (message.has_max_grpc_timeout() && !message.has_max_stream_duration())
    grpc.max = millis(message.max_grpc_timeout(), at.field("max_grpc_timeout"));
  grpc.offset = millis(message.grpc_timeout_offset(), at.field("grpc_timeout_offset"));
  if (grpc.header_max || grpc.max) to.grpc = std::make_unique<config::GrpcTimeouts>(grpc);
}

void take_timeouts(const RouteAction& message, const FieldPath& at, ForwardAction& to) {
  if (message.has_timeout()) to.timeout = millis(message.timeout(), at.field("timeout"));
  if (message.has_idle_timeout())
    to.idle_timeout = millis(message.idle_timeout(), at.field("idle_timeout"));
  take_grpc_timeouts(message, at, to);
  if (!message.has_max_stream_duration()) return;
  const FieldPath duration = at.field("max_stream_duration");
  check_fields(message.max_stream_duration(), duration,
               {"max_stream_duration", "grpc_timeout_header_max", "grpc_timeout_header_offset"});
  if (message.max_stream_duration().has_max_stream_duration())
    to.max_stream_duration = millis(message.max_stream_duration().max_stream_duration(),
                                    duration.field("max_stream_duration"));
}

void take_upgrades(const RouteAction& message, const FieldPath& at, ForwardAction& to) {
  for (int i = 0; i < message.upgrade_configs_size(); ++i) {
    const auto& upgrade = message.upgrade_configs(i);
    const FieldPath entry = at.index(static_cast<std::size_t>(i));
    check_fields(upgrade, entry, {"upgrade_type", "enabled", "connect_config"});
    const std::string type = lower_copy(upgrade.upgrade_type());
    const bool enabled = !upgrade.has_enabled() || upgrade.enabled().value();
    if (!to.upgrades.emplace(type, enabled).second)
      entry.problem(fmt::format("the upgrade type \"{}\" is given twice", type));
    if (!upgrade.has_connect_config()) continue;
    const FieldPath connect = entry.field("connect_config");
    if (type != "connect") {
      connect.problem("is only for upgrade_type CONNECT");
      continue;
    }
    check_fields(upgrade.connect_config(), connect, {"proxy_protocol_config", "allow_post"});
    if (upgrade.connect_config().allow_post())
      not_supported(connect.field("allow_post"), "remove it: only CONNECT becomes plain TCP");
    to.connect = std::make_unique<config::ConnectTermination>();
    if (upgrade.connect_config().has_proxy_protocol_config())
      to.connect->proxy_protocol = translate_proxy_protocol_config(
          upgrade.connect_config().proxy_protocol_config(), connect.field("proxy_protocol_config"));
  }
}

}  // namespace

ForwardAction translate_route_action(const RouteAction& message, const RouteLevel& level,
                                     const FieldPath& at) {
  // hash_policy and metadata_match guide balancers that no cluster of this version can have, and
  // early data comes with TLS 1.3 only.
  check_fields(
      message, at,
      {"cluster", "timeout", "retry_policy", "prefix_rewrite", "weighted_clusters",
       "cluster_header", "cluster_not_found_response_code", "regex_rewrite", "host_rewrite_literal",
       "auto_host_rewrite", "host_rewrite_header", "host_rewrite_path_regex",
       "append_x_forwarded_host", "idle_timeout", "priority", "upgrade_configs",
       "max_stream_duration", "max_grpc_timeout", "grpc_timeout_offset"},
      {"metadata_match", "hash_policy", "early_data_policy", "include_vh_rate_limits"});
  ForwardAction action;
  take_cluster(message, level, at, action);
  take_rewrites(message, at, action);
  take_timeouts(message, at, action);
  take_upgrades(message, at.field("upgrade_configs"), action);
  if (message.priority() == envoy::config::core::v3::HIGH)
    action.priority = config::Priority::kHigh;
  action.retry = message.has_retry_policy()
                     ? translate_retry(message.retry_policy(), at.field("retry_policy"))
                     : level.retry;
  return action;
}

}  // namespace pillion::xds
