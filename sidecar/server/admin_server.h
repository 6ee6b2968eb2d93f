#pragma once
// Serves the admin commands over HTTP/1.1 on the control thread. Everything a client can make it
// hold is bounded: connections, header bytes, request body, and output in flight; slow and idle
// clients are closed. Owned by the server.

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "sidecar/base/arena.h"
#include "sidecar/io/loop.h"
#include "sidecar/metrics/http_stats.h"
#include "sidecar/metrics/listener_stats.h"
#include "sidecar/net/listener.h"
#include "sidecar/proxy/worker_context.h"
#include "sidecar/server/admin.h"

namespace pillion {
struct StreamInfo;
}
namespace pillion::http {
struct RequestHead;
struct ResponseHead;
}  // namespace pillion::http

namespace pillion::server {

class AdminConnection;

struct AdminLimits {
  std::size_t connections = 128;
  uint32_t header_bytes = 60 * 1024;
  std::size_t request_body = 64 * 1024;  // read and forgotten: no command takes a body
  std::size_t output = 256 * 1024;       // watermark of unsent output
  Duration request_time = std::chrono::seconds(30);
  Duration idle_time = std::chrono::minutes(5);
  Duration stalled_write_time = std::chrono::minutes(1);
};

class AdminServer final : private net::ListenerEvents {
 public:
  using Log =
      std::function<void(const StreamInfo&, const http::RequestHead&, const http::ResponseHead&)>;

  // `listening` is a bound socket. All references outlive the server. `log` is called once a
  // request and may be empty.
  AdminServer(io::EventLoop& loop, const Admin& admin, metrics::Registry& registry,
              net::Fd listening, Log log, AdminLimits limits = {});
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  [[nodiscard]] const Address& address() const { return listener_.address(); }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }

 private:
  friend class AdminConnection;
  void on_accept(net::Fd fd, const Address& peer) override;
  void on_accept_failed(int error) override;
  // The connection is closed; it is deleted at the end of the iteration.
  void forget(AdminConnection& connection);

  io::EventLoop& loop_;
  const Admin& admin_;
  Log log_;
  AdminLimits limits_;
  BlockPool blocks_{4};
  proxy::DateCache dates_;
  metrics::PerWorker<metrics::HttpStats> http_stats_;
  metrics::PerWorker<metrics::ListenerStats> listener_stats_;
  std::unordered_map<AdminConnection*, std::unique_ptr<AdminConnection>> connections_;
  net::Listener listener_;
};

}  // namespace pillion::server
