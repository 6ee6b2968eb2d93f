// /config_dump: the configuration in use as Envoy's admin.v3.ConfigDump. Everything in it comes
// from the bootstrap, which whoever read it renders as JSON again when asked.

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "sidecar/base/text.h"
#include "sidecar/server/admin_context.h"
#include "sidecar/server/admin_json.h"

namespace pillion::server {

namespace {

constexpr std::string_view kTypes = "type.googleapis.com/";

// A repeated field of one of the dumps that has content here.
struct Resource {
  std::string_view field;    // of the dump
  std::string_view member;   // of an element: the resource itself
  std::string_view dump;     // the dump's message
  std::string_view element;  // the element's message
  std::string_view message;  // the resource's message
};
constexpr std::array<Resource, 3> kResources = {
    {{"static_clusters", "cluster", "envoy.admin.v3.ClustersConfigDump",
      "envoy.admin.v3.ClustersConfigDump.StaticCluster", "envoy.config.cluster.v3.Cluster"},
     {"static_listeners", "listener", "envoy.admin.v3.ListenersConfigDump",
      "envoy.admin.v3.ListenersConfigDump.StaticListener", "envoy.config.listener.v3.Listener"},
     {"static_route_configs", "route_config", "envoy.admin.v3.RoutesConfigDump",
      "envoy.admin.v3.RoutesConfigDump.StaticRouteConfig",
      "envoy.config.route.v3.RouteConfiguration"}}};
// Repeated fields that are empty while all configuration is static.
constexpr std::array<std::string_view, 11> kEmptyFields = {"dynamic_active_clusters",
                                                           "dynamic_warming_clusters",
                                                           "dynamic_listeners",
                                                           "dynamic_route_configs",
                                                           "static_secrets",
                                                           "dynamic_active_secrets",
                                                           "dynamic_warming_secrets",
                                                           "inline_scoped_route_configs",
                                                           "dynamic_scoped_route_configs",
                                                           "static_endpoint_configs",
                                                           "dynamic_endpoint_configs"};

AdminResponse refuse(int status, std::string text) {
  return {status, "text/plain", std::move(text)};
}

std::string timestamp(WallTime time) {
  auto since = time.time_since_epoch();
  auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(since - seconds).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(seconds.count())), millis);
}

Json typed(std::string_view message, const Json& value) {
  Json out = {{"@type", std::string(kTypes) + std::string(message)}};
  for (const auto& [key, member] : value.items()) out[key] = member;
  return out;
}

const Json* member(const Json& object, std::string_view name) {
  auto at = object.find(name);
  return at == object.end() ? nullptr : &*at;
}

// The route configurations that listeners carry inline.
Json inline_routes(const Json& listeners) {
  Json routes = Json::array();
  auto visit_chain = [&routes](const Json& chain) {
    const Json* filters = member(chain, "filters");
    if (filters == nullptr) return;
    for (const Json& filter : *filters) {
      const Json* config = member(filter, "typed_config");
      const Json* route = config != nullptr ? member(*config, "route_config") : nullptr;
      if (route != nullptr) routes.push_back(*route);
    }
  };
  for (const Json& listener : listeners) {
    if (const Json* chains = member(listener, "filter_chains"))
      for (const Json& chain : *chains) visit_chain(chain);
    if (const Json* chain = member(listener, "default_filter_chain")) visit_chain(*chain);
  }
  return routes;
}

class Dump {
 public:
  Dump(const AdminContext& context, const RE2* names)
      : names_(names), updated_(timestamp(context.started_wall)) {
    bootstrap_ = Json::parse(context.bootstrap_json(), nullptr, false);
    if (!bootstrap_.is_object()) bootstrap_ = Json::object();
    if (const Json* resources = member(bootstrap_, "static_resources")) {
      if (const Json* clusters = member(*resources, "clusters")) resources_[0] = *clusters;
      if (const Json* listeners = member(*resources, "listeners")) {
        resources_[1] = *listeners;
        resources_[2] = inline_routes(*listeners);
      }
    }
  }

  // All elements of a repeated field whose resource has a wanted name.
  [[nodiscard]] Json elements(std::size_t index) const {
    const Resource& resource = kResources[index];
    Json out = Json::array();
    for (const Json& value : resources_[index]) {
      const Json* name = member(value, "name");
      std::string text = name != nullptr && name->is_string() ? name->get<std::string>() : "";
      if (names_ != nullptr && !RE2::FullMatch(text, *names_)) continue;
      out.push_back({{std::string(resource.member), typed(resource.message, value)},
                     {"last_updated", updated_}});
    }
    return out;
  }

