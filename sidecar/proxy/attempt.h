#pragma once
// One try of a stream at one endpoint: waits for a connection, sends the request over it, takes the
// response. A member of its Stream, started anew for each try; worker thread.

#include <cstdint>
#include <memory>
#include <string_view>

#include "sidecar/upstream/cluster.h"

namespace pillion::proxy {

class Stream;

// How an attempt ended short of a response.
enum class AttemptEnd : uint8_t {
  kOverflow,  // a circuit breaker
  kConnectFailed,
  kConnectTimeout,
  kReset,        // the connection broke; see the evidence
  kRemoteReset,  // the endpoint reset the stream
  kRefused,      // ... without having begun to work on it
  kProtocol,     // the response was malformed
  kPerTryTimeout
};

class Attempt final : public upstream::PoolWaiter, public upstream::ResponseEvents {
 public:
  explicit Attempt(Stream& stream) : stream_(stream) {}
  ~Attempt() { cancel(); }

  // Takes the cluster's request limit and asks the pool for a connection. on_attempt_* of the
  // stream follow, possibly before this returns.
  void start(upstream::Cluster& cluster, upstream::Pool& pool);
  // Gives the try up, whatever it is at; no callback follows.
  void cancel();
  // A connection is there and the request's head was sent.
  [[nodiscard]] bool ready() const { return exchange_ != nullptr; }
  // start() was called and neither an end nor cancel() has followed.
  [[nodiscard]] bool active() const { return active_; }
  [[nodiscard]] bool response_started() const { return response_started_; }
  void send_head(const http::RequestHead& head, bool end, bool tunnel);
  void send_body(std::string_view data) { exchange_->send_body(data); }
  void send_end(const http::Headers* trailers) { exchange_->send_end(trailers); }
  [[nodiscard]] bool clogged() { return exchange_ != nullptr && exchange_->clogged(); }
  void pause_response();
  void resume_response();
  void start_tunnel() { exchange_->start_tunnel(); }
  [[nodiscard]] const upstream::ClientConnection& connection() const {
    return exchange_->connection();
  }
  [[nodiscard]] upstream::Cluster* cluster() { return cluster_; }
  [[nodiscard]] upstream::Pool* pool() { return pool_; }
  [[nodiscard]] const upstream::Endpoint& endpoint() const { return *endpoint_; }
  [[nodiscard]] Time started() const { return started_; }

 private:
  void on_pool_ready(upstream::Exchange& exchange) override;
  void on_pool_failed(upstream::PoolFailure failure, Error error) override;
  Arena& response_arena() override;
  void on_response_head(http::ResponseHead& head, bool end) override;
  void on_response_body(std::string_view data) override;
  void on_connection_leaving() override;
  void on_response_end(http::Headers* trailers) override;
  void on_response_failed(const upstream::AttemptFailure& failure) override;
  std::size_t response_window() override;
  void on_request_drained() override;
  void note_wire(const upstream::Exchange& exchange);
  // Gives limits and gauges back; true the first time.
  bool leave();

  Stream& stream_;
  upstream::Cluster* cluster_ = nullptr;
  upstream::Pool* pool_ = nullptr;
  // Kept for the stream's log and for retries, when the pool may be gone.
  std::shared_ptr<const upstream::Endpoint> endpoint_;
  upstream::Exchange* exchange_ = nullptr;
  Time started_{};
  bool active_ = false;
  bool counted_ = false;  // holds one of the cluster's requests
  bool response_started_ = false;
  bool response_paused_ = false;
};

}  // namespace pillion::proxy
