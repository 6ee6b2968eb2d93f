// A caller that asked for a trace did not learn the request's id.

#include "tests/component/world.h"

namespace pillion::regression {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RequestId : public component::World {
 protected:
  static constexpr std::string_view kTraced =
      "GET / HTTP/1.1\r\nhost: a\r\nx-request-id: my-id\r\nx-envoy-force-trace: true\r\n\r\n";
};

TEST_F(RequestId, IsToldToAnInternalCallerThatForcesATrace) {
  start({.hcm = "use_remote_address: true, internal_address_config: {cidr_ranges: "
                "[{address_prefix: 127.0.0.0, prefix_len: 8}]}"});
  component::Peer& client = connect();
  EXPECT_THAT(exchange(client, kTraced, "ok"), HasSubstr("x-request-id: my-id\r\n"));
  EXPECT_THAT(origin_.requests()[0].head, HasSubstr("x-envoy-force-trace: true\r\n"));
  EXPECT_THAT(get(client), Not(HasSubstr("x-request-id")));
}

TEST_F(RequestId, IsNotToldToAStranger) {
  start({.hcm = "use_remote_address: true, internal_address_config: {cidr_ranges: []}"});
  EXPECT_THAT(exchange(connect(), kTraced, "ok"), Not(HasSubstr("x-request-id")));
  EXPECT_THAT(origin_.requests()[0].head, Not(HasSubstr("x-envoy-force-trace")));
}

}  // namespace
}  // namespace pillion::regression
