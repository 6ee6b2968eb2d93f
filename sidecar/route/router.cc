#include "sidecar/route/router.h"

#include <array>
#include <utility>

#include "sidecar/base/hash.h"
#include "sidecar/base/text.h"
#include "sidecar/route/compiled.h"
#include "sidecar/route/domain_table.h"

namespace pillion::route {

struct Router::Index {
  std::unique_ptr<EditPair> edits;
  std::vector<VirtualHost> virtual_hosts;  // never grows once routes point at them
  DomainTable exact{DomainTable::Anchor::kWhole};
  DomainTable suffixes{DomainTable::Anchor::kEnd};
  DomainTable prefixes{DomainTable::Anchor::kBeginning};
  uint32_t any = DomainTable::kNone;
  // False if the domain is there already.
  bool add(std::string_view domain, uint32_t host);
};

Router::Router(std::shared_ptr<const config::RouteTable> table)
    : table_(std::move(table)), index_(std::make_unique<Index>()) {}
Router::~Router() = default;

Result<std::unique_ptr<Router>, Problem> Router::compile(
    std::shared_ptr<const config::RouteTable> table) {
  std::unique_ptr<Router> router(new Router(std::move(table)));
  const config::RouteTable& config = *router->table_;
  std::string where = "route configuration '" + config.name + "': ";
  Index& index = *router->index_;
  auto edits = compile_edits(&config.request_headers, &config.response_headers);
  if (!edits) return problem(where + std::move(edits.error().message));
  index.edits = *std::move(edits);
  index.virtual_hosts.reserve(config.virtual_hosts.size());
  for (const config::VirtualHost& host : config.virtual_hosts) {
    index.virtual_hosts.push_back(VirtualHost(host, config, index.edits.get()));
    auto compiled = index.virtual_hosts.back().compile();
    if (!compiled) {
      return problem(where + "virtual host '" + host.name +
                     "': " + std::move(compiled.error().message));
    }
  }
  auto indexed = router->index_domains();
  if (!indexed) return problem(where + std::move(indexed.error().message));
  return router;
}

bool Router::Index::add(std::string_view domain, uint32_t host) {
  if (domain == "*") return std::exchange(any, host) == DomainTable::kNone;
  if (domain.starts_with('*')) return suffixes.add(domain.substr(1), host);
  if (domain.ends_with('*')) return prefixes.add(domain.substr(0, domain.size() - 1), host);
  return exact.add(domain, host);
}

Result<Unit, Problem> Router::index_domains() {
  Index& index = *index_;
  index.exact.reserve(table_->virtual_hosts.size());
  for (uint32_t i = 0; i < table_->virtual_hosts.size(); ++i) {
    const config::VirtualHost& host = table_->virtual_hosts[i];
    for (std::string_view domain : host.domains) {
      if (!index.add(domain, i)) {
        return problem("virtual host '" + host.name + "': domain '" + std::string(domain) +
                       "' is there already; a domain belongs to one virtual host");
      }
    }
  }
  return Unit{};
}

namespace {

// Where ":port" begins; the size if there is none. The colons inside of brackets are an IPv6
// address's.
std::size_t port_start(std::string_view host) {
  std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return host.size();
  std::size_t bracket = host.rfind(']');
  return bracket != std::string_view::npos && bracket > colon ? host.size() : colon;
}

bool has_upper(std::string_view text) {
  for (char c : text)
    if (c >= 'A' && c <= 'Z') return true;
  return false;
}

// "/a;x=1/b;y" -> "/a/b" (RFC 3986 section 3.3).
std::string_view without_parameters(std::string_view path, Arena& arena) {
  if (path.find(';') == std::string_view::npos) return path;
  auto* out = static_cast<char*>(arena.allocate(path.size(), 1));
  std::size_t size = 0;
  bool inside = false;
  for (char c : path) {
    if (c == '/') inside = false;
    if (c == ';') inside = true;
    if (!inside) out[size++] = c;
  }
  return {out, size};
}

// The cluster whose share of the total weight `random` falls into.
const config::WeightedCluster& pick_weighted(const config::ForwardAction& action,
                                             uint64_t total_weight, uint64_t random) {
  uint64_t point = random % total_weight;
  for (const config::WeightedCluster& cluster : action.weighted) {
    if (point < cluster.weight) return cluster;
    point -= cluster.weight;
  }
  return action.weighted.back();
}

std::string_view header_value(const http::RequestHead& head, std::string_view name) {
  return head.first(name).value_or(std::string_view{});
}

}  // namespace

const VirtualHost* Router::virtual_host_of(const http::RequestHead& head) const {
  const Index& index = *index_;
  std::string_view host = head.authority;
  if (table_->ignore_port_in_host_matching) host = host.substr(0, port_start(host));
  if (has_upper(host)) {
    auto* lowered = static_cast<char*>(head.headers.arena().allocate(host.size(), 1));
    lower_into(lowered, host);
    host = {lowered, host.size()};
  }
  uint32_t found = index.exact.find(host);
  if (found == DomainTable::kNone) found = index.suffixes.find(host);
  if (found == DomainTable::kNone) found = index.prefixes.find(host);
  if (found == DomainTable::kNone) found = index.any;
  return found == DomainTable::kNone ? nullptr : &index.virtual_hosts[found];
}

Match Router::match(const http::RequestHead& head, uint64_t random) const {
  Match match;
  match.virtual_host = virtual_host_of(head);
  if (match.virtual_host == nullptr) return match;
  if (match.virtual_host->demands_tls(head)) {
    match.redirect_to_https = true;
    return match;
  }
  std::string_view path = head.path_only();
  if (table_->ignore_path_parameters_in_path_matching)
    path = without_parameters(path, head.headers.arena());
  for (const Route& route : match.virtual_host->routes_) {
    if (!route.matches(head, path, random)) continue;
    match.route = &route;
    break;
  }
  if (match.route == nullptr) return match;
  const config::ForwardAction* action = match.route->forward();
  if (action == nullptr) return match;
  if (!action->weighted.empty()) {
    // Mixed once more: otherwise a route chosen by a fraction of `random` would see only some of
    // the weights.
    match.weighted = &pick_weighted(*action, match.route->compiled_->total_weight, mix(random));
    match.cluster = match.weighted->cluster_header.empty()
                        ? std::string_view(match.weighted->name)
                        : header_value(head, match.weighted->cluster_header);
  } else if (!action->cluster_header.empty()) {
    match.cluster = header_value(head, action->cluster_header);
  } else {
    match.cluster = action->cluster;
  }
  return match;
}

}  // namespace pillion::route
