#pragma once
// What the router ought to answer, computed the slow and obvious way from the configuration alone,
// and a generator of small tables and requests that collide often. Shared by the randomised test
// and the fuzzer.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/text.h"
#include "sidecar/route/router.h"

namespace pillion::route {

struct OracleAnswer {
  int virtual_host = -1;
  int route = -1;
};

// Domain by domain and route by route.
class Oracle {
 public:
  explicit Oracle(const config::RouteTable& table) : table_(table) {}

  [[nodiscard]] OracleAnswer match(std::string_view authority, std::string_view path) const {
    OracleAnswer answer;
    answer.virtual_host = virtual_host(authority);
    if (answer.virtual_host < 0) return answer;
    const auto& routes = table_.virtual_hosts[static_cast<std::size_t>(answer.virtual_host)].routes;
    std::string compared = compared_path(path);
    for (std::size_t i = 0; i < routes.size() && answer.route < 0; ++i)
      if (path_matches(routes[i].path, compared)) answer.route = static_cast<int>(i);
    return answer;
  }

 private:
  [[nodiscard]] int virtual_host(std::string_view authority) const {
    std::string host = lower_copy(authority);
    if (table_.ignore_port_in_host_matching) {
      std::size_t colon = host.rfind(':');
      if (colon != std::string::npos && host.find(']', colon) == std::string::npos)
        host.resize(colon);
    }
    // Rank: exact names first, then longer suffixes, then longer prefixes, then "*".
    int best = -1;
    long best_rank = -1;
    for (std::size_t i = 0; i < table_.virtual_hosts.size(); ++i) {
      for (const std::string& domain : table_.virtual_hosts[i].domains) {
        long rank = rank_of(domain, host);
        if (rank <= best_rank) continue;
        best_rank = rank;
        best = static_cast<int>(i);
      }
    }
    return best;
  }

  static long rank_of(const std::string& domain, const std::string& host) {
    constexpr long kExact = 1'000'000;
    constexpr long kSuffix = 100'000;
    constexpr long kPrefix = 1'000;
    if (domain == "*") return 0;
    auto fixed = static_cast<long>(domain.size()) - 1;
    if (domain.front() == '*') {
      bool ends = host.size() >= domain.size() &&
                  host.compare(host.size() - domain.size() + 1, std::string::npos, domain, 1) == 0;
      return ends ? kSuffix + fixed : -1;
    }
    if (domain.back() == '*') {
      bool begins = host.size() >= domain.size() &&
                    host.compare(0, domain.size() - 1, domain, 0, domain.size() - 1) == 0;
      return begins ? kPrefix + fixed : -1;
    }
    return domain == host ? kExact : -1;
  }

  [[nodiscard]] std::string compared_path(std::string_view path) const {
    std::string out(path.substr(0, path.find('?')));
    if (!table_.ignore_path_parameters_in_path_matching) return out;
    for (std::size_t at = out.find(';'); at != std::string::npos; at = out.find(';'))
      out.erase(at, out.find('/', at) - at);
    return out;
  }

  static bool path_matches(const config::PathMatch& match, std::string path) {
    using Kind = config::PathMatch::Kind;
    std::string text = match.text;
    if (!match.case_sensitive) {
      path = lower_copy(path);
      text = lower_copy(text);
    }
    switch (match.kind) {
      case Kind::kExact:
        return path == text;
      case Kind::kPrefix:
        return path.rfind(text, 0) == 0;
      case Kind::kSeparatedPrefix:
        return path == text || path.rfind(text + "/", 0) == 0;
      case Kind::kRegex:
      case Kind::kConnect:
        return false;
    }
    return false;
  }

  const config::RouteTable& table_;
};

// Draws from `next(bound)`, a number below `bound`. Few letters, so that names and paths often
// meet.
template <class Next>
config::RouteTable random_table(Next&& next) {
  auto word = [&next](std::size_t most) {
    std::string out;
    for (std::size_t i = next(most) + 1; i > 0; --i) out += "ab.-"[next(4)];
    return out;
  };
  config::RouteTable table;
  table.ignore_port_in_host_matching = next(2) == 0;
  table.ignore_path_parameters_in_path_matching = next(2) == 0;
  std::vector<std::string> taken;
  for (std::size_t hosts = next(8) + 1; hosts > 0; --hosts) {
    config::VirtualHost host;
    host.name = "v" + std::to_string(hosts);
    for (std::size_t domains = next(4) + 1; domains > 0; --domains) {
      const std::string forms[] = {word(5), "*" + word(4), word(4) + "*", "*"};
      std::string domain = forms[next(4)];
      bool fresh = true;
      for (const std::string& other : taken) fresh = fresh && other != domain;
      if (!fresh) continue;
      taken.push_back(domain);
      host.domains.push_back(domain);
    }
    for (std::size_t routes = next(6); routes > 0; --routes) {
      config::Route route;
      constexpr config::PathMatch::Kind kKinds[] = {config::PathMatch::Kind::kPrefix,
                                                    config::PathMatch::Kind::kExact,
                                                    config::PathMatch::Kind::kSeparatedPrefix};
      route.path.kind = kKinds[next(3)];
      route.path.case_sensitive = next(3) != 0;
      route.path.text = "/";
      for (std::size_t i = next(4); i > 0; --i) route.path.text += "aB/;"[next(4)];
      host.routes.push_back(std::move(route));
    }
    table.virtual_hosts.push_back(std::move(host));
  }
  return table;
}

template <class Next>
std::string random_authority(Next&& next) {
  std::string out;
  for (std::size_t i = next(8); i > 0; --i) out += "abAB.-"[next(6)];
  if (next(4) == 0) out += ":80";
  return out;
}

template <class Next>
std::string random_path(Next&& next) {
  std::string out = "/";
  for (std::size_t i = next(7); i > 0; --i) out += "aAbB/;?"[next(7)];
  return out;
}

// Compares the router with the oracle on `requests` random requests; returns what differs, or "".
template <class Next>
std::string compare_with_oracle(Next&& next, int requests) {
  auto table = std::make_shared<const config::RouteTable>(random_table(next));
  auto router = Router::compile(table);
  if (!router) return "does not compile: " + router.error().message;
  Oracle oracle(*table);
  BlockPool pool;
  for (int i = 0; i < requests; ++i) {
    std::string authority = random_authority(next);
    std::string path = random_path(next);
    Arena arena(pool);
    http::RequestHead head(arena);
    head.authority = authority;
    head.path = path;
    Match got = (*router)->match(head, 0);
    OracleAnswer want = oracle.match(authority, path);
    OracleAnswer answer;
    for (std::size_t host = 0; host < table->virtual_hosts.size(); ++host) {
      if (got.virtual_host == nullptr || &got.virtual_host->config() != &table->virtual_hosts[host])
        continue;
      answer.virtual_host = static_cast<int>(host);
      const auto& routes = table->virtual_hosts[host].routes;
      for (std::size_t r = 0; r < routes.size(); ++r)
        if (got.route != nullptr && &got.route->config() == &routes[r])
          answer.route = static_cast<int>(r);
    }
    if (answer.virtual_host != want.virtual_host || answer.route != want.route)
      return "'" + authority + "' '" + path + "': host " + std::to_string(answer.virtual_host) +
             " route " + std::to_string(answer.route) + ", the oracle says host " +
             std::to_string(want.virtual_host) + " route " + std::to_string(want.route);
  }
  return "";
}

}  // namespace pillion::route
