#include "sidecar/net/socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

namespace pillion::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Address ip(const std::string& text, uint16_t port = 0) {
  return *Address::parse_ip(text, port);
}

template <class T>
T option(const Fd& fd, int level, int name) {
  T value{};
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(fd.number(), level, name, &value, &size), 0);
  return value;
}

TEST(Fd, ClosesWhatItOwns) {
  int pair[2];
  ASSERT_EQ(::pipe(pair), 0);
  Fd writing(pair[1]);
  {
    Fd reading(pair[0]);
    Fd moved = std::move(reading);
    EXPECT_FALSE(reading.open());  // NOLINT(bugprone-use-after-move): that is the point
    EXPECT_TRUE(moved.open());
  }
  EXPECT_EQ(::fcntl(pair[0], F_GETFD), -1);
  EXPECT_NE(::fcntl(pair[1], F_GETFD), -1);
  Fd other = std::move(writing);
  other = Fd();
  EXPECT_EQ(::fcntl(pair[1], F_GETFD), -1);
}

TEST(ListenOn, BindsNonBlockingWithoutDelay) {
  Result<Fd, Problem> fd = listen_on(ip("127.0.0.1"), {});
  ASSERT_TRUE(fd.has_value());
  EXPECT_NE(::fcntl(fd->number(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd->number(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(option<int>(*fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_NE(local_address(fd->number()).port(), 0);
}

TEST(ListenOn, SharesAPortOnlyWhenAsked) {
  Result<Fd, Problem> first = listen_on(ip("127.0.0.1"), {});
  ASSERT_TRUE(first.has_value());
  Address at = local_address(first->number());
  EXPECT_TRUE(listen_on(at, {}).has_value());
  Result<Fd, Problem> alone = listen_on(at, {.reuse_port = false});
  ASSERT_FALSE(alone.has_value());
  EXPECT_THAT(alone.error().message, AllOf(HasSubstr(at.to_string()), HasSubstr("in use")));
}

TEST(ListenOn, SaysWhatIsWrongWithAForeignAddress) {
  Result<Fd, Problem> fd = listen_on(ip("192.0.2.1", 80), {});
  ASSERT_FALSE(fd.has_value());
  EXPECT_THAT(fd.error().message, AllOf(HasSubstr("192.0.2.1:80"), HasSubstr("no interface")));
}

TEST(ListenOn, TakesUnixPathsAndReplacesAStaleOne) {
  std::string path = testing::TempDir() + "pillion_listen_" + std::to_string(::getpid());
  Address at = *Address::unix_path(path);
  {
    Result<Fd, Problem> fd = listen_on(at, {});
    ASSERT_TRUE(fd.has_value());
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  Result<Fd, Problem> again = listen_on(at, {});
  ASSERT_TRUE(again.has_value()) << again.error().message;
  Result<Fd> client = start_connect(at, {});
  EXPECT_TRUE(client.has_value());
  std::filesystem::remove(path);
}

TEST(ListenOn, TakesAbstractUnixNames) {
  Address at = *Address::unix_path("@pillion_test_" + std::to_string(::getpid()));
  Result<Fd, Problem> fd = listen_on(at, {});
  ASSERT_TRUE(fd.has_value()) << fd.error().message;
  EXPECT_TRUE(start_connect(at, {}).has_value());
}

// Regression: anything at the path was removed, a file of somebody's included.
TEST(ListenOn, LeavesAFileThatIsNoSocketAlone) {
  std::string path = testing::TempDir() + "pillion_file_" + std::to_string(::getpid());
  Fd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ASSERT_TRUE(file.open());
  Result<Fd, Problem> fd = listen_on(*Address::unix_path(path), {});
  EXPECT_FALSE(fd.has_value());
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
  std::filesystem::remove(path);
}

TEST(StartConnect, SetsWhatWasAsked) {
  Result<Fd, Problem> server = listen_on(ip("127.0.0.1"), {});
  ASSERT_TRUE(server.has_value());
  Address source = ip("127.0.0.9");
  ConnectOptions options{
      .source = &source,
      .keepalive = {.enabled = true, .probes = 3, .time_s = 17, .interval_s = 5}};
  Result<Fd> fd = start_connect(local_address(server->number()), options);
  ASSERT_TRUE(fd.has_value());
  EXPECT_EQ(local_address(fd->number()).ip_string(), "127.0.0.9");
  EXPECT_EQ(peer_address(fd->number()), local_address(server->number()));
  EXPECT_EQ(option<int>(*fd, SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option<int>(*fd, IPPROTO_TCP, TCP_KEEPIDLE), 17);
  EXPECT_EQ(option<int>(*fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(option<int>(*fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
  EXPECT_EQ(option<int>(*fd, IPPROTO_TCP, TCP_NODELAY), 1);
}

TEST(StartConnect, FailsAtOnceWithAForeignSource) {
  Address source = ip("192.0.2.1");
  Result<Fd> fd = start_connect(ip("127.0.0.1", 1), {.source = &source, .keepalive = {}});
  ASSERT_FALSE(fd.has_value());
  EXPECT_EQ(fd.error().code, Code::kRefused);
  EXPECT_EQ(fd.error().origin, Origin::kUpstream);
}

TEST(StartConnect, FailsAtOnceWithoutAUnixSocket) {
  Result<Fd> fd = start_connect(*Address::unix_path("/nonexistent/socket"), {});
  ASSERT_FALSE(fd.has_value());
  EXPECT_TRUE(fd.error().retriable);
}

TEST(AcknowledgedBytes, AreUnknownForUnixSockets) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  Fd a(pair[0]);
  Fd b(pair[1]);
  EXPECT_EQ(acknowledged_bytes(a.number()), -1);
}

}  // namespace
}  // namespace pillion::net
