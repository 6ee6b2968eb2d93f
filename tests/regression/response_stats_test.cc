// Response counts that Envoy has and that were missing: canaries, and names that requests give
// themselves.

#include "tests/component/world.h"

namespace pillion::regression {
namespace {

using component::Peer;
using component::Scene;
using component::World;

constexpr std::string_view kInternal =
    "use_remote_address: true, internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, "
    "prefix_len: 8}]}";

std::string named(std::string_view name) {
  return "GET / HTTP/1.1\r\nhost: a\r\nx-envoy-upstream-alt-stat-name: " + std::string(name) +
         "\r\n\r\n";
}

class ResponseStats : public World {};

TEST_F(ResponseStats, CountResponsesOfCanaries) {
  start();
  origin_.then_reply(
      "HTTP/1.1 200 OK\r\nx-envoy-upstream-canary: true\r\ncontent-length: 2\r\n\r\nok");
  Peer& client = connect();
  get(client);
  get(client);
  EXPECT_EQ(stat("cluster.origin.canary.upstream_rq_200"), 1);
  EXPECT_EQ(stat("cluster.origin.canary.upstream_rq_completed"), 1);
  EXPECT_EQ(stat("cluster.origin.upstream_rq_200"), 2);
}

TEST_F(ResponseStats, CountUnderTheNameAnInternalRequestGivesItself) {
  start({.hcm = std::string(kInternal)});
  Peer& client = connect();
  exchange(client, named("checkout"), "ok");
  get(client);
  EXPECT_EQ(stat("cluster.origin.checkout.upstream_rq_200"), 1);
  EXPECT_EQ(stat("cluster.origin.checkout.internal.upstream_rq_2xx"), 1);
  EXPECT_EQ(stat("cluster.origin.internal.upstream_rq_2xx"), 2);
  EXPECT_THAT(origin_.requests()[0].head, ::testing::Not(::testing::HasSubstr("alt-stat-name")));
}

TEST_F(ResponseStats, IgnoreTheNameThatAStrangerGives) {
  start({.hcm = "use_remote_address: true, internal_address_config: {cidr_ranges: []}"});
  exchange(connect(), named("checkout"), "ok");
  EXPECT_EQ(stat("cluster.origin.checkout.upstream_rq_200"), 0);
  EXPECT_THAT(origin_.requests()[0].head, ::testing::Not(::testing::HasSubstr("alt-stat-name")));
}

TEST_F(ResponseStats, BoundTheNamesThatRequestsCanMake) {
  start({.hcm = std::string(kInternal)});
  Peer& client = connect();
  for (int i = 0; i < 130; ++i) exchange(client, named("n" + std::to_string(i)), "ok");
  EXPECT_EQ(stat("cluster.origin.n127.upstream_rq_200"), 1);
  EXPECT_EQ(stat("cluster.origin.n128.upstream_rq_200"), 0);
  exchange(client, named("n0"), "ok");
  EXPECT_EQ(stat("cluster.origin.n0.upstream_rq_200"), 2);
  EXPECT_GT(stat("cluster.origin.upstream_rq_alt_stat_name_overflow"), 0);
}

}  // namespace
}  // namespace pillion::regression
