#include <gtest/gtest.h>

#include "tests/unit/route/route_table.h"

namespace pillion::route {
namespace {

// A table whose four levels all append to x-order and overwrite x-last with their own name.
config::RouteTable four_levels(bool most_specific_wins) {
  auto edits = [](const char* level) {
    using Action = config::HeaderAppend::Action;
    config::HeaderEdits out;
    out.append.push_back({"x-order", level, Action::kAppendIfExistsOrAdd, false});
    out.append.push_back({"x-last", level, Action::kOverwriteIfExistsOrAdd, false});
    return out;
  };
  config::Route route = route_to("", PathKind::kPrefix, "/");
  auto& weighted = std::get<config::ForwardAction>(route.action).weighted;
  weighted.resize(2);
  weighted[0].name = "plain";
  weighted[1].name = "edited";
  weighted[1].weight = 1;
  weighted[1].request_headers = edits("cluster");
  weighted[1].response_headers = edits("cluster");
  route.request_headers = std::make_unique<config::HeaderEdits>(edits("route"));
  route.response_headers = std::make_unique<config::HeaderEdits>(edits("route"));
  config::RouteTable table = table_of(std::move(route));
  table.virtual_hosts[0].request_headers = edits("host");
  table.virtual_hosts[0].response_headers = edits("host");
  table.request_headers = edits("table");
  table.response_headers = edits("table");
  table.most_specific_header_mutations_wins = most_specific_wins;
  return table;
}

class EditsTest : public RouteTest {
 protected:
  template <class Head>
  static std::string summary(const Head& head) {
    return std::string(head.field("x-order").value_or("")) + " " +
           std::string(head.field("x-last").value_or(""));
  }
  StreamInfo info_;
};

TEST_F(EditsTest, ARouteWithoutEditsChangesNothing) {
  auto router = router_of(table_of(route_to("c", PathKind::kPrefix, "/")));
  http::RequestHead head = request("/");
  format::Context context{&info_, &head};
  Match match = router->match(head, 0);
  match.route->edit_request(head, context, match.weighted);
  EXPECT_EQ(head.headers.size(), 1u);
}

TEST_F(EditsTest, TheLeastSpecificLevelHasTheLastWord) {
  auto router = router_of(four_levels(false));
  http::RequestHead head = request("/");
  http::ResponseHead response(arena_);
  format::Context context{&info_, &head, &response};
  Match match = router->match(head, 0);
  match.route->edit_request(head, context, match.weighted);
  match.route->edit_response(response, context, match.weighted);
  EXPECT_EQ(summary(head), "cluster,route,host,table table");
  EXPECT_EQ(summary(response), "cluster,route,host,table table");
}

TEST_F(EditsTest, TheMostSpecificLevelHasTheLastWordWhenAsked) {
  auto router = router_of(four_levels(true));
  http::RequestHead head = request("/");
  http::ResponseHead response(arena_);
  format::Context context{&info_, &head, &response};
  Match match = router->match(head, 0);
  match.route->edit_request(head, context, nullptr);
  match.route->edit_response(response, context, nullptr);
  EXPECT_EQ(summary(head), "table,host,route route");
  EXPECT_EQ(summary(response), "table,host,route route");
}

TEST_F(EditsTest, AWeightedClusterWithoutEditsAddsNone) {
  auto router = router_of(four_levels(false));
  http::RequestHead head = request("/");
  format::Context context{&info_, &head};
  Match match = router->match(head, 0);
  match.route->edit_request(head, context, &match.route->forward()->weighted[0]);
  EXPECT_EQ(summary(head), "route,host,table table");
}

}  // namespace
}  // namespace pillion::route
