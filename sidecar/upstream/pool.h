#pragma once
// The connections of one worker to one endpoint at one priority: the idle one used last serves next
// (LIFO), others wait in a bounded queue for a connection to be made or to come back. Owned by the
// worker's Cluster.

#include <cstdint>
#include <memory>

#include "sidecar/base/list.h"
#include "sidecar/config/route.h"
#include "sidecar/upstream/client_connection.h"
#include "sidecar/upstream/endpoint.h"
#include "sidecar/upstream/limits.h"

namespace pillion::upstream {

class Cluster;

enum class PoolFailure : uint8_t { kOverflow, kConnectFailed, kConnectTimeout };

// An attempt that needs a connection. Destroying it cancels the wait.
class PoolWaiter : public TaggedNode<PoolWaiter> {
 public:
  // The connection is this waiter's until its request is done. May be called from within acquire().
  virtual void on_pool_ready(ClientConnection& connection) = 0;
  virtual void on_pool_failed(PoolFailure failure, Error error) = 0;

 protected:
  ~PoolWaiter() = default;
};

class Pool {
 public:
  Pool(Cluster& cluster, std::shared_ptr<const Endpoint> endpoint, config::Priority priority);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void acquire(PoolWaiter& waiter);
  // Takes the waiter out of the queue if it is in it.
  void cancel(PoolWaiter& waiter);
  // The endpoint is gone: idle connections close now, busy ones after their request; then on_idle
  // of the cluster.
  void drain();
  [[nodiscard]] bool empty() const { return connections_ == 0 && waiting_ == 0; }
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] const std::shared_ptr<const Endpoint>& endpoint() const { return endpoint_; }
  [[nodiscard]] config::Priority priority() const { return priority_; }
  Cluster& cluster() { return cluster_; }
  Limits& limits();

 private:
  friend class ClientConnection;
  void connect();
  Result<net::Fd> start_connect(const net::ConnectOptions& options);
  // A LOGICAL_DNS endpoint that has moved is reached at its new address by all new requests.
  void follow_endpoint();
  void serve();
  // From connections.
  void on_ready(ClientConnection& connection);
  void on_released(ClientConnection& connection);
  void on_closed(ClientConnection& connection, bool was_connecting, PoolFailure failure,
                 Error error);
  void fail_first(PoolFailure failure, Error error);
  void give(ClientConnection& connection);

  Cluster& cluster_;
  std::shared_ptr<const Endpoint> endpoint_;
  config::Priority priority_;
  Address connected_to_;
  bool draining_ = false;
  uint32_t connections_ = 0;
  uint32_t connecting_ = 0;
  uint32_t waiting_ = 0;
  List<ClientConnection, ClientConnection> idle_;
  List<ClientConnection, ClientConnection> in_use_;  // connecting or busy
  List<PoolWaiter, PoolWaiter> queue_;
};

}  // namespace pillion::upstream
