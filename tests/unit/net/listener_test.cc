#include "sidecar/net/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace pillion::net {
namespace {

class Accepted final : public ListenerEvents {
 public:
  void on_accept(Fd fd, const Address& peer) override {
    EXPECT_TRUE(peer.is_loopback());
    sockets.push_back(std::move(fd));
    if (at_accept) at_accept();
  }
  void on_accept_failed(int error) override { errors.push_back(error); }
  std::vector<Fd> sockets;
  std::vector<int> errors;
  std::function<void()> at_accept;
};

class ListenerTest : public testing::Test {
 protected:
  void start(uint32_t max_accepts = 0) {
    Result<Fd, Problem> fd = listen_on(*Address::parse_ip("127.0.0.1", 0), {});
    ASSERT_TRUE(fd.has_value());
    listener = std::make_unique<Listener>(loop, events, std::move(*fd), max_accepts);
  }
  void connect(int count = 1) {
    for (int i = 0; i < count; ++i) {
      Result<Fd> fd = start_connect(listener->address(), {});
      ASSERT_TRUE(fd.has_value());
      clients.push_back(std::move(*fd));
    }
  }
  void until(const std::function<bool()>& done) {
    for (int i = 0; i < 10'000 && !done(); ++i) loop.run_once();
    EXPECT_TRUE(done());
  }
  void settle() {
    for (int i = 0; i < 20; ++i) loop.run_once();
  }
  io::ManualClock clock;
  io::EventLoop loop{&clock};
  Accepted events;
  std::unique_ptr<Listener> listener;
  std::vector<Fd> clients;
};

TEST_F(ListenerTest, AcceptsConnections) {
  start();
  EXPECT_NE(listener->address().port(), 0);
  connect(3);
  until([&] { return events.sockets.size() == 3; });
}

TEST_F(ListenerTest, AcceptsNoMoreThanAllowedAtOnce) {
  start(2);
  connect(5);
  until([&] { return !events.sockets.empty(); });
  EXPECT_LE(events.sockets.size(), 2U);
  until([&] { return events.sockets.size() == 5; });
}

TEST_F(ListenerTest, LeavesConnectionsInTheBacklogWhilePaused) {
  start();
  listener->pause(true);
  connect(2);
  settle();
  EXPECT_TRUE(events.sockets.empty());
  listener->pause(false);
  until([&] { return events.sockets.size() == 2; });
}

TEST_F(ListenerTest, MayBePausedWhileItAccepts) {
  start();
  events.at_accept = [&] { listener->pause(true); };
  connect(2);
  settle();
  EXPECT_EQ(events.sockets.size(), 1U);
}

TEST_F(ListenerTest, MayBeStoppedWhileItAccepts) {
  start();
  bool stopped = false;
  events.at_accept = [&] {
    if (!std::exchange(stopped, true)) listener->stop();
  };
  connect(3);
  settle();
  EXPECT_FALSE(listener->listening());
}

TEST_F(ListenerTest, ServesTheBacklogWhenItStops) {
  start();
  connect(3);
  listener->stop();
  EXPECT_EQ(events.sockets.size(), 3U);
  Result<Fd> fd = start_connect(listener->address(), {});
  ASSERT_TRUE(fd.has_value());
  settle();
  EXPECT_EQ(take_socket_error(fd->number()), ECONNREFUSED);
}

TEST_F(ListenerTest, RestsWhenDescriptorsHaveRunOut) {
  start();
  connect(1);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  settle();
  EXPECT_EQ(events.errors, std::vector<int>{EMFILE});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  settle();
  EXPECT_TRUE(events.sockets.empty());
  clock.advance(std::chrono::milliseconds(101));
  until([&] { return events.sockets.size() == 1; });
}

TEST_F(ListenerTest, StaysPausedThroughARest) {
  start();
  connect(1);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  settle();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  listener->pause(true);
  clock.advance(std::chrono::milliseconds(101));
  settle();
  EXPECT_TRUE(events.sockets.empty());
  listener->pause(false);
  until([&] { return events.sockets.size() == 1; });
}

}  // namespace
}  // namespace pillion::net
