// A server on its way out: what is in flight ends well, what is idle goes.

#include "sidecar/server/drain.h"

#include "tests/component/world.h"

namespace pillion::component {
namespace {

using server::DrainSchedule;
using server::Options;
using ::testing::HasSubstr;
using ::testing::Not;

class Drain : public World {
 protected:
  // As the server does on SIGTERM.
  void shut_down() {
    life_.begin_shutdown({clock_.now(), seconds(600), Options::DrainStrategy::kGradual});
    worker_->stop_listeners();
    worker_->drain_connections();
    settle();
  }
  server::Lifecycle life_{process_};
};

TEST_F(Drain, RequestInFlightIsAnsweredAndItsConnectionClosed) {
  start();
  origin_.then_hang();
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  until([&] { return origin_.requests().size() == 1; }, "the request arrives");
  shut_down();
  EXPECT_FALSE(client.ended());
  EXPECT_EQ(worker_->connections(), 1u);
  origin_.connection(0).send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  until_ended(client);
  EXPECT_THAT(client.received(), HasStatus(200));
  EXPECT_THAT(client.received(), HasSubstr("connection: close\r\n"));
  EXPECT_EQ(worker_->connections(), 0u);
}

TEST_F(Drain, IdleConnectionIsClosedAtOnce) {
  start();
  Peer& used = connect();
  Peer& fresh = connect();
  get(used);
  shut_down();
  EXPECT_TRUE(used.ended());
  EXPECT_TRUE(fresh.ended());
  EXPECT_EQ(worker_->connections(), 0u);
}

TEST_F(Drain, RequestWaitingInTheBacklogIsStillServed) {
  start();
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  // Connected and sent, but the worker has not run since.
  shut_down();
  until_ended(client);
  EXPECT_THAT(client.received(), HasStatus(200));
}

TEST_F(Drain, ListenersAreClosed) {
  start();
  shut_down();
  auto refused = net::start_connect(*Address::parse_ip("127.0.0.1", port()), {});
  settle();
  EXPECT_TRUE(!refused || net::take_socket_error(refused->number()) == ECONNREFUSED);
}

TEST_F(Drain, GradualDrainClosesTheShareOfTheTimeThatHasPassed) {
  start();
  ASSERT_TRUE(life_.begin_drain({clock_.now(), seconds(600), Options::DrainStrategy::kGradual}));
  life_.update(clock_.now() + seconds(300));
  int closed = 0;
  constexpr int kRequests = 400;
  for (int i = 0; i < kRequests; ++i) {
    Peer& client = connect();
    if (get(client).find("connection: close") != std::string::npos) ++closed;
    client.close();
  }
  EXPECT_NEAR(closed, kRequests / 2, 60);
  EXPECT_EQ(stat("http.ingress.downstream_cx_drain_close"), closed);
}

TEST_F(Drain, FailedHealthChecksCloseEveryConnectionAndMendingStopsThat) {
  start();
  life_.fail_health_checks(true, clock_.now());
  Peer& first = connect();
  EXPECT_THAT(get(first), HasSubstr("connection: close"));
  life_.fail_health_checks(false, clock_.now());
  Peer& second = connect();
  EXPECT_THAT(get(second), Not(HasSubstr("connection: close")));
}

}  // namespace
}  // namespace pillion::component
