// Pools and their connections against a real loopback origin that a test plays by hand: reuse,
// queues, limits, what counts as a failure, and what evidence a failure carries.

#include "sidecar/upstream/pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sidecar/metrics/registry.h"
#include "sidecar/net/socket.h"
#include "sidecar/upstream/cluster.h"
#include "tests/unit/upstream/fixtures.h"

namespace pillion::upstream {
namespace {

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
  void on_pool_ready(ClientConnection& given) override {
    log += "ready ";
    connection = &given;
    if (send_at_once) given.send_head(*this, head, end, upgrade);
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
  void on_response_end(http::Headers* trailers) override {
    log += trailers != nullptr ? "end+trailers " : "end ";
    connection = nullptr;
  }
  void on_response_failed(const AttemptFailure& failed) override {
    failure = failed;
    log += failed.error.code == Code::kProtocol ? "malformed " : "failed ";
    connection = nullptr;
  }
  void on_request_drained() override { log += "drained "; }

  BlockPool blocks;
  Arena arena{blocks};
  http::RequestHead head;
  bool end = true;
  bool send_at_once = true;
  std::string_view upgrade;
  int tunnel_at = 0;
  int abandon_at = 0;
  ClientConnection* connection = nullptr;
  AttemptFailure failure{};
  std::function<void()> on_failure;
  std::string log;
  std::string body;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
constexpr std::string_view kGet = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

class PoolTest : public testing::Test {
 protected:
  PoolTest() {
    Result<net::Fd, Problem> fd = net::listen_on(address("127.0.0.1", 0), {});
    EXPECT_TRUE(fd.has_value());
    listening_ = std::move(*fd);
    config_.name = "c";
    http_ = std::make_unique<config::UpstreamHttp>();
  }
  ~PoolTest() override {
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

TEST_F(PoolTest, ServesARequestAndReusesItsConnection) {
  start();
  for (int i = 0; i < 3; ++i) {
    Request request;
    pool().acquire(request);
    until(
        [&] { return !served_.empty() && served_[0]->received().size() == (i + 1) * kGet.size(); });
    served_[0]->send(kOk);
    until([&] { return request.log == "ready 200 end "; });
    EXPECT_EQ(request.body, "ok");
  }
  EXPECT_EQ(served_.size(), 1U);
  EXPECT_EQ(stats().upstream_cx_total.value(), 1);
}

TEST_F(PoolTest, UsesTheConnectionThatWasUsedLast) {
  start();
  Request a;
  Request b;
  arrive(a, 0);
  arrive(b, 1);
  served_[0]->send(kOk);
  until([&] { return a.log.ends_with("end "); });
  served_[1]->send(kOk);
  until([&] { return b.log.ends_with("end "); });
  Request c;
  pool().acquire(c);
  until([&] { return served_[1]->received().size() == 2 * kGet.size(); });
  EXPECT_EQ(served_[0]->received().size(), kGet.size());
}

TEST_F(PoolTest, ReportsARefusedConnection) {
  Address nobody = net::local_address(listening_.number());
  listening_.reset();
  start_with(nobody);
  Request request;
  pool().acquire(request);
  until([&] { return !request.log.empty(); });
  EXPECT_EQ(request.log, "refused ");
  EXPECT_EQ(stats().upstream_cx_connect_fail.value(), 1);
  EXPECT_TRUE(pool().empty());
}

TEST_F(PoolTest, FailsEveryWaiterOfARefusedConnectionWithALimitOfOne) {
  config_.breakers[0].max_connections = 1;
  Address nobody = net::local_address(listening_.number());
  listening_.reset();
  start_with(nobody);
  Request requests[4];
  for (Request& request : requests) pool().acquire(request);
  for (Request& request : requests) until([&] { return request.log == "refused "; });
}

// Regression: when no socket could be made, only the first of several waiters was told; the others
// waited for a connection that nobody was making.
TEST_F(PoolTest, FailsEveryWaiterWhenDescriptorsHaveRunOut) {
  config_.breakers[0].max_connections = 1;
  start();
  Request first;
  Request waiting[3];
  Request again;
  arrive(first, 0);
  for (Request& request : waiting) pool().acquire(request);
  waiting[0].on_failure = [&] { pool().acquire(again); };  // as a retry does
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  served_[0]->close();
  until([&] { return first.log == "ready failed "; });
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  for (Request& request : waiting) EXPECT_EQ(request.log, "refused ");
  EXPECT_EQ(again.log, "refused ");
  EXPECT_TRUE(pool().empty());
}

TEST_F(PoolTest, FailsWhenTheSourceAddressIsNotOurs) {
  config_.bind_source = std::make_unique<Address>(address("192.0.2.1", 0));
  start();
  Request request;
  pool().acquire(request);
  EXPECT_EQ(request.log, "refused ");
  EXPECT_TRUE(pool().empty());
}

TEST_F(PoolTest, GivesUpConnectingInTime) {
  config_.connect_timeout = seconds(2);
  // A backlog that is full: further connections get no answer.
  Result<net::Fd, Problem> full = net::listen_on(address("127.0.0.1", 0), {.backlog = 0});
  ASSERT_TRUE(full.has_value());
  Address at = net::local_address(full->number());
  std::vector<net::Fd> filling;
  for (int i = 0; i < 4; ++i) {
    Result<net::Fd> fd = net::start_connect(at, {});
    ASSERT_TRUE(fd.has_value());
    filling.push_back(std::move(*fd));
  }
  start_with(at);
  Request request;
  pool().acquire(request);
  step();
  advance(milliseconds(1999));
  EXPECT_EQ(request.log, "");
  advance(milliseconds(2));
  EXPECT_EQ(request.log, "timeout ");
  EXPECT_EQ(stats().upstream_cx_connect_timeout.value(), 1);
}

TEST_F(PoolTest, BoundsTheQueue) {
  config_.breakers[0].max_connections = 1;
  config_.breakers[0].max_pending_requests = 2;
  start();
  Request requests[4];
  for (Request& request : requests) pool().acquire(request);
  EXPECT_EQ(requests[2].log, "overflow ");
  EXPECT_EQ(requests[3].log, "overflow ");
  EXPECT_EQ(stats().upstream_rq_pending_overflow.value(), 2);
  until([&] { return served_.size() == 1 && served_[0]->received() == kGet; });
  EXPECT_EQ(requests[0].log, "ready ");
  EXPECT_EQ(requests[1].log, "");
  served_[0]->send(kOk);
  until([&] { return requests[1].log == "ready "; });
  served_[0]->send(kOk);
  until([&] { return requests[1].log == "ready 200 end "; });
}

TEST_F(PoolTest, ACancelledWaiterLeavesTheConnectionToOthers) {
  start();
  Request first;
  Request second;
  pool().acquire(first);
  pool().cancel(first);
  pool().cancel(first);
  pool().acquire(second);
  until([&] { return second.log == "ready "; });
  EXPECT_EQ(first.log, "");
  EXPECT_EQ(stats().upstream_rq_pending_active.value(), 0);
}

TEST_F(PoolTest, ClosesIdleConnectionsInTime) {
  http_->idle_timeout = seconds(10);
  start();
  Request request;
  arrive(request, 0);
  served_[0]->send(kOk);
  until([&] { return request.log.ends_with("end "); });
  advance(milliseconds(9999));
  EXPECT_FALSE(served_[0]->ended());
  advance(milliseconds(2));
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(stats().upstream_cx_idle_timeout.value(), 1);
  EXPECT_EQ(stats().upstream_cx_active.value(), 0);
}

TEST_F(PoolTest, ClosesOldConnectionsWhileIdle) {
  http_->max_connection_duration = seconds(10);
  start();
  Request request;
  arrive(request, 0);
  advance(seconds(4));
  served_[0]->send(kOk);
  until([&] { return request.log.ends_with("end "); });
  advance(milliseconds(5999));
  EXPECT_FALSE(served_[0]->ended());
  advance(milliseconds(2));
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(stats().upstream_cx_max_duration_reached.value(), 1U);
  EXPECT_EQ(stats().upstream_cx_idle_timeout.value(), 0U);
}

TEST_F(PoolTest, ClosesOldConnectionsAfterTheRequestAtHand) {
  http_->max_connection_duration = seconds(10);
  http_->idle_timeout = seconds(0);
  start();
  Request request;
  arrive(request, 0);
  advance(seconds(11));
  EXPECT_FALSE(served_[0]->ended());
  served_[0]->send(kOk);
  until([&] { return request.log.ends_with("end "); });
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(stats().upstream_cx_max_duration_reached.value(), 1U);
}

TEST_F(PoolTest, ABusyConnectionIsNotIdle) {
  http_->idle_timeout = seconds(10);
  start();
  Request request;
  arrive(request, 0);
  advance(seconds(60));
  EXPECT_FALSE(served_[0]->ended());
  served_[0]->send(kOk);
  until([&] { return request.log.ends_with("end "); });
}

TEST_F(PoolTest, RetiresAConnectionAfterItsLastRequest) {
  http_->max_requests_per_connection = 2;
  start();
  for (int i = 0; i < 4; ++i) {
    Request request;
    arrive(request, static_cast<std::size_t>(i / 2));
    served_[static_cast<std::size_t>(i / 2)]->send(kOk);
    until([&] { return request.log.ends_with("end "); });
  }
  EXPECT_EQ(served_.size(), 2U);
  EXPECT_TRUE(served_[0]->ended());
  EXPECT_EQ(stats().upstream_cx_max_requests.value(), 2);
}

struct LastResponse {
  const char* bytes;
  bool reusable;
};

TEST_F(PoolTest, KnowsWhetherAConnectionMayBeUsedAgain) {
  start();
  std::size_t used = 0;
  for (const LastResponse& response : std::initializer_list<LastResponse>{
           {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true},
           {"HTTP/1.1 204 No Content\r\n\r\n", true},
           {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true},
           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true},
           {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", false},
           {"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", false},
           {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokSTRAY", false},
           {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", false}}) {
    Request request;
    pool().acquire(request);
    until([&] { return served_.size() > used && served_[used]->received().ends_with("\r\n\r\n"); });
    served_[used]->send(response.bytes);
    until([&] { return request.log.ends_with("end "); });
    step();
    EXPECT_EQ(served_[used]->ended(), !response.reusable) << response.bytes;
    if (!response.reusable) {
      ++used;
    } else {
      served_[used]->close();
      until([&] { return pool().empty(); });
      ++used;
    }
  }
}

TEST_F(PoolTest, ResponsesToHeadNeedNoLengthToBeReusable) {
  start();
  Request request;
  request.head.method = http::Method::kHead;
  request.head.method_text = "HEAD";
  arrive(request, 0);
  served_[0]->send("HTTP/1.1 200 OK\r\n\r\n");
  until([&] { return request.log == "ready 200! end "; });
  step();
  EXPECT_FALSE(served_[0]->ended());
}

TEST_F(PoolTest, AResponseBeforeTheRequestsEndEndsTheConnection) {
  start();
  Request request;
  request.end = false;
  arrive(request, 0);
  served_[0]->send(kOk);
  until([&] { return request.log == "ready 200 end "; });
  until([&] { return served_[0]->ended(); });
}

// Regression: the end of the connection counted as a failure of such a response.
TEST_F(PoolTest, ABodyMayEndWithTheConnection) {
  start();
  Request request;
  arrive(request, 0);
  served_[0]->send("HTTP/1.1 200 OK\r\n\r\nhello");
  until([&] { return request.body == "hello"; });
  served_[0]->close();
  until([&] { return request.log == "ready 200 end "; });
  EXPECT_TRUE(pool().empty());
}

TEST_F(PoolTest, ACutResponseIsMalformed) {
  start();
  for (std::string_view part : {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel", "HTTP/1.1 20"}) {
    Request request;
    std::size_t index = served_.size();
    arrive(request, index);
    served_[index]->send(part);
    step();
    served_[index]->close();
    until([&] { return request.log.ends_with("malformed "); });
    EXPECT_EQ(request.failure.evidence, Evidence::kUnknown);
  }
}

TEST_F(PoolTest, AMalformedResponseClosesTheConnection) {
  start();
  Request request;
  arrive(request, 0);
  served_[0]->send("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n");
  until([&] { return request.log == "ready malformed "; });
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(stats().upstream_cx_protocol_error.value(), 1);
}

// Regression: bytes after an unasked 101 began a further response of a request that was gone.
TEST_F(PoolTest, SurvivesBytesAfterAnAbandonedSwitchOfProtocols) {
  start();
  Request request;
  request.abandon_at = 101;
  arrive(request, 0);
  served_[0]->send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  until([&] { return request.log == "ready 101 "; });
  until([&] { return served_[0]->ended(); });
}

TEST_F(PoolTest, SurvivesAnInterimResponseThatIsAbandoned) {
  start();
  Request request;
  request.abandon_at = 103;
  arrive(request, 0);
  served_[0]->send(
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 "
      "OK\r\ncontent-length: 0\r\n\r\n");
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(request.log, "ready 103 ");
}

TEST_F(PoolTest, AnUnaskedResponseClosesAnIdleConnection) {
  start();
  Request request;
  arrive(request, 0);
  served_[0]->send(kOk);
  until([&] { return request.log.ends_with("end "); });
  served_[0]->send(kOk);
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(stats().upstream_cx_protocol_error.value(), 1);
}

TEST_F(PoolTest, AClosedIdleConnectionIsNotUsed) {
  start();
  Request first;
  arrive(first, 0);
  served_[0]->send(kOk);
  until([&] { return first.log.ends_with("end "); });
  served_[0]->close();
  until([&] { return pool().empty(); });
  Request second;
  arrive(second, 1);
  EXPECT_EQ(second.log, "ready ");
}

TEST_F(PoolTest, AFailureBeforeAnythingWasWrittenSaysSo) {
  start();
  Request first;
  arrive(first, 0);
  served_[0]->send(kOk);
  until([&] { return first.log.ends_with("end "); });
  served_[0]->close();  // the loop has not seen it yet
  Request second;
  second.send_at_once = true;
  pool().acquire(second);
  ASSERT_EQ(second.log, "ready ");
  until([&] { return second.log == "ready failed "; });
  EXPECT_NE(second.failure.evidence, Evidence::kUnknown);
  EXPECT_TRUE(second.failure.reused_connection);
}

TEST_F(PoolTest, AFailureAfterTheRequestArrivedProvesNothing) {
  start();
  for (bool reset : {false, true}) {
    Request request;
    std::size_t index = served_.size();
    arrive(request, index);
    if (reset)
      served_[index]->reset();
    else
      served_[index]->close();
    until([&] { return request.log == "ready failed "; });
    EXPECT_EQ(request.failure.evidence, Evidence::kUnknown);
    EXPECT_FALSE(request.failure.reused_connection);
  }
}

TEST_F(PoolTest, AbandoningClosesTheConnection) {
  start();
  Request request;
  arrive(request, 0);
  request.connection->abandon();
  until([&] { return served_[0]->ended(); });
  EXPECT_EQ(request.log, "ready ");
  EXPECT_TRUE(pool().empty());
}

TEST_F(PoolTest, ChunksABodyOfUnknownLength) {
  start();
  Request request;
  request.end = false;
  request.head.method_text = "POST";
  arrive(request, 0);
  request.connection->send_body("hello");
  request.connection->send_body("");
  request.connection->send_end(nullptr);
  until([&] { return served_[0]->received().ends_with("0\r\n\r\n"); });
  EXPECT_EQ(
      served_[0]->received(),
      "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
}

TEST_F(PoolTest, PassesATunnelOn) {
  start();
  Request request;
  request.end = false;
  request.upgrade = "websocket";
  request.tunnel_at = 101;
  arrive(request, 0);
  EXPECT_EQ(served_[0]->received(),
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
  served_[0]->send("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nEARLY");
  until([&] { return request.body == "EARLY"; });
  request.connection->send_body("up");
  until([&] { return served_[0]->received().ends_with("\r\n\r\nup"); });
  served_[0]->send("HTTP/1.1 200 OK\r\n\r\n");
  until([&] { return request.body == "EARLYHTTP/1.1 200 OK\r\n\r\n"; });
  served_[0]->close();
  until([&] { return request.log == "ready 101 end "; });
}

TEST_F(PoolTest, PausesAndResumesReading) {
  start();
  Request request;
  arrive(request, 0);
  request.connection->pause_response();
  served_[0]->send(kOk);
  step();
  EXPECT_EQ(request.log, "ready ");
  request.connection->resume_response();
  until([&] { return request.log == "ready 200 end "; });
}

TEST_F(PoolTest, DrainingClosesIdleConnectionsAndLetsBusyOnesFinish) {
  start();
  Request busy;
  Request done;
  arrive(busy, 0);
  arrive(done, 1);
  served_[1]->send(kOk);
  until([&] { return done.log.ends_with("end "); });
  Pool& old = pool();
  replace_endpoints();
  EXPECT_TRUE(old.draining());
  until([&] { return served_[1]->ended(); });
  EXPECT_FALSE(served_[0]->ended());
  served_[0]->send(kOk);
  until([&] { return busy.log == "ready 200 end "; });
  until([&] { return served_[0]->ended(); });
}

// Regression: who waited at an endpoint that went away waited for ever.
TEST_F(PoolTest, DrainingServesThoseWhoWait) {
  config_.breakers[0].max_connections = 1;
  start();
  Request first;
  Request second;
  pool().acquire(first);
  pool().acquire(second);
  replace_endpoints();
  until([&] { return served_.size() == 1 && served_[0]->received() == kGet; });
  served_[0]->send(kOk);
  until([&] { return first.log == "ready 200 end "; });
  until([&] { return served_.size() == 2 && served_[1]->received() == kGet; });
  served_[1]->send(kOk);
  until([&] { return second.log == "ready 200 end "; });
  until([&] { return served_[1]->ended(); });
}

// Regression: a cluster that was freed while requests waited made new connections as it went.
TEST_F(PoolTest, MakesNoConnectionWhileItIsDestroyed) {
  config_.breakers[0].max_connections = 2;
  start();
  Request requests[5];
  for (Request& request : requests) pool().acquire(request);
  int64_t before = stats().upstream_cx_total.value();
  cluster_.reset();
  EXPECT_EQ(shared_->stats().here().upstream_cx_total.value(), before);
  EXPECT_EQ(shared_->stats().here().upstream_cx_active.value(), 0);
}

// A LOGICAL_DNS endpoint keeps its pool while later answers move it.
TEST_F(PoolTest, ConnectsToWhereAnEndpointHasMoved) {
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->address = address("127.0.0.1", 1);
  endpoint->locality = std::make_shared<const config::Locality>();
  endpoint->moving = std::make_unique<MovingAddress>(net::local_address(listening_.number()));
  auto set = std::make_shared<EndpointSet>();
  set->all.push_back(endpoint);
  auto config = std::make_shared<const config::Cluster>(std::move(config_));
  shared_ = std::make_shared<SharedCluster>(config, registry_, set);
  cluster_ = std::make_unique<Cluster>(shared_, loop_, random_);
  Request request;
  arrive(request, 0);
  EXPECT_EQ(request.log, "ready ");
}

}  // namespace
}  // namespace pillion::upstream
