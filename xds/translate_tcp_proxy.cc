// The TCP proxy (translate.h).

#include <envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h>
#include <fmt/format.h>

#include "sidecar/config/tcp_proxy.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

using config::TcpProxy;
using Message = envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

void check_tcp_proxy_fields(const Message& message, const FieldPath& at) {
  // Harmless: metadata_match chooses among subsets of endpoints, and clusters with subsets are
  // refused.
  check_fields(message, at,
               {"stat_prefix", "cluster", "weighted_clusters", "idle_timeout", "access_log",
                "max_connect_attempts", "backoff_options", "max_downstream_connection_duration",
                "access_log_flush_interval", "flush_access_log_on_connected", "access_log_options",
                "hash_policy", "tunneling_config", "on_demand", "proxy_protocol_tlvs"},
               {"metadata_match"});
  if (message.hash_policy_size() > 0)
    not_supported(at.field("hash_policy"), "no load balancer of this version hashes; remove it");
  if (message.has_tunneling_config())
    not_supported(at.field("tunneling_config"), "remove it: connections go on as plain TCP");
  if (message.has_on_demand())
    not_supported(at.field("on_demand"), "remove it and name the cluster in the configuration");
  if (message.proxy_protocol_tlvs_size() > 0)
    not_supported(at.field("proxy_protocol_tlvs"),
                  "give added_tlvs in the cluster's PROXY protocol transport socket instead");
}

void take_target(const std::string& name, uint32_t weight, const Translation& translation,
                 const FieldPath& at, TcpProxy& to) {
  // As Envoy, which takes a name that is not there yet and closes connections until it is.
  if (!translation.clusters.contains(name))
    at.warning(fmt::format("unknown cluster \"{}\": connections will be closed", name));
  to.targets.push_back({name, weight});
}

void take_targets(const Message& message, const Translation& translation, const FieldPath& at,
                  TcpProxy& to) {
  if (!message.has_weighted_clusters()) {
    if (!message.cluster().empty())
      take_target(message.cluster(), 1, translation, at.field("cluster"), to);
    else
      at.field("cluster").missing("is required, or weighted_clusters");
    return;
  }
  const FieldPath weighted = at.field("weighted_clusters");
  const FieldPath list = weighted.field("clusters");
  to.total_weight = 0;
  for (const auto& cluster : message.weighted_clusters().clusters()) {
    const FieldPath entry = list.index(to.targets.size());
    check_fields(cluster, entry, {"name", "weight"}, {"metadata_match"});
    take_target(cluster.name(), cluster.weight(), translation, entry.field("name"), to);
    to.total_weight += cluster.weight();
  }
}

void take_backoff(const envoy::config::core::v3::BackoffStrategy& message, const FieldPath& at,
                  TcpProxy& to) {
  check_fields(message, at, {"base_interval", "max_interval"});
  to.backoff_base = millis(message.base_interval(), at.field("base_interval"));
  to.backoff_max = message.has_max_interval()
                       ? millis(message.max_interval(), at.field("max_interval"))
                       : 10 * to.backoff_base;
  if (to.backoff_max < to.backoff_base)
    at.field("max_interval").problem("must not be less than base_interval");
}

// access_log_options has taken the place of two fields of the proxy itself.
void take_log_options(const Message& message, const FieldPath& at, TcpProxy& to) {
  const auto& options = message.access_log_options();
  const FieldPath options_at = at.field("access_log_options");
  if (message.has_access_log_options())
    check_fields(options, options_at,
                 {"access_log_flush_interval", "flush_access_log_on_connected"});
  if (options.has_access_log_flush_interval())
    to.log_interval =
        millis(options.access_log_flush_interval(), options_at.field("access_log_flush_interval"));
  else if (message.has_access_log_flush_interval())
    to.log_interval =
        millis(message.access_log_flush_interval(), at.field("access_log_flush_interval"));
  to.log_on_connected =
      options.flush_access_log_on_connected() || message.flush_access_log_on_connected();
}

}  // namespace

std::shared_ptr<const TcpProxy> translate_tcp_proxy(const Message& message,
                                                    const Translation& translation,
                                                    const FieldPath& at) {
  check_tcp_proxy_fields(message, at);
  auto proxy = std::make_shared<TcpProxy>();
  proxy->stat_prefix = message.stat_prefix();
  take_targets(message, translation, at, *proxy);
  if (message.has_idle_timeout())
    proxy->idle_timeout = millis(message.idle_timeout(), at.field("idle_timeout"));
  proxy->max_duration = millis(message.max_downstream_connection_duration(),
                               at.field("max_downstream_connection_duration"));
  if (message.has_max_connect_attempts())
    proxy->max_connect_attempts = message.max_connect_attempts().value();
  if (message.has_backoff_options())
    take_backoff(message.backoff_options(), at.field("backoff_options"), *proxy);
  take_log_options(message, at, *proxy);
  proxy->access_logs = translate_access_logs(message.access_log(), at.field("access_log"));
  return proxy;
}

}  // namespace pillion::xds
