#include "sidecar/proxy/tcp_runtime.h"

#include <utility>

namespace pillion::proxy {

TcpRuntime::TcpRuntime(std::shared_ptr<const config::TcpProxy> config, metrics::Registry& metrics)
    : config_(std::move(config)), stats_(metrics, metrics::tcp_scope(config_->stat_prefix)) {}

Result<std::unique_ptr<TcpRuntime>, Problem> TcpRuntime::compile(
    std::shared_ptr<const config::TcpProxy> config, metrics::Registry& metrics,
    AccessLogSinks& sinks) {
  std::unique_ptr<TcpRuntime> runtime(new TcpRuntime(std::move(config), metrics));
  for (const config::AccessLog& log : runtime->config_->access_logs) {
    TRY(std::unique_ptr<AccessLogger> logger, AccessLogger::compile(log, sinks));
    runtime->loggers_.push_back(std::move(logger));
  }
  return runtime;
}

const std::string& TcpRuntime::pick_cluster(Random& random) const {
  const auto& targets = config_->targets;
  if (targets.size() == 1) return targets.front().cluster;
  uint64_t at = random.below(config_->total_weight);
  for (const config::TcpProxy::Target& target : targets) {
    if (at < target.weight) return target.cluster;
    at -= target.weight;
  }
  return targets.back().cluster;
}

}  // namespace pillion::proxy
