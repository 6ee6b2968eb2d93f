#pragma once
// TLS towards one cluster in use: its context, loaded when the cluster is first used, and its
// `ssl.` stats. Part of a SharedCluster; any worker.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/config/cluster.h"
#include "sidecar/metrics/metrics.h"
#include "sidecar/tls/context.h"
#include "sidecar/tls/context_list.h"
#include "sidecar/upstream/ssl_counts.h"
#include "sidecar/upstream/tls_names.h"

namespace pillion::upstream {

struct Endpoint;

class ClusterTls {
 public:
  // `contexts` may be null: nobody reloads then. Where the secrets cannot be loaded, which was
  // checked at the start, make_session() gives none and problem() says why.
  ClusterTls(const config::Cluster& cluster, metrics::Registry& registry,
             tls::ContextList* contexts);

  // `protocols` is offered where the configuration names none. Null: see problem().
  [[nodiscard]] std::unique_ptr<tls::Session> make_session(const Endpoint& endpoint,
                                                           std::vector<std::string> protocols,
                                                           const TlsNames& names) const;
  [[nodiscard]] bool loaded() const { return context_ != nullptr; }
  // Static storage; empty unless loading failed.
  [[nodiscard]] const char* problem() const { return problem_; }
  SslCounts& counts() { return counts_; }

 private:
  std::shared_ptr<tls::ClientContext> context_;
  const char* problem_ = "";
  bool names_protocols_ = false;
  SslCounts counts_;
};

// Builds the context of each cluster that has TLS and drops it again: the first problem, with the
// cluster's name.
Result<Unit, Problem> check_tls(
    const std::vector<std::shared_ptr<const config::Cluster>>& clusters);

}  // namespace pillion::upstream
