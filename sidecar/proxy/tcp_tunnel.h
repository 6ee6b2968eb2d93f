#pragma once
// One connection through the TCP proxy: bytes of a client to an endpoint and back, each side
// slowed down to what the other takes, each half closed on its own. Owned by its Worker through the
// loop's deletion list; worker thread.

#include <cstdint>
#include <memory>
#include <string_view>

#include "sidecar/base/buffer.h"
#include "sidecar/net/connection.h"
#include "sidecar/proxy/inbound.h"
#include "sidecar/proxy/snapshot.h"
#include "sidecar/proxy/splice_way.h"
#include "sidecar/proxy/tcp_connector.h"

namespace pillion::proxy {

class TcpTunnel final : public Inbound,
                        public net::ConnectionEvents,
                        public upstream::TcpEvents,
                        public ConnectorOwner {
 public:
  TcpTunnel(WorkerContext& worker, std::shared_ptr<const ListenerRuntime> listener,
            const ChainRuntime& chain, Accepted accepted);
  ~TcpTunnel() override;
  // What to connect to, for this connection's share of the weights.
  static TcpConnector::Plan plan(const TcpRuntime& tcp, Random& random);
  // Begins to connect, or takes over what was begun before. `early`: bytes that were read already.
  void start(std::string_view early);
  void adopt(std::unique_ptr<TcpConnector> connector, upstream::TcpConnection* upstream,
             std::string_view early);
  // A byte or the end that came before the tunnel did.
  void take_upstream_data(std::string_view bytes) { on_tcp_data(bytes); }
  void take_upstream_end() { on_tcp_end(); }

  void drain() override {}
  void abort(std::string_view details) override;
  [[nodiscard]] const ListenerRuntime& listener() const override { return *listener_; }

 private:
  // The client's side.
  void on_data(std::string_view bytes) override;
  void on_end() override;
  void on_failed(Error error) override;
  void on_connected() override;
  void on_drained() override;
  void on_flushed() override;
  void on_readable() override { splice(*up_way_); }
  // The upstream's side.
  void on_tcp_connected() override {}
  void on_tcp_failed(upstream::TcpFailure, Error) override {}
  void on_tcp_data(std::string_view bytes) override;
  void on_tcp_end() override;
  void on_tcp_reset(Error error) override;
  void on_tcp_drained() override;
  void on_tcp_flushed() override;
  void on_tcp_readable() override { splice(*down_way_); }
  void on_upstream_ready(upstream::TcpConnection& connection) override;
  void on_upstream_failed(ConnectFailure failure) override;

  void on_idle_timer();
  void on_lifetime();
  void on_handshake_timeout();
  void on_log_timer();
  void move_on();
  // One side is read no more, since the other takes nothing; or again.
  void count_pause(bool client, bool paused);
  // After a read of that many bytes in the direction of `way`: hands it to the system if it is
  // bulk.
  void consider_splice(std::unique_ptr<SpliceWay>& way, unsigned& full_reads, std::size_t bytes);
  void splice(SpliceWay& way);
  void count();
  void check_done();
  void keep_upstream_facts();
  void flush_upstream();
  // Refers to the arena for what TLS says.
  [[nodiscard]] StreamInfo facts(Arena& arena);
  void log(std::string_view type);
  // The client's side is over: its stats, its log line.
  void end_client();
  void finish();

  WorkerContext& worker_;
  std::shared_ptr<const ListenerRuntime> listener_;
  const TcpRuntime& tcp_;
  const ChainRuntime& chain_;
  net::Connection connection_;
  Address remote_;
  Address local_;
  std::unique_ptr<Inspection> inspection_;
  std::unique_ptr<TcpConnector> connector_;
  upstream::TcpConnection* upstream_ = nullptr;
  std::unique_ptr<SpliceWay> up_way_;  // to the upstream; null until it carries bulk
  std::unique_ptr<SpliceWay> down_way_;
  unsigned up_full_reads_ = 0;
  unsigned down_full_reads_ = 0;
  Buffer early_;  // read before there was an upstream; bounded by what listener filters hold
  io::Timer idle_timer_;
  std::unique_ptr<io::Timer> lifetime_;
  std::unique_ptr<io::Timer> handshake_;  // while TLS has a time limit to shake hands
  std::unique_ptr<io::Timer> log_timer_;
  uint64_t id_;
  Time opened_;
  Time last_move_;
  ResponseFlags flags_;
  uint64_t counted_read_ = 0;
  uint64_t counted_written_ = 0;
  int64_t shown_downstream_ = 0;  // what the gauges of unsent bytes hold of ours
  int64_t shown_upstream_ = 0;
  uint64_t upstream_read_ = 0;  // kept when the upstream connection has gone
  uint64_t upstream_written_ = 0;
  std::unique_ptr<Arena> upstream_arena_;   // of upstream_tls_
  const TlsFacts* upstream_tls_ = nullptr;  // of an upstream connection that is over
  std::string_view client_close_ = "Normal";
  std::string_view upstream_close_ = "Normal";
  std::string_view close_reason_;
  bool client_ended_ = false;
  bool upstream_ended_ = false;
  bool client_ended_last_ = false;  // after the upstream: then it is we who close
  bool client_paused_ = false;      // besides the pause until there is an upstream
  bool upstream_paused_ = false;
  bool client_gone_ = false;   // only what is unsent upstream is left to do
  bool reset_client_ = false;  // as soon as all of its bytes have left
  bool reset_upstream_ = false;
  bool spliceable_ = true;  // both sides are plain sockets, and the system has pipes
  bool done_ = false;
};

}  // namespace pillion::proxy
