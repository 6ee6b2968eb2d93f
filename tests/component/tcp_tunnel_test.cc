// The TCP proxy: bytes both ways, half-closed and reset peers, endpoints that are not there, limits
// of time and memory.

#include <fstream>

#include "tests/component/raw_origin.h"
#include "tests/component/world.h"

namespace pillion::component {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class TcpTunnel : public World {
 protected:
  TcpTunnel() {
    also_step_.push_back([this] { server_.poll(); });
  }

  static std::string chain(const std::string& fields) {
    return "{filters: [{name: tcp, typed_config: {'@type': type.googleapis.com/envoy.extensions."
           "filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, " +
           fields + "}}]}";
  }
  void start_tcp(const std::string& fields = "cluster: origin", Scene scene = {}) {
    if (scene.endpoints.empty()) scene.endpoints = {server_.port()};
    scene.chains = chain(fields);
    start(std::move(scene));
  }
  // The server's end of the connection made last.
  Peer& server() { return server_.peer(server_.connections() - 1); }
  // A client whose connection goes through.
  Peer& tunnel(int receive_buffer = 0) {
    std::size_t before = server_.connections();
    Peer& client = connect(receive_buffer);
    until([&] { return server_.connections() == before + 1; }, "the server is connected");
    return client;
  }

  RawOrigin server_;
};

TEST_F(TcpTunnel, AClusterThatIsNotThereClosesTheConnection) {
  start_tcp("cluster: nowhere");
  Peer& client = connect();
  until_ended(client);
  EXPECT_EQ(stat("tcp.t.downstream_cx_no_route"), 1);
  EXPECT_EQ(stat("tcp.t.downstream_cx_total"), 1);
}

TEST_F(TcpTunnel, AnEndpointThatRefusesIsTriedAsOftenAsConfigured) {
  server_.stop_listening();
  start_tcp("cluster: origin, max_connect_attempts: 3");
  Peer& client = connect();
  until_ended(client);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_total"), 3);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_fail"), 3);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_attempts_exceeded"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_active"), 0);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_pending_active"), 0);
}

TEST_F(TcpTunnel, BackOffStandsBetweenAttempts) {
  server_.stop_listening();
  start_tcp(
      "cluster: origin, max_connect_attempts: 2, backoff_options: {base_interval: 60s, "
      "max_interval: 60s}");
  Peer& client = connect();
  settle();
  EXPECT_EQ(stat("cluster.origin.upstream_cx_total"), 1);
  EXPECT_FALSE(client.ended());
  advance(seconds(61));
  until_ended(client);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_total"), 2);
}

TEST_F(TcpTunnel, AnEmptyClusterHasNoEndpoint) {
  start_tcp("cluster: empty",
            {.clusters = "{name: empty, load_assignment: {cluster_name: empty}}, "});
  until_ended(connect());
  EXPECT_EQ(stat("cluster.empty.upstream_cx_none_healthy"), 1);
}

TEST_F(TcpTunnel, TheConnectionBreakerRefusesAtOnce) {
  start_tcp("cluster: origin",
            {.cluster = "circuit_breakers: {thresholds: [{max_connections: 1}]}"});
  Peer& first = tunnel();
  until_ended(connect());
  EXPECT_EQ(stat("cluster.origin.upstream_cx_overflow"), 1);
  first.close();
  server().close();
  settle();
  tunnel();  // the limit was given back
}

TEST_F(TcpTunnel, ABreakerWithoutRoomForWaitersRefusesAtOnce) {
  start_tcp("cluster: origin",
            {.cluster = "circuit_breakers: {thresholds: [{max_pending_requests: 0}]}"});
  until_ended(connect());
  EXPECT_EQ(stat("cluster.origin.upstream_rq_pending_overflow"), 1);
}

TEST_F(TcpTunnel, CarriesBytesBothWaysAndCountsThem) {
  start_tcp();
  Peer& client = tunnel();
  client.send("hello");
  until([&] { return server().received() == "hello"; }, "hello");
  server().send("good day");
  until([&] { return client.received() == "good day"; }, "an answer");
  EXPECT_EQ(stat("tcp.t.downstream_cx_rx_bytes_total"), 5);
  EXPECT_EQ(stat("tcp.t.downstream_cx_tx_bytes_total"), 8);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_tx_bytes_total"), 5);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_rx_bytes_total"), 8);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_total"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 1);
  EXPECT_EQ(worker_->connections(), 1u);
}

TEST_F(TcpTunnel, WhatTheClientSaysBeforeTheServerIsThereArrives) {
  start_tcp();
  Peer& client = connect();
  client.send("early");
  client.finish();
  until([&] { return server_.connections() == 1 && server().ended(); }, "the end");
  EXPECT_EQ(server().received(), "early");
}

