// Pools: reuse, queues, limits, ages, and what becomes of those who wait.

#include "sidecar/upstream/pool.h"

#include <sys/resource.h>

#include "tests/unit/upstream/pool_world.h"

namespace pillion::upstream {
namespace {

class PoolTest : public PoolWorld {};

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

// Regression: drained pools stayed in the table until the endpoints changed once more.
TEST_F(PoolTest, LeavesItsClusterWhenItsEndpointIsGoneAndTheLastRequestDone) {
  start();
  Request request;
  arrive(request, 0);
  Pool& old = pool();
  EXPECT_EQ(cluster_->pools(), 1U);
  replace_endpoints();
  EXPECT_TRUE(old.draining());
  EXPECT_EQ(cluster_->pools(), 1U);
  served_[0]->send(kOk);
  until([&] { return request.log.ends_with("end "); });
  EXPECT_EQ(cluster_->pools(), 0U);
}

TEST_F(PoolTest, LeavesItsClusterAtOnceWhenItHasNothing) {
  start();
  Request request;
  arrive(request, 0);
  served_[0]->send(kOk);
  until([&] { return request.log.ends_with("end "); });
  EXPECT_EQ(cluster_->pools(), 1U);
  cluster_->drain();
  EXPECT_EQ(cluster_->pools(), 0U);
  EXPECT_TRUE(cluster_->idle());
  until([&] { return served_[0]->ended(); });
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
