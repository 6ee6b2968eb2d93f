#pragma once
// Routing: from a request's head to the route that decides what happens to it. Compiled once per
// configuration from config::RouteTable; immutable, shared by all workers, referenced by streams
// for their life. What few routes have (regexes, conditions, header edits) hangs behind a pointer.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/route.h"
#include "sidecar/format/formatter.h"
#include "sidecar/http/matcher.h"
#include "sidecar/http/message.h"

namespace pillion::route {

class VirtualHost;
struct EditPair;

// The header matchers of a retry policy.
struct RetryMatchers {
  std::vector<http::HeaderMatcher> responses;  // retriable_headers
  std::vector<http::HeaderMatcher> requests;   // retriable_request_headers
};

// One compiled route. `config` is the source; everything derived is built once.
class Route {
 public:
  Route(Route&&) noexcept;
  Route(const Route&) = delete;
  Route& operator=(const Route&) = delete;
  ~Route();
  [[nodiscard]] const config::Route& config() const { return *config_; }
  [[nodiscard]] const VirtualHost& virtual_host() const { return *virtual_host_; }
  [[nodiscard]] const config::ForwardAction* forward() const {
    return std::get_if<config::ForwardAction>(&config_->action);
  }
  [[nodiscard]] const config::RedirectAction* redirect() const {
    return std::get_if<config::RedirectAction>(&config_->action);
  }
  [[nodiscard]] const config::DirectResponse* direct_response() const {
    return std::get_if<config::DirectResponse>(&config_->action);
  }
  // Of the action's retry policy; null when it has none.
  [[nodiscard]] const RetryMatchers* retry_matchers() const;
  // Edits of the weighted cluster (`chosen` may be null), then of the route, its virtual host and
  // the table, or with most_specific_header_mutations_wins of the table, the virtual host and the
  // route: of two that overwrite the same header the later one wins.
  void edit_request(http::RequestHead& head, const format::Context& context,
                    const config::WeightedCluster* chosen) const;
  void edit_response(http::ResponseHead& head, const format::Context& context,
                     const config::WeightedCluster* chosen) const;
  // Path and host rewrites of a ForwardAction, after edit_request; sets x-envoy-original-path and
  // x-envoy-original-host (unless suppressed) and x-forwarded-host when asked for. `chosen` may be
  // null. auto_host_rewrite is not done here, but with rewrite_authority().
  void rewrite(http::RequestHead& head, const config::WeightedCluster* chosen,
               bool suppress_envoy_headers) const;
  // The Location of a RedirectAction for this request, in its arena.
  [[nodiscard]] std::string_view redirect_location(const http::RequestHead& head) const;

 private:
  friend class Router;
  friend class VirtualHost;
  struct Compiled;
  Route(const config::Route& config, const VirtualHost& virtual_host);
  Result<Unit, Problem> compile();
  // `path` is the path to compare: without query, and without parameters where those are ignored.
  [[nodiscard]] bool matches(const http::RequestHead& head, std::string_view path,
                             uint64_t random) const;
  [[nodiscard]] bool path_matches(const http::RequestHead& head, std::string_view path) const;
  [[nodiscard]] const EditPair* edits() const;
  [[nodiscard]] const EditPair* edits_of(const config::WeightedCluster* chosen) const;
  [[nodiscard]] std::string_view rewritten_path(const http::RequestHead& head,
                                                const std::string& prefix_rewrite,
                                                const config::RegexRewrite* regex_rewrite) const;
  const config::Route* config_;
  const VirtualHost* virtual_host_;
  std::unique_ptr<Compiled> compiled_;  // null when there is nothing to compile
};

// What a request's routing came to.
struct Match {
  const Route* route = nullptr;  // null: no route (404), or redirect_to_https
  const VirtualHost* virtual_host = nullptr;
  // The cluster a ForwardAction leads to, by name, weight or header; empty: named by a header that
  // is absent.
  std::string_view cluster;
  const config::WeightedCluster* weighted = nullptr;
  // Virtual host demands TLS: answer 301 to https_location() instead.
  bool redirect_to_https = false;
};

class VirtualHost {
 public:
  VirtualHost(VirtualHost&&) noexcept;
  VirtualHost(const VirtualHost&) = delete;
  VirtualHost& operator=(const VirtualHost&) = delete;
  ~VirtualHost();
  [[nodiscard]] const config::VirtualHost& config() const { return *config_; }
  [[nodiscard]] const config::RouteTable& table() const { return *table_; }
  // The virtual cluster this request is metered under: the first that matches, else the one called
  // "other"; null if the virtual host has none.
  [[nodiscard]] const config::VirtualCluster* virtual_cluster(const http::RequestHead& head) const;

 private:
  friend class Router;
  friend class Route;
  struct Compiled;
  VirtualHost(const config::VirtualHost& config, const config::RouteTable& table,
              const EditPair* table_edits);
  Result<Unit, Problem> compile();
  [[nodiscard]] const EditPair* edits() const;
  [[nodiscard]] bool demands_tls(const http::RequestHead& head) const;
  const config::VirtualHost* config_;
  const config::RouteTable* table_;
  const EditPair* table_edits_;  // null when the table has none
  std::vector<Route> routes_;
  std::unique_ptr<Compiled> compiled_;
};

class Router {
 public:
  // Problem names the virtual host, route and field that cannot be compiled (bad RE2, bad operator,
  // duplicate domain). The table is kept alive by the router.
  static Result<std::unique_ptr<Router>, Problem> compile(
      std::shared_ptr<const config::RouteTable> table);
  // `random` decides fractions and weights (0 .. 2^64-1). Domain lookup: exact, then longest suffix
  // wildcard, then longest prefix wildcard, then "*"; then routes in order.
  [[nodiscard]] Match match(const http::RequestHead& head, uint64_t random) const;
  [[nodiscard]] const config::RouteTable& table() const { return *table_; }
  ~Router();

 private:
  struct Index;
  explicit Router(std::shared_ptr<const config::RouteTable> table);
  Result<Unit, Problem> index_domains();
  [[nodiscard]] const VirtualHost* virtual_host_of(const http::RequestHead& head) const;
  std::shared_ptr<const config::RouteTable> table_;
  std::unique_ptr<Index> index_;
};

// Gives a request another authority, as Envoy does for host rewrites: the old one goes to
// x-envoy-original-host with `keep_original`, and to the end of x-forwarded-host with
// `append_forwarded_host`. `authority` is not copied.
void rewrite_authority(http::RequestHead& head, std::string_view authority,
                       bool append_forwarded_host, bool keep_original);
// Where a virtual host that demands TLS sends a plaintext request, in its arena.
std::string_view https_location(const http::RequestHead& head);

}  // namespace pillion::route
