// A TCP connection's client or server resets it in each phase, behind listener filters or without:
// the other side hears of it, and nothing is left behind.

#include "tests/component/raw_origin.h"
#include "tests/component/world.h"

namespace pillion::component {
namespace {

enum class Moment {
  kConnected,
  kClientSpoke,
  kServerSpoke,
  kBothSpoke,
  kClientEnded,
  kServerEnded,
  kServerFull,  // does not read, and the proxy holds what it may
  kClientFull
};

struct Case {
  Moment moment;
  bool by_client;
  bool inspected;
};

std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
  constexpr const char* kNames[] = {"Connected",   "ClientSpoke", "ServerSpoke", "BothSpoke",
                                    "ClientEnded", "ServerEnded", "ServerFull",  "ClientFull"};
  return std::string(info.param.by_client ? "Client" : "Server") + "Resets" +
         kNames[static_cast<int>(info.param.moment)] + (info.param.inspected ? "Inspected" : "");
}

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (int moment = 0; moment <= static_cast<int>(Moment::kClientFull); ++moment)
    for (bool by_client : {false, true})
      for (bool inspected : {false, true})
        cases.push_back({static_cast<Moment>(moment), by_client, inspected});
  return cases;
}

class TcpPhases : public World, public ::testing::WithParamInterface<Case> {
 protected:
  TcpPhases() {
    also_step_.emplace_back([this] { server_.poll(); });
  }
  void start_tcp() {
    std::string filters =
        "stat_prefix: l, listener_filters: [{name: t, typed_config: {'@type': type.googleapis.com/"
        "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector}}]";
    start({.listener = GetParam().inspected ? filters : "stat_prefix: l",
           .cluster = "per_connection_buffer_limit_bytes: 65536",
           .endpoints = {server_.port()},
           .chains = "{filters: [{name: tcp, typed_config: {'@type': type.googleapis.com/envoy."
                     "extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: "
                     "origin}}]}"});
  }
  Peer& server() { return server_.peer(); }
  void speak(Peer& from, Peer& to) {
    from.send("words");
    until([&] { return to.received() == "words"; }, "words");
  }
  void end(Peer& from, Peer& to) {
    from.finish();
    until([&] { return to.ended(); }, "the end");
  }
  void fill(Peer& from, Peer& to) {
    to.set_reading(false);
    from.send(std::string(32 * 1024 * 1024, 'f'));
    settle();
    ASSERT_GT(from.unsent(), 0u);
  }
  void go_to(Moment moment, Peer& client) {
    switch (moment) {
      case Moment::kConnected:
        return;
      case Moment::kClientSpoke:
        return speak(client, server());
      case Moment::kServerSpoke:
        return speak(server(), client);
      case Moment::kBothSpoke:
        speak(client, server());
        return speak(server(), client);
      case Moment::kClientEnded:
        return end(client, server());
      case Moment::kServerEnded:
        return end(server(), client);
      case Moment::kServerFull:
        return fill(client, server());
      case Moment::kClientFull:
        return fill(server(), client);
    }
  }

  RawOrigin server_;
};

TEST_P(TcpPhases, ReachesTheOtherSideAndLeavesNothing) {
  start_tcp();
  Peer& client = connect();
  until([&] { return server_.connections() == 1; }, "the server is connected");
  settle();
  go_to(GetParam().moment, client);
  Peer& one = GetParam().by_client ? client : server();
  Peer& other = GetParam().by_client ? server() : client;
  one.reset();
  settle();
  // Before either has said a word nothing is decided yet, and another server may be meant.
  bool undecided = GetParam().inspected && GetParam().moment == Moment::kConnected;
  if (undecided && !GetParam().by_client) advance(seconds(16));
  other.set_reading(true);
  until([&] { return other.ended(); }, "the other side hears of it");
  other.close();
  settle();
  EXPECT_EQ(worker_->connections(), 0u);
  EXPECT_EQ(stat("cluster.origin.upstream_cx_active"), 0);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_active"), 0);
  EXPECT_EQ(stat("tcp.t.downstream_cx_rx_bytes_buffered"), 0);
  EXPECT_EQ(stat("listener.l.downstream_cx_active"), 0);
  EXPECT_EQ(stat("listener.l.downstream_pre_cx_active"), 0);
}
INSTANTIATE_TEST_SUITE_P(Resets, TcpPhases, ::testing::ValuesIn(all_cases()), name_of_case);

}  // namespace
}  // namespace pillion::component
