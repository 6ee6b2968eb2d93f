#include "sidecar/proxy/chain_tls.h"

#include "sidecar/metrics/listener_stats.h"
#include "sidecar/upstream/tls_match.h"

namespace pillion::proxy {

Result<std::unique_ptr<ChainTls>, Problem> ChainTls::compile(const config::FilterChain& chain,
                                                             const std::string& listener_stat_name,
                                                             Counts& counts,
                                                             metrics::Registry& registry,
                                                             tls::ContextList* contexts) {
  if (chain.tls == nullptr) return std::unique_ptr<ChainTls>();
  auto built = tls::ServerContext::build(chain.tls, upstream::compile_tls_match);
  if (!built) {
    return problem((chain.name.empty() ? std::string() : "filter chain '" + chain.name + "': ") +
                   "TLS: " + built.error().message);
  }
  std::shared_ptr<tls::ServerContext> context = *std::move(built);
  if (contexts != nullptr) contexts->add(context);
  if (counts == nullptr)
    counts = std::make_shared<upstream::SslCounts>(
        registry, metrics::listener_scope(listener_stat_name), metrics::kSslCipherTag);
  return std::unique_ptr<ChainTls>(
      new ChainTls(std::move(context), chain.transport_connect_timeout, counts));
}

}  // namespace pillion::proxy
