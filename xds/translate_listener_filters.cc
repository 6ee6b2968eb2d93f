// Listener filters (translate.h).

#include <envoy/config/core/v3/proxy_protocol.pb.h>
#include <envoy/config/listener/v3/listener.pb.h>
#include <envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h>
#include <envoy/extensions/filters/listener/original_dst/v3/original_dst.pb.h>
#include <envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.pb.h>
#include <envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h>
#include <fmt/format.h>
#include <google/protobuf/any.pb.h>

#include <algorithm>

#include "sidecar/config/listener.h"
#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::listener::v3;
namespace core = envoy::config::core::v3;
using config::ListenerFilter;
using config::PortPredicate;
using envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
using envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
using envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol;
using envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;

PortPredicate predicate(const v3::ListenerFilterChainMatchPredicate& message, const FieldPath& at);

std::vector<PortPredicate> predicates(
    const v3::ListenerFilterChainMatchPredicate::MatchSet& message, const FieldPath& at) {
  std::vector<PortPredicate> out;
  const FieldPath list = at.field("rules");
  for (const auto& rule : message.rules()) out.push_back(predicate(rule, list.index(out.size())));
  return out;
}

PortPredicate predicate(const v3::ListenerFilterChainMatchPredicate& message, const FieldPath& at) {
  using Rule = v3::ListenerFilterChainMatchPredicate;
  PortPredicate out;
  switch (message.rule_case()) {
    case Rule::kOrMatch:
      out.kind = PortPredicate::Kind::kOr;
      out.parts = predicates(message.or_match(), at.field("or_match"));
      break;
    case Rule::kAndMatch:
      out.kind = PortPredicate::Kind::kAnd;
      out.parts = predicates(message.and_match(), at.field("and_match"));
      break;
    case Rule::kNotMatch:
      out.kind = PortPredicate::Kind::kNot;
      out.parts.push_back(predicate(message.not_match(), at.field("not_match")));
      break;
    case Rule::kDestinationPortRange:
      out.kind = PortPredicate::Kind::kRange;
      out.begin = message.destination_port_range().start();
      out.end = message.destination_port_range().end();
      break;
    case Rule::kAnyMatch:
      break;
    case Rule::RULE_NOT_SET:
      at.missing("needs a rule, such as destination_port_range");
  }
  return out;
}

void take_proxy_protocol(const ProxyProtocol& message, const FieldPath& at,
                         config::ProxyProtocolFilter& to) {
  check_fields(message, at,
               {"rules", "allow_requests_without_proxy_protocol", "pass_through_tlvs",
                "disallowed_versions", "stat_prefix"});
  to.allow_without = message.allow_requests_without_proxy_protocol();
  to.stat_prefix = message.stat_prefix();
  for (int version : message.disallowed_versions()) {
    if (version == core::ProxyProtocolConfig::V1) to.allow_v1 = false;
    if (version == core::ProxyProtocolConfig::V2) to.allow_v2 = false;
  }
  if (!to.allow_v1 && !to.allow_v2)
    at.field("disallowed_versions")
        .problem("leaves no version that the filter could read; remove the filter or a version");
  to.pass_through = tlv_selection(message.pass_through_tlvs(), at.field("pass_through_tlvs"));
  if (!message.has_pass_through_tlvs()) to.pass_through.all = false;
  const FieldPath rules = at.field("rules");
  for (const auto& rule : message.rules()) {
    const FieldPath entry = rules.index(to.rules.size());
    check_fields(rule, entry, {"tlv_type", "on_tlv_present"});
    if (!rule.has_on_tlv_present()) entry.field("on_tlv_present").missing("is required");
    const auto& present = rule.on_tlv_present();
    to.rules.push_back({static_cast<uint8_t>(rule.tlv_type()),
                        present.metadata_namespace().empty()
                            ? "envoy.filters.listener.proxy_protocol"
                            : present.metadata_namespace(),
                        present.key()});
  }
}

