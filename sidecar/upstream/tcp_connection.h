#pragma once
// One plain TCP connection to an endpoint, for one user from connect to close: counted against the
// cluster's limits and in its stats as a pool's connections are, never pooled. Belongs to whoever
// began it, until close() or its own end; the loop deletes it then. Worker thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sidecar/io/loop.h"
#include "sidecar/net/connection.h"
#include "sidecar/upstream/cluster.h"

namespace pillion::upstream {

enum class TcpFailure : uint8_t { kOverflow, kPendingOverflow, kConnectFailed, kConnectTimeout };

// What the connection tells its user, never from inside a call of the user's. After
// on_tcp_failed() and on_tcp_reset() the connection is gone.
class TcpEvents {
 public:
  virtual void on_tcp_connected() = 0;
  virtual void on_tcp_failed(TcpFailure failure, Error error) = 0;
  virtual void on_tcp_data(std::string_view bytes) = 0;
  virtual void on_tcp_end() = 0;
  virtual void on_tcp_reset(Error error) = 0;
  virtual void on_tcp_drained() = 0;
  virtual void on_tcp_flushed() = 0;
  // Instead of on_tcp_data, while the user reads the socket itself.
  virtual void on_tcp_readable() {}

 protected:
  ~TcpEvents() = default;
};

class TcpConnection final : public io::Disposable, public net::ConnectionEvents {
 public:
  // Begins a connection; `first` is what it sends before all else. An error means that none was
  // begun, and says why; no event follows then.
  struct Refusal {
    TcpFailure failure;
    Error error;
  };
  static Result<TcpConnection*, Refusal> begin(Cluster& cluster,
                                               std::shared_ptr<const Endpoint> endpoint,
                                               TcpEvents& events, std::string_view first);
  ~TcpConnection() override;

  void set_events(TcpEvents& events) { events_ = &events; }
  [[nodiscard]] bool connected() const { return connected_at_ != Time{}; }
  void write(std::string_view bytes);
  void shutdown_write() { connection_.shutdown_write(); }
  void notify_flushed() { connection_.notify_flushed(); }
  [[nodiscard]] bool clogged() { return connection_.clogged(); }
  [[nodiscard]] std::size_t unsent() const { return connection_.unsent(); }
  void pause_reads() { connection_.pause_reads(); }
  void resume_reads() { connection_.resume_reads(); }
  // Gives it up: unsent output is lost, no event follows. `by_us`: not because the peer has ended.
  void close(bool by_us);
  // The same with RST.
  void abort();

  [[nodiscard]] uint64_t id() const { return id_; }
  [[nodiscard]] const Endpoint& endpoint() const { return *endpoint_; }
  [[nodiscard]] const Address& local() const { return local_; }
  [[nodiscard]] const Address& remote() const { return remote_; }
  [[nodiscard]] Cluster& cluster() { return cluster_; }
  [[nodiscard]] Time connect_started() const { return started_; }
  [[nodiscard]] Time connected_at() const { return connected_at_; }
  // For who moves bytes past it, and counts them afterwards.
  net::Connection& raw() { return connection_; }
  // On the wire, without what it says before all else.
  [[nodiscard]] uint64_t sent() const {
    uint64_t all = connection_.bytes_written();
    return all > first_size_ ? all - first_size_ : 0;
  }
  // Brings the cluster's byte counters up to date.
  void count_bytes();

 private:
  TcpConnection(Cluster& cluster, std::shared_ptr<const Endpoint> endpoint, TcpEvents& events,
                net::Fd fd, Address remote);
  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_failed(Error error) override;
  void on_connected() override;
  void on_drained() override;
  void on_flushed() override;
  void on_readable() override;
  void on_connect_timeout();
  void fail_connect(TcpFailure failure, Error error, bool by_us);
  // Gives back limits and gauges, once.
  void leave(bool by_us);

  Cluster& cluster_;
  std::shared_ptr<const Endpoint> endpoint_;
  TcpEvents* events_;
  net::Connection connection_;
  io::Timer connect_timer_;
  Address local_;
  Address remote_;
  Time started_;
  Time connected_at_{};
  uint64_t id_;
  uint64_t counted_read_ = 0;
  uint64_t counted_written_ = 0;
  std::size_t first_size_ = 0;
  bool pending_ = true;
  bool gone_ = false;
};

}  // namespace pillion::upstream
