// Connections over socket pairs and loopback TCP: order of events, back-pressure, ends and
// failures.

#include "sidecar/net/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>

#include "sidecar/net/listener.h"

namespace pillion::net {
namespace {

// The other end of a connection, played by the test; never blocks.
class Peer {
 public:
  explicit Peer(Fd fd) : fd_(std::move(fd)) {}
  std::size_t send(std::string_view bytes) {
    ssize_t n = ::send(fd_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  // Reads at most `most` bytes.
  void read(std::size_t most = SIZE_MAX) {
    char buffer[16 * 1024];
    while (most > 0) {
      ssize_t n = ::recv(fd_.number(), buffer, std::min(most, sizeof(buffer)), MSG_DONTWAIT);
      if (n == 0) ended = true;
      if (n < 0 && errno == ECONNRESET) reset = true;
      if (n <= 0) return;
      received.append(buffer, static_cast<std::size_t>(n));
      most -= static_cast<std::size_t>(n);
    }
  }
  void finish() { ::shutdown(fd_.number(), SHUT_WR); }
  void close() { fd_.reset(); }
  void abort() {
    linger on{1, 0};
    ::setsockopt(fd_.number(), SOL_SOCKET, SO_LINGER, &on, sizeof(on));
    fd_.reset();
  }
  std::string received;
  bool ended = false;
  bool reset = false;

 private:
  Fd fd_;
};

class Events final : public ConnectionEvents {
 public:
  void on_data(std::string_view bytes) override {
    data += bytes;
    if (at_data) at_data();
  }
  void on_end() override {
    log += "end ";
    if (at_end) at_end();
  }
  void on_failed(Error error) override {
    log += "failed ";
    why = error;
  }
  void on_connected() override {
    log += "connected ";
    if (at_connected) at_connected();
  }
  void on_drained() override { log += "drained "; }
  void on_flushed() override {
    log += "flushed ";
    if (at_flushed) at_flushed();
  }
  std::string data;
  std::string log;
  Error why{};
  std::function<void()> at_data;
  std::function<void()> at_end;
  std::function<void()> at_connected;
  std::function<void()> at_flushed;
};

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    Result<Address, Problem> any = Address::parse_ip("127.0.0.1", 0);
    Result<Fd, Problem> fd = listen_on(*any, {});
    EXPECT_TRUE(fd.has_value());
    listening_ = std::move(*fd);
  }
  // A TCP connection whose one end is the test's.
  void open() {
    Result<Fd> fd = start_connect(local_address(listening_.number()), {});
    ASSERT_TRUE(fd.has_value());
    peer = std::make_unique<Peer>(std::move(*fd));
    int accepted = -1;
    until([&] {
      accepted = ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      return accepted >= 0;
    });
    connection = std::make_unique<Connection>(loop, events, Fd(accepted));
  }
  void step() { loop.run_once(); }
  void until(const std::function<bool()>& done) {
    bool reached = done();
    for (int i = 0; i < 100'000 && !reached; ++i) {
      step();
      reached = done();
    }
    EXPECT_TRUE(reached);
  }
  // Writes until the system takes no more and `unsent` bytes wait.
  void clog(std::size_t unsent) {
    std::string block(64 * 1024, 'x');
    while (connection->unsent() < unsent) {
      connection->write(block);
      written += block.size();
      step();
    }
  }

