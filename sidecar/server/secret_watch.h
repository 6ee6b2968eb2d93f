#pragma once
// Watches the folders of all TLS secrets and loads the contexts anew whose folder has changed, a
// moment after the last change, so that a certificate and its key that are replaced one after the
// other, or by a swap of folders as Kubernetes mounts do it, are read together. What cannot be
// loaded leaves the old secrets serving. Owned by the Server; control thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "sidecar/io/loop.h"
#include "sidecar/io/poll.h"
#include "sidecar/metrics/metrics.h"
#include "sidecar/metrics/secret_stats.h"
#include "sidecar/net/socket.h"
#include "sidecar/tls/context_list.h"

namespace pillion::server {

class SecretWatch final : public io::PollEvents {
 public:
  // All three outlive the watch.
  SecretWatch(io::EventLoop& loop, metrics::Registry& registry, const tls::ContextList& contexts);
  SecretWatch(const SecretWatch&) = delete;
  SecretWatch& operator=(const SecretWatch&) = delete;
  // Whole days until the first certificate of ours or trust anchor ends; nothing without any.
  static std::optional<int64_t> days_until_expiry(const tls::ContextList& contexts, WallTime now);

 private:
  void on_ready(unsigned ready) override;
  void look_for_contexts();
  void reload_changed();
  void watch_folders();

  io::EventLoop& loop_;
  const tls::ContextList& contexts_;
  metrics::PerWorker<metrics::SecretStats> stats_;
  net::Fd notify_;
  std::optional<io::Poll> poll_;
  uint64_t seen_version_ = 0;
  std::map<int, std::string> folders_;  // by inotify's number
  std::set<std::string, std::less<>> changed_;
  io::Timer look_timer_;
  io::Timer reload_timer_;
  bool failed_before_ = false;
};

}  // namespace pillion::server
