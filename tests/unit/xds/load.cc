#include "tests/unit/xds/load.h"

#include <envoy/extensions/filters/http/buffer/v3/buffer.pb.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sidecar/metrics/registry.h"
#include "xds/any.h"
#include "xds/field_path.h"

namespace pillion::xds::test {
namespace {

using envoy::extensions::filters::http::buffer::v3::Buffer;
using envoy::extensions::filters::http::buffer::v3::BufferPerRoute;

class PassFilter final : public filter::Filter {};

struct TestFactory final : filter::Factory {
  explicit TestFactory(uint32_t max) : bytes(max) {}
  filter::Filter* create(Arena& arena) const override { return arena.make<PassFilter>(); }
  [[nodiscard]] filter::Hooks hooks() const override { return {}; }
  uint32_t bytes;
};

struct TestRouteConfig final : filter::RouteConfig {
  explicit TestRouteConfig(uint32_t max) : bytes(max) {}
  uint32_t bytes;
};

std::shared_ptr<const filter::Factory> parse(const google::protobuf::Message& message,
                                             const filter::ParseContext& context) {
  const uint32_t bytes = as<Buffer>(message).max_request_bytes().value();
  if (bytes == 13) context.at.field("max_request_bytes").problem("13 is refused by the filter");
  return std::make_shared<TestFactory>(bytes);
}

std::shared_ptr<const filter::RouteConfig> parse_route(const google::protobuf::Message& message,
                                                       const filter::ParseContext&) {
  return std::make_shared<TestRouteConfig>(
      as<BufferPerRoute>(message).buffer().max_request_bytes().value());
}

constexpr filter::FilterType kFilters[] = {
    {"envoy.filters.http.buffer", "envoy.extensions.filters.http.buffer.v3.Buffer",
     "envoy.extensions.filters.http.buffer.v3.BufferPerRoute", parse, parse_route}};

constexpr std::string_view kRouter =
    "{name: envoy.filters.http.router, typed_config: {\"@type\": "
    "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}";

const std::filesystem::path& folder() {
  static const auto& path = *new std::filesystem::path(std::filesystem::path(testing::TempDir()) /
                                                       fmt::format("pillion-xds-{}", ::getpid()));
  std::filesystem::create_directories(path);
  return path;
}

metrics::Registry& registry() {
  static auto& registry = *new metrics::Registry();
  return registry;
}

}  // namespace

const config::HttpConnectionManager& Outcome::hcm() const {
  return *bootstrap.listeners.at(0)->chains.at(0).http;
}

const config::Route& Outcome::route(std::size_t i) const {
  return hcm().routes->virtual_hosts.at(0).routes.at(i);
}

const config::ForwardAction& Outcome::forward(std::size_t i) const {
  return std::get<config::ForwardAction>(route(i).action);
}

const config::Cluster& Outcome::cluster(std::size_t i) const {
  return *bootstrap.clusters.at(i);
}

std::string Outcome::problem() const {
  std::string text;
  for (const std::string& line : problems) text += (text.empty() ? "" : "\n") + line;
  const std::string prefix = "envoy.yaml: ";
  return text.rfind(prefix, 0) == 0 ? text.substr(prefix.size()) : text;
}

Outcome load(std::string_view text, const Settings& settings) {
  LoadOptions options;
  options.file = temporary_file(settings.name, text);
  options.yaml_overlay = settings.overlay;
  options.allow_unknown_static_fields = settings.allow_unknown;
  options.node_id = settings.node_id;
  options.node_cluster = settings.node_cluster;
  options.filters = filter_table();
  options.metrics = &registry();
  auto result = load_bootstrap(options);
  Outcome outcome;
  auto short_name = [](std::vector<std::string> lines) {
    const std::string prefix = folder().string() + "/";
    for (std::string& line : lines)
      if (line.rfind(prefix, 0) == 0) line.erase(0, prefix.size());
    return lines;
  };
  if (result) {
    outcome.bootstrap = std::move(result->bootstrap);
    outcome.warnings = short_name(std::move(result->warnings));
  } else {
    outcome.problems = short_name(std::move(result.error()));
  }
  return outcome;
}

std::string temporary_file(std::string_view name, std::string_view content) {
  const auto path = folder() / name;
  std::ofstream out(path, std::ios::binary);
  out << content;
  return path.string();
}

std::string with_cluster(std::string_view fields) {
  return fmt::format("static_resources: {{clusters: [{{name: a, {}}}]}}\n", fields);
}

std::string with_listener(std::string_view fields) {
  return fmt::format(
      "static_resources: {{clusters: [{{name: a}}], listeners: [{{name: l, address: "
      "{{socket_address: {{address: 127.0.0.1, port_value: 0}}}}, {}}}]}}\n",
      fields);
}

namespace {

std::string with_manager(std::string_view fields) {
  return with_listener(fmt::format(
      "filter_chains: [{{filters: [{{name: hcm, typed_config: {{\"@type\": type.googleapis.com/"
      "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager, "
      "stat_prefix: in, {}}}}}]}}]",
      fields));
}

}  // namespace

std::string with_hcm(std::string_view fields) {
  return with_manager(
      fmt::format("http_filters: [{}], route_config: {{name: r}}, {}", kRouter, fields));
}

std::string with_http_filters(std::string_view filters) {
  return with_manager(fmt::format("route_config: {{name: r}}, http_filters: {}", filters));
}

std::string with_virtual_host(std::string_view fields) {
  return with_manager(
      fmt::format("http_filters: [{}], route_config: {{name: r, virtual_hosts: [{{name: v, {}}}]}}",
                  kRouter, fields));
}

std::string with_route(std::string_view fields) {
  return with_virtual_host(fmt::format("domains: ['*'], routes: [{{{}}}]", fields));
}

std::string with_route_action(std::string_view fields) {
  return with_route(fmt::format("match: {{prefix: /}}, route: {{{}}}", fields));
}

uint32_t bytes_of(const filter::Factory& factory) {
  return dynamic_cast<const TestFactory&>(factory).bytes;
}

uint32_t bytes_of(const filter::RouteConfig& config) {
  return dynamic_cast<const TestRouteConfig&>(config).bytes;
}

filter::FilterTable filter_table() {
  return kFilters;
}

}  // namespace pillion::xds::test
