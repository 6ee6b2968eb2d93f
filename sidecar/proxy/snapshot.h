#pragma once
// One immutable compiled generation of the configuration: what workers run on. Parts are shared
// between generations by pointer. A connection pins the listener it came in on; a stream refers to
// what its connection pins.

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/config/bootstrap.h"
#include "sidecar/config/listener.h"
#include "sidecar/metrics/http_stats.h"
#include "sidecar/metrics/listener_stats.h"
#include "sidecar/metrics/virtual_cluster_stats.h"
#include "sidecar/net/socket.h"
#include "sidecar/proxy/access_log.h"
#include "sidecar/proxy/chain_match.h"
#include "sidecar/proxy/chain_tls.h"
#include "sidecar/proxy/inbound.h"
#include "sidecar/proxy/local_reply.h"
#include "sidecar/proxy/tcp_runtime.h"
#include "sidecar/route/router.h"

namespace pillion::proxy {

// What access logs and local replies need from the process; filled in by the server.
struct SnapshotDeps {
  metrics::Registry& metrics;
  AccessLogSinks& log_sinks;
  tls::ContextList* contexts = nullptr;  // where TLS contexts are kept, to be reloaded
};

// One filter chain with its HTTP connection manager, compiled.
class HttpRuntime {
 public:
  static Result<std::unique_ptr<HttpRuntime>, Problem> compile(
      const config::FilterChain& chain, const std::string& listener_stat_name,
      const SnapshotDeps& deps);
  [[nodiscard]] const config::HttpConnectionManager& config() const { return *config_; }
  [[nodiscard]] const std::string& chain_name() const { return chain_name_; }
  [[nodiscard]] const route::Router& router() const { return *router_; }
  // Of the filter chain that it ends; null in plain text.
  [[nodiscard]] const ChainTls* tls() const { return tls_.get(); }
  void set_tls(std::unique_ptr<ChainTls> tls) { tls_ = std::move(tls); }
  [[nodiscard]] const std::vector<std::unique_ptr<AccessLogger>>& loggers() const {
    return loggers_;
  }
  [[nodiscard]] const LocalReplyRewriter& local_replies() const { return local_replies_; }
  metrics::HttpStats& stats() const { return stats_.here(); }
  metrics::ListenerHttpStats& listener_stats() const { return listener_stats_.here(); }
  metrics::Http1Stats& http1_stats() const { return http1_stats_.here(); }
  metrics::Http2Stats& http2_stats() const { return http2_stats_.here(); }
  metrics::TracingStats& tracing_stats() const { return tracing_stats_.here(); }
  // Of a virtual cluster ("other" where none matches), or of a route with a stat_prefix. Takes a
  // lock, so asked for only where the configuration has such.
  metrics::VirtualClusterStats& virtual_cluster_stats(const std::string& host,
                                                      const std::string& name) const;
  metrics::VirtualClusterStats& route_stats(const std::string& host,
                                            const std::string& prefix) const;
  // The configured type of that upgrade (lower case), or null.
  [[nodiscard]] const config::UpgradeConfig* upgrade(std::string_view type) const;

