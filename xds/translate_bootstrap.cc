// The bootstrap's own fields: node, admin, runtime, stats, defaults for clusters (translate.h).

#include <envoy/config/bootstrap/v3/bootstrap.pb.h>
#include <envoy/extensions/access_loggers/file/v3/file.pb.h>
#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::bootstrap::v3;

constexpr std::string_view kNoControlPlane =
    "configuration from a control plane is not supported by this version; use static_resources";

void check_bootstrap_fields(const v3::Bootstrap& message, const FieldPath& at) {
  // Harmless: watchdogs and allocators of Envoy's own process, settings for extensions that are
  // refused, stats that describe Envoy's inside, and hints for a control plane.
  check_fields(
      message, at,
      {"node", "static_resources", "dynamic_resources", "cluster_manager", "stats_config",
       "stats_flush_interval", "layered_runtime", "admin", "dns_resolution_config",
       "typed_dns_resolver_config", "use_tcp_for_dns_lookups", "hds_config", "overload_manager",
       "stats_sinks", "application_log_config"},
      {"node_context_params", "deferred_stat_options", "stats_flush_on_admin", "watchdog",
       "watchdogs", "enable_dispatcher_stats", "stats_server_version_override", "inline_headers",
       "perf_tracing_file_path", "grpc_async_client_manager_config", "memory_allocator_manager"});
  if (message.dynamic_resources().ByteSizeLong() > 0)
    at.field("dynamic_resources").problem(std::string(kNoControlPlane));
  if (message.has_hds_config()) at.field("hds_config").problem(std::string(kNoControlPlane));
  if (message.has_overload_manager())
    not_supported(at.field("overload_manager"),
                  "remove it; per-listener limits are set in the runtime as "
                  "envoy.resource_limits.listener.<name>.connection_limit");
  if (message.stats_sinks_size() > 0)
    not_supported(at.field("stats_sinks"),
                  "remove it; stats are read from the admin's /stats/prometheus");
}

// The pattern of the process's own log: given as it is, or as a JSON object whose strings hold its
// flags.
std::string application_log_format(const v3::Bootstrap::ApplicationLogConfig& message,
                                   const FieldPath& at) {
  const auto& format = message.log_format();
  if (format.has_text_format()) return format.text_format();
  std::string json;
  if (!format.has_json_format() ||
      !google::protobuf::util::MessageToJsonString(format.json_format(), &json).ok())
    return {};
  if (json.find("%v") != std::string::npos)
    at.field("log_format.json_format").problem("%v is not escaped for JSON; use %j");
  return json;
}

void take_node(const envoy::config::core::v3::Node& message, const FieldPath& at,
               config::Node& to) {
  // What a node tells about its build and features is for a control plane.
  check_fields(message, at, {"id", "cluster", "locality", "metadata"},
               {"user_agent_name", "user_agent_version", "user_agent_build_version", "extensions",
                "client_features", "listening_addresses", "dynamic_parameters"});
  to.id = message.id();
  to.cluster = message.cluster();
  to.locality = {message.locality().region(), message.locality().zone(),
                 message.locality().sub_zone()};
  to.metadata = object_of(message.metadata());
}

void take_admin(const v3::Admin& message, const FieldPath& at, config::Admin& to) {
  // There is no CPU profiler, and no global limit of connections to be exempt from.
  check_fields(message, at, {"address", "access_log", "access_log_path"},
               {"profile_path", "ignore_global_conn_limit"});
  if (message.has_address()) {
    const Address address = xds::address(message.address(), at.field("address"));
    if (address.valid()) to.address = address;
  }
  to.access_logs = translate_access_logs(message.access_log(), at.field("access_log"));
  if (message.access_log_path().empty()) return;
  config::AccessLog& log = to.access_logs.emplace_back();
  log.sink = config::AccessLog::Sink::kFile;
  log.path = message.access_log_path();
}

void take_layer(const v3::RuntimeLayer& message, const FieldPath& at) {
  switch (message.layer_specifier_case()) {
    case v3::RuntimeLayer::kStaticLayer: {
      const FieldPath layer = at.field("static_layer");
      for (const std::string& key : at.context().runtime.add_layer(message.static_layer()))
        layer.key(key).problem("must be a number, a string, a boolean or a fractional percent");
      break;
    }
    case v3::RuntimeLayer::kDiskLayer:
      not_supported(at.field("disk_layer"), "use static_layer");
      break;
    case v3::RuntimeLayer::kRtdsLayer:
      not_supported(at.field("rtds_layer"), "use static_layer");
      break;
    default:  // An admin layer begins empty, and nothing fills it.
      break;
  }
}

