#include "sidecar/server/admin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>

#include "sidecar/http/message.h"
#include "sidecar/io/loop.h"
#include "sidecar/metrics/registry.h"

namespace pillion::server {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::size_t kBig = 16 * 1024 * 1024;

net::Fd listen_on_loopback() {
  return std::move(*net::listen_on(*Address::parse_ip("127.0.0.1", 0), {}));
}

AdminLimits small_limits() {
  AdminLimits limits;
  limits.connections = 2;
  limits.header_bytes = 4096;
  limits.request_body = 1000;
  return limits;
}

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() {
    admin_.add({.path = "/ready", .help = "", .run = [](const AdminRequest&) {
                  return text_response("LIVE\n");
                }});
    admin_.add({.path = "/big", .help = "", .run = [](const AdminRequest&) {
                  return text_response(std::string(kBig, 'x'));
                }});
    admin_.add({.path = "/pieces", .help = "", .run = [this](const AdminRequest&) {
                  AdminResponse answer;
                  pieces_ = 0;
                  answer.more = [this](std::string& piece) {
                    if (pieces_ == kPieces) return false;
                    piece.assign(kBig / kPieces, static_cast<char>('a' + pieces_++ % 26));
                    return true;
                  };
                  return answer;
                }});
  }

  // A client's socket, read without blocking; the server runs in between.
  class Client {
   public:
    explicit Client(AdminServerTest& test) : test_(test) {
      sockaddr_storage storage;
      socklen_t size = test.server_.address().to_sockaddr(storage);
      fd_ = net::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      EXPECT_EQ(::connect(fd_.number(), reinterpret_cast<sockaddr*>(&storage), size), 0);
    }
    void send(std::string_view bytes) {
      EXPECT_EQ(::send(fd_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(bytes.size()));
    }
    void finish() { ::shutdown(fd_.number(), SHUT_WR); }
    // Takes what is there; false once the server has closed.
    bool take() {
      char buffer[65536];
      for (;;) {
        ssize_t n = ::recv(fd_.number(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN) return true;
        if (n <= 0) return false;
        received_.append(buffer, static_cast<std::size_t>(n));
      }
    }
    const std::string& receive_until(std::string_view end) {
      for (int i = 0; i < 20000 && !received_.ends_with(end); ++i) {
        test_.loop_.run_once();
        take();
      }
      return received_;
    }
    const std::string& receive_until_closed() {
      for (int i = 0; i < 20000; ++i) {
        test_.loop_.run_once();
        if (!take()) return received_;
      }
      ADD_FAILURE() << "the server has not closed the connection";
      return received_;
    }
    std::string& received() { return received_; }

   private:
    AdminServerTest& test_;
    net::Fd fd_;
    std::string received_;
  };

  void run(int iterations = 50) {
    for (int i = 0; i < iterations; ++i) loop_.run_once();
  }

  io::ManualClock clock_;
  io::EventLoop loop_{&clock_};
  metrics::Registry registry_;
  Admin admin_;
  static constexpr std::size_t kPieces = 256;
  std::size_t pieces_ = 0;  // that were asked for
  std::vector<std::string> logged_;
  AdminServer server_{
      loop_,
      admin_,
      registry_,
      listen_on_loopback(),
      [this](const StreamInfo&, const http::RequestHead& head, const http::ResponseHead& response) {
        logged_.push_back(std::string(head.path) + " " + std::to_string(response.status));
      },
      small_limits()};
};

TEST_F(AdminServerTest, MalformedRequestIsRefusedAndTheConnectionClosed) {
  Client client(*this);
  client.send("GET /ready HTTP/1.1\r\nhost: a\r\nbad field\r\n\r\n");
  EXPECT_THAT(client.receive_until_closed(), AllOf(StartsWith("HTTP/1.1 400 Bad Request\r\n"),
                                                   HasSubstr("connection: close\r\n")));
}

TEST_F(AdminServerTest, TooManyHeaderBytesAreRefused) {
  Client client(*this);
  client.send("GET /ready HTTP/1.1\r\nhost: a\r\nx: " + std::string(5000, 'a') + "\r\n\r\n");
  EXPECT_THAT(client.receive_until_closed(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(AdminServerTest, LargeRequestBodyIsRefused) {
  Client client(*this);
  client.send("POST /ready HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n" +
              std::string(1001, 'b'));
  EXPECT_THAT(client.receive_until("large.\n"), StartsWith("HTTP/1.1 413 "));
}

TEST_F(AdminServerTest, AnswerHasEnvoysHeaders) {
  Client client(*this);
  client.send("GET /ready HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_THAT(
      client.receive_until("LIVE\n"),
      AllOf(StartsWith("HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\n"
                       "cache-control: no-cache, max-age=0\r\n"
                       "x-content-type-options: nosniff\r\ndate: "),
            HasSubstr("\r\nserver: envoy\r\n"), EndsWith("content-length: 5\r\n\r\nLIVE\n")));
  EXPECT_THAT(logged_, ::testing::ElementsAre("/ready 200"));
}

TEST_F(AdminServerTest, HeadHasNoBody) {
  Client client(*this);
  client.send("HEAD /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  EXPECT_THAT(client.receive_until_closed(),
              AllOf(HasSubstr("content-length: 5\r\n"), Not(HasSubstr("LIVE"))));
}

TEST_F(AdminServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Client client(*this);
  client.send(
      "GET /ready HTTP/1.1\r\nhost: a\r\n\r\nGET /nope HTTP/1.1\r\nhost: a\r\n\r\n"
      "GET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  client.receive_until_closed();
  EXPECT_THAT(logged_, ::testing::ElementsAre("/ready 200", "/nope 404", "/ready 200"));
}

TEST_F(AdminServerTest, BigAnswerIsHeldBackUntilTheClientReads) {
  Client client(*this);
  client.send("GET /big HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  run();
  EXPECT_TRUE(logged_.empty()) << "the kernel's buffers took it all; nothing was held back";
  const std::string& received = client.receive_until_closed();
  EXPECT_EQ(received.size() - received.find("\r\n\r\n") - 4, kBig);
  EXPECT_THAT(logged_, ::testing::ElementsAre("/big 200"));
}

TEST_F(AdminServerTest, PiecesAreMadeAsTheClientTakesThem) {
  Client client(*this);
  client.send("GET /pieces HTTP/1.1\r\nhost: a\r\n\r\n");
  run();
  EXPECT_LT(pieces_, kPieces);
  const std::string& received = client.receive_until("\r\n0\r\n\r\n");
  EXPECT_EQ(pieces_, kPieces);
  EXPECT_THAT(received.substr(0, 1000), HasSubstr("transfer-encoding: chunked\r\n"));
  EXPECT_THAT(received.substr(0, 1000), Not(HasSubstr("content-length")));
  EXPECT_GT(received.size(), kBig);
  client.received().clear();
  client.send("GET /ready HTTP/1.1\r\nhost: a\r\n\r\n");
  EXPECT_THAT(client.receive_until("LIVE\n"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(logged_, ::testing::ElementsAre("/pieces 200", "/ready 200"));
}

TEST_F(AdminServerTest, PiecesEndWithTheConnectionOfAnOldClient) {
  Client client(*this);
  client.send("GET /pieces HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n");
  const std::string& received = client.receive_until_closed();
  EXPECT_EQ(received.size() - received.find("\r\n\r\n") - 4, kBig);
  EXPECT_THAT(received.substr(0, 1000), Not(HasSubstr("chunked")));
}

TEST_F(AdminServerTest, HeadOfPiecesMakesNone) {
  Client client(*this);
  client.send("HEAD /pieces HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  EXPECT_THAT(client.receive_until_closed(), EndsWith("\r\n\r\n"));
  EXPECT_EQ(pieces_, 0u);
}

TEST_F(AdminServerTest, ClientThatReadsNothingIsCutOff) {
  Client client(*this);
  client.send("GET /big HTTP/1.1\r\nhost: a\r\n\r\n");
  run();
  ASSERT_EQ(server_.connections(), 1u);
  clock_.advance(std::chrono::seconds(61));
  run();
  EXPECT_EQ(server_.connections(), 0u);
}

TEST_F(AdminServerTest, SlowHeadersAndIdleConnectionsAreTimedOut) {
  Client slow(*this);
  Client idle(*this);
  slow.send("GET /ready HT");
  run();
  ASSERT_EQ(server_.connections(), 2u);
  clock_.advance(std::chrono::seconds(31));
  run();
  EXPECT_FALSE(slow.take());
  EXPECT_TRUE(idle.take());
  clock_.advance(std::chrono::minutes(5));
  run();
  EXPECT_FALSE(idle.take());
}

TEST_F(AdminServerTest, ConnectionsBeyondTheLimitAreClosed) {
  Client first(*this);
  Client second(*this);
  run();
  Client third(*this);
  EXPECT_EQ(third.receive_until_closed(), "");
  EXPECT_EQ(server_.connections(), 2u);
}

TEST_F(AdminServerTest, HalfClosedClientStillGetsItsAnswer) {
  Client client(*this);
  client.send("GET /ready HTTP/1.1\r\nhost: a\r\n\r\n");
  client.finish();
  EXPECT_THAT(client.receive_until_closed(), EndsWith("LIVE\n"));
}

TEST_F(AdminServerTest, RequestCutShortIsForgotten) {
  Client client(*this);
  client.send("GET /ready HTTP/1.1\r\nho");
  client.finish();
  EXPECT_EQ(client.receive_until_closed(), "");
  EXPECT_TRUE(logged_.empty());
}

}  // namespace
}  // namespace pillion::server
