#pragma once
// One TCP proxy of a filter chain, compiled: its settings, stats and logs. Part of a
// ListenerRuntime; immutable, shared by all workers.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/base/hash.h"
#include "sidecar/config/tcp_proxy.h"
#include "sidecar/metrics/tcp_stats.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/chain_tls.h"

namespace pillion::proxy {

class TcpRuntime {
 public:
  static Result<std::unique_ptr<TcpRuntime>, Problem> compile(
      std::shared_ptr<const config::TcpProxy> config, metrics::Registry& metrics,
      AccessLogSinks& sinks);
  [[nodiscard]] const config::TcpProxy& config() const { return *config_; }
  [[nodiscard]] const std::vector<std::unique_ptr<AccessLogger>>& loggers() const {
    return loggers_;
  }
  // Of the filter chain that it ends; null in plain text.
  [[nodiscard]] const ChainTls* tls() const { return tls_.get(); }
  void set_tls(std::unique_ptr<ChainTls> tls) { tls_ = std::move(tls); }
  metrics::TcpStats& stats() const { return stats_.here(); }
  // The cluster for the next connection, by weight.
  [[nodiscard]] const std::string& pick_cluster(Random& random) const;

 private:
  TcpRuntime(std::shared_ptr<const config::TcpProxy> config, metrics::Registry& metrics);
  std::shared_ptr<const config::TcpProxy> config_;
  std::vector<std::unique_ptr<AccessLogger>> loggers_;
  std::unique_ptr<ChainTls> tls_;
  mutable metrics::PerWorker<metrics::TcpStats> stats_;
};

}  // namespace pillion::proxy