  // The messages of ConfigDump.configs, in Envoy's order.
  [[nodiscard]] Json configs() const {
    Json out = Json::array();
    out.push_back(typed("envoy.admin.v3.BootstrapConfigDump",
                        {{"bootstrap", bootstrap_}, {"last_updated", updated_}}));
    for (std::size_t i = 0; i < kResources.size(); ++i) {
      Json fields = Json::object();
      Json found = elements(i);
      if (!found.empty()) fields[std::string(kResources[i].field)] = std::move(found);
      // Envoy's table of dumps is sorted: scoped routes come before routes.
      if (i == 2) out.push_back(typed("envoy.admin.v3.ScopedRoutesConfigDump", Json::object()));
      out.push_back(typed(kResources[i].dump, fields));
    }
    out.push_back(typed("envoy.admin.v3.SecretsConfigDump", Json::object()));
    return out;
  }

 private:
  const RE2* names_;
  std::string updated_;
  Json bootstrap_;
  std::array<Json, 3> resources_ = {Json::array(), Json::array(), Json::array()};
};

// Copies what `path` selects from `from` into `to`; false if it selects nothing. As in a FieldMask,
// a repeated field may only come last.
bool copy_path(const Json& from, std::string_view path, Json& to) {
  if (!from.is_object()) return false;
  std::size_t dot = path.find('.');
  std::string name(path.substr(0, dot));
  const Json* value = member(from, name);
  if (value == nullptr) return false;
  if (dot == std::string_view::npos) {
    to[name] = *value;
    return true;
  }
  Json inner = to.contains(name) ? to[name] : Json::object();
  if (const Json* type = value->is_object() ? member(*value, "@type") : nullptr)
    inner["@type"] = *type;
  if (!copy_path(*value, path.substr(dot + 1), inner)) return false;
  to[name] = std::move(inner);
  return true;
}

std::optional<Json> masked(const Json& from, std::string_view mask) {
  Json out = Json::object();
  if (const Json* type = member(from, "@type")) out["@type"] = *type;
  bool any = false;
  for (std::string_view path : split(mask, ',')) any = copy_path(from, path, out) || any;
  if (!any) return {};
  return out;
}

AdminResponse answer(Json configs) {
  Json out = Json::object();
  if (!configs.empty()) out["configs"] = std::move(configs);
  return json_response(out);
}

AdminResponse one_resource(const std::string& name, const std::string* mask, const Dump& dump) {
  if (name == "bootstrap")
    return refuse(400,
                  "bootstrap is not a repeated field. Use ?mask=bootstrap to get only this field");
  const auto* resource =
      std::find_if(kResources.begin(), kResources.end(), [&](auto& r) { return r.field == name; });
  if (resource == kResources.end()) {
    if (std::find(kEmptyFields.begin(), kEmptyFields.end(), name) != kEmptyFields.end())
      return answer(Json::array());
    return refuse(404, name + " not found in config dump");
  }
  Json configs = Json::array();
  for (const Json& element :
       dump.elements(static_cast<std::size_t>(resource - kResources.begin()))) {
    Json config = typed(resource->element, element);
    if (mask != nullptr) {
      auto part = masked(config, *mask);
      if (!part) return refuse(400, "FieldMask " + *mask + " could not be successfully used.");
      config = std::move(*part);
    }
    configs.push_back(std::move(config));
  }
  return answer(std::move(configs));
}

AdminResponse run(const AdminRequest& request, const AdminContext& context) {
  std::unique_ptr<RE2> names;
  if (const std::string* text = request.parameter("name_regex")) {
    names = std::make_unique<RE2>(*text, RE2::Quiet);
    if (!names->ok())
      return refuse(400, "Error while parsing name_regex from " + *text + ": " + names->error());
  }
  Dump dump(context, names.get());
  const std::string* mask = request.parameter("mask");
  if (const std::string* resource = request.parameter("resource"))
    return one_resource(*resource, mask, dump);
  if (mask == nullptr) return answer(dump.configs());
  Json configs = Json::array();
  for (const Json& config : dump.configs())
    if (auto part = masked(config, *mask)) configs.push_back(std::move(*part));
  if (configs.empty())
    return refuse(400, "FieldMask " + *mask + " could not be successfully applied to any configs.");
  return answer(std::move(configs));
}

}  // namespace

void add_config_dump_command(Admin& admin, AdminContext& context) {
  admin.add(
      {.path = "/config_dump",
       .help = "dump current configs",
       .run = [&context](const AdminRequest& request) { return run(request, context); },
       .parameters = {{"resource", "The repeated field of a dump to show, such as static_clusters"},
                      {"mask",
                       "The fields to show, a Protobuf::FieldMask: of each resource when "
                       "one is named, else of the dumps"},
                      {"name_regex", "Only resources whose whole name matches"}}});
}

}  // namespace pillion::server