 private:
  HttpRuntime(const config::FilterChain& chain, const std::string& listener_stat_name,
              metrics::Registry& metrics);
  std::string chain_name_;
  std::shared_ptr<const config::HttpConnectionManager> config_;
  std::unique_ptr<route::Router> router_;
  std::vector<std::unique_ptr<AccessLogger>> loggers_;
  LocalReplyRewriter local_replies_;
  std::unique_ptr<ChainTls> tls_;
  mutable metrics::PerWorker<metrics::HttpStats> stats_;
  mutable metrics::PerWorker<metrics::ListenerHttpStats> listener_stats_;
  mutable metrics::PerWorker<metrics::Http1Stats> http1_stats_;
  mutable metrics::PerWorker<metrics::Http2Stats> http2_stats_;
  mutable metrics::PerWorker<metrics::TracingStats> tracing_stats_;
  using NamedStats = metrics::PerWorker<metrics::VirtualClusterStats>;
  metrics::VirtualClusterStats& named_stats(metrics::Scope scope, std::string key) const;
  metrics::Registry& metrics_;
  mutable std::mutex named_mutex_;
  mutable std::map<std::string, std::unique_ptr<NamedStats>> named_stats_;
};

// One filter chain, compiled: ends in one of the two.
struct ChainRuntime {
  const config::FilterChain* config;
  std::unique_ptr<HttpRuntime> http;
  std::unique_ptr<TcpRuntime> tcp;
};

// One listener filter, compiled: the stats are those of its kind.
struct ListenerFilterRuntime {
  const config::ListenerFilter* config;
  std::unique_ptr<metrics::PerWorker<metrics::TlsInspectorStats>> tls_stats;
  std::unique_ptr<metrics::PerWorker<metrics::HttpInspectorStats>> http_stats;
  std::unique_ptr<metrics::PerWorker<metrics::ProxyProtocolStats>> proxy_stats;
  std::unique_ptr<metrics::PerWorker<metrics::ProxyProtocolErrorStats>> proxy_errors;
};

// A connection on its way to the chain that serves it.
struct Accepted {
  net::Fd fd;
  Address remote;
  Address local;
  std::unique_ptr<Inspection> inspection;  // null where no listener filter looked
};

// One listener, compiled: chooses the filter chain of each connection.
class ListenerRuntime {
 public:
  static Result<std::unique_ptr<ListenerRuntime>, Problem> compile(
      std::shared_ptr<const config::Listener> config, const SnapshotDeps& deps);
  [[nodiscard]] const config::Listener& config() const { return *config_; }
  // The chain for a connection, by Envoy's order of criteria (chain_match.h); the most specific
  // wins. Null: no match.
  [[nodiscard]] const ChainRuntime* choose(const ConnectionTraits& traits) const;
  // Listener filters look at connections first.
  [[nodiscard]] bool inspects() const { return !filters_.empty(); }
  [[nodiscard]] const std::vector<std::unique_ptr<ListenerFilterRuntime>>& filters() const {
    return filters_;
  }
  // A chain asks for application protocols.
  [[nodiscard]] bool matches_protocols() const { return matches_protocols_; }
  metrics::DetectionStats& detection_stats() const { return detection_stats_.here(); }
  [[nodiscard]] const std::string& stat_name() const { return stat_name_; }
  metrics::ListenerStats& stats() const { return stats_.here(); }
  // Logs of the listener itself, one line per connection.
  [[nodiscard]] const std::vector<std::unique_ptr<AccessLogger>>& loggers() const {
    return loggers_;
  }

 private:
  ListenerRuntime(std::shared_ptr<const config::Listener> config, std::string stat_name,
                  metrics::Registry& metrics);
  static Result<ChainRuntime, Problem> compile_chain(const config::FilterChain& chain,
                                                     const std::string& listener_stat_name,
                                                     ChainTls::Counts& counts,
                                                     const SnapshotDeps& deps);
  std::shared_ptr<const config::Listener> config_;
  std::string stat_name_;
  std::vector<ChainRuntime> chains_;
  std::vector<const config::FilterChainMatch*> matches_;  // of chains_
  std::optional<ChainRuntime> default_chain_;
  std::vector<std::unique_ptr<ListenerFilterRuntime>> filters_;
  bool matches_protocols_ = false;
  std::vector<std::unique_ptr<AccessLogger>> loggers_;
  mutable metrics::PerWorker<metrics::ListenerStats> stats_;
  mutable metrics::PerWorker<metrics::DetectionStats> detection_stats_;
};

struct Snapshot {
  uint64_t generation = 0;
  std::vector<std::shared_ptr<const ListenerRuntime>> listeners;
  // The listener for a destination: of that very address, else of its port on all addresses. Null:
  // none.
  [[nodiscard]] const std::shared_ptr<const ListenerRuntime>* listener_for(
      const Address& destination) const;
};

// Problem names the listener and what cannot be compiled.
Result<std::shared_ptr<const Snapshot>, Problem> compile_snapshot(
    const config::Bootstrap& bootstrap, const SnapshotDeps& deps);

}  // namespace pillion::proxy