void take_runtime(const v3::LayeredRuntime& message, const FieldPath& at, config::Bootstrap& to) {
  const FieldPath layers = at.field("layers");
  std::unordered_set<std::string> names;
  bool has_admin_layer = false;
  for (int i = 0; i < message.layers_size(); ++i) {
    const FieldPath entry = layers.index(static_cast<std::size_t>(i));
    const v3::RuntimeLayer& layer = message.layers(i);
    if (!layer.name().empty() && !names.insert(layer.name()).second)
      entry.field("name").problem(fmt::format("the layer \"{}\" is given twice", layer.name()));
    if (layer.has_admin_layer() && std::exchange(has_admin_layer, true))
      entry.problem("there is more than one admin_layer; keep one");
    take_layer(layer, entry);
  }
  to.runtime = at.runtime().values();
  for (const auto& [key, value] : to.runtime) {
    if (key.rfind("overload.", 0) == 0)
      layers.warning(fmt::format("the runtime key {} has no effect in this version", key));
  }
}

void take_stats(const envoy::config::metrics::v3::StatsConfig& message, const FieldPath& at,
                config::Bootstrap& to) {
  check_fields(message, at, {"histogram_bucket_settings", "use_all_default_tags"});
  if (message.has_use_all_default_tags() && !message.use_all_default_tags().value())
    not_supported(at.field("use_all_default_tags"), "remove it; the default tags are always there");
  const FieldPath list = at.field("histogram_bucket_settings");
  for (const auto& setting : message.histogram_bucket_settings()) {
    const FieldPath entry = list.index(to.histogram_buckets.size());
    check_fields(setting, entry, {"match", "buckets"});
    config::HistogramBuckets buckets;
    buckets.match = string_matcher(setting.match(), entry.field("match"));
    buckets.bounds.assign(setting.buckets().begin(), setting.buckets().end());
    // Envoy takes them in any order.
    std::sort(buckets.bounds.begin(), buckets.bounds.end());
    to.histogram_buckets.push_back(std::move(buckets));
  }
}

void take_cluster_manager(const v3::ClusterManager& message, const FieldPath& at,
                          ClusterDefaults& to) {
  // Logs of ejections need outlier detection, which is refused.
  check_fields(message, at, {"upstream_bind_config"},
               {"outlier_detection", "enable_deferred_cluster_creation"});
  if (message.has_upstream_bind_config())
    to.bind_source = bind_source(message.upstream_bind_config(), at.field("upstream_bind_config"));
}

void take_dns(const v3::Bootstrap& message, const FieldPath& at, config::DnsSettings& to) {
  to.use_tcp = message.use_tcp_for_dns_lookups();
  if (message.has_typed_dns_resolver_config())
    translate_resolver(message.typed_dns_resolver_config(), at.field("typed_dns_resolver_config"),
                       to);
  else if (message.has_dns_resolution_config())
    translate_resolver(message.dns_resolution_config(), at.field("dns_resolution_config"), to);
}

}  // namespace

void translate_bootstrap(const v3::Bootstrap& message, const FieldPath& at, config::Bootstrap& to,
                         ClusterDefaults& defaults) {
  check_bootstrap_fields(message, at);
  take_runtime(message.layered_runtime(), at.field("layered_runtime"), to);
  take_node(message.node(), at.field("node"), to.node);
  take_admin(message.admin(), at.field("admin"), to.admin);
  take_stats(message.stats_config(), at.field("stats_config"), to);
  if (message.has_application_log_config()) {
    const FieldPath log = at.field("application_log_config");
    to.log_format = application_log_format(message.application_log_config(), log);
  }
  if (message.has_stats_flush_interval())
    to.stats_flush_interval =
        millis(message.stats_flush_interval(), at.field("stats_flush_interval"));
  take_cluster_manager(message.cluster_manager(), at.field("cluster_manager"), defaults);
  take_dns(message, at, defaults.dns);
}

}  // namespace pillion::xds
