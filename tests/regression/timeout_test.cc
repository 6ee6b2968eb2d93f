// A route's max_stream_duration left its time-out of 15 seconds in force.

#include "tests/component/world.h"

namespace pillion::regression {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RouteTimeout : public component::World {};

TEST_F(RouteTimeout, IsOutOfForceBesideMaxStreamDuration) {
  start({.route = "timeout: 1s, max_stream_duration: {max_stream_duration: 60s}"});
  origin_.then_hang();
  component::Peer& client = connect();
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  until([&] { return origin_.requests().size() == 1; }, "the request arrives");
  EXPECT_THAT(origin_.requests()[0].head, Not(HasSubstr("x-envoy-expected-rq-timeout-ms")));
  advance(component::seconds(30));
  EXPECT_EQ(client.received(), "");
  origin_.connection(0).send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  until([&] { return client.received().ends_with("ok"); }, "the answer");
  EXPECT_THAT(client.received(), component::HasStatus(200));
}

}  // namespace
}  // namespace pillion::regression