TEST_F(TcpTunnel, EachHalfClosesOnItsOwn) {
  start_tcp();
  Peer& client = tunnel();
  client.send("question");
  client.finish();
  until([&] { return server().ended(); }, "the client's end reaches the server");
  EXPECT_EQ(server().received(), "question");
  EXPECT_FALSE(client.ended());
  server().send("a long answer");
  until([&] { return client.received() == "a long answer"; }, "the answer");
  server().finish();
  until_ended(client);
  EXPECT_FALSE(client.was_reset());
  settle();
  EXPECT_EQ(worker_->connections(), 0u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_destroy_remote"), 1);
}

TEST_F(TcpTunnel, TheServerMayEndFirst) {
  start_tcp();
  Peer& client = tunnel();
  server().finish();
  until_ended(client);
  client.send("still here");
  until([&] { return server().received() == "still here"; }, "bytes after the server's end");
  client.finish();
  until([&] { return server().ended(); }, "the end");
  settle();
  EXPECT_EQ(worker_->connections(), 0u);
}

TEST_F(TcpTunnel, AResetOfTheServerReachesTheClientAfterItsLastWords) {
  start_tcp();
  Peer& client = tunnel();
  server().send("last words");
  until([&] { return client.received() == "last words"; }, "last words");
  server().reset();
  until_ended(client);
  EXPECT_TRUE(client.was_reset());
  EXPECT_EQ(worker_->connections(), 0u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_active"), 0);
}

TEST_F(TcpTunnel, AResetOfTheClientReachesTheServer) {
  start_tcp();
  Peer& client = tunnel();
  client.reset();
  until([&] { return server().ended(); }, "the server hears of it");
  EXPECT_TRUE(server().was_reset());
  settle();
  EXPECT_EQ(worker_->connections(), 0u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_destroy_local"), 1);
}

TEST_F(TcpTunnel, AClientThatResetsWhileConnectingLeavesNothingBehind) {
  start_tcp();
  Peer& client = connect();
  client.reset();
  settle();
  EXPECT_EQ(worker_->connections(), 0u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_active"), 0);
}

TEST_F(TcpTunnel, QuietConnectionsEndAfterTheIdleTimeout) {
  start_tcp("cluster: origin, idle_timeout: 10s");
  Peer& client = tunnel();
  advance(seconds(9));
  client.send("x");
  until([&] { return server().received() == "x"; }, "a sign of life");
  advance(seconds(9));
  EXPECT_FALSE(client.ended());
  advance(seconds(2));
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(stat("tcp.t.idle_timeout"), 1);
}

TEST_F(TcpTunnel, ConnectionsHaveAMaximumAge) {
  start_tcp("cluster: origin, max_downstream_connection_duration: 5s");
  Peer& client = tunnel();
  advance(seconds(4));
  client.send("x");
  settle();
  EXPECT_FALSE(client.ended());
  advance(seconds(2));
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(stat("tcp.t.max_downstream_connection_duration"), 1);
}

TEST_F(TcpTunnel, AnEndpointThatDoesNotAnswerRunsIntoTheConnectTimeout) {
  // A full backlog: the system neither accepts nor refuses.
  net::Fd silent(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(silent.number(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  ASSERT_EQ(::listen(silent.number(), 0), 0);
  uint16_t silent_port = net::local_address(silent.number()).port();
  Peer filler = connect_to(silent_port);
  start_tcp("cluster: origin", {.cluster = "connect_timeout: 3s", .endpoints = {silent_port}});
  Peer& client = connect();
  settle();
  EXPECT_EQ(stat("cluster.origin.upstream_rq_pending_active"), 1);
  advance(seconds(4));
  until_ended(client);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_connect_timeout"), 1);
}

constexpr std::size_t kBig = 40 * 1024 * 1024;
constexpr std::size_t kMayPass = 26 * 1024 * 1024;  // what the sockets' buffers take, and ours

TEST_F(TcpTunnel, AClientThatDoesNotReadHoldsTheServerUp) {
  start_tcp("cluster: origin", {.listener = "per_connection_buffer_limit_bytes: 65536"});
  Peer& client = tunnel(16 * 1024);
  client.set_reading(false);
  server().send(std::string(kBig, 'x'));
  settle();
  for (int i = 0; i < 2000; ++i) step();
  EXPECT_GT(server().unsent(), kBig - kMayPass);
  EXPECT_GT(stat("cluster.origin.upstream_flow_control_paused_reading_total"), 0);
  client.set_reading(true);
  until([&] { return client.received().size() == kBig; }, "all of it");
  EXPECT_EQ(stat("tcp.t.downstream_cx_tx_bytes_total"), static_cast<int64_t>(kBig));
  EXPECT_EQ(stat("tcp.t.downstream_cx_tx_bytes_buffered"), 0);
}

TEST_F(TcpTunnel, AServerThatDoesNotReadHoldsTheClientUp) {
  start_tcp("cluster: origin", {.cluster = "per_connection_buffer_limit_bytes: 65536"});
  Peer& client = tunnel();
  server().set_reading(false);
  client.send(std::string(kBig, 'x'));
  for (int i = 0; i < 2000; ++i) step();
  EXPECT_GT(client.unsent(), kBig - kMayPass);
  EXPECT_GT(stat("tcp.t.downstream_flow_control_paused_reading_total"), 0);
  server().set_reading(true);
  until([&] { return server().received().size() == kBig; }, "all of it");
  client.finish();
  server().finish();
  until([&] { return server().ended() && client.ended(); }, "the end");
  EXPECT_EQ(stat("cluster.origin.upstream_cx_tx_bytes_total"), static_cast<int64_t>(kBig));
  EXPECT_EQ(stat("cluster.origin.upstream_cx_tx_bytes_buffered"), 0);
  EXPECT_EQ(worker_->connections(), 0u);
}

TEST_F(TcpTunnel, WhatAClientSentBeforeItLeftStillArrives) {
  start_tcp();
  Peer& client = tunnel();
  server().set_reading(false);
  constexpr std::size_t kSome = 8 * 1024 * 1024;
  client.send(std::string(kSome, 'x'));
  until([&] { return client.unsent() == 0; }, "all is with the proxy");
  settle();
  client.reset();
  settle();
  EXPECT_EQ(stat("tcp.t.upstream_flush_total"), stat("tcp.t.upstream_flush_active"));
  server().set_reading(true);
  until([&] { return server().ended(); }, "the end");
  settle();
  EXPECT_EQ(stat("tcp.t.upstream_flush_active"), 0);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_active"), 0);
}

TEST_F(TcpTunnel, WeightsSpreadConnections) {
  RawOrigin other;
  also_step_.push_back([&] { other.poll(); });
  start_tcp("weighted_clusters: {clusters: [{name: origin, weight: 1}, {name: other, weight: 1}]}",
            {.clusters = "{name: other, load_assignment: {cluster_name: other, endpoints: "
                         "[{lb_endpoints: [{endpoint: {address: {socket_address: {address: "
                         "127.0.0.1, port_value: " +
                         std::to_string(other.port()) + "}}}}]}]}}, "});
  for (int i = 0; i < 40; ++i) connect();
  until([&] { return server_.connections() + other.connections() == 40; }, "all are through");
  EXPECT_GT(server_.connections(), 5u);
  EXPECT_GT(other.connections(), 5u);
  also_step_.pop_back();
  worker_.reset();
}

TEST_F(TcpTunnel, LogsEachConnection) {
  std::string path = testing::TempDir() + "/tcp_tunnel.log";
  ::unlink(path.c_str());
  start_tcp(
      "cluster: origin, access_log_options: {flush_access_log_on_connected: true}, access_log: "
      "[{name: f, typed_config: {'@type': type.googleapis.com/envoy.extensions.access_loggers.file."
      "v3.FileAccessLog, path: " +
      path +
      ", log_format: {text_format_source: {inline_string: \"%ACCESS_LOG_TYPE% %RESPONSE_FLAGS% "
      "%BYTES_RECEIVED% %BYTES_SENT% %UPSTREAM_CLUSTER% "
      "%UPSTREAM_REQUEST_ATTEMPT_COUNT%\\n\"}}}}]");
  Peer& client = tunnel();
  client.send("12345");
  until([&] { return server().received() == "12345"; }, "bytes");
  server().send("123");
  until([&] { return client.received() == "123"; }, "bytes");
  server().reset();
  until_ended(client);
  worker_.reset();
  sinks_.reset();
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, "TcpUpstreamConnected - 0 0 origin 1\nTcpConnectionEnd UR 5 3 origin 1\n");
}

TEST_F(TcpTunnel, TheListenerLogsEachConnectionToo) {
  std::string path = testing::TempDir() + "/tcp_listener.log";
  ::unlink(path.c_str());
  start_tcp("cluster: origin",
            {.listener = "access_log: [{name: f, typed_config: {'@type': type.googleapis.com/envoy."
                         "extensions.access_loggers.file.v3.FileAccessLog, path: " +
                         path +
                         ", log_format: {text_format_source: {inline_string: "
                         "\"%ACCESS_LOG_TYPE% %BYTES_RECEIVED% %UPSTREAM_CLUSTER% "
                         "%DOWNSTREAM_LOCAL_CLOSE_REASON%\\n\"}}}}]"});
  Peer& client = tunnel();
  client.send("12345");
  until([&] { return server().received() == "12345"; }, "bytes");
  server().reset();
  until_ended(client);
  worker_.reset();
  sinks_.reset();
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(text, "NotSet 5 origin -\n");
}

TEST_F(TcpTunnel, AWorkerThatEndsClosesItsConnections) {
  start_tcp();
  Peer& client = tunnel();
  worker_.reset();
  for (int i = 0; i < 10 && !client.ended(); ++i) client.poll();
  EXPECT_TRUE(client.ended());
}

}  // namespace
}  // namespace pillion::component
