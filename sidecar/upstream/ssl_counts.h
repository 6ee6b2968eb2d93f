#pragma once
// Counts the ends of handshakes of one listener or cluster in Envoy's `ssl.` stats. Owned by the
// runtime of its listener or cluster; any worker.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "sidecar/metrics/ssl_stats.h"

namespace pillion::tls {
class Session;
enum class Staple : uint8_t;
}  // namespace pillion::tls

namespace pillion::upstream {

class SslCounts {
 public:
  // `owner` is the listener's or cluster's own scope. The registry outlives this.
  SslCounts(metrics::Registry& registry, metrics::Scope owner, std::string_view cipher_tag,
            metrics::Retain retain = metrics::Retain::kNo);
  // The session is established.
  void count_handshake(const tls::Session& session);
  // Nothing where it has not failed: its peer just went away.
  void count_failure(const tls::Session& session);

 private:
  using Named = metrics::PerWorker<metrics::SslNameStats>;
  void count_staple(tls::Staple staple);
  void count_name(const char* kind, std::string_view name, std::string_view tag);

  metrics::Registry& registry_;
  metrics::Scope scope_;
  std::string_view cipher_tag_;
  metrics::Retain retain_;
  metrics::PerWorker<metrics::SslStats> stats_;
  std::mutex mutex_;  // a handshake costs a thousand times what it does
  // A few for each kind: the names are BoringSSL's, not the peer's.
  std::map<std::string, std::unique_ptr<Named>, std::less<>> named_;
};

}  // namespace pillion::upstream
