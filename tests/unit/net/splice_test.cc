#include "sidecar/net/splice.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

namespace pillion::net {
namespace {

// Two ends of one connection, neither of which blocks.
struct Pair {
  Pair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    near = Fd(ends[0]);
    far = Fd(ends[1]);
  }
  std::string received() {
    char buffer[4096];
    ssize_t n = ::recv(far.number(), buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }
  Fd near;
  Fd far;
};

TEST(SplicePipe, MovesBytesFromOneSocketToAnother) {
  Pair from;
  Pair to;
  SplicePipe pipe;
  ASSERT_TRUE(pipe.open());
  ASSERT_EQ(::send(from.far.number(), "hello", 5, 0), 5);
  EXPECT_EQ(pipe.fill(from.near.number()), 5);
  EXPECT_EQ(pipe.held(), 5u);
  EXPECT_EQ(pipe.drain(to.near.number()), 5);
  EXPECT_EQ(pipe.held(), 0u);
  EXPECT_EQ(to.received(), "hello");
}

TEST(SplicePipe, SaysThatThereIsNothing) {
  Pair from;
  SplicePipe pipe;
  ASSERT_TRUE(pipe.open());
  EXPECT_EQ(pipe.fill(from.near.number()), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST(SplicePipe, MeetsTheEnd) {
  Pair from;
  SplicePipe pipe;
  ASSERT_TRUE(pipe.open());
  from.far.reset();
  EXPECT_EQ(pipe.fill(from.near.number()), 0);
}

TEST(SplicePipe, KeepsWhatTheOtherSideDoesNotTake) {
  Pair from;
  Pair to;
  std::string block(4096, 'x');
  while (::send(to.near.number(), block.data(), block.size(), 0) > 0) {
  }
  SplicePipe pipe;
  ASSERT_TRUE(pipe.open());
  ASSERT_EQ(::send(from.far.number(), "late", 4, 0), 4);
  ASSERT_EQ(pipe.fill(from.near.number()), 4);
  EXPECT_EQ(pipe.drain(to.near.number()), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(pipe.held(), 4u);
}

TEST(SplicePipe, MayBeUsedAgain) {
  SplicePipe pipe;
  ASSERT_TRUE(pipe.open());
  pipe.close();
  EXPECT_FALSE(pipe.is_open());
  ASSERT_TRUE(pipe.open());
  EXPECT_EQ(pipe.held(), 0u);
}

}  // namespace
}  // namespace pillion::net
