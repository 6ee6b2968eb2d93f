// Bodies larger than memory should ever hold: a slow reader slows the sender, on both sides.

#include "tests/component/world.h"

namespace pillion::component {
namespace {

constexpr std::size_t kBig = 24 * 1024 * 1024;
// A soft limit of 64 KiB on each side, what the sockets' buffers take (up to 4 MiB and 6 MiB by
// default on Linux, on two connections), and one read.
constexpr std::size_t kMayPass = 14 * 1024 * 1024;
constexpr std::string_view kLimit = "per_connection_buffer_limit_bytes: 65536";

class BackPressure : public World {};

std::size_t body_size(const std::string& response) {
  return response.size() - response.find("\r\n\r\n") - 4;
}

TEST_F(BackPressure, ClientThatDoesNotReadHoldsTheOriginUp) {
  start({.listener = std::string(kLimit), .route = "timeout: 0s", .cluster = std::string(kLimit)});
  origin_.then_reply("HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(kBig) + "\r\n\r\n" +
                     std::string(kBig, 'x'));
  Peer& client = connect(16 * 1024);
  client.set_reading(false);
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  settle();
  ASSERT_EQ(origin_.requests().size(), 1u);
  EXPECT_GT(origin_.connection(0).unsent(), kBig - kMayPass) << "the proxy read on";
  EXPECT_GT(stat("cluster.origin.upstream_flow_control_paused_reading_total"), 0);

  client.set_reading(true);
  until([&] { return body_size(client.received()) == kBig; }, "the whole body");
  EXPECT_EQ(origin_.connection(0).unsent(), 0u);
  EXPECT_GT(stat("cluster.origin.upstream_flow_control_resumed_reading_total"), 0);
}

TEST_F(BackPressure, OriginThatDoesNotReadHoldsTheClientUp) {
  start({.listener = std::string(kLimit), .route = "timeout: 0s", .cluster = std::string(kLimit)});
  Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  until([&] { return client.received().ends_with("ok"); }, "a first answer");
  origin_.set_reading(false);
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(kBig) + "\r\n\r\n" +
              std::string(kBig, 'x'));
  settle();
  EXPECT_GT(client.unsent(), kBig - kMayPass) << "the proxy read on";
  EXPECT_GT(stat("http.ingress.downstream_flow_control_paused_reading_total"), 0);

  origin_.set_reading(true);
  until([&] { return origin_.requests().size() == 2; }, "the whole body");
  EXPECT_EQ(origin_.requests()[1].body.size(), kBig);
  until([&] { return client.unsent() == 0; }, "all is sent");
}

TEST_F(BackPressure, ChunkedBodyAndTrailersPassBothWays) {
  start({.hcm = "http_protocol_options: {enable_trailers: true}",
         .cluster_http = "explicit_http_config: {http_protocol_options: {enable_trailers: true}}"});
  origin_.then_reply(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n"
      "5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 11\r\n\r\n");
  Peer& client = connect();
  std::string answer = exchange(client,
                                "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
                                "3\r\nabc\r\n0\r\n\r\n",
                                "x-sum: 11\r\n\r\n");
  EXPECT_THAT(answer, ::testing::HasSubstr("hello"));
  EXPECT_THAT(answer, ::testing::HasSubstr(" world"));
  ASSERT_EQ(origin_.requests().size(), 1u);
  EXPECT_THAT(origin_.requests()[0].body, ::testing::HasSubstr("abc"));
}

}  // namespace
}  // namespace pillion::component
