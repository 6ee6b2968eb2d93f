// Connections that stop being HTTP: what passes, what is counted, and how they end.

#include "tests/component/world.h"

namespace pillion::component {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kAsk =
    "GET / HTTP/1.1\r\nhost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n";
constexpr std::string_view kGranted =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view kUpgrades = "upgrade_configs: [{upgrade_type: websocket}]";

class Tunnels : public World {
 protected:
  // A tunnel through which "hello" has passed.
  Peer& open() {
    start({.hcm = std::string(kUpgrades)});
    origin_.then([](Peer& peer) { peer.send(kGranted); });
    Peer& client = connect();
    client.send(kAsk);
    until([&] { return client.received().ends_with("\r\n\r\n"); }, "the upgrade is granted");
    client.send("hello");
    until([this] { return origin_.unparsed(0).ends_with("hello"); }, "bytes pass");
    return client;
  }
  int64_t http(std::string_view name) { return stat("http.ingress." + std::string(name)); }
};

TEST_F(Tunnels, FieldsOfTheUpgradePassAsTheyWereWritten) {
  Peer& client = open();
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("connection: keep-alive, Upgrade\r\n"));
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("upgrade: WebSocket\r\n"));
  EXPECT_THAT(client.received(), HasStatus(101));
  EXPECT_THAT(client.received(), HasSubstr("connection: Upgrade\r\n"));
  EXPECT_THAT(client.received(), HasSubstr("upgrade: websocket\r\n"));
  EXPECT_THAT(client.received(), Not(HasSubstr("x-envoy-upstream-service-time")));
  EXPECT_EQ(http("downstream_cx_upgrades_total"), 1);
  EXPECT_EQ(http("downstream_cx_upgrades_active"), 1);
}

TEST_F(Tunnels, AClientThatLeavesResetsNothingOfOurs) {
  open().close();
  settle();
  EXPECT_TRUE(origin_.connection(0).ended());
  EXPECT_EQ(http("downstream_rq_rx_reset"), 1);
  EXPECT_EQ(http("downstream_rq_tx_reset"), 0);
  EXPECT_EQ(http("downstream_rq_response_before_rq_complete"), 1);
  EXPECT_EQ(http("downstream_cx_upgrades_active"), 0);
}

TEST_F(Tunnels, AnOriginThatLeavesEndsTheConnection) {
  Peer& client = open();
  origin_.connection(0).send("bye");
  origin_.connection(0).finish();
  until_ended(client);
  EXPECT_THAT(client.received(), EndsWith("bye"));
  EXPECT_EQ(http("downstream_rq_rx_reset"), 1);
  EXPECT_EQ(http("downstream_rq_tx_reset"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_destroy_remote_with_active_rq"), 1);
}

TEST_F(Tunnels, AnUpgradeThatTheOriginDeclinesEndsBothConnections) {
  start({.hcm = std::string(kUpgrades)});
  Peer& client = connect();
  client.send(kAsk);
  until_ended(client);
  EXPECT_THAT(client.received(), HasStatus(200));
  EXPECT_THAT(client.received(), HasSubstr("connection: close\r\n"));
  EXPECT_THAT(client.received(), EndsWith("\r\n\r\nok"));
  EXPECT_TRUE(origin_.connection(0).ended());
  EXPECT_EQ(stat("cluster.origin.upstream_cx_destroy_local_with_active_rq"), 1);
  EXPECT_EQ(http("downstream_cx_upgrades_total"), 1);
  EXPECT_EQ(http("downstream_cx_upgrades_active"), 0);
}

TEST_F(Tunnels, AnUpgradeThatIsNotConfiguredIsRefused) {
  start();
  Peer& client = connect();
  client.send(kAsk);
  until_ended(client);
  EXPECT_THAT(client.received(), HasStatus(403));
  EXPECT_EQ(origin_.requests().size(), 0u);
  EXPECT_EQ(http("downstream_rq_ws_on_non_ws_route"), 1);
  EXPECT_EQ(http("downstream_rq_rx_reset"), 1);
  EXPECT_EQ(http("downstream_cx_upgrades_total"), 0);
}

TEST_F(Tunnels, AConnectThatEndsHereSendsBytesAloneOverAConnectionOfItsOwn) {
  start({.hcm = "upgrade_configs: [{upgrade_type: CONNECT}]",
         .routes = "{match: {connect_matcher: {}}, route: {cluster: origin, upgrade_configs: "
                   "[{upgrade_type: CONNECT, connect_config: {}}]}}, "});
  get(connect());  // leaves an idle connection that has spoken HTTP
  Peer& client = connect();
  client.send("CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\nearly");
  until([&] { return client.received().ends_with("\r\n\r\n"); }, "the tunnel is open");
  EXPECT_THAT(client.received(), HasStatus(200));
  client.send(" late");
  until([&] { return origin_.unparsed(1) == "early late"; }, "bytes pass");
  origin_.connection(1).send("answer");
  until([&] { return client.received().ends_with("answer"); }, "and come back");
  client.close();
  settle();
  EXPECT_TRUE(origin_.connection(1).ended());
  EXPECT_EQ(stat("cluster.origin.upstream_cx_total"), 2);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_http1_total"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_active"), 1);
}

}  // namespace
}  // namespace pillion::component
