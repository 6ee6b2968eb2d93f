#include <gtest/gtest.h>

#include "tests/unit/route/route_table.h"

namespace pillion::route {
namespace {

class RewriteTest : public RouteTest {
 protected:
  // The request after the rewrites of the one route, as "path authority".
  std::string rewritten(config::Route route, std::string_view path, bool suppress = false) {
    router_ = router_of(table_of(std::move(route)));
    head_.emplace(request(path));
    Match match = router_->match(*head_, 0);
    if (match.route == nullptr) return "no route";
    match.route->rewrite(*head_, match.weighted, suppress);
    return std::string(head_->path) + " " + std::string(head_->authority);
  }
  std::string header(std::string_view name) const {
    return std::string(head_->headers.joined(name).value_or("absent"));
  }
  static config::ForwardAction& action_of(config::Route& route) {
    return std::get<config::ForwardAction>(route.action);
  }
  static config::Route prefix_rewrite(PathKind kind, const char* text, const char* to) {
    config::Route route = route_to("c", kind, text);
    action_of(route).prefix_rewrite = to;
    return route;
  }
  static config::Route regex_rewrite(const char* pattern, const char* substitution) {
    config::Route route = route_to("c", PathKind::kPrefix, "/");
    action_of(route).regex_rewrite =
        std::make_unique<config::RegexRewrite>(config::RegexRewrite{pattern, substitution});
    return route;
  }
  std::unique_ptr<Router> router_;
  std::optional<http::RequestHead> head_;
};

TEST_F(RewriteTest, LeavesARequestAloneWithoutRewrites) {
  EXPECT_EQ(rewritten(route_to("c", PathKind::kPrefix, "/"), "/a?b"), "/a?b h");
  EXPECT_EQ(header("x-envoy-original-path"), "absent");
  EXPECT_EQ(header("x-envoy-original-host"), "absent");
}

TEST_F(RewriteTest, ReplacesTheMatchedPrefix) {
  EXPECT_EQ(rewritten(prefix_rewrite(PathKind::kPrefix, "/pre/", "/"), "/pre/a?b"), "/a?b h");
  EXPECT_EQ(header("x-envoy-original-path"), "/pre/a?b");
  EXPECT_EQ(rewritten(prefix_rewrite(PathKind::kPrefix, "/pre", "/x"), "/pre"), "/x h");
  EXPECT_EQ(rewritten(prefix_rewrite(PathKind::kExact, "/exact", "/ex2"), "/exact?q"), "/ex2?q h");
  EXPECT_EQ(rewritten(prefix_rewrite(PathKind::kSeparatedPrefix, "/sep", "/s2"), "/sep/a"),
            "/s2/a h");
  EXPECT_EQ(rewritten(prefix_rewrite(PathKind::kSeparatedPrefix, "/sep", "/"), "/sep/a"), "//a h");
  EXPECT_EQ(rewritten(prefix_rewrite(PathKind::kRegex, "/sr.*", "/zz"), "/sr1?x=1"), "/zz?x=1 h");
}

TEST_F(RewriteTest, KeepsTheOriginalPathEvenWhenItIsTheSame) {
  EXPECT_EQ(rewritten(prefix_rewrite(PathKind::kPrefix, "/same", "/same"), "/same"), "/same h");
  EXPECT_EQ(header("x-envoy-original-path"), "/same");
}

TEST_F(RewriteTest, SuppressesItsOwnHeaders) {
  config::Route route = prefix_rewrite(PathKind::kPrefix, "/a", "/b");
  action_of(route).host_rewrite = "new";
  EXPECT_EQ(rewritten(std::move(route), "/a", true), "/b new");
  EXPECT_EQ(header("x-envoy-original-path"), "absent");
  EXPECT_EQ(header("x-envoy-original-host"), "absent");
}

TEST_F(RewriteTest, AppliesARegexToAllOfThePathButNotTheQuery) {
  EXPECT_EQ(rewritten(regex_rewrite("^/re/([^/]+)/(.*)$", "/\\2/at/\\1"), "/re/one/two/three?q=1"),
            "/two/three/at/one?q=1 h");
  EXPECT_EQ(header("x-envoy-original-path"), "/re/one/two/three?q=1");
  EXPECT_EQ(rewritten(regex_rewrite("a", "b"), "/allaa?a=a"), "/bllbb?a=a h");
  EXPECT_EQ(rewritten(regex_rewrite("s", "\\0\\\\"), "/sxs?s"), "/s\\xs\\?s h");
}

// As in Envoy, which names the original path for every route that rewrites.
TEST_F(RewriteTest, ARegexThatDoesNotMatchLeavesThePath) {
  EXPECT_EQ(rewritten(regex_rewrite("^/re/(.+)/(.*)$", "/\\1"), "/re/x"), "/re/x h");
  EXPECT_EQ(header("x-envoy-original-path"), "/re/x");
}

TEST_F(RewriteTest, TakesTheHostFromALiteralAHeaderOrThePath) {
  config::Route literal = route_to("c", PathKind::kPrefix, "/");
  action_of(literal).host_rewrite = "lit.example";
  EXPECT_EQ(rewritten(std::move(literal), "/a"), "/a lit.example");
  EXPECT_EQ(header("x-envoy-original-host"), "h");
  EXPECT_EQ(header("x-forwarded-host"), "absent");

  config::Route by_header = route_to("c", PathKind::kPrefix, "/");
  action_of(by_header).host_rewrite_header = "x-host";
  EXPECT_EQ(rewritten(std::move(by_header), "/a"), "/a h");
  EXPECT_EQ(header("x-envoy-original-host"), "absent");
  head_->headers.add("x-host", "hdr.example");
  router_->match(*head_, 0).route->rewrite(*head_, nullptr, false);
  EXPECT_EQ(head_->authority, "hdr.example");

  for (auto [path, host] : {std::pair("/hp/abc/d?q", "abc.ex"), std::pair("/no?q", "/no")}) {
    config::Route by_path = route_to("c", PathKind::kPrefix, "/");
    action_of(by_path).host_rewrite_regex =
        std::make_unique<config::RegexRewrite>(config::RegexRewrite{"^/hp/([^/]+).*$", "\\1.ex"});
    EXPECT_EQ(rewritten(std::move(by_path), path), std::string(path) + " " + host);
  }
}

TEST_F(RewriteTest, AWeightedClusterRewritesTheHostQuietly) {
  config::Route route = route_to("", PathKind::kPrefix, "/");
  action_of(route).weighted.resize(1);
  action_of(route).weighted[0].name = "w";
  action_of(route).weighted[0].weight = 1;
  action_of(route).weighted[0].host_rewrite = "wlit";
  action_of(route).append_x_forwarded_host = true;
  EXPECT_EQ(rewritten(std::move(route), "/a"), "/a wlit");
  EXPECT_EQ(header("x-envoy-original-host"), "absent");
  EXPECT_EQ(header("x-forwarded-host"), "absent");
}

TEST_F(RewriteTest, AppendsToXForwardedHostUnlessItIsLastAlready) {
  for (auto [before, after] : {std::pair("", "h"), std::pair("prev", "prev,h"),
                               std::pair("prev, h", "prev, h"), std::pair("h,prev", "h,prev,h")}) {
    http::RequestHead head = request("/");
    if (*before != '\0') head.headers.add("x-forwarded-host", before);
    rewrite_authority(head, "new", true, false);
    EXPECT_EQ(head.headers.value(http::HeaderId::kForwardedHost), after);
    EXPECT_EQ(head.authority, "new");
  }
}

// Redirects.

class RedirectTest : public RouteTest {
 protected:
  std::string location(config::RedirectAction action, std::string_view path,
                       std::string_view authority, PathKind kind = PathKind::kPrefix,
                       const char* text = "/") {
    config::Route route = route_to("", kind, text);
    route.action = std::move(action);
    auto router = router_of(table_of(std::move(route)));
    http::RequestHead head = request(path, authority);
    Match match = router->match(head, 0);
    return match.route == nullptr ? "no route" : std::string(match.route->redirect_location(head));
  }
};

TEST_F(RedirectTest, ChangesTheSchemeAndDropsTheOldDefaultPort) {
  auto to = [this](std::string_view authority) {
    config::RedirectAction action;
    action.https = true;
    return location(std::move(action), "/a?b", authority);
  };
  EXPECT_EQ(to("h"), "https://h/a?b");
  EXPECT_EQ(to("h:80"), "https://h/a?b");
  EXPECT_EQ(to("h:443"), "https://h:443/a?b");
  EXPECT_EQ(to("h:8080"), "https://h:8080/a?b");
  EXPECT_EQ(to("[::1]:80"), "https://[::1]/a?b");
  EXPECT_EQ(to("[::1]:8080"), "https://[::1]:8080/a?b");
  EXPECT_EQ(to("[::1]"), "https://[::1]/a?b");
}

TEST_F(RedirectTest, ChangesHostPortAndScheme) {
  config::RedirectAction host;
  host.host = "new.ex";
  EXPECT_EQ(location(std::move(host), "/host/a?q=1", "h:81"), "http://new.ex/host/a?q=1");
  config::RedirectAction port;
  port.port = 8443;
  EXPECT_EQ(location(std::move(port), "/p", "h:1"), "http://h:8443/p");
  config::RedirectAction scheme;
  scheme.scheme = "ftp";
  EXPECT_EQ(location(std::move(scheme), "/s", "h:80"), "ftp://h/s");
  config::RedirectAction both;
  both.https = true;
  both.port = 443;
  EXPECT_EQ(location(std::move(both), "/s", "h:80"), "https://h:443/s");
  config::RedirectAction nothing;
  EXPECT_EQ(location(std::move(nothing), "/n?q", "h:7"), "http://h:7/n?q");
}

TEST_F(RedirectTest, ChangesThePathAndKeepsOrStripsTheQuery) {
  config::RedirectAction path;
  path.path = "/np";
  EXPECT_EQ(location(std::move(path), "/path?q=1", "h"), "http://h/np?q=1");
  config::RedirectAction own_query;
  own_query.path = "/np?x=1";
  own_query.strip_query = true;
  EXPECT_EQ(location(std::move(own_query), "/pq?q=1", "h"), "http://h/np?x=1");
  config::RedirectAction strip;
  strip.strip_query = true;
  EXPECT_EQ(location(std::move(strip), "/strip?q=1", "h"), "http://h/strip");
  config::RedirectAction strip_path;
  strip_path.path = "/x";
  strip_path.strip_query = true;
  EXPECT_EQ(location(std::move(strip_path), "/strip?q=1", "h"), "http://h/x");
}

TEST_F(RedirectTest, RewritesThePath) {
  config::RedirectAction prefix;
  prefix.prefix_rewrite = "/new/";
  EXPECT_EQ(location(std::move(prefix), "/pr/a?q=1", "h", PathKind::kPrefix, "/pr/"),
            "http://h/new/a?q=1");
  config::RedirectAction stripped;
  stripped.prefix_rewrite = "/q";
  stripped.strip_query = true;
  EXPECT_EQ(location(std::move(stripped), "/s/z?q", "h", PathKind::kPrefix, "/s"), "http://h/q/z");
  config::RedirectAction regex;
  regex.regex_rewrite =
      std::make_unique<config::RegexRewrite>(config::RegexRewrite{"^/rr/(.*)$", "/\\1/z"});
  EXPECT_EQ(location(std::move(regex), "/rr/ab?q=1", "h"), "http://h/ab/z?q=1");
}

}  // namespace
}  // namespace pillion::route
