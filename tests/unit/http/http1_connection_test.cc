// One parser through a connection's life: pipelining, pauses, tunnels, splits, and how much memory
// a slow sender may cost.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/http/allocated_bytes.h"
#include "tests/unit/http/event_recorder.h"

namespace pillion::http {
namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

class Http1Connection : public testing::Test {
 protected:
  std::size_t feed(std::string_view bytes) {
    Result<std::size_t> taken = parser.feed(bytes);
    EXPECT_TRUE(taken.has_value()) << parser.error().details;
    return taken ? *taken : 0;
  }
  EventRecorder events;
  Http1Parser parser{Role::kServer, events, {}};
};

TEST_F(Http1Connection, StopsAfterEachMessage) {
  std::string two = std::string(kGet) + "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(feed(two), kGet.size());
  EXPECT_TRUE(parser.paused());
  EXPECT_EQ(feed(two.substr(kGet.size())), 0U);
  EXPECT_EQ(events.completed, 1);
  parser.resume();
  EXPECT_FALSE(parser.paused());
  EXPECT_EQ(feed(two.substr(kGet.size())), two.size() - kGet.size());
  EXPECT_EQ(events.text(),
            "request GET / host=a end\ncomplete\nrequest GET /b host=a end\ncomplete\n");
}

TEST_F(Http1Connection, StopsAfterABody) {
  std::string first = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";
  EXPECT_EQ(feed(first + std::string(kGet)), first.size());
  parser.resume();
  std::string second =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nt: 1\r\n\r\n";
  EXPECT_EQ(feed(second + std::string(kGet)), second.size());
  parser.resume();
  EXPECT_EQ(feed(kGet), kGet.size());
  EXPECT_EQ(events.completed, 3);
}

TEST_F(Http1Connection, TellsWhereItIs) {
  EXPECT_FALSE(parser.in_message());
  feed("GET / HT");
  EXPECT_TRUE(parser.in_message());
  EXPECT_TRUE(parser.in_head());
  feed("TP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nx");
  EXPECT_TRUE(parser.in_message());
  EXPECT_FALSE(parser.in_head());
  EXPECT_EQ(parser.content_length(), 3U);
  feed("yz");
  EXPECT_FALSE(parser.in_message());
}

TEST_F(Http1Connection, HoldsBackWhatFollowsAnUpgradeUntilItIsAnswered) {
  std::string upgrade =
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  EXPECT_EQ(feed(upgrade + "EARLY"), upgrade.size());
  EXPECT_TRUE(parser.paused());
  EXPECT_EQ(feed("EARLY"), 0U);
  parser.start_tunnel();
  EXPECT_TRUE(parser.tunnel());
  EXPECT_EQ(feed("EARLY"), 5U);
  EXPECT_EQ(feed("\r\n\x01"), 3U);
  EXPECT_EQ(events.text(),
            "request GET /chat host=a protocol=websocket [connection: upgrade] [upgrade: "
            "websocket] end\ncomplete\nbody EARLY\r\n\x01\n");
  EXPECT_TRUE(parser.finish());
}

TEST_F(Http1Connection, GoesOnWithHttpWhenAnUpgradeIsDeclined) {
  std::string upgrade =
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(feed(upgrade + std::string(kGet)), upgrade.size());
    parser.resume();
    EXPECT_EQ(feed(std::string(kGet) + upgrade), kGet.size());
    parser.resume();
  }
  EXPECT_EQ(events.completed, 6);
}

TEST_F(Http1Connection, HoldsBackWhatFollowsConnect) {
  std::string connect = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
  EXPECT_EQ(feed(connect + "\x16\x03"), connect.size());
  EXPECT_EQ(events.request->authority, "h:443");
  EXPECT_EQ(events.request->method, Method::kConnect);
  parser.start_tunnel();
  EXPECT_EQ(feed("\x16\x03"), 2U);
  EXPECT_EQ(events.text(), "request CONNECT  host=h:443 end\ncomplete\nbody \x16\x03\n");
}

TEST_F(Http1Connection, GoesOnWithHttpWhenConnectIsDeclined) {
  std::string connect = "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n";
  EXPECT_EQ(feed(connect + std::string(kGet)), connect.size());
  parser.resume();
  EXPECT_EQ(feed(kGet), kGet.size());
  EXPECT_EQ(events.completed, 2);
}

