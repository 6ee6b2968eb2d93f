// typed_per_filter_config of route tables, virtual hosts, routes and weighted clusters
// (translate.h).

#include <envoy/config/route/v3/route_components.pb.h>
#include <fmt/format.h>
#include <google/protobuf/any.pb.h>

#include <algorithm>

#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

using envoy::config::route::v3::FilterConfig;
using google::protobuf::Any;

std::string known_types(filter::FilterTable filters) {
  std::string names;
  for (const filter::FilterType& type : filters) {
    if (type.route_message.empty()) continue;
    if (!names.empty()) names += ", ";
    names += type.route_message;
  }
  return names;
}

// Null when the message has problems, or is of an unknown type and may be.
std::shared_ptr<const filter::RouteConfig> parse(const Any& any, bool optional,
                                                 const Translation& translation,
                                                 const FieldPath& at) {
  const std::string_view name = type_name(any);
  const auto type = std::find_if(translation.filters.begin(), translation.filters.end(),
                                 [&](const filter::FilterType& t) {
                                   return !t.route_message.empty() && t.route_message == name;
                                 });
  if (type == translation.filters.end()) {
    const std::string text = fmt::format(
        "\"{}\" is no per-route message of a filter of this version, which has {}; "
        "remove it, or wrap it in envoy.config.route.v3.FilterConfig with is_optional",
        name, known_types(translation.filters));
    if (optional)
      at.warning("is of a filter that this version does not have; it is ignored");
    else
      at.problem(text);
    return nullptr;
  }
  const auto message = unpack(any, at);
  if (message == nullptr) return nullptr;
  return type->parse_route(*message, translation.parse_context(at));
}

config::FilterOverride wrapped(const FilterConfig& message, const Translation& translation,
                               const FieldPath& at) {
  config::FilterOverride result;
  check_fields(message, at, {"config", "is_optional", "disabled"});
  if (message.disabled()) {
    // Envoy ignores the config beside it.
    result.disabled = true;
    return result;
  }
  result.disabled = false;
  if (message.has_config())
    result.config = parse(message.config(), message.is_optional(), translation, at.field("config"));
  else
    at.field("config").missing("is required unless disabled is true");
  return result;
}

}  // namespace

config::FilterOverrides translate_overrides(const OverrideMessages& messages,
                                            const Translation& translation, const FieldPath& at) {
  config::FilterOverrides overrides;
  for (const auto& [name, any] : messages) {
    const FieldPath entry = at.key(name);
    config::FilterOverride override;
    if (type_name(any) == FilterConfig::descriptor()->full_name()) {
      FilterConfig message;
      if (unpack_to(any, entry, message)) override = wrapped(message, translation, entry);
    } else {
      override.config = parse(any, false, translation, entry);
    }
    overrides.emplace(name, std::move(override));
  }
  return overrides;
}

}  // namespace pillion::xds
