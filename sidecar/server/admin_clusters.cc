// /clusters: every cluster with its limits and its endpoints' counts. A cluster that is not in use
// has no runtime and counts nothing; its endpoints are then shown from the configuration.

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "sidecar/base/text.h"
#include "sidecar/server/admin_context.h"
#include "sidecar/server/admin_json.h"
#include "sidecar/upstream/cluster_directory.h"

namespace pillion::server {

namespace {

using upstream::Endpoint;
using upstream::EndpointSet;

constexpr std::array<std::string_view, 2> kPriorities = {"default_priority", "high_priority"};

struct Count {
  const char* name;
  bool gauge;
  uint64_t value;
};

// In the order of Envoy's JSON: counters, then gauges, each by name.
std::array<Count, 9> counts_of(const Endpoint& endpoint) {
  const upstream::EndpointCounts& c = endpoint.counts;
  return {{{"cx_connect_fail", false, c.cx_connect_fail},
           {"cx_total", false, c.cx_total},
           {"rq_error", false, c.rq_error},
           {"rq_success", false, c.rq_success},
           {"rq_timeout", false, c.rq_timeout},
           {"rq_total", false, c.rq_total},
           {"cx_active", true, c.cx_active},
           {"rq_active", true, c.rq_active},
           {"rq_pending_active", true, 0}}};
}

// health_flags of the text, eds_health_status of the JSON.
struct HealthNames {
  const char* flags;
  const char* status;
};
HealthNames health_names(config::Endpoint::Health health) {
  using Health = config::Endpoint::Health;
  switch (health) {
    case Health::kDegraded:
      return {"/degraded_eds_health", "DEGRADED"};
    case Health::kUnhealthy:
      return {"/failed_eds_health", "UNHEALTHY"};
    case Health::kDraining:
      return {"/eds_status_draining", "DRAINING"};
    case Health::kHealthy:
      break;
  }
  return {"healthy", "HEALTHY"};
}

std::string address_text(const Endpoint& endpoint) {
  return endpoint.moving ? endpoint.connect_address().to_string() : endpoint.address_text;
}

void append_endpoint(std::string& out, const std::string& cluster, const Endpoint& endpoint) {
  static const config::Locality kNone;
  const config::Locality& locality = endpoint.locality ? *endpoint.locality : kNone;
  std::string prefix = cluster + "::" + address_text(endpoint) + "::";
  auto counts = counts_of(endpoint);
  std::sort(counts.begin(), counts.end(), [](const Count& a, const Count& b) {
    return std::string_view(a.name) < std::string_view(b.name);
  });
  for (const Count& count : counts)
    fmt::format_to(std::back_inserter(out), "{}{}::{}\n", prefix, count.name, count.value);
  fmt::format_to(std::back_inserter(out),
                 "{0}hostname::{1}\n{0}health_flags::{2}\n{0}weight::{3}\n{0}region::{4}\n"
                 "{0}zone::{5}\n{0}sub_zone::{6}\n{0}canary::{7}\n{0}priority::{8}\n"
                 "{0}success_rate::-1\n{0}local_origin_success_rate::-1\n",
                 prefix, endpoint.hostname, health_names(endpoint.health).flags, endpoint.weight,
                 locality.region, locality.zone, locality.sub_zone, endpoint.canary,
                 endpoint.priority);
}

void append_cluster(std::string& out, const config::Cluster& cluster,
                    const EndpointSet& endpoints) {
  fmt::format_to(std::back_inserter(out), "{}::observability_name::{}\n", cluster.name,
                 cluster.stat_name());
  for (std::size_t i = 0; i < kPriorities.size(); ++i) {
    const config::CircuitBreaker& breaker = cluster.breakers[i];
    fmt::format_to(std::back_inserter(out),
                   "{0}::{1}::max_connections::{2}\n{0}::{1}::max_pending_requests::{3}\n"
                   "{0}::{1}::max_requests::{4}\n{0}::{1}::max_retries::{5}\n",
                   cluster.name, kPriorities[i], breaker.max_connections,
                   breaker.max_pending_requests, breaker.max_requests, breaker.max_retries);
  }
  out += cluster.name + "::added_via_api::false\n";
  for (const auto& endpoint : endpoints.all) append_endpoint(out, cluster.name, *endpoint);
}

Json json_endpoint(const Endpoint& endpoint) {
  Json stats = Json::array();
  for (const Count& count : counts_of(endpoint)) {
    Json stat = Json::object();
    if (count.gauge) stat["type"] = "GAUGE";
    if (count.value != 0) stat["value"] = std::to_string(count.value);
    stat["name"] = count.name;
    stats.push_back(std::move(stat));
  }
  Json host = {{"address", json_address(endpoint.connect_address())},
               {"stats", std::move(stats)},
               {"health_status", {{"eds_health_status", health_names(endpoint.health).status}}},
               {"weight", endpoint.weight}};
  if (!endpoint.hostname.empty()) host["hostname"] = endpoint.hostname;
  if (endpoint.priority != 0) host["priority"] = endpoint.priority;
  Json locality = Json::object();
  if (endpoint.locality) {
    if (!endpoint.locality->region.empty()) locality["region"] = endpoint.locality->region;
    if (!endpoint.locality->zone.empty()) locality["zone"] = endpoint.locality->zone;
    if (!endpoint.locality->sub_zone.empty()) locality["sub_zone"] = endpoint.locality->sub_zone;
  }
  host["locality"] = std::move(locality);
  return host;
}

Json json_cluster(const config::Cluster& cluster, const EndpointSet& endpoints) {
  Json status = {{"name", cluster.name}};
  for (const auto& endpoint : endpoints.all)
    status["host_statuses"].push_back(json_endpoint(*endpoint));
  Json thresholds = Json::array();
  for (std::size_t i = 0; i < kPriorities.size(); ++i) {
    const config::CircuitBreaker& breaker = cluster.breakers[i];
    Json threshold = Json::object();
    if (i == 1) threshold["priority"] = "HIGH";
    threshold["max_connections"] = breaker.max_connections;
    threshold["max_pending_requests"] = breaker.max_pending_requests;
    threshold["max_requests"] = breaker.max_requests;
    threshold["max_retries"] = breaker.max_retries;
    thresholds.push_back(std::move(threshold));
  }
  status["circuit_breakers"] = {{"thresholds", std::move(thresholds)}};
  status["observability_name"] = cluster.stat_name();
  return status;
}

std::shared_ptr<const EndpointSet> endpoints_of(const config::Cluster& cluster,
                                                const upstream::SharedCluster* runtime) {
  if (runtime != nullptr) return runtime->endpoints();
  static const auto kNone = std::make_shared<const EndpointSet>();
  return cluster.assignment ? upstream::build_endpoints(*cluster.assignment, {}, nullptr, Time{})
                            : kNone;
}

// The page in pieces, some clusters in each: with many clusters the whole would be as large as the
// rest of the process.
struct Pages {
  static constexpr std::size_t kPiece = 64 * 1024;

