// The whole server with its threads: start, refusal to start, serving from several workers, admin,
// end.

#include "sidecar/server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <fstream>
#include <future>
#include <mutex>
#include <thread>

#include "filters/builtin.h"
#include "tests/component/peers.h"
#include "tests/component/world.h"
#include "xds/bootstrap.h"

namespace pillion::component {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

// Polls until `done`, waiting for readiness in between; ten seconds at most.
bool wait_for(const std::function<bool()>& done, const std::function<void()>& poll_all) {
  auto end = std::chrono::steady_clock::now() + seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    poll_all();
    ::poll(nullptr, 0, 1);
  }
  return true;
}

class ServerTest : public ::testing::Test {
 protected:
  ~ServerTest() override {
    if (thread_.joinable()) {
      server_->stop();
      thread_.join();
    }
  }

  static server::ServerDeps deps() {
    server::ServerDeps deps;
    deps.load =
        [](const server::Options& options,
           metrics::Registry& registry) -> Result<config::Bootstrap, std::vector<std::string>> {
      xds::LoadOptions from;
      from.yaml_overlay = options.config_yaml;
      from.filters = filters::builtin();
      from.metrics = &registry;
      TRY(xds::Loaded loaded, xds::load_bootstrap(from));
      return std::move(loaded.bootstrap);
    };
    deps.dump_json = xds::dump_json;
    deps.watch_signals = false;
    return deps;
  }
  static server::Options options_for(std::string yaml, unsigned workers = 2) {
    server::Options options;
    options.config_yaml = std::move(yaml);
    options.concurrency = workers;
    return options;
  }
  std::string yaml() {
    return "{admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}, " +
           bootstrap_yaml({.endpoints = {origin_.port()}}).substr(1);
  }

  void start(server::Options options) {
    options.admin_address_path = admin_path_;
    server_ = std::make_unique<server::Server>(std::move(options), deps());
    std::promise<uint16_t> live;
    server_->on_live([&] { live.set_value(server_->listeners()[0].address.port()); });
    thread_ = std::thread([this] { exit_code_ = server_->run(); });
    auto port = live.get_future();
    ASSERT_EQ(port.wait_for(seconds(10)), std::future_status::ready);
    port_ = port.get();
    std::string address;
    std::ifstream(admin_path_) >> address;
    admin_port_ = static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }
  int join() {
    thread_.join();
    return exit_code_;
  }
  std::string ask(uint16_t port, std::string_view request, std::string_view end) {
    Peer client = connect_to(port);
    client.send(request);
    EXPECT_TRUE(wait_for([&] { return client.received().ends_with(end) || client.ended(); },
                         [&] { client.poll(), origin_.poll(); }));
    return client.received();
  }
  std::string admin(std::string_view method, std::string_view path) {
    Peer client = connect_to(admin_port_);
    client.send(std::string(method) + " " + std::string(path) +
                " HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    EXPECT_TRUE(wait_for([&] { return client.ended(); }, [&] { client.poll(); }));
    return client.received();
  }

  Origin origin_;
  std::string admin_path_ = ::testing::TempDir() + "pillion_admin_" + std::to_string(::getpid());
  std::unique_ptr<server::Server> server_;
  std::thread thread_;
  int exit_code_ = -1;
  uint16_t port_ = 0;
  uint16_t admin_port_ = 0;
};

TEST_F(ServerTest, PortInUseStopsTheStartWithAClearMessage) {
  // With SO_REUSEPORT on both sides the system would share the port, as it does for Envoy.
  auto taken = net::listen_on(*Address::parse_ip("127.0.0.1", 0), {.reuse_port = false});
  ASSERT_TRUE(taken);
  std::string port = std::to_string(net::local_address(taken->number()).port());
  std::string text = yaml();
  // The second port_value is the listener's; the first is the admin's.
  std::size_t at = text.rfind("port_value: 0");
  text.replace(at, 13, "port_value: " + port);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(server::Server(options_for(text), deps()).run(), 1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("listener 'main': cannot bind 127.0.0.1:" + port));
}

TEST_F(ServerTest, EveryMistakeIsPrintedAndNothingStarts) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(server::Server(options_for("{static_resources: {clusters: [{name: a, type: EDS}, "
                                       "{name: b, connect_timeout: x}]}}"),
                           deps())
                .run(),
            1);
  std::string printed = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(printed, HasSubstr("clusters[0]"));
  EXPECT_THAT(printed, HasSubstr("clusters[1]"));
}

TEST_F(ServerTest, ValidateModeOpensNoSocket) {
  auto options = options_for(yaml());
  options.mode = server::Options::Mode::kValidate;
  server::Server server(options, deps());
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(server.run(), 0);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("OK\n"));
  EXPECT_TRUE(server.listeners().empty());
}

