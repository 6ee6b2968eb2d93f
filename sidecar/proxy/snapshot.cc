#include "sidecar/proxy/snapshot.h"

#include <algorithm>
#include <utility>

namespace pillion::proxy {

namespace {

Result<std::vector<std::unique_ptr<AccessLogger>>, Problem> compile_loggers(
    const std::vector<config::AccessLog>& logs, const SnapshotDeps& deps) {
  std::vector<std::unique_ptr<AccessLogger>> out;
  for (const config::AccessLog& log : logs) {
    TRY(std::unique_ptr<AccessLogger> logger, AccessLogger::compile(log, deps.log_sinks));
    out.push_back(std::move(logger));
  }
  return out;
}

}  // namespace

HttpRuntime::HttpRuntime(const config::FilterChain& chain, const std::string& listener_stat_name,
                         metrics::Registry& metrics)
    : chain_name_(chain.name),
      config_(chain.http),
      stats_(metrics, metrics::http_scope(config_->stat_prefix)),
      listener_stats_(metrics,
                      metrics::listener_http_scope(listener_stat_name, config_->stat_prefix)),
      http1_stats_(metrics, metrics::http1_scope()),
      http2_stats_(metrics, metrics::http2_scope()),
      tracing_stats_(metrics, metrics::tracing_scope(config_->stat_prefix)),
      metrics_(metrics) {}

metrics::VirtualClusterStats& HttpRuntime::named_stats(metrics::Scope scope,
                                                       std::string key) const {
  std::lock_guard lock(named_mutex_);
  auto& stats = named_stats_[std::move(key)];
  if (stats == nullptr) stats = std::make_unique<NamedStats>(metrics_, std::move(scope));
  return stats->here();
}

metrics::VirtualClusterStats& HttpRuntime::virtual_cluster_stats(const std::string& host,
                                                                 const std::string& name) const {
  return named_stats(metrics::virtual_cluster_scope(host, name), host + "\nvcluster\n" + name);
}

metrics::VirtualClusterStats& HttpRuntime::route_stats(const std::string& host,
                                                       const std::string& prefix) const {
  return named_stats(metrics::route_scope(host, prefix), host + "\nroute\n" + prefix);
}

Result<std::unique_ptr<HttpRuntime>, Problem> HttpRuntime::compile(
    const config::FilterChain& chain, const std::string& listener_stat_name,
    const SnapshotDeps& deps) {
  std::unique_ptr<HttpRuntime> runtime(new HttpRuntime(chain, listener_stat_name, deps.metrics));
  TRY(runtime->router_, route::Router::compile(runtime->config_->routes));
  TRY(runtime->loggers_, compile_loggers(runtime->config_->access_logs, deps));
  if (runtime->config_->local_reply) {
    TRY(runtime->local_replies_, LocalReplyRewriter::compile(*runtime->config_->local_reply));
  }
  return runtime;
}

const config::UpgradeConfig* HttpRuntime::upgrade(std::string_view type) const {
  const auto& all = config_->upgrades;
  auto it = std::find_if(all.begin(), all.end(),
                         [type](const config::UpgradeConfig& u) { return u.type == type; });
  return it == all.end() ? nullptr : &*it;
}

ListenerRuntime::ListenerRuntime(std::shared_ptr<const config::Listener> config,
                                 std::string stat_name, metrics::Registry& metrics)
    : config_(std::move(config)),
      stat_name_(std::move(stat_name)),
      stats_(metrics, metrics::listener_scope(stat_name_)),
      detection_stats_(metrics, metrics::listener_scope(stat_name_)) {}

Result<ChainRuntime, Problem> ListenerRuntime::compile_chain(const config::FilterChain& chain,
                                                             const std::string& listener_stat_name,
                                                             ChainTls::Counts& counts,
                                                             const SnapshotDeps& deps) {
  ChainRuntime runtime{&chain, nullptr, nullptr};
  TRY(std::unique_ptr<ChainTls> tls,
      ChainTls::compile(chain, listener_stat_name, counts, deps.metrics, deps.contexts));
  if (chain.tcp != nullptr) {
    TRY(runtime.tcp, TcpRuntime::compile(chain.tcp, deps.metrics, deps.log_sinks));
    runtime.tcp->set_tls(std::move(tls));
  } else {
    TRY(runtime.http, HttpRuntime::compile(chain, listener_stat_name, deps));
    runtime.http->set_tls(std::move(tls));
  }
  return runtime;
}

namespace {

std::unique_ptr<ListenerFilterRuntime> compile_filter(const config::ListenerFilter& filter,
                                                      metrics::Registry& metrics) {
  auto runtime = std::make_unique<ListenerFilterRuntime>();
  runtime->config = &filter;
  switch (filter.kind) {
    case config::ListenerFilter::Kind::kTlsInspector:
      runtime->tls_stats = std::make_unique<metrics::PerWorker<metrics::TlsInspectorStats>>(
          metrics, metrics::tls_inspector_scope());
      break;
    case config::ListenerFilter::Kind::kHttpInspector:
      runtime->http_stats = std::make_unique<metrics::PerWorker<metrics::HttpInspectorStats>>(
          metrics, metrics::http_inspector_scope());
      break;
    case config::ListenerFilter::Kind::kOriginalDst:
      break;
    case config::ListenerFilter::Kind::kProxyProtocol:
      runtime->proxy_stats = std::make_unique<metrics::PerWorker<metrics::ProxyProtocolStats>>(
          metrics, metrics::proxy_protocol_scope(filter.proxy_protocol.stat_prefix));
      runtime->proxy_errors =
          std::make_unique<metrics::PerWorker<metrics::ProxyProtocolErrorStats>>(metrics,
                                                                                 metrics::Scope{});
      break;
  }
  return runtime;
}

}  // namespace

Result<std::unique_ptr<ListenerRuntime>, Problem> ListenerRuntime::compile(
    std::shared_ptr<const config::Listener> config, const SnapshotDeps& deps) {
  std::string stat_name = config->stat_prefix;
  if (stat_name.empty() && !config->addresses.empty()) stat_name = config->addresses[0].to_string();
  std::unique_ptr<ListenerRuntime> runtime(
      new ListenerRuntime(std::move(config), stat_name, deps.metrics));
  const config::Listener& listener = *runtime->config_;
  ChainTls::Counts counts;
  for (const config::FilterChain& chain : listener.chains) {
    TRY(ChainRuntime compiled, compile_chain(chain, stat_name, counts, deps));
    runtime->chains_.push_back(std::move(compiled));
    runtime->matches_.push_back(&chain.match);
    if (!chain.match.application_protocols.empty()) runtime->matches_protocols_ = true;
  }
  if (listener.default_chain) {
    TRY(runtime->default_chain_, compile_chain(*listener.default_chain, stat_name, counts, deps));
  }
  for (const config::ListenerFilter& filter : listener.listener_filters)
    runtime->filters_.push_back(compile_filter(filter, deps.metrics));
  TRY(runtime->loggers_, compile_loggers(listener.access_logs, deps));
  return runtime;
}

const ChainRuntime* ListenerRuntime::choose(const ConnectionTraits& traits) const {
  int index = 0;
  bool plain = chains_.size() == 1 && chains_[0].config->match.empty();
  if (!plain) index = match_chain(matches_, traits);
  if (index >= 0) return &chains_[static_cast<std::size_t>(index)];
  return default_chain_ ? &*default_chain_ : nullptr;
}

const std::shared_ptr<const ListenerRuntime>* Snapshot::listener_for(
    const Address& destination) const {
  const std::shared_ptr<const ListenerRuntime>* of_port = nullptr;
  for (const auto& listener : listeners) {
    for (const Address& address : listener->config().addresses) {
      if (address == destination) return &listener;
      bool same = address.port() == destination.port() &&
                  (address.family() == destination.family() || listener->config().ipv4_compat);
      if (of_port == nullptr && same && address.is_ip() && address.is_any()) of_port = &listener;
    }
  }
  return of_port;
}

Result<std::shared_ptr<const Snapshot>, Problem> compile_snapshot(
    const config::Bootstrap& bootstrap, const SnapshotDeps& deps) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->generation = 1;
  for (const auto& listener : bootstrap.listeners) {
    Result<std::unique_ptr<ListenerRuntime>, Problem> runtime =
        ListenerRuntime::compile(listener, deps);
    if (!runtime) return problem("listener '" + listener->name + "': " + runtime.error().message);
    snapshot->listeners.push_back(*std::move(runtime));
  }
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

}  // namespace pillion::proxy