// True when the filter was understood.
bool take_filter(const v3::ListenerFilter& message, const FieldPath& at, ListenerFilter& to) {
  check_fields(message, at, {"name", "typed_config", "filter_disabled"});
  if (message.has_filter_disabled())
    to.disabled.push_back(predicate(message.filter_disabled(), at.field("filter_disabled")));
  const FieldPath typed = at.field("typed_config");
  const std::string_view type = type_name(message.typed_config());
  if (type == TlsInspector::descriptor()->full_name()) {
    TlsInspector inspector;
    if (!unpack_to(message.typed_config(), typed, inspector)) return false;
    // How much is read at once shows nowhere.
    check_fields(inspector, typed, {}, {"initial_read_buffer_size"});
    to.kind = ListenerFilter::Kind::kTlsInspector;
    return true;
  }
  if (type == HttpInspector::descriptor()->full_name()) {
    to.kind = ListenerFilter::Kind::kHttpInspector;
    return true;
  }
  if (type == ProxyProtocol::descriptor()->full_name()) {
    ProxyProtocol proxy;
    if (!unpack_to(message.typed_config(), typed, proxy)) return false;
    to.kind = ListenerFilter::Kind::kProxyProtocol;
    take_proxy_protocol(proxy, typed, to.proxy_protocol);
    return true;
  }
  if (type == OriginalDst::descriptor()->full_name()) {
    to.kind = ListenerFilter::Kind::kOriginalDst;
    return true;
  }
  not_supported(at,
                "this version has the listener filters original_dst, tls_inspector, "
                "http_inspector and proxy_protocol; remove the listener filter");
  return false;
}

bool has(const config::Listener& listener, ListenerFilter::Kind kind) {
  return std::any_of(listener.listener_filters.begin(), listener.listener_filters.end(),
                     [kind](const ListenerFilter& filter) { return filter.kind == kind; });
}

// Server names and protocols of TLS are only known to the inspector.
bool needs_tls_inspector(const config::Listener& listener, const config::FilterChain& chain) {
  const config::FilterChainMatch& match = chain.match;
  if (!match.transport_protocol.empty()) return match.transport_protocol == "tls";
  if (!match.server_names.empty()) return true;
  return !match.application_protocols.empty() &&
         !has(listener, ListenerFilter::Kind::kHttpInspector);
}

}  // namespace

config::TlvSelection tlv_selection(const core::ProxyProtocolPassThroughTLVs& message,
                                   const FieldPath& at) {
  check_fields(message, at, {"match_type", "tlv_type"});
  config::TlvSelection out;
  out.all = message.match_type() == core::ProxyProtocolPassThroughTLVs::INCLUDE_ALL;
  for (uint32_t type : message.tlv_type()) out.types.set(type & 255);
  return out;
}

void translate_listener_filters(const v3::Listener& message, const FieldPath& at,
                                config::Listener& to) {
  const FieldPath list = at.field("listener_filters");
  for (int i = 0; i < message.listener_filters_size(); ++i) {
    ListenerFilter filter;
    if (take_filter(message.listener_filters(i), list.index(static_cast<std::size_t>(i)), filter))
      to.listener_filters.push_back(std::move(filter));
  }
  if (message.has_listener_filters_timeout())
    to.listener_filters_timeout =
        millis(message.listener_filters_timeout(), at.field("listener_filters_timeout"));
  to.continue_on_listener_filters_timeout = message.continue_on_listener_filters_timeout();
  // Envoy adds the filter that the flag needs even where it is there already.
  auto is_original_dst = [](const ListenerFilter& f) {
    return f.kind == ListenerFilter::Kind::kOriginalDst;
  };
  if (to.use_original_dst &&
      std::none_of(to.listener_filters.begin(), to.listener_filters.end(), is_original_dst)) {
    ListenerFilter filter;
    filter.kind = ListenerFilter::Kind::kOriginalDst;
    to.listener_filters.push_back(std::move(filter));
  }
  bool needed = std::any_of(
      to.chains.begin(), to.chains.end(),
      [&to](const config::FilterChain& chain) { return needs_tls_inspector(to, chain); });
  if (needed && !has(to, ListenerFilter::Kind::kTlsInspector)) {
    at.field("filter_chains")
        .warning("match on what only the TLS inspector finds out; it was added");
    to.listener_filters.push_back({});
  }
}

}  // namespace pillion::xds
