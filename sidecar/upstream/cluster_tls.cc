#include "sidecar/upstream/cluster_tls.h"

#include "sidecar/base/log.h"
#include "sidecar/config/tls.h"
#include "sidecar/metrics/cluster_stats.h"
#include "sidecar/tls/kept_text.h"
#include "sidecar/upstream/endpoint.h"
#include "sidecar/upstream/tls_match.h"

namespace pillion::upstream {

ClusterTls::ClusterTls(const config::Cluster& cluster, metrics::Registry& registry,
                       tls::ContextList* contexts)
    : names_protocols_(!cluster.tls->alpn.empty()),
      counts_(registry, metrics::cluster_scope(cluster.stat_name()), metrics::kSslCipherSuiteTag,
              metrics::Retain::kYes) {
  auto built = tls::ClientContext::build(cluster.tls, compile_tls_match);
  if (!built) {
    log::error("upstream", "cluster '{}': TLS: {}", cluster.name, built.error().message);
    problem_ = tls::kept_text("TLS_error:" + built.error().message + ":TLS_error_end");
    return;
  }
  context_ = *std::move(built);
  if (contexts != nullptr) contexts->add(context_);
}

std::unique_ptr<tls::Session> ClusterTls::make_session(const Endpoint& endpoint,
                                                       std::vector<std::string> protocols,
                                                       const TlsNames& names) const {
  if (context_ == nullptr) return nullptr;
  tls::ClientOptions options;
  options.sni = names.sni;
  if (!names.san.empty()) options.verify_sans = {names.san};
  if (!names_protocols_) options.alpn = std::move(protocols);
  return context_->make_session(endpoint.hostname, std::move(options));
}

Result<Unit, Problem> check_tls(
    const std::vector<std::shared_ptr<const config::Cluster>>& clusters) {
  for (const auto& cluster : clusters) {
    if (cluster->tls == nullptr) continue;
    auto built = tls::ClientContext::build(cluster->tls, compile_tls_match);
    if (!built) return problem("cluster '" + cluster->name + "': TLS: " + built.error().message);
  }
  return Unit{};
}

}  // namespace pillion::upstream
