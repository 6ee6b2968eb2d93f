#include "sidecar/server/admin_server.h"

#include <cstring>

#include "sidecar/base/log.h"
#include "sidecar/server/admin_connection.h"

namespace pillion::server {

AdminServer::AdminServer(io::EventLoop& loop, const Admin& admin, metrics::Registry& registry,
                         net::Fd listening, Log log, AdminLimits limits)
    : loop_(loop),
      admin_(admin),
      log_(std::move(log)),
      limits_(limits),
      http_stats_(registry, metrics::http_scope("admin")),
      listener_stats_(registry, metrics::listener_scope("admin")),
      listener_(loop, *this, std::move(listening)) {}

AdminServer::~AdminServer() = default;

void AdminServer::on_accept(net::Fd fd, const Address& peer) {
  if (connections_.size() >= limits_.connections) {
    listener_stats_.here().downstream_cx_overflow.add();
    return;
  }
  auto connection = std::make_unique<AdminConnection>(*this, std::move(fd), peer);
  AdminConnection* key = connection.get();
  connections_.emplace(key, std::move(connection));
}

void AdminServer::on_accept_failed(int error) {
  log::warning("admin", "cannot accept a connection: {}", std::strerror(error));
}

void AdminServer::forget(AdminConnection& connection) {
  auto at = connections_.find(&connection);
  if (at == connections_.end()) return;
  loop_.delete_later(std::move(at->second));
  connections_.erase(at);
}

}  // namespace pillion::server
