// Name resolution of a cluster: its own (deprecated) fields, the DnsCluster message, and resolvers
// (translate.h).

#include <envoy/config/cluster/v3/cluster.pb.h>
#include <envoy/config/core/v3/resolver.pb.h>
#include <envoy/extensions/clusters/dns/v3/dns_cluster.pb.h>
#include <envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h>
#include <google/protobuf/any.pb.h>

#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

using config::DnsSettings;
using envoy::config::cluster::v3::Cluster;
using envoy::extensions::clusters::dns::v3::DnsCluster;
using envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig;
using Family = DnsSettings::Family;

// Envoy's default for the longest pause after failures is ten times the first.
template <class RefreshRate>
void take_failure_rate(const RefreshRate& message, const FieldPath& at, DnsSettings& to) {
  to.failure_base = millis(message.base_interval(), at.field("base_interval"));
  to.failure_max = message.has_max_interval()
                       ? millis(message.max_interval(), at.field("max_interval"))
                       : 10 * to.failure_base;
  if (to.failure_max < to.failure_base)
    at.field("max_interval").problem("must not be less than base_interval");
}

Family family(Cluster::DnsLookupFamily value) {
  switch (value) {
    case Cluster::V4_ONLY:
      return Family::kV4Only;
    case Cluster::V6_ONLY:
      return Family::kV6Only;
    case Cluster::V4_PREFERRED:
      return Family::kV4Preferred;
    case Cluster::ALL:
      return Family::kAll;
    default:
      return Family::kAuto;
  }
}

Family family(envoy::extensions::clusters::common::dns::v3::DnsLookupFamily value) {
  namespace dns = envoy::extensions::clusters::common::dns::v3;
  switch (value) {
    case dns::V4_ONLY:
      return Family::kV4Only;
    case dns::V6_ONLY:
      return Family::kV6Only;
    case dns::V4_PREFERRED:
      return Family::kV4Preferred;
    case dns::ALL:
      return Family::kAll;
    default:
      return Family::kAuto;
  }
}

template <class Addresses>
void take_resolvers(const Addresses& messages, const FieldPath& at, DnsSettings& to) {
  std::vector<Address> resolvers;
  for (const auto& message : messages)
    resolvers.push_back(address(message, at.index(resolvers.size())));
  if (!resolvers.empty()) to.resolvers = std::move(resolvers);
}

void take_options(const envoy::config::core::v3::DnsResolverOptions& message, DnsSettings& to) {
  to.use_tcp = message.use_tcp_for_dns_lookups();
  to.no_default_search_domain = message.no_default_search_domain();
}

void take_cares(const CaresDnsResolverConfig& message, const FieldPath& at, DnsSettings& to) {
  // How many lookups share one UDP socket cannot be observed from outside.
  check_fields(message, at,
               {"resolvers", "dns_resolver_options", "query_timeout_seconds", "query_tries"},
               {"udp_max_queries"});
  take_resolvers(message.resolvers(), at.field("resolvers"), to);
  take_options(message.dns_resolver_options(), to);
  if (message.has_query_timeout_seconds()) {
    constexpr uint64_t kLongest = 3600;
    const uint64_t seconds = message.query_timeout_seconds().value();
    if (seconds > kLongest)
      at.field("query_timeout_seconds").problem("must be at most 3600");
    else
      to.query_timeout = std::chrono::seconds(seconds);
  }
  if (message.has_query_tries()) to.query_tries = message.query_tries().value();
}

}  // namespace

void translate_resolver(const envoy::config::core::v3::TypedExtensionConfig& message,
                        const FieldPath& at, DnsSettings& to) {
  const FieldPath typed = at.field("typed_config");
  const auto config = unpack(message.typed_config(), typed);
  if (config == nullptr) return;
  if (config->GetDescriptor() == CaresDnsResolverConfig::descriptor())
    take_cares(as<CaresDnsResolverConfig>(*config), typed, to);
  else
    typed.problem(config->GetDescriptor()->full_name() +
                  " is not supported by this version; use "
                  "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig");
}

void translate_resolver(const envoy::config::core::v3::DnsResolutionConfig& message,
                        const FieldPath& at, DnsSettings& to) {
  take_resolvers(message.resolvers(), at.field("resolvers"), to);
  take_options(message.dns_resolver_options(), to);
}

void translate_dns(const Cluster& message, const FieldPath& at, DnsSettings& to) {
  if (message.has_dns_refresh_rate())
    to.refresh = millis(message.dns_refresh_rate(), at.field("dns_refresh_rate"));
  if (message.has_dns_jitter()) to.jitter = millis(message.dns_jitter(), at.field("dns_jitter"));
  if (message.has_dns_failure_refresh_rate())
    take_failure_rate(message.dns_failure_refresh_rate(), at.field("dns_failure_refresh_rate"), to);
  to.respect_ttl = message.respect_dns_ttl();
  to.family = family(message.dns_lookup_family());
  // The newest of the three ways to name resolvers wins, as in Envoy.
  if (message.has_typed_dns_resolver_config()) {
    translate_resolver(message.typed_dns_resolver_config(), at.field("typed_dns_resolver_config"),
                       to);
  } else if (message.has_dns_resolution_config()) {
    translate_resolver(message.dns_resolution_config(), at.field("dns_resolution_config"), to);
  } else {
    take_resolvers(message.dns_resolvers(), at.field("dns_resolvers"), to);
    if (message.use_tcp_for_dns_lookups()) to.use_tcp = true;
  }
}

void translate_dns_cluster(const google::protobuf::Any& any, const FieldPath& at,
                           config::Cluster& to) {
  DnsCluster message;
  if (!unpack_to(any, at, message)) return;
  check_fields(
      message, at,
      {"dns_refresh_rate", "dns_failure_refresh_rate", "respect_dns_ttl", "dns_jitter",
       "typed_dns_resolver_config", "dns_lookup_family", "all_addresses_in_single_endpoint"});
  to.type = message.all_addresses_in_single_endpoint() ? config::Cluster::Type::kLogicalDns
                                                       : config::Cluster::Type::kStrictDns;
  DnsSettings& dns = *to.dns;
  if (message.has_dns_refresh_rate())
    dns.refresh = millis(message.dns_refresh_rate(), at.field("dns_refresh_rate"));
  if (message.has_dns_jitter()) dns.jitter = millis(message.dns_jitter(), at.field("dns_jitter"));
  if (message.has_dns_failure_refresh_rate())
    take_failure_rate(message.dns_failure_refresh_rate(), at.field("dns_failure_refresh_rate"),
                      dns);
  dns.respect_ttl = message.respect_dns_ttl();
  dns.family = family(message.dns_lookup_family());
  if (message.has_typed_dns_resolver_config())
    translate_resolver(message.typed_dns_resolver_config(), at.field("typed_dns_resolver_config"),
                       dns);
}

}  // namespace pillion::xds
