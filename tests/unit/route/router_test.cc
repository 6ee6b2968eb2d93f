#include "sidecar/route/router.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/unit/route/route_table.h"

namespace pillion::route {
namespace {

TEST(RouterCompile, NamesTheHostRouteAndFieldAtFault) {
  config::RouteTable table;
  table.name = "t";
  table.virtual_hosts.push_back(host_of({"a"}));
  table.virtual_hosts[0].routes.push_back(route_to("good", PathKind::kPrefix, "/"));
  table.virtual_hosts[0].routes.push_back(route_to("bad", PathKind::kRegex, "("));
  EXPECT_EQ(problem_of(std::move(table)),
            "route configuration 't': virtual host 'a': route 1 ('bad'): regex '(': missing ): (");
}

TEST(RouterCompile, RefusesADomainOfTwoHosts) {
  for (const char* domain : {"a", "*", "*.a", "a.*"}) {
    config::RouteTable table;
    table.virtual_hosts.push_back(catch_all({domain}));
    table.virtual_hosts.push_back(catch_all({"b", domain}));
    std::string problem = problem_of(std::move(table));
    EXPECT_NE(problem.find("domain '" + std::string(domain) + "' is there already"),
              std::string::npos)
        << problem;
  }
}

TEST(RouterCompile, RefusesPseudoHeadersAndHostInEdits) {
  for (const char* name : {":path", ":authority", "host"}) {
    config::Route adds = route_to("c", PathKind::kPrefix, "/");
    adds.request_headers = std::make_unique<config::HeaderEdits>();
    adds.request_headers->append.push_back({name, "v", {}, false});
    EXPECT_NE(problem_of(table_of(std::move(adds))).find("may not be modified"), std::string::npos);
    config::Route removes = route_to("c", PathKind::kPrefix, "/");
    removes.response_headers = std::make_unique<config::HeaderEdits>();
    removes.response_headers->remove.emplace_back(name);
    EXPECT_NE(problem_of(table_of(std::move(removes)))
                  .find("response_headers: header '" + std::string(name) + "'"),
              std::string::npos);
  }
}

TEST(RouterCompile, RefusesBadOperatorsConditionsAndRewrites) {
  config::Route route = route_to("c", PathKind::kPrefix, "/");
  route.request_headers = std::make_unique<config::HeaderEdits>();
  route.request_headers->append.push_back({"x-a", "%NO_SUCH%", {}, false});
  EXPECT_NE(problem_of(table_of(std::move(route))).find("%NO_SUCH% is not an operator"),
            std::string::npos);

  route = route_to("c", PathKind::kPrefix, "/");
  route.conditions = std::make_unique<config::RouteConditions>();
  route.conditions->headers.emplace_back();
  route.conditions->headers[0].name = "x-a";
  route.conditions->headers[0].kind = config::HeaderMatcher::Kind::kString;
  route.conditions->headers[0].string = {config::StringMatcher::Kind::kRegex, false, "["};
  EXPECT_NE(problem_of(table_of(std::move(route))).find("header 'x-a': regex '['"),
            std::string::npos);

  route = route_to("c", PathKind::kPrefix, "/");
  std::get<config::ForwardAction>(route.action).regex_rewrite =
      std::make_unique<config::RegexRewrite>(config::RegexRewrite{"(a)", "\\2"});
  EXPECT_NE(problem_of(table_of(std::move(route))).find("regex_rewrite: substitution '\\2'"),
            std::string::npos);

  route = route_to("", PathKind::kPrefix, "/");
  std::get<config::ForwardAction>(route.action).weighted.resize(2);
  EXPECT_NE(problem_of(table_of(std::move(route))).find("add up to zero"), std::string::npos);
}

TEST_F(RouteTest, AnEmptyTableLeadsNowhere) {
  auto router = router_of({});
  Match match = router->match(request("/"), 0);
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.virtual_host, nullptr);
}

TEST_F(RouteTest, AHostWithoutAMatchingRouteIsKnownStill) {
  auto router = router_of(table_of(route_to("c", PathKind::kExact, "/a")));
  Match match = router->match(request("/b"), 0);
  EXPECT_EQ(match.route, nullptr);
  ASSERT_NE(match.virtual_host, nullptr);
  EXPECT_EQ(match.virtual_host->config().name, "*");
}

TEST_F(RouteTest, ChoosesTheMostSpecificDomain) {
  config::RouteTable table;
  for (const char* domain : {"foo.com", "*.foo.com", "*-bar.foo.com", "foo.*", "foo-*", "*",
                             "www.foo.com:8080", "*.x.foo.com", "foo.bar.*", "[::1]"})
    table.virtual_hosts.push_back(catch_all({domain}));
  auto router = router_of(std::move(table));
  // Authority and the domain that Envoy 1.40 takes for it.
  const std::map<std::string, std::string> expected = {
      {"foo.com", "foo.com"},
      {"FOO.com", "foo.com"},
      {"foo.com:80", "foo.*"},
      {"a.foo.com", "*.foo.com"},
      {"a-bar.foo.com", "*-bar.foo.com"},
      {"-bar.foo.com", "*.foo.com"},
      {".foo.com", "*"},
      {"a.x.foo.com", "*.x.foo.com"},
      {"foo.org", "foo.*"},
      {"foo.", "*"},
      {"foo-x", "foo-*"},
      {"foo.bar.z", "foo.bar.*"},
      {"nothing", "*"},
      {"www.foo.com:8080", "www.foo.com:8080"},
      {"www.foo.com", "*.foo.com"},
      {"[::1]", "[::1]"},
      {"[::1]:80", "*"},
      {"b.c.foo.com:9", "*"},
      {"", "*"},
  };
  for (const auto& [authority, domain] : expected)
    EXPECT_EQ(led_to(*router, "/", authority), domain) << authority;
}

TEST_F(RouteTest, IgnoresThePortWhenAsked) {
  config::RouteTable table;
  table.ignore_port_in_host_matching = true;
  for (const char* domain : {"foo.com", "*.foo.com", "foo.*", "[::1]", "*"})
    table.virtual_hosts.push_back(catch_all({domain}));
  auto router = router_of(std::move(table));
  EXPECT_EQ(led_to(*router, "/", "foo.com:80"), "foo.com");
  EXPECT_EQ(led_to(*router, "/", "foo.com:"), "foo.com");
  EXPECT_EQ(led_to(*router, "/", "a.foo.com:80"), "*.foo.com");
  EXPECT_EQ(led_to(*router, "/", "foo.bar:99"), "foo.*");
  EXPECT_EQ(led_to(*router, "/", "[::1]:80"), "[::1]");
  EXPECT_EQ(led_to(*router, "/", "[::1]"), "[::1]");
  EXPECT_EQ(led_to(*router, "/", "::1"), "*");
}

TEST_F(RouteTest, MatchesPathsByKind) {
  config::RouteTable table;
  table.virtual_hosts.push_back(host_of({"*"}));
  auto& routes = table.virtual_hosts[0].routes;
  routes.push_back(route_to("exact", PathKind::kExact, "/exact"));
  routes.push_back(route_to("case", PathKind::kExact, "/Case"));
  routes.back().path.case_sensitive = false;
  routes.push_back(route_to("sep", PathKind::kSeparatedPrefix, "/sep"));
  routes.push_back(route_to("sepci", PathKind::kSeparatedPrefix, "/SepCI"));
  routes.back().path.case_sensitive = false;
  routes.push_back(route_to("re", PathKind::kRegex, "/r/[0-9]+"));
  routes.push_back(route_to("question", PathKind::kPrefix, "/pre?x"));
  routes.push_back(route_to("pre", PathKind::kPrefix, "/pre"));
  routes.push_back(route_to("preci", PathKind::kPrefix, "/PreCI"));
  routes.back().path.case_sensitive = false;
  routes.push_back(route_to("connect", PathKind::kConnect, ""));
  auto router = router_of(std::move(table));
  const std::map<std::string, std::string> expected = {
      {"/exact", "exact"}, {"/exact?q=1", "exact"}, {"/exact/", "none"},   {"/exac", "none"},
      {"/CASE?x", "case"}, {"/sep", "sep"},         {"/sep?a", "sep"},     {"/sep/", "sep"},
      {"/sep/x", "sep"},   {"/separate", "none"},   {"/sepci/x", "sepci"}, {"/SEPCI", "sepci"},
      {"/sepcix", "none"}, {"/r/12", "re"},         {"/r/12?z=/", "re"},   {"/r/12x", "none"},
      {"/pre?x=1", "pre"}, {"/prey", "pre"},        {"/PRECI/x", "preci"}, {"/preCIx", "pre"},
      {"/PRE", "none"},
  };
  for (const auto& [path, name] : expected) EXPECT_EQ(led_to(*router, path), name) << path;
  // A CONNECT request has no path, and nothing but connect_matcher takes it.
  http::RequestHead connect = request("");
  connect.method = http::Method::kConnect;
  EXPECT_EQ(router->match(connect, 0).cluster, "connect");
}

TEST_F(RouteTest, PrefixSlashDoesNotTakeConnect) {
  auto router = router_of(table_of(route_to("c", PathKind::kPrefix, "/")));
  http::RequestHead connect = request("");
  connect.method = http::Method::kConnect;
  EXPECT_EQ(router->match(connect, 0).route, nullptr);
}

TEST_F(RouteTest, IgnoresPathParametersWhenAsked) {
  config::RouteTable table;
  table.ignore_path_parameters_in_path_matching = true;
  table.virtual_hosts.push_back(host_of({"*"}));
  auto& routes = table.virtual_hosts[0].routes;
  routes.push_back(route_to("exact", PathKind::kExact, "/a/b"));
  routes.push_back(route_to("pre", PathKind::kPrefix, "/a/c/d"));
  routes.push_back(route_to("sep", PathKind::kSeparatedPrefix, "/s"));
  routes.push_back(route_to("re", PathKind::kRegex, "/r/x"));
  auto router = router_of(std::move(table));
  for (const char* path : {"/a/b", "/a;x=1/b", "/a/b;y", "/a/b;y?q", "/a/b?x;y"})
    EXPECT_EQ(led_to(*router, path), "exact") << path;
  for (const char* path : {"/a;x/c;y/d;z/e", "/a/c/d?;x", "/a/c;/d"})
    EXPECT_EQ(led_to(*router, path), "pre") << path;
  EXPECT_EQ(led_to(*router, "/s;a"), "sep");
  EXPECT_EQ(led_to(*router, "/s;a/b"), "sep");
  EXPECT_EQ(led_to(*router, "/r;v=1/x;2"), "re");
}

TEST_F(RouteTest, TheFirstRouteThatMatchesWins) {
  config::RouteTable table = table_of(route_to("first", PathKind::kPrefix, "/a"));
  table.virtual_hosts[0].routes.push_back(route_to("second", PathKind::kExact, "/a"));
  auto router = router_of(std::move(table));
  EXPECT_EQ(led_to(*router, "/a"), "first");
}

TEST_F(RouteTest, AllConditionsHaveToHold) {
  config::Route route = route_to("c", PathKind::kPrefix, "/");
  route.conditions = std::make_unique<config::RouteConditions>();
  config::HeaderMatcher header;
  header.name = "x-a";
  header.kind = config::HeaderMatcher::Kind::kString;
  header.string.text = "1";
  route.conditions->headers = {header};
  route.conditions->query = {{"q", {}, true}};
  route.conditions->grpc = true;
  auto router = router_of(table_of(std::move(route)));
  http::RequestHead head = request("/?q=1");
  EXPECT_EQ(router->match(head, 0).route, nullptr);
  head.headers.add("content-type", "application/grpc");
  EXPECT_EQ(router->match(head, 0).route, nullptr);
  head.headers.add("x-a", "1");
  EXPECT_NE(router->match(head, 0).route, nullptr);
  head.path = "/?r=1";
  EXPECT_EQ(router->match(head, 0).route, nullptr);
}

TEST_F(RouteTest, GrpcMeansTheExactContentTypeOrASuffix) {
  config::Route route = route_to("c", PathKind::kPrefix, "/");
  route.conditions = std::make_unique<config::RouteConditions>();
  route.conditions->grpc = true;
  auto router = router_of(table_of(std::move(route)));
  const std::map<std::string, bool> expected = {{"application/grpc", true},
                                                {"application/grpc+proto", true},
                                                {"application/grpc-web", false},
                                                {"application/grpc;x", false},
                                                {"text/plain", false}};
  for (const auto& [type, matched] : expected) {
    http::RequestHead head = request("/");
    head.headers.add("content-type", type);
    EXPECT_EQ(router->match(head, 0).route != nullptr, matched) << type;
  }
}

TEST_F(RouteTest, AFractionTakesItsShareOfRandomNumbers) {
  config::Route route = route_to("c", PathKind::kPrefix, "/");
  route.conditions = std::make_unique<config::RouteConditions>();
  route.conditions->fraction = config::Fraction{30, 100};
  auto router = router_of(table_of(std::move(route)));
  int taken = 0;
  for (uint64_t random = 0; random < 1000; ++random)
    taken += router->match(request("/"), random).route != nullptr;
  EXPECT_EQ(taken, 300);
}

TEST_F(RouteTest, WeightedClustersShareByWeightAlsoBehindAFraction) {
  config::Route route = route_to("", PathKind::kPrefix, "/");
  auto& weighted = std::get<config::ForwardAction>(route.action).weighted;
  weighted.resize(3);
  weighted[0].name = "a";
  weighted[0].weight = 10;
  weighted[1].name = "b";
  weighted[1].weight = 0;
  weighted[2].name = "c";
  weighted[2].weight = 90;
  route.conditions = std::make_unique<config::RouteConditions>();
  route.conditions->fraction = config::Fraction{50, 100};
  auto router = router_of(table_of(std::move(route)));
  std::map<std::string, int> counts;
  for (uint64_t random = 0; random < 20000; ++random) ++counts[led_to(*router, "/", "h", random)];
  EXPECT_EQ(counts["none"], 10000);
  EXPECT_EQ(counts["b"], 0);
  EXPECT_NEAR(counts["a"], 1000, 150);
  EXPECT_NEAR(counts["c"], 9000, 150);
}

TEST_F(RouteTest, ReadsTheClusterFromAHeader) {
  config::Route route = route_to("", PathKind::kPrefix, "/");
  std::get<config::ForwardAction>(route.action).cluster_header = "x-cluster";
  auto router = router_of(table_of(std::move(route)));
  http::RequestHead head = request("/");
  Match match = router->match(head, 0);
  EXPECT_NE(match.route, nullptr);
  EXPECT_EQ(match.cluster, "");
  head.headers.add("x-cluster", "blue");
  EXPECT_EQ(router->match(head, 0).cluster, "blue");
}

TEST_F(RouteTest, DemandsTlsOfAllOrOfExternalRequests) {
  using RequireTls = config::VirtualHost::RequireTls;
  config::RouteTable table;
  table.virtual_hosts.push_back(catch_all({"all"}));
  table.virtual_hosts[0].require_tls = RequireTls::kAll;
  table.virtual_hosts.push_back(catch_all({"external"}));
  table.virtual_hosts[1].require_tls = RequireTls::kExternalOnly;
  auto router = router_of(std::move(table));
  http::RequestHead plain = request("/a?b", "all");
  EXPECT_TRUE(router->match(plain, 0).redirect_to_https);
  EXPECT_EQ(router->match(plain, 0).route, nullptr);
  EXPECT_EQ(https_location(plain), "https://all/a?b");
  http::RequestHead external = request("/", "external");
  EXPECT_TRUE(router->match(external, 0).redirect_to_https);
  http::RequestHead internal = request("/", "external");
  internal.headers.add("x-envoy-internal", "true");
  EXPECT_EQ(router->match(internal, 0).cluster, "external");
  plain.headers.set("x-forwarded-proto", "https");
  EXPECT_EQ(router->match(plain, 0).cluster, "all");
}

TEST_F(RouteTest, FindsTheVirtualClusterOrOther) {
  config::RouteTable table = table_of(route_to("c", PathKind::kPrefix, "/"));
  config::HeaderMatcher header;
  header.name = ":method";
  header.kind = config::HeaderMatcher::Kind::kString;
  header.string.text = "POST";
  table.virtual_hosts[0].virtual_clusters.push_back({"posts", {header}});
  auto router = router_of(std::move(table));
  http::RequestHead head = request("/");
  const VirtualHost* host = router->match(head, 0).virtual_host;
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(host->virtual_cluster(head)->name, "other");
  head.method_text = "POST";
  EXPECT_EQ(host->virtual_cluster(head)->name, "posts");
  auto plain = router_of(table_of(route_to("c", PathKind::kPrefix, "/")));
  EXPECT_EQ(plain->match(head, 0).virtual_host->virtual_cluster(head), nullptr);
}

}  // namespace
}  // namespace pillion::route
