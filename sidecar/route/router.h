#pragma once
// Routing: from a request's head to the route that decides what happens to it. Compiled once per
// configuration from config::RouteTable; immutable, shared by all workers, referenced by streams for their life.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/base/hash.h"
#include "sidecar/config/route.h"
#include "sidecar/format/header_edits.h"
#include "sidecar/http/matcher.h"

namespace re2 {
class RE2;
}

namespace pillion::route {

class VirtualHost;

// One compiled route. `config` is the source; everything derived is built once.
class Route {
 public:
  Route(Route&&) noexcept;
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
  // Edits of the route, its virtual host and the table (and the chosen weighted cluster's, may be null), in
  // Envoy's order (most specific first unless most_specific_header_mutations_wins).
  void edit_request(http::RequestHead& head, const format::Context& context,
                    const config::WeightedCluster* chosen) const;
  void edit_response(http::ResponseHead& head, const format::Context& context,
                     const config::WeightedCluster* chosen) const;
  // Path and host rewrites of a ForwardAction; sets x-envoy-original-path (unless suppressed) and
  // x-forwarded-host when asked for. `chosen` may be null. auto_host_rewrite is not done here.
  void rewrite(http::RequestHead& head, const config::WeightedCluster* chosen,
               bool suppress_envoy_headers) const;
  // The Location of a RedirectAction for this request, in its arena.
  [[nodiscard]] std::string_view redirect_location(const http::RequestHead& head) const;

 private:
  friend class Router;
  friend class VirtualHost;
  struct Compiled;  // matchers, regexes, edits; null when the route has none
  Route(const config::Route& config, const VirtualHost& virtual_host);
  const config::Route* config_;
  const VirtualHost* virtual_host_;
  std::unique_ptr<Compiled> compiled_;
};

// What a request's routing came to.
struct Match {
  const Route* route = nullptr;  // null: no route (404)
  const VirtualHost* virtual_host = nullptr;
  // The cluster a ForwardAction leads to, by name, weight or header; empty: named by a header that is absent.
  std::string_view cluster;
  const config::WeightedCluster* weighted = nullptr;
  // Virtual host demands TLS: answer 301 to https instead.
  bool redirect_to_https = false;
};

class VirtualHost {
 public:
  ~VirtualHost();
  VirtualHost(VirtualHost&&) noexcept;
  [[nodiscard]] const config::VirtualHost& config() const { return *config_; }
  [[nodiscard]] const config::RouteTable& table() const { return *table_; }
  // The virtual cluster this request is metered under; null if none matches.
  [[nodiscard]] const config::VirtualCluster* virtual_cluster(const http::RequestHead& head) const;

 private:
  friend class Router;
  friend class Route;
  struct Compiled;
  VirtualHost(const config::VirtualHost& config, const config::RouteTable& table);
  const config::VirtualHost* config_;
  const config::RouteTable* table_;
  std::vector<Route> routes_;
  std::unique_ptr<Compiled> compiled_;
};

class Router {
 public:
  // Problem names the virtual host, route and field that cannot be compiled (bad RE2, bad operator, duplicate
  // domain). The table is kept alive by the router.
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
  std::shared_ptr<const config::RouteTable> table_;
  std::unique_ptr<Index> index_;
};

}  // namespace pillion::route