  bool next(std::string& piece) {
    if (done) return false;
    if (as_json && at == 0) piece += clusters.empty() ? "{}" : "{\n \"cluster_statuses\": [\n";
    for (; at < clusters.size() && piece.size() < kPiece; ++at) {
      const auto& [config, runtime] = clusters[at];
      auto endpoints = endpoints_of(*config, runtime.get());
      if (as_json)
        append_json(piece, json_cluster(*config, *endpoints));
      else
        append_cluster(piece, *config, *endpoints);
      clusters[at] = {};
    }
    done = at == clusters.size();
    if (as_json && done) piece += clusters.empty() ? "\n" : "\n ]\n}\n";
    return true;
  }

  // As json_response() would, two levels in.
  void append_json(std::string& piece, const Json& status) const {
    if (at > 0) piece += ",\n";
    std::string text = status.dump(1, ' ', false, Json::error_handler_t::replace);
    for (std::string_view line : split(text, '\n')) {
      if (line.data() != text.data()) piece += '\n';
      piece += "  ";
      piece += line;
    }
  }

  std::vector<upstream::ClusterDirectory::Listed> clusters;
  std::size_t at = 0;
  bool as_json = false;
  bool done = false;
};

AdminResponse run(const AdminRequest& request, const AdminContext& context) {
  std::unique_ptr<RE2> filter;
  if (const std::string* text = request.parameter("filter")) {
    filter = std::make_unique<RE2>(*text, RE2::Quiet);
    if (!filter->ok()) return text_response("Invalid re2 regex: " + filter->error() + "\n", 400);
  }
  const std::string* format = request.parameter("format");
  auto pages = std::make_shared<Pages>();
  pages->clusters = context.clusters.listing();
  if (filter) {
    std::erase_if(pages->clusters,
                  [&](const auto& c) { return !RE2::PartialMatch(c.config->name, *filter); });
  }
  pages->as_json = format != nullptr && *format == "json";
  AdminResponse response;
  if (pages->as_json) response.content_type = kJsonContent;
  response.more = [pages](std::string& piece) { return pages->next(piece); };
  return response;
}

}  // namespace

void add_clusters_command(Admin& admin, AdminContext& context) {
  admin.add({.path = "/clusters",
             .help = "upstream cluster status",
             .run = [&context](const AdminRequest& request) { return run(request, context); },
             .parameters = {{"filter",
                             "Regular expression (Google re2) for filtering clusters by "
                             "name"},
                            {"format", "File format to use; One of (text, json)"}}});
}

}  // namespace pillion::server
