#include "filters/rate_limit_actions.h"

#include <envoy/config/route/v3/route_components.pb.h>
#include <envoy/type/metadata/v3/metadata.pb.h>

#include <memory>

#include "filters/common.h"
#include "filters/query_mutation.h"
#include "sidecar/base/text.h"
#include "xds/check_fields.h"

namespace pillion::filters {
namespace {

using envoy::config::route::v3::RateLimit;
using Action = RateLimitActions::Action;
using Entries = std::vector<DescriptorEntry>;
using filter::StreamContext;
using http::RequestHead;

std::string text_or(const std::string& text, std::string_view standard) {
  return text.empty() ? std::string(standard) : text;
}

Action fixed_entry(std::string key, std::string value) {
  return [key = std::move(key), value = std::move(value)](StreamContext&, const RequestHead&,
                                                          Entries& entries) {
    entries.push_back({key, value});
    return true;
  };
}

Action destination_cluster() {
  return [](StreamContext& context, const RequestHead&, Entries& entries) {
    if (context.route_cluster().empty()) return false;
    entries.push_back({"destination_cluster", context.route_cluster()});
    return true;
  };
}

Action request_header(const RateLimit::Action::RequestHeaders& message) {
  return
      [name = lower_copy(message.header_name()), key = message.descriptor_key(),
       skip = message.skip_if_absent()](StreamContext&, const RequestHead& head, Entries& entries) {
        const auto value = head.field(name);
        if (!value || value->empty()) return skip;
        entries.push_back({key, *value});
        return true;
      };
}

Action query_parameter(const RateLimit::Action::QueryParameters& message) {
  return [name = message.query_parameter_name(), key = message.descriptor_key(),
          skip = message.skip_if_absent()](StreamContext& context, const RequestHead& head,
                                           Entries& entries) {
    const auto value = query_value(head, name);
    if (!value || value->empty()) return skip;
    entries.push_back({key, context.arena().copy(*value)});
    return true;
  };
}

Action remote_address() {
  return [](StreamContext& context, const RequestHead&, Entries& entries) {
    const Address* address = context.info().downstream_remote;
    if (address == nullptr || !address->is_ip()) return false;
    entries.push_back({"remote_address", context.arena().copy(address->ip_string())});
    return true;
  };
}

// The network of that prefix length, as "10.1.0.0/16".
std::string network_text(const Address& address, uint32_t prefix) {
  sockaddr_storage storage{};
  const socklen_t size = address.to_sockaddr(storage);
  auto* bytes = address.is_ipv4()
                    ? reinterpret_cast<uint8_t*>(&reinterpret_cast<sockaddr_in&>(storage).sin_addr)
                    : reinterpret_cast<sockaddr_in6&>(storage).sin6_addr.s6_addr;
  const uint32_t bits = address.is_ipv4() ? 32 : 128;
  for (uint32_t bit = prefix; bit < bits; ++bit)
    bytes[bit / 8] &= static_cast<uint8_t>(~(0x80u >> (bit % 8)));
  const auto network = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), size);
  return network.ip_string() + "/" + std::to_string(prefix);
}

Action masked_remote_address(const RateLimit::Action::MaskedRemoteAddress& message) {
  const uint32_t v4 = message.has_v4_prefix_mask_len() ? message.v4_prefix_mask_len().value() : 32;
  const uint32_t v6 = message.has_v6_prefix_mask_len() ? message.v6_prefix_mask_len().value() : 128;
  return [v4, v6](StreamContext& context, const RequestHead&, Entries& entries) {
    const Address* address = context.info().downstream_remote;
    if (address == nullptr || !address->is_ip()) return false;
    entries.push_back({"masked_remote_address",
                       context.arena().copy(network_text(*address, address->is_ipv4() ? v4 : v6))});
    return true;
  };
}

// Shared, since std::function copies and matchers only move.
Action header_value_match(const RateLimit::Action::HeaderValueMatch& message,
                          const xds::FieldPath& at) {
  xds::check_fields(message, at, {"descriptor_key", "descriptor_value", "expect_match", "headers"});
  auto matchers = std::make_shared<const std::vector<http::HeaderMatcher>>(
      compile(xds::header_matchers(message.headers(), at.field("headers"))));
  const bool expected = !message.has_expect_match() || message.expect_match().value();
  return [matchers, expected, key = text_or(message.descriptor_key(), "header_match"),
          value = message.descriptor_value()](StreamContext&, const RequestHead& head,
                                              Entries& entries) {
    if (all_match(*matchers, head) != expected) return false;
    entries.push_back({key, value});
    return true;
  };
}

Action query_value_match(const RateLimit::Action::QueryParameterValueMatch& message,
                         const xds::FieldPath& at) {
  xds::check_fields(message, at,
                    {"descriptor_key", "descriptor_value", "expect_match", "query_parameters"});
  auto matchers = std::make_shared<std::vector<http::QueryMatcher>>();
  const xds::FieldPath list = at.field("query_parameters");
  for (int i = 0; i < message.query_parameters_size(); ++i) {
    auto one = http::QueryMatcher::compile(
        xds::query_matcher(message.query_parameters(i), list.index(static_cast<std::size_t>(i))));
    if (one) matchers->push_back(std::move(*one));
  }
  const bool expected = !message.has_expect_match() || message.expect_match().value();
  return [matchers, expected, key = text_or(message.descriptor_key(), "query_match"),
          value = message.descriptor_value()](StreamContext&, const RequestHead& head,
                                              Entries& entries) {
    for (const http::QueryMatcher& matcher : *matchers)
      if (matcher.matches(head.query()) != expected) return false;
    entries.push_back({key, value});
    return true;
  };
}