  io::ManualClock clock;
  io::EventLoop loop{&clock};
  Events events;
  Fd listening_;
  std::unique_ptr<Peer> peer;
  std::unique_ptr<Connection> connection;
  std::size_t written = 0;
};

TEST_F(ConnectionTest, PassesDataOn) {
  open();
  peer->send("hello");
  until([&] { return events.data == "hello"; });
  EXPECT_EQ(connection->bytes_read(), 5U);
}

TEST_F(ConnectionTest, WritesWhatWasAppendedAtTheIterationsEnd) {
  open();
  connection->output().append("hello");
  connection->write(" world");
  peer->read();
  EXPECT_EQ(peer->received, "");
  until([&] {
    peer->read();
    return peer->received == "hello world";
  });
  EXPECT_EQ(connection->bytes_written(), 11U);
  EXPECT_EQ(connection->unsent(), 0U);
}

TEST_F(ConnectionTest, KeepsTheOrderOfSmallAndLargeWrites) {
  open();
  std::string expected;
  for (int i = 0; i < 40; ++i) {
    std::string piece(i % 3 == 0 ? 40'000 : 7, static_cast<char>('a' + i % 26));
    connection->write(piece);
    expected += piece;
  }
  until([&] {
    peer->read();
    return peer->received.size() == expected.size();
  });
  EXPECT_EQ(peer->received, expected);
}

TEST_F(ConnectionTest, ReportsTheEndAfterTheData) {
  open();
  peer->send("bye");
  peer->finish();
  until([&] { return !events.log.empty(); });
  EXPECT_EQ(events.data, "bye");
  EXPECT_EQ(events.log, "end ");
  EXPECT_TRUE(connection->open());
  connection->write("answer");
  until([&] {
    peer->read();
    return peer->received == "answer";
  });
  for (int i = 0; i < 10; ++i) step();
  EXPECT_EQ(events.log, "end ");
}

TEST_F(ConnectionTest, DoesNotReadWhilePaused) {
  open();
  connection->pause_reads();
  connection->pause_reads();
  peer->send("hello");
  for (int i = 0; i < 20; ++i) step();
  connection->resume_reads();
  for (int i = 0; i < 20; ++i) step();
  EXPECT_EQ(events.data, "");
  connection->resume_reads();
  until([&] { return events.data == "hello"; });
}

TEST_F(ConnectionTest, MayBePausedFromWithin) {
  open();
  events.at_data = [&] { connection->pause_reads(); };
  std::string much(200'000, 'x');
  std::size_t sent = peer->send(much);
  until([&] { return !events.data.empty(); });
  std::size_t first = events.data.size();
  for (int i = 0; i < 20; ++i) step();
  EXPECT_EQ(events.data.size(), first);
  events.at_data = nullptr;
  connection->resume_reads();
  until([&] { return events.data.size() == sent; });
}

TEST_F(ConnectionTest, SeesAHangupWhilePausedWhenAsked) {
  open();
  connection->watch_hangup(true);
  connection->pause_reads();
  peer->send("unread");
  peer->finish();
  until([&] { return events.log == "end "; });
  EXPECT_EQ(events.data, "");
}

TEST_F(ConnectionTest, DoesNotSeeAHangupWhilePausedOtherwise) {
  open();
  connection->pause_reads();
  peer->send("unread");
  peer->finish();
  for (int i = 0; i < 50; ++i) step();
  EXPECT_EQ(events.log, "");
  connection->resume_reads();
  until([&] { return events.log == "end "; });
  EXPECT_EQ(events.data, "unread");
}

TEST_F(ConnectionTest, TellsOfBackPressureAndRelief) {
  open();
  connection->set_watermark(256 * 1024);
  EXPECT_FALSE(connection->clogged());
  clog(300 * 1024);
  EXPECT_TRUE(connection->clogged());
  EXPECT_EQ(events.log, "");
  while (connection->unsent() > 128 * 1024) {
    EXPECT_TRUE(connection->clogged());
    EXPECT_EQ(events.log, "");
    peer->read(32 * 1024);
    step();
  }
  until([&] { return events.log == "drained "; });
  EXPECT_FALSE(connection->clogged());
  until([&] {
    peer->read();
    return peer->received.size() == written;
  });
  EXPECT_EQ(events.log, "drained ");
}

TEST_F(ConnectionTest, TellsOnceWhenAllHasLeft) {
  open();
  connection->notify_flushed();
  until([&] { return events.log == "flushed "; });
  clog(100 * 1024);
  connection->notify_flushed();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(events.log, "flushed ");
  until([&] {
    peer->read();
    return events.log == "flushed flushed ";
  });
  EXPECT_EQ(connection->unsent(), 0U);
}

TEST_F(ConnectionTest, FinishesAfterAllHasLeft) {
  open();
  clog(100 * 1024);
  connection->shutdown_write();
  for (int i = 0; i < 5; ++i) step();
  until([&] {
    peer->read();
    return peer->ended;
  });
  EXPECT_EQ(peer->received.size(), written);
  peer->send("still heard");
  until([&] { return events.data == "still heard"; });
}

TEST_F(ConnectionTest, ClosesSilently) {
  open();
  connection->write("lost");
  connection->close();
  EXPECT_FALSE(connection->open());
  until([&] {
    peer->read();
    return peer->ended;
  });
  EXPECT_EQ(peer->received, "");
  EXPECT_EQ(events.log, "");
  connection->write("into the void");
  connection->notify_flushed();
  for (int i = 0; i < 5; ++i) step();
  EXPECT_EQ(events.log, "");
}

TEST_F(ConnectionTest, AbortsWithAReset) {
  open();
  connection->abort();
  until([&] {
    peer->read();
    return peer->reset;
  });
}

TEST_F(ConnectionTest, MayBeClosedFromWithinAnyEvent) {
  for (int event = 0; event < 3; ++event) {
    events = Events();
    open();
    auto close = [&] { connection->close(); };
    if (event == 0) events.at_data = close;
    if (event == 1) events.at_end = close;
    if (event == 2) events.at_flushed = close;
    peer->send("x");
    if (event == 1) peer->finish();
    if (event == 2) connection->notify_flushed();
    until([&] { return !connection->open(); });
    for (int i = 0; i < 5; ++i) step();
  }
}

TEST_F(ConnectionTest, ReportsAReset) {
  open();
  peer->abort();
  until([&] { return !events.log.empty(); });
  EXPECT_EQ(events.log, "failed ");
  EXPECT_EQ(events.why.code, Code::kReset);
  EXPECT_FALSE(connection->open());
}

TEST_F(ConnectionTest, ReportsAResetWhilePaused) {
  open();
  connection->watch_hangup(true);
  connection->pause_reads();
  peer->abort();
  until([&] { return !events.log.empty(); });
  EXPECT_FALSE(events.log.find("failed") == std::string::npos &&
               events.log.find("end") == std::string::npos);
}

TEST_F(ConnectionTest, ReportsAResetWhileWriting) {
  open();
  connection->pause_reads();
  clog(100 * 1024);
  peer->abort();
  until([&] { return events.log == "failed "; });
  EXPECT_FALSE(connection->open());
}

// A server that has answered and closed resets when we go on sending; the answer is there to read.
TEST_F(ConnectionTest, ReadsWhatCameBeforeAResetOfOurWrites) {
  open();
  peer->send("final answer");
  peer->close();
  // The first write provokes the reset, the second meets it.
  for (int i = 0; i < 1000 && connection->open(); ++i) {
    connection->write(std::string(20'000, 'x'));
    if (events.data.empty()) continue;
    step();
  }
  step();
  EXPECT_EQ(events.data, "final answer");
  EXPECT_FALSE(events.log.empty());
}

// Regression: such an answer may be one that ends with the connection.
TEST_F(ConnectionTest, ReportsTheEndThatCameBeforeAResetOfOurWrites) {
  open();
  peer->send("final answer");
  peer->finish();
  step();
  peer->close();
  for (int i = 0; i < 1000 && connection->open() && events.log.empty(); ++i)
    connection->write(std::string(20'000, 'x'));
  until([&] { return !events.log.empty(); });
  EXPECT_EQ(events.data, "final answer");
  EXPECT_TRUE(events.log.starts_with("end ")) << events.log;
}

TEST_F(ConnectionTest, Connects) {
  Result<Fd> fd = start_connect(local_address(listening_.number()), {});
  ASSERT_TRUE(fd.has_value());
  connection = std::make_unique<Connection>(loop, events, std::move(*fd), Connection::Connecting{});
  EXPECT_TRUE(connection->connecting());
  connection->write("early");
  until([&] { return events.log == "connected "; });
  EXPECT_FALSE(connection->connecting());
  int accepted = ::accept4(listening_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  ASSERT_GE(accepted, 0);
  Peer other{Fd(accepted)};
  until([&] {
    other.read();
    return other.received == "early";
  });
}

TEST_F(ConnectionTest, FlushesAndFinishesWhatWasAskedBeforeItConnected) {
  Result<Fd> fd = start_connect(local_address(listening_.number()), {});
  ASSERT_TRUE(fd.has_value());
  connection = std::make_unique<Connection>(loop, events, std::move(*fd), Connection::Connecting{});
  connection->notify_flushed();
  connection->shutdown_write();
  until([&] { return events.log == "connected flushed "; });
}

TEST_F(ConnectionTest, ReportsARefusedConnection) {
  Address nobody = local_address(listening_.number());
  listening_.reset();
  Result<Fd> fd = start_connect(nobody, {});
  ASSERT_TRUE(fd.has_value());
  connection = std::make_unique<Connection>(loop, events, std::move(*fd), Connection::Connecting{});
  until([&] { return !events.log.empty(); });
  EXPECT_EQ(events.log, "failed ");
  EXPECT_EQ(events.why.code, Code::kRefused);
  EXPECT_TRUE(events.why.retriable);
}

TEST_F(ConnectionTest, CountsWhatThePeerHasAcknowledged) {
  Result<Fd> fd = start_connect(local_address(listening_.number()), {});
  ASSERT_TRUE(fd.has_value());
  connection = std::make_unique<Connection>(loop, events, std::move(*fd), Connection::Connecting{});
  until([&] { return events.log == "connected "; });
  EXPECT_EQ(connection->acknowledged(), 0);
  connection->write("12345");
  until([&] { return connection->acknowledged() == 5; });
  connection->close();
  EXPECT_LE(connection->acknowledged(), 5);
}

}  // namespace
}  // namespace pillion::net
