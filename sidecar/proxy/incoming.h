#pragma once
// A connection between accept and codec: runs the listener filters over its first bytes, chooses
// the filter chain and hands everything on. Only listeners with listener filters have it. Where
// the chain that silence chooses is a TCP proxy, its upstream is connected meanwhile, and the first
// byte of either side decides: no timer stands before a server that speaks first. Owned by its
// Worker through the loop's deletion list; worker thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sidecar/io/poll.h"
#include "sidecar/net/sniff_http.h"
#include "sidecar/net/sniff_tls.h"
#include "sidecar/proxy/inbound.h"
#include "sidecar/proxy/snapshot.h"
#include "sidecar/proxy/tcp_connector.h"

namespace pillion::proxy {

class TcpTunnel;

// Takes an accepted connection on: `inbounds` is the worker's list of all of them.
void begin_connection(WorkerContext& worker, List<Inbound, Inbound>& inbounds,
                      std::shared_ptr<const ListenerRuntime> listener, net::Fd fd,
                      const Address& remote);

class Incoming final : public Inbound,
                       public io::PollEvents,
                       public ConnectorOwner,
                       public upstream::TcpEvents {
 public:
  Incoming(WorkerContext& worker, List<Inbound, Inbound>& inbounds,
           std::shared_ptr<const ListenerRuntime> listener, net::Fd fd, const Address& remote,
           const Address& local);
  ~Incoming() override;
  // Reads what is there already; may hand on at once.
  void start();

  void drain() override {}
  void abort(std::string_view) override { close(); }
  [[nodiscard]] const ListenerRuntime& listener() const override { return *listener_; }

 private:
  enum class Step : uint8_t { kDone, kWait, kClose };

  void on_ready(unsigned ready) override;
  // ConnectorOwner and TcpEvents, of the connection that was begun early
  void on_upstream_ready(upstream::TcpConnection& connection) override;
  void on_upstream_failed(ConnectFailure) override {}
  void on_tcp_connected() override {}
  void on_tcp_failed(upstream::TcpFailure, Error) override {}
  void on_tcp_data(std::string_view bytes) override;
  void on_tcp_end() override;
  void on_tcp_reset(Error) override;
  void on_tcp_drained() override {}
  void on_tcp_flushed() override {}

  // False when the connection is over or was handed on.
  bool read();
  void inspect();
  Step run(const ListenerFilterRuntime& filter);
  Step run_tls(const ListenerFilterRuntime& filter);
  Step run_http(const ListenerFilterRuntime& filter);
  Step run_proxy_protocol(const ListenerFilterRuntime& filter);
  Step run_original_dst();
  // Goes on as a connection of the listener that its original destination belongs to, if there is
  // one: once.
  bool move_on();
  void take_proxy_header(const ListenerFilterRuntime& filter, net::ProxyHeader header);
  void connect_early();
  void on_timeout();
  [[nodiscard]] const ChainRuntime* choose() const;
  // The tunnel that has taken over what was connected early; null in all other cases.
  TcpTunnel* hand_on(const ChainRuntime* chain);
  void drop_early();
  void close();
  void leave();

  WorkerContext& worker_;
  List<Inbound, Inbound>& inbounds_;
  std::shared_ptr<const ListenerRuntime> listener_;
  net::Fd fd_;
  std::unique_ptr<io::Poll> poll_;
  Address remote_;
  Address local_;
  std::unique_ptr<Inspection> inspection_;
  std::string held_;  // read and not consumed by a filter; bounded by the sniffers
  std::size_t filter_ = 0;
  net::TlsSniffer tls_;
  net::HttpSniffer http_;
  io::Timer timer_;
  Time opened_;
  const ChainRuntime* early_chain_ = nullptr;
  std::unique_ptr<TcpConnector> early_;
  upstream::TcpConnection* upstream_ = nullptr;
  std::string greeting_;     // of an HTTP/2 server, which says nothing about what the client will
  bool moved_ = false;       // another listener has handed it over
  bool early_lost_ = false;  // the endpoint has reset the early connection
  bool gone_ = false;
};

}  // namespace pillion::proxy
