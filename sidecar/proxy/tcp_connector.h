#pragma once
// Gets a TCP connection to a cluster for one tunnel: chooses the endpoint, tries again with
// back-off as configured, says the PROXY header, remembers what the log will want to know. Owned by
// the tunnel, or by the Incoming that has begun early; worker thread.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/route.h"
#include "sidecar/format/stream_info.h"
#include "sidecar/io/loop.h"
#include "sidecar/proxy/inbound.h"
#include "sidecar/proxy/worker_context.h"
#include "sidecar/upstream/tcp_connection.h"

namespace pillion::proxy {

// Why there is no connection; numbered as Envoy's log shows it.
enum class ConnectFailure : uint8_t { kConnectFailed, kNoHealthyUpstream, kOverflow, kNoCluster };

class ConnectorOwner {
 public:
  // The connection is the owner's, who sets its events at once.
  virtual void on_upstream_ready(upstream::TcpConnection& connection) = 0;
  virtual void on_upstream_failed(ConnectFailure failure) = 0;

 protected:
  ~ConnectorOwner() = default;
};

// What of the client an upstream may be told.
struct ClientEnds {
  const Address& remote;
  const Address& local;
  const std::vector<net::ProxyTlv>* tlvs = nullptr;
  bool restored = false;  // `local` is where the client was going before it was redirected
};

// The header that tells an upstream who its client is.
std::string proxy_header(const config::UpstreamProxyProtocol& settings, const ClientEnds& ends);

class TcpConnector final : public upstream::TcpEvents {
 public:
  struct Plan {
    std::string cluster;
    uint32_t max_attempts = 1;
    config::Millis backoff_base{0};
    config::Millis backoff_max{0};
  };
  TcpConnector(WorkerContext& worker, ConnectorOwner& owner, Plan plan);
  ~TcpConnector();
  TcpConnector(const TcpConnector&) = delete;
  TcpConnector& operator=(const TcpConnector&) = delete;

  // Begins. The owner hears of the outcome, possibly before this returns.
  void start(const ClientEnds& ends);
  // Gives up; the owner hears nothing more.
  void cancel();
  // From here on another hears of the outcome.
  void set_owner(ConnectorOwner& owner) { owner_ = &owner; }
  [[nodiscard]] bool failed() const { return state_ == State::kFailed; }
  [[nodiscard]] ConnectFailure failure() const { return failure_; }
  [[nodiscard]] const std::string& cluster_name() const { return plan_.cluster; }
  // Writes what is known into a stream's facts, which may refer to this as long as it lives.
  void describe(StreamInfo& info);

 private:
  enum class State : uint8_t { kConnecting, kReady, kFailed };
  void try_connect();
  void try_later();
  void fail(ConnectFailure failure, ResponseFlag flag);
  // upstream::TcpEvents, while connecting
  void on_tcp_connected() override;
  void on_tcp_failed(upstream::TcpFailure failure, Error error) override;
  void on_tcp_data(std::string_view) override {}
  void on_tcp_end() override {}
  void on_tcp_reset(Error) override {}
  void on_tcp_drained() override {}
  void on_tcp_flushed() override {}

  WorkerContext& worker_;
  ConnectorOwner* owner_;
  Plan plan_;
  io::Timer retry_timer_;
  Address client_remote_;
  Address client_local_;
  bool restored_ = false;
  std::vector<net::ProxyTlv> tlvs_;
  State state_ = State::kConnecting;
  ConnectFailure failure_ = ConnectFailure::kConnectFailed;
  std::shared_ptr<upstream::SharedCluster> cluster_;  // of the last attempt
  upstream::TcpConnection* connection_ = nullptr;     // while connecting
  std::vector<std::shared_ptr<const upstream::Endpoint>> tried_;
  std::vector<AttemptedHost> attempted_;
  Address local_;
  Address remote_;
  uint64_t connection_id_ = 0;
  Time connect_started_{};
  Time connected_{};
  std::string transport_failure_;
  ResponseFlags flags_;
  uint32_t attempts_ = 0;
  bool host_refused_ = false;  // the last of tried_ was not even asked
};

}  // namespace pillion::proxy