// The text at a path within route metadata, or empty.
std::string_view metadata_text(const config::Metadata* metadata,
                               const std::vector<std::string>& path) {
  const config::Value::Object* object = metadata;
  for (std::size_t i = 0; object != nullptr && i < path.size(); ++i) {
    auto found = object->find(path[i]);
    if (found == object->end()) return {};
    if (i + 1 == path.size()) {
      const auto* text = std::get_if<std::string>(&found->second.data);
      return text == nullptr ? std::string_view{} : *text;
    }
    object = std::get_if<config::Value::Object>(&found->second.data);
  }
  return {};
}

Action route_metadata(const RateLimit::Action::MetaData& message, const xds::FieldPath& at) {
  xds::check_fields(
      message, at, {"descriptor_key", "metadata_key", "default_value", "source", "skip_if_absent"});
  if (message.source() != RateLimit::Action::MetaData::ROUTE_ENTRY)
    xds::not_supported(at.field("source"),
                       "set it to ROUTE_ENTRY: no filter sets dynamic metadata");
  std::vector<std::string> path = {message.metadata_key().key()};
  for (const auto& segment : message.metadata_key().path()) path.push_back(segment.key());
  return [path = std::move(path), key = message.descriptor_key(),
          standard = message.default_value(), skip = message.skip_if_absent()](
             StreamContext& context, const RequestHead&, Entries& entries) {
    std::string_view value = metadata_text(context.info().route_metadata, path);
    if (value.empty()) value = standard;
    if (value.empty()) return skip;
    entries.push_back({key, value});
    return true;
  };
}

Action read_action(const RateLimit::Action& message, std::string_view service_cluster,
                   const xds::FieldPath& at) {
  switch (message.action_specifier_case()) {
    case RateLimit::Action::kSourceCluster:
      return fixed_entry("source_cluster", std::string(service_cluster));
    case RateLimit::Action::kDestinationCluster:
      return destination_cluster();
    case RateLimit::Action::kRequestHeaders:
      return request_header(message.request_headers());
    case RateLimit::Action::kQueryParameters:
      return query_parameter(message.query_parameters());
    case RateLimit::Action::kRemoteAddress:
      return remote_address();
    case RateLimit::Action::kGenericKey:
      return fixed_entry(text_or(message.generic_key().descriptor_key(), "generic_key"),
                         message.generic_key().descriptor_value());
    case RateLimit::Action::kHeaderValueMatch:
      return header_value_match(message.header_value_match(), at.field("header_value_match"));
    case RateLimit::Action::kMetadata:
      return route_metadata(message.metadata(), at.field("metadata"));
    case RateLimit::Action::kMaskedRemoteAddress:
      return masked_remote_address(message.masked_remote_address());
    case RateLimit::Action::kQueryParameterValueMatch:
      return query_value_match(message.query_parameter_value_match(),
                               at.field("query_parameter_value_match"));
    case RateLimit::Action::kDynamicMetadata:
      xds::not_supported(at.field("dynamic_metadata"), "use metadata with source ROUTE_ENTRY");
      return nullptr;
    case RateLimit::Action::kExtension:
      xds::not_supported(at.field("extension"));
      return nullptr;
    default:
      at.missing("needs one kind of action, such as remote_address or request_headers");
      return nullptr;
  }
}

}  // namespace

RateLimitActions::RateLimitActions(const google::protobuf::RepeatedPtrField<RateLimit>& rules,
                                   std::string_view service_cluster, const xds::FieldPath& at) {
  for (int i = 0; i < rules.size(); ++i) {
    const xds::FieldPath here = at.index(static_cast<std::size_t>(i));
    xds::check_fields(rules[i], here, {"actions", "hits_addend"});
    Rule& rule = rules_.emplace_back();
    if (rules[i].has_hits_addend()) {
      xds::check_fields(rules[i].hits_addend(), here.field("hits_addend"), {"number"});
      if (rules[i].hits_addend().has_number())
        rule.hits = static_cast<double>(rules[i].hits_addend().number().value());
    }
    const xds::FieldPath actions = here.field("actions");
    for (int k = 0; k < rules[i].actions_size(); ++k) {
      Action action = read_action(rules[i].actions(k), service_cluster,
                                  actions.index(static_cast<std::size_t>(k)));
      if (action) rule.actions.push_back(std::move(action));
    }
  }
}

std::vector<Descriptor> RateLimitActions::descriptors(StreamContext& context,
                                                      const RequestHead& head) const {
  std::vector<Descriptor> found;
  for (const Rule& rule : rules_) {
    Descriptor descriptor;
    descriptor.hits = rule.hits;
    bool whole = true;
    for (const Action& action : rule.actions)
      whole = whole && action(context, head, descriptor.entries);
    if (whole && !descriptor.entries.empty()) found.push_back(std::move(descriptor));
  }
  return found;
}

}  // namespace pillion::filters
