#pragma once
// A pool and its connections against a real loopback origin that a test plays by hand. Nothing here
// blocks or sleeps; time is moved by hand.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/metrics/registry.h"
#include "sidecar/net/socket.h"
#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/pool.h"
#include "tests/unit/upstream/fixtures.h"

namespace pillion::upstream {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The origin's side of one connection; blocking would hang a test, so nothing here blocks.
class Served {
 public:
  explicit Served(int fd) : fd_(fd) {}
  void send(std::string_view bytes) {
    EXPECT_EQ(::send(fd_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  const std::string& received() {
    char buffer[65536];
    for (;;) {
      ssize_t n = ::recv(fd_.number(), buffer, sizeof(buffer), MSG_DONTWAIT);
      if (n == 0) ended_ = true;
      if (n < 0 && errno != EAGAIN) ended_ = true;
      if (n <= 0) return received_;
      received_.append(buffer, static_cast<std::size_t>(n));
    }
  }
  bool ended() {
    received();
    return ended_;
  }
  void finish() { ::shutdown(fd_.number(), SHUT_WR); }
  void reset() {
    linger on{1, 0};
    ::setsockopt(fd_.number(), SOL_SOCKET, SO_LINGER, &on, sizeof(on));
    fd_.reset();
  }
  void close() { fd_.reset(); }

 private:
  net::Fd fd_;
  std::string received_;
  bool ended_ = false;
};

// One request: waits for a connection, sends a GET (or what the test says), notes what happens.
class Request final : public PoolWaiter, public ResponseEvents {
 public:
  Request() : head(arena) {
    head.method_text = "GET";
    head.path = "/";
    head.authority = "a";
  }
  void on_pool_ready(Exchange& given) override {
    log += "ready ";
    connection = &given;
    if (send_at_once) given.send_head(*this, head, end, tunnel);
  }
  void on_pool_failed(PoolFailure why, Error) override {
    log += why == PoolFailure::kOverflow        ? "overflow "
           : why == PoolFailure::kConnectFailed ? "refused "
                                                : "timeout ";
    if (on_failure) on_failure();
  }
  Arena& response_arena() override { return arena; }
  void on_response_head(http::ResponseHead& response, bool ends) override {
    log += std::to_string(response.status) + (ends ? "! " : " ");
    if (tunnel_at == response.status) connection->start_tunnel();
    if (abandon_at == response.status) connection->abandon();
  }
  void on_response_body(std::string_view data) override { body += data; }
  void on_connection_leaving() override { connection = nullptr; }
  void on_response_end(http::Headers* trailers) override {
    log += trailers != nullptr ? "end+trailers " : "end ";
    connection = nullptr;
  }
  void on_response_failed(const AttemptFailure& failed) override {
    failure = failed;
    log += failed.error.code == Code::kProtocol ? "malformed " : "failed ";
    connection = nullptr;
  }
  std::size_t response_window() override { return 0; }
  void on_request_drained() override { log += "drained "; }

  BlockPool blocks;
  Arena arena{blocks};
  http::RequestHead head;
  bool end = true;
  bool send_at_once = true;
  bool tunnel = false;
  int tunnel_at = 0;
  int abandon_at = 0;
  Exchange* connection = nullptr;
  AttemptFailure failure{};
  std::function<void()> on_failure;
  std::string log;
  std::string body;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

class PoolWorld : public testing::Test {
 protected:
  PoolWorld() {
    Result<net::Fd, Problem> fd = net::listen_on(address("127.0.0.1", 0), {});
    EXPECT_TRUE(fd.has_value());
    listening_ = std::move(*fd);
    config_.name = "c";
    http_ = std::make_unique<config::UpstreamHttp>();
  }
  ~PoolWorld() override {
    cluster_.reset();
    step();
    EXPECT_EQ(shared_ ? shared_->limits(kPriority).connections.count() : 0, 0U);
    EXPECT_EQ(shared_ ? shared_->limits(kPriority).pending.count() : 0, 0U);
  }

  void start() { start_with(net::local_address(listening_.number())); }
  void start_with(const Address& at) {
    config_.http = std::move(http_);
    auto config = std::make_shared<const config::Cluster>(std::move(config_));
    auto set = std::make_shared<EndpointSet>();
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->address = at;
    endpoint->address_text = at.to_string();
    endpoint->locality = std::make_shared<const config::Locality>();
    endpoint_ = endpoint;
    set->all.push_back(endpoint);
    shared_ = std::make_shared<SharedCluster>(config, registry_, set);
    cluster_ = std::make_unique<Cluster>(shared_, loop_, random_);
  }
  Pool& pool() {
    Pool* pool = cluster_->choose({}, kPriority);
    EXPECT_NE(pool, nullptr);
    return *pool;
  }
  void step() {
    for (int i = 0; i < 5; ++i) loop_.run_once();
    for (;;) {
      int fd = ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) break;
      served_.push_back(std::make_unique<Served>(fd));
    }
    for (int i = 0; i < 5; ++i) loop_.run_once();
  }
  // Loopback delivers at once or within a few rounds of the loop.
  void until(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000 && !done(); ++i) step();
    EXPECT_TRUE(done());
  }
  void advance(Duration by) {
    clock_.advance(by);
    step();
  }
  // Sends a request and waits until the origin has it.
  void arrive(Request& request, std::size_t connection) {
    pool().acquire(request);
    until([&] {
      return served_.size() > connection && served_[connection]->received().ends_with("\r\n\r\n");
    });
  }
  metrics::ClusterStats& stats() { return cluster_->stats(); }
  void replace_endpoints() {
    auto set = std::make_shared<EndpointSet>();
    shared_->update(set);
    cluster_->refresh();
  }

  static constexpr config::Priority kPriority = config::Priority::kDefault;
  io::ManualClock clock_;
  io::EventLoop loop_{&clock_};
  metrics::Registry registry_;
  Random random_{1};
  config::Cluster config_;
  std::unique_ptr<config::UpstreamHttp> http_;
  net::Fd listening_;
  std::shared_ptr<const Endpoint> endpoint_;
  std::shared_ptr<SharedCluster> shared_;
  std::unique_ptr<Cluster> cluster_;
  std::vector<std::unique_ptr<Served>> served_;
};

}  // namespace pillion::upstream
