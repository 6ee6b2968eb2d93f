#pragma once
// The connections of one worker to one endpoint at one priority. HTTP/1.1: the idle one used last
// serves next (LIFO). HTTP/2: the first with room for a stream. Others wait in a bounded queue for
// a connection to be made or to have room. Owned by the worker's Cluster.

#include <cstdint>
#include <memory>
#include <utility>

#include "sidecar/base/list.h"
#include "sidecar/config/route.h"
#include "sidecar/io/loop.h"
#include "sidecar/upstream/client_connection.h"
#include "sidecar/upstream/endpoint.h"
#include "sidecar/upstream/limits.h"
#include "sidecar/upstream/tls_names.h"

namespace pillion::upstream {

class Cluster;

// What a pool's connections speak. kAuto: what ALPN says. kRaw: nothing of ours; a CONNECT request
// ends here, and what belongs to its tunnel passes as it is.
enum class Speaks : uint8_t { kHttp1, kHttp2, kAuto, kRaw };

enum class PoolFailure : uint8_t { kOverflow, kConnectFailed, kConnectTimeout };

// An attempt that needs a connection. Destroying it cancels the wait.
class PoolWaiter : public TaggedNode<PoolWaiter> {
 public:
  // The exchange is this waiter's until its request is done. May be called from within acquire().
  virtual void on_pool_ready(Exchange& exchange) = 0;
  virtual void on_pool_failed(PoolFailure failure, Error error) = 0;

 protected:
  ~PoolWaiter() = default;
};

class Pool final : public io::Disposable {
 public:
  Pool(Cluster& cluster, std::shared_ptr<const Endpoint> endpoint, config::Priority priority,
       Speaks speaks = Speaks::kHttp1, TlsNames names = {});
  ~Pool() override;
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void acquire(PoolWaiter& waiter);
  // Takes the waiter out of the queue if it is in it.
  void cancel(PoolWaiter& waiter);
  // The endpoint is gone: idle connections close now, busy ones after their request. With the last
  // of them the pool leaves its cluster.
  void drain();
  [[nodiscard]] bool empty() const { return connections_ == 0 && waiting_ == 0; }
  [[nodiscard]] bool draining() const { return draining_; }
  // No request runs or waits here.
  [[nodiscard]] bool quiet();
  // Whether it was chosen since the last call; for those whose endpoints come and go with use.
  void note_use() { used_ = true; }
  bool take_use() { return std::exchange(used_, false); }
  [[nodiscard]] Speaks speaks() const { return speaks_; }
  [[nodiscard]] const TlsNames& names() const { return names_; }
  [[nodiscard]] const std::shared_ptr<const Endpoint>& endpoint() const { return endpoint_; }
  [[nodiscard]] config::Priority priority() const { return priority_; }
  Cluster& cluster() { return cluster_; }
  Limits& limits();

 private:
  friend class ClientConnection;
  friend class Http2Client;
  void connect();
  Result<net::Fd> start_connect(const net::ConnectOptions& options);
  // Those who wait are more than what is being made can serve.
  [[nodiscard]] bool needs_connection() const;
  // A way to send a request now, or null.
  Exchange* take();
  void retire_all();
  // A LOGICAL_DNS endpoint that has moved is reached at its new address by all new requests.
  void follow_endpoint();
  void serve();
  // From connections.
  void on_ready(ClientConnection& connection);
  void on_released(ClientConnection& connection);
  // An HTTP/2 connection has room for a stream, or has none any more.
  void on_room(ClientConnection& connection, bool room);
  void on_closed(ClientConnection& connection, bool was_connecting, PoolFailure failure,
                 Error error);
  void fail_first(PoolFailure failure, Error error);
  void give(ClientConnection& connection);

  Cluster& cluster_;
  std::shared_ptr<const Endpoint> endpoint_;
  config::Priority priority_;
  Speaks speaks_;
  TlsNames names_;
  bool found_http2_ = false;  // ALPN's answer on the last connection
  Address connected_to_;
  bool draining_ = false;
  bool used_ = false;
  uint32_t connections_ = 0;
  uint32_t connecting_ = 0;
  uint32_t waiting_ = 0;
  List<ClientConnection, ClientConnection> idle_;
  List<ClientConnection, ClientConnection> in_use_;   // connecting, busy or full
  List<ClientConnection, ClientConnection> sharing_;  // HTTP/2, with room for a stream
  List<PoolWaiter, PoolWaiter> queue_;
};

}  // namespace pillion::upstream
