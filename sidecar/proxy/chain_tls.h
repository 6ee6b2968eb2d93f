#pragma once
// TLS of one filter chain: its context, how long a handshake may take, and its listener's `ssl.`
// stats. Part of what ends the chain (HttpRuntime, TcpRuntime); any worker.

#include <memory>
#include <string>

#include "sidecar/config/listener.h"
#include "sidecar/metrics/metrics.h"
#include "sidecar/tls/context.h"
#include "sidecar/tls/context_list.h"
#include "sidecar/upstream/ssl_counts.h"

namespace pillion::proxy {

class ChainTls {
 public:
  // The chains of one listener share their counts: made when the first has TLS.
  using Counts = std::shared_ptr<upstream::SslCounts>;
  // Null where the chain is plain text. Problem names the secret that cannot be used. `contexts`
  // may be null: nobody reloads then.
  static Result<std::unique_ptr<ChainTls>, Problem> compile(const config::FilterChain& chain,
                                                            const std::string& listener_stat_name,
                                                            Counts& counts,
                                                            metrics::Registry& registry,
                                                            tls::ContextList* contexts);

  [[nodiscard]] std::unique_ptr<tls::Session> make_session() const {
    return context_->make_session();
  }
  // Zero: as long as it takes.
  [[nodiscard]] config::Millis handshake_timeout() const { return handshake_timeout_; }
  [[nodiscard]] upstream::SslCounts& counts() const { return *counts_; }

 private:
  ChainTls(std::shared_ptr<tls::ServerContext> context, config::Millis timeout, Counts counts)
      : context_(std::move(context)), handshake_timeout_(timeout), counts_(std::move(counts)) {}
  std::shared_ptr<tls::ServerContext> context_;
  config::Millis handshake_timeout_;
  Counts counts_;
};

}  // namespace pillion::proxy
