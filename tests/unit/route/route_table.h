#pragma once
// Shorthand for the route tables and requests of the router's tests.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/route/router.h"

namespace pillion::route {

using PathKind = config::PathMatch::Kind;

inline config::Route route_to(std::string cluster, PathKind kind, std::string text) {
  config::Route route;
  route.name = cluster;
  route.path.kind = kind;
  route.path.text = std::move(text);
  config::ForwardAction action;
  action.cluster = std::move(cluster);
  route.action = std::move(action);
  return route;
}

inline config::VirtualHost host_of(std::vector<std::string> domains) {
  config::VirtualHost host;
  host.name = domains.empty() ? "empty" : domains[0];
  host.domains = std::move(domains);
  return host;
}

// A virtual host that leads everything to the cluster of its name.
inline config::VirtualHost catch_all(std::vector<std::string> domains) {
  config::VirtualHost host = host_of(std::move(domains));
  host.routes.push_back(route_to(host.name, PathKind::kPrefix, "/"));
  return host;
}

// A router for one virtual host "*" with these routes.
inline std::unique_ptr<Router> router_of(config::RouteTable table) {
  auto router = Router::compile(std::make_shared<const config::RouteTable>(std::move(table)));
  EXPECT_TRUE(router.has_value()) << (router ? "" : router.error().message);
  return router ? *std::move(router) : nullptr;
}

inline config::RouteTable table_of(config::Route route) {
  config::RouteTable table;
  table.virtual_hosts.push_back(host_of({"*"}));
  table.virtual_hosts[0].routes.push_back(std::move(route));
  return table;
}

inline std::string problem_of(config::RouteTable table) {
  auto router = Router::compile(std::make_shared<const config::RouteTable>(std::move(table)));
  return router ? "" : router.error().message;
}

class RouteTest : public ::testing::Test {
 protected:
  http::RequestHead request(std::string_view path, std::string_view authority = "h") {
    http::RequestHead head(arena_);
    head.method_text = "GET";
    head.path = arena_.copy(path);
    head.authority = arena_.copy(authority);
    head.scheme = "http";
    head.headers.add("x-forwarded-proto", "http");
    return head;
  }
  // The cluster a request is led to; "none" without a route.
  std::string led_to(const Router& router, std::string_view path, std::string_view authority = "h",
                     uint64_t random = 0) {
    Match match = router.match(request(path, authority), random);
    return match.route == nullptr ? "none" : std::string(match.cluster);
  }
  BlockPool pool_;
  Arena arena_{pool_};
};

}  // namespace pillion::route