TEST_F(ServerTest, UnwritableAdminAddressPathStopsTheStart) {
  auto options = options_for(yaml());
  options.admin_address_path = "/nonexistent/folder/file";
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(server::Server(options, deps()).run(), 1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("--admin-address-path"));
}

TEST_F(ServerTest, WorkersServeSideBySide) {
  start(options_for(yaml()));
  constexpr int kClients = 40;
  std::vector<Peer> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(connect_to(port_));
  for (int round = 1; round <= 5; ++round) {
    for (Peer& client : clients) client.received().clear(), client.send(kGet);
    ASSERT_TRUE(wait_for(
        [&] {
          for (Peer& client : clients)
            if (!client.received().ends_with("ok")) return false;
          return true;
        },
        [&] {
          origin_.poll();
          for (Peer& client : clients) client.poll();
        }));
  }
  std::string stats = admin("GET", "/stats?filter=downstream_rq_2xx|upstream_rq_200");
  EXPECT_THAT(stats, HasSubstr("http.ingress.downstream_rq_2xx: 200\n"));
  EXPECT_THAT(stats, HasSubstr("cluster.origin.upstream_rq_200: 200\n"));
}

TEST_F(ServerTest, AdminTellsOfListenersClustersAndState) {
  start(options_for(yaml()));
  ask(port_, kGet, "ok");
  EXPECT_THAT(admin("GET", "/ready"), HasSubstr("LIVE\n"));
  EXPECT_THAT(admin("GET", "/listeners"), HasSubstr("main::127.0.0.1:" + std::to_string(port_)));
  EXPECT_THAT(admin("GET", "/clusters"),
              HasSubstr("origin::127.0.0.1:" + std::to_string(origin_.port()) + "::rq_total::1\n"));
  EXPECT_THAT(admin("GET", "/config_dump?resource=static_clusters"),
              HasSubstr("\"name\": \"origin\""));
  EXPECT_THAT(admin("GET", "/stats?filter=^server.state"), HasSubstr("server.state: 0\n"));
  EXPECT_THAT(admin("GET", "/metrics"), HasSubstr("envoy_cluster_upstream_rq_total"));
}

TEST_F(ServerTest, ShutdownWaitsForWhatIsInFlight) {
  start(options_for(yaml()));
  origin_.then_hang();
  Peer client = connect_to(port_);
  client.send(kGet);
  ASSERT_TRUE(wait_for([&] { return origin_.requests().size() == 1; },
                       [&] { client.poll(), origin_.poll(); }));
  server_->shut_down();
  ASSERT_TRUE(wait_for([&] { return admin("GET", "/ready").find("DRAINING") != std::string::npos; },
                       [] {}));
  EXPECT_EQ(client.received(), "");
  origin_.connection(0).send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  ASSERT_TRUE(wait_for([&] { return client.ended(); }, [&] { client.poll(), origin_.poll(); }));
  EXPECT_THAT(client.received(), HasStatus(200));
  EXPECT_THAT(client.received(), HasSubstr("connection: close\r\n"));
  EXPECT_EQ(join(), 0);
}

TEST_F(ServerTest, ShutdownEndsAtTheDrainTimeWhateverIsLeft) {
  auto options = options_for(yaml());
  options.drain_time = seconds(0);
  start(options);
  origin_.then_hang();
  Peer client = connect_to(port_);
  client.send(kGet);
  ASSERT_TRUE(wait_for([&] { return origin_.requests().size() == 1; },
                       [&] { client.poll(), origin_.poll(); }));
  server_->shut_down();
  EXPECT_EQ(join(), 0);
  EXPECT_TRUE(wait_for([&] { return client.ended(); }, [&] { client.poll(); }));
}

TEST_F(ServerTest, QuitAnswersAndEnds) {
  start(options_for(yaml()));
  EXPECT_THAT(admin("POST", "/quitquitquit"), HasSubstr("OK\n"));
  EXPECT_EQ(join(), 0);
}

TEST_F(ServerTest, DrainedListenersRefuseConnectionsAndTheServerLivesOn) {
  start(options_for(yaml()));
  EXPECT_THAT(admin("POST", "/drain_listeners"), HasSubstr("OK\n"));
  ASSERT_TRUE(wait_for(
      [&] {
        auto socket = net::start_connect(*Address::parse_ip("127.0.0.1", port_), {});
        if (!socket) return true;
        pollfd ready{socket->number(), POLLOUT, 0};
        ::poll(&ready, 1, 1000);
        return net::take_socket_error(socket->number()) == ECONNREFUSED;
      },
      [] {}));
  EXPECT_THAT(admin("GET", "/ready"), HasSubstr("LIVE\n"));
  EXPECT_THAT(admin("GET", "/listeners"), ::testing::Not(HasSubstr("main::")));
  EXPECT_THAT(admin("GET", "/stats?filter=listeners_active"),
              HasSubstr("listener_manager.total_listeners_active: 0\n"));
}

}  // namespace
}  // namespace pillion::component
