// Endpoints of a cluster: load_assignment (translate.h).

#include <envoy/config/core/v3/address.pb.h>
#include <envoy/config/endpoint/v3/endpoint.pb.h>
#include <fmt/format.h>

#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::endpoint::v3;
using config::Cluster;
using config::Endpoint;

Endpoint::Health health(envoy::config::core::v3::HealthStatus status) {
  switch (status) {
    case envoy::config::core::v3::UNHEALTHY:
    case envoy::config::core::v3::TIMEOUT:
      return Endpoint::Health::kUnhealthy;
    case envoy::config::core::v3::DRAINING:
      return Endpoint::Health::kDraining;
    case envoy::config::core::v3::DEGRADED:
      return Endpoint::Health::kDegraded;
    default:
      return Endpoint::Health::kHealthy;
  }
}

// An IP address, or a name for a cluster that looks names up.
void take_socket_address(const envoy::config::core::v3::SocketAddress& message, bool dns,
                         const FieldPath& at, Endpoint& to) {
  if (!dns) {
    to.address = socket_address(message, at);
    to.port = to.address.valid() ? to.address.port() : 0;
    return;
  }
  check_fields(message, at, {"address", "port_value", "ipv4_compat"}, {"protocol"});
  if (message.protocol() != envoy::config::core::v3::SocketAddress::TCP)
    not_supported(at.field("protocol"), "use TCP");
  to.port = static_cast<uint16_t>(message.port_value());
  if (auto literal = Address::parse_ip(message.address(), to.port)) {
    to.address = *literal;
    return;
  }
  to.dns_name = message.address();
  if (to.hostname.empty()) to.hostname = to.dns_name;
}

void take_address(const envoy::config::core::v3::Address& message, Cluster::Type type,
                  const FieldPath& at, Endpoint& to) {
  const bool dns = type != Cluster::Type::kStatic;
  if (message.has_socket_address()) {
    take_socket_address(message.socket_address(), dns, at.field("socket_address"), to);
  } else if (dns) {
    at.problem("a cluster that looks names up needs socket_address here");
  } else {
    to.address = address(message, at);
  }
}

Endpoint endpoint(const v3::LbEndpoint& message, Cluster::Type type, const FieldPath& at) {
  check_fields(message, at, {"endpoint", "health_status", "metadata", "load_balancing_weight"});
  Endpoint result;
  const FieldPath inner = at.field("endpoint");
  // The addresses for health checks matter once there are health checks, which are refused.
  check_fields(message.endpoint(), inner, {"address", "hostname"}, {"health_check_config"});
  result.hostname = message.endpoint().hostname();
  if (message.endpoint().has_address())
    take_address(message.endpoint().address(), type, inner.field("address"), result);
  else
    inner.field("address").missing("is required");
  if (message.has_load_balancing_weight()) result.weight = message.load_balancing_weight().value();
  result.health = health(message.health_status());
  if (message.has_metadata()) result.metadata = metadata(message.metadata(), at.field("metadata"));
  return result;
}

config::LocalityEndpoints locality(const v3::LocalityLbEndpoints& message, Cluster::Type type,
                                   const FieldPath& at) {
  // A locality's metadata and proximity guide balancers that this version does not have.
  check_fields(message, at, {"locality", "lb_endpoints", "load_balancing_weight", "priority"},
               {"metadata", "proximity"});
  config::LocalityEndpoints result;
  result.locality = {message.locality().region(), message.locality().zone(),
                     message.locality().sub_zone()};
  result.priority = message.priority();
  result.weight = message.load_balancing_weight().value();
  const FieldPath list = at.field("lb_endpoints");
  result.endpoints.reserve(static_cast<std::size_t>(message.lb_endpoints_size()));
  uint64_t total = 0;
  for (const v3::LbEndpoint& item : message.lb_endpoints()) {
    result.endpoints.push_back(endpoint(item, type, list.index(result.endpoints.size())));
    total += result.endpoints.back().weight;
  }
  if (total > UINT32_MAX)
    list.problem(fmt::format("the weights add up to {}, more than 4294967295", total));
  return result;
}

}  // namespace

std::shared_ptr<const config::Assignment> translate_assignment(
    const v3::ClusterLoadAssignment& message, Cluster::Type type, const FieldPath& at) {
  check_fields(message, at, {"endpoints", "policy"}, {"cluster_name"});
  auto assignment = std::make_shared<config::Assignment>();
  if (message.has_policy()) {
    // Only an assignment from a control plane can become stale.
    check_fields(message.policy(), at.field("policy"), {"overprovisioning_factor"},
                 {"endpoint_stale_after"});
    if (message.policy().has_overprovisioning_factor())
      assignment->overprovisioning_percent = message.policy().overprovisioning_factor().value();
  }
  const FieldPath list = at.field("endpoints");
  assignment->localities.reserve(static_cast<std::size_t>(message.endpoints_size()));
  std::size_t endpoints = 0;
  for (const v3::LocalityLbEndpoints& item : message.endpoints()) {
    assignment->localities.push_back(
        locality(item, type, list.index(assignment->localities.size())));
    endpoints += assignment->localities.back().endpoints.size();
  }
  if (type == Cluster::Type::kLogicalDns && (message.endpoints_size() != 1 || endpoints != 1))
    list.missing(
        "a LOGICAL_DNS cluster needs exactly one locality with exactly one endpoint; use "
        "STRICT_DNS for several");
  return assignment;
}

}  // namespace pillion::xds
