// Connections with TLS over socket pairs: the handshake's events, bytes both ways, back-pressure,
// ends and failures.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "sidecar/net/connection.h"
#include "tests/unit/tls/pair.h"

namespace pillion::net {
namespace {

using testing::HasSubstr;

class Events final : public ConnectionEvents {
 public:
  void on_data(std::string_view bytes) override { data += bytes; }
  void on_end() override { log += "end "; }
  void on_failed(Error error) override {
    log += "failed ";
    why = error;
  }
  void on_connected() override { log += "connected "; }
  void on_drained() override { log += "drained "; }
  void on_flushed() override { log += "flushed "; }
  std::string data;
  std::string log;
  Error why{};
};

struct ConnectionTls : testing::Test {
  ConnectionTls() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    near_fd = Fd(fds[0]);
    far_fd = Fd(fds[1]);
  }
  void make_server() {
    server = std::make_unique<Connection>(loop, at_server, std::move(near_fd));
    server->secure(tls::server_context(plain.downstream)->make_session());
  }
  void make_client() {
    client =
        std::make_unique<Connection>(loop, at_client, std::move(far_fd), Connection::Connecting{});
    client->secure(tls::client_context(plain.upstream)->make_session());
  }
  void make_both() {
    make_server();
    make_client();
  }
  void run(int times = 20) {
    for (int i = 0; i < times; ++i) loop.run_once();
  }
  // The other end without TLS.
  std::size_t send_raw(std::string_view bytes) {
    ssize_t n = ::send(far_fd.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return n < 0 ? 0 : static_cast<std::size_t>(n);
  }
  std::string receive_raw() {
    char buffer[64 * 1024];
    ssize_t n = ::recv(far_fd.number(), buffer, sizeof(buffer), MSG_DONTWAIT);
    return n <= 0 ? std::string() : std::string(buffer, static_cast<std::size_t>(n));
  }

  tls::Plain plain;
  io::EventLoop loop;
  Fd near_fd;
  Fd far_fd;
  Events at_server;
  Events at_client;
  std::unique_ptr<Connection> server;
  std::unique_ptr<Connection> client;
};

TEST_F(ConnectionTls, AFailedVerificationIsTheClientsFailureToConnect) {
  plain.upstream.validation = tls::trusting(tls::Authority("another"));
  make_both();
  client->output().append("request");
  run();
  EXPECT_EQ(at_client.log, "failed ");
  EXPECT_EQ(at_client.why.code, Code::kTls);
  EXPECT_TRUE(at_client.why.retriable);
  EXPECT_TRUE(client->connecting());
  EXPECT_THAT(std::string(client->transport_failure()), HasSubstr("CERTIFICATE_VERIFY_FAILED"));
  EXPECT_EQ(client->session()->failure(), tls::Failure::kChain);
  // The alert has told the server why.
  EXPECT_EQ(at_server.log, "failed ");
  EXPECT_THAT(std::string(server->transport_failure()), HasSubstr("ALERT_UNKNOWN_CA"));
  EXPECT_EQ(at_server.data, "");
}

TEST_F(ConnectionTls, PlainTextFails) {
  make_server();
  send_raw("GET / HTTP/1.1\r\n\r\n");
  run();
  EXPECT_EQ(at_server.log, "failed ");
  EXPECT_THAT(std::string(server->transport_failure()), HasSubstr("HTTP_REQUEST"));
}

TEST_F(ConnectionTls, GarbageIsAnsweredWithAnAlertAndTheEnd) {
  make_server();
  send_raw(std::string(100, 'B'));
  run();
  EXPECT_EQ(at_server.log, "failed ");
  EXPECT_EQ(at_server.why.code, Code::kTls);
  std::string answer = receive_raw();
  ASSERT_FALSE(answer.empty());
  EXPECT_EQ(answer[0], '\x15');
  EXPECT_FALSE(server->open());
}

TEST_F(ConnectionTls, AnEndInTheMiddleOfTheHandshakeFailsIt) {
  make_server();
  send_raw("\x16\x03\x01");
  run();
  ::shutdown(far_fd.number(), SHUT_WR);
  run();
  EXPECT_EQ(at_server.log, "failed ");
  EXPECT_EQ(at_server.why.code, Code::kReset);
}

TEST_F(ConnectionTls, DamagedBytesFailAnEstablishedConnection) {
  make_both();
  run();
  ASSERT_EQ(at_server.log, "connected ");
  // Another writer on the client's socket.
  std::string record("\x17\x03\x03\x00\x20", 5);
  record.append(32, 'x');
  ASSERT_EQ(::send(client->fd(), record.data(), record.size(), MSG_NOSIGNAL), 37);
  run();
  EXPECT_EQ(at_server.log, "connected failed ");
  EXPECT_EQ(at_server.why.code, Code::kTls);
  EXPECT_FALSE(at_server.why.retriable);
  EXPECT_THAT(std::string(server->transport_failure()), HasSubstr("BAD_RECORD_MAC"));
}

TEST_F(ConnectionTls, BothSidesTellWhenTheHandshakeIsDone) {
  make_both();
  EXPECT_TRUE(client->connecting());
  run();
  EXPECT_EQ(at_client.log, "connected ");
  EXPECT_EQ(at_server.log, "connected ");
  EXPECT_FALSE(client->connecting());
  EXPECT_FALSE(server->connecting());
}

TEST_F(ConnectionTls, OutputWaitsForTheHandshake) {
  make_both();
  client->output().append("early ");
  client->write("bird");
  run();
  EXPECT_EQ(at_server.data, "early bird");
  server->output().append("answer");
  server->notify_flushed();
  run();
  EXPECT_EQ(at_client.data, "answer");
  EXPECT_EQ(at_server.log, "connected flushed ");
}

TEST_F(ConnectionTls, PausedReadsDoNotStopTheHandshake) {
  make_both();
  server->pause_reads();
  client->output().append("held back");
  run();
  EXPECT_EQ(at_client.log, "connected ");
  EXPECT_EQ(at_server.log, "connected ");
  server->resume_reads();
  run();
  EXPECT_EQ(at_server.data, "held back");
}

TEST_F(ConnectionTls, LargeOutputIsHeldInBoundsAndDrains) {
  make_both();
  run();
  server->pause_reads();
  client->set_watermark(256 * 1024);
  std::string large(3 * 1024 * 1024, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i >> 7);
  for (std::size_t at = 0; at < large.size(); at += 65536)
    client->write(std::string_view(large).substr(at, 65536));
  run();
  EXPECT_TRUE(client->clogged());
  EXPECT_GT(client->unsent(), 2u * 1024 * 1024);
  EXPECT_EQ(at_client.log, "connected ");
  server->resume_reads();
  run(400);
  EXPECT_EQ(at_server.data.size(), large.size());
  EXPECT_TRUE(at_server.data == large);
  EXPECT_EQ(at_client.log, "connected drained ");
  EXPECT_EQ(client->unsent(), 0u);
}

TEST_F(ConnectionTls, FinishingOneDirectionLeavesTheOther) {
  make_both();
  run();
  client->output().append("request");
  client->shutdown_write();
  run();
  EXPECT_EQ(at_server.data, "request");
  EXPECT_EQ(at_server.log, "connected end ");
  server->output().append("response");
  server->shutdown_write();
  run();
  EXPECT_EQ(at_client.data, "response");
  EXPECT_EQ(at_client.log, "connected end ");
}

TEST_F(ConnectionTls, ClosingSaysGoodbye) {
  make_both();
  run();
  client->close();
  run();
  EXPECT_EQ(at_server.log, "connected end ");
  EXPECT_TRUE(server->session()->ended());
}

TEST_F(ConnectionTls, ClosingWithUnsentOutputDoesNotLookComplete) {
  make_both();
  run();
  client->output().append("half of it");
  client->close();
  run();
  EXPECT_EQ(at_server.log, "connected end ");
  EXPECT_FALSE(server->session()->ended());
  EXPECT_EQ(at_server.data, "");
}

TEST_F(ConnectionTls, AnAbortIsSilent) {
  make_both();
  run();
  client->abort();
  run();
  EXPECT_FALSE(server->session()->ended());
}

TEST_F(ConnectionTls, WireBytesAreThoseOfTheSocket) {
  make_both();
  run();
  uint64_t before = client->bytes_written();
  client->output().append(std::string(1000, 'x'));
  run();
  EXPECT_EQ(client->bytes_written() - before, 1000u + 22u);
  EXPECT_EQ(server->bytes_read(), client->bytes_written());
}

}  // namespace
}  // namespace pillion::net