TEST_F(Http1Connection, IgnoresUpgradeInHttp10) {
  // RFC 9110 section 7.8.
  feed("GET / HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_TRUE(events.request->protocol.empty());
  parser.resume();
  EXPECT_EQ(feed(kGet), kGet.size());
}

TEST_F(Http1Connection, IgnoresUpgradeThatConnectionDoesNotName) {
  feed("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_TRUE(events.request->protocol.empty());
  parser.resume();
  feed("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n");
  EXPECT_TRUE(events.request->protocol.empty());
}

TEST_F(Http1Connection, TakesTheBodyOfAnH2cUpgrade) {
  std::string upgrade =
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: "
      "2\r\n\r\n";
  EXPECT_EQ(feed(upgrade + "ok" + std::string(kGet)), upgrade.size() + 2);
  parser.resume();
  EXPECT_EQ(feed(kGet), kGet.size());
  EXPECT_EQ(events.completed, 2);
}

TEST_F(Http1Connection, RefusesWhatFollowsConnectionClose) {
  std::string last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  EXPECT_EQ(feed(last + std::string(kGet)), last.size());
  EXPECT_FALSE(parser.keep_alive());
  parser.resume();
  EXPECT_FALSE(parser.feed(kGet).has_value());
  EXPECT_EQ(events.completed, 1);
}

// Regression: an error ends the connection; a parser that is fed on must not start anew in the
// middle of what it has refused.
TEST_F(Http1Connection, StaysRefusing) {
  EXPECT_FALSE(parser.feed("GET / HTTP/1.1\r\nHost: a b\r\n\r\n").has_value());
  EXPECT_FALSE(parser.feed(kGet).has_value());
  EXPECT_EQ(parser.error().details, "http.invalid_authority");
  EXPECT_EQ(events.completed, 0);
}

TEST_F(Http1Connection, ReportsACutMessage) {
  feed("GET / HTTP/1.1\r\nHo");
  EXPECT_FALSE(parser.finish());
  EventRecorder others;
  Http1Parser body(Role::kServer, others, {});
  ASSERT_TRUE(body.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel").has_value());
  EXPECT_FALSE(body.finish());
}

TEST_F(Http1Connection, FinishesBetweenMessages) {
  EXPECT_TRUE(parser.finish());
  feed(kGet);
  EXPECT_TRUE(parser.finish());
}

std::vector<std::string> samples() {
  std::string many = "GET /many HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 20; ++i)
    many += "Header-" + std::to_string(i) + ": " + std::string(i * 2, 'v') + "\r\n";
  return {
      std::string(kGet),
      "\r\nPOST /a?b HTTP/1.1\r\nHost: a.example:80\r\nContent-Length: 11\r\nX: \r\nY: y\t\r\n\r\n"
      "hello world",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n"
      "6\r\n world\r\n0\r\nTrailer-One: 1\r\nTrailer-Two: 2\r\n\r\n",
      many + "\r\n",
      "GET http://b/c HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  };
}

// The differential property: how the network cuts a stream up changes nothing.
TEST(Http1Splits, AreInvisible) {
  std::string stream;
  for (const std::string& message : samples()) stream += message;
  EventRecorder whole_events;
  Http1Parser whole(Role::kServer, whole_events, {});
  Transcript expected = transcribe(whole, whole_events, {stream});
  ASSERT_FALSE(expected.refused) << expected.details;
  EXPECT_EQ(whole_events.completed, 6);
  for (std::size_t at = 1; at < stream.size(); ++at) {
    EventRecorder events;
    Http1Parser parser(Role::kServer, events, {});
    std::string_view bytes = stream;
    ASSERT_EQ(transcribe(parser, events, {bytes.substr(0, at), bytes.substr(at)}), expected) << at;
  }
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string_view> pieces;
    for (std::string_view rest = stream; !rest.empty();) {
      std::size_t size = std::min<std::size_t>(rest.size(), 1 + random() % 40);
      pieces.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    EventRecorder events;
    Http1Parser parser(Role::kServer, events, {});
    ASSERT_EQ(transcribe(parser, events, pieces), expected) << "round " << round;
  }
}

// All bytes asked for while a head of `fields` is fed in pieces of `step` bytes.
std::size_t bytes_allocated(const std::string& head, std::size_t step) {
  EventRecorder events;
  Http1Parser parser(Role::kServer, events, {});
  std::string_view rest = head;
  std::size_t before = allocated_bytes();
  while (!rest.empty()) {
    Result<std::size_t> taken = parser.feed(rest.substr(0, step));
    EXPECT_TRUE(taken.has_value()) << parser.error().details;
    if (!taken) return 0;
    rest.remove_prefix(*taken);
  }
  EXPECT_EQ(events.completed, 1);
  return allocated_bytes() - before;
}

TEST(Http1Memory, StaysInProportionToALongField) {
  std::string head =
      "GET / HTTP/1.1\r\nHost: a\r\nCookie: " + std::string(60'000, 'c') + "\r\n\r\n";
  // The log of the recorder, the growing fragment and the arena's copy: each a few times the head.
  EXPECT_LT(bytes_allocated(head, 1), 12 * head.size());
  EXPECT_LT(bytes_allocated(head, 7), 12 * head.size());
  EXPECT_LT(bytes_allocated(head, head.size()), 12 * head.size());
}

TEST(Http1Memory, StaysInProportionToALongTarget) {
  std::string head = "GET /" + std::string(60'000, 'p') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_LT(bytes_allocated(head, 1), 12 * head.size());
}

TEST(Http1Memory, StaysInProportionToManyFields) {
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 95; ++i)
    head += "x-field-" + std::to_string(i) + ": " + std::string(500, 'v') + "\r\n";
  head += "\r\n";
  EXPECT_LT(bytes_allocated(head, 1), 12 * head.size());
}

}  // namespace
}  // namespace pillion::http
