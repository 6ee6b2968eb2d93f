#pragma once
// Loads bootstraps from text in tests and hands out what came of it: the configuration, or the
// problems without the name of the temporary file's folder.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/bootstrap.h"
#include "sidecar/filter/registry.h"
#include "xds/bootstrap.h"

namespace pillion::xds::test {

struct Outcome {
  config::Bootstrap bootstrap;
  std::vector<std::string> problems;
  std::vector<std::string> warnings;

  [[nodiscard]] const config::HttpConnectionManager& hcm() const;
  [[nodiscard]] const config::Route& route(std::size_t i = 0) const;
  [[nodiscard]] const config::ForwardAction& forward(std::size_t i = 0) const;
  [[nodiscard]] const config::Cluster& cluster(std::size_t i = 0) const;
  // The one problem there is, without "envoy.yaml: "; all of them if there are several.
  [[nodiscard]] std::string problem() const;
};

struct Settings {
  std::string name = "envoy.yaml";
  std::string overlay{};
  bool allow_unknown = false;
  std::string node_id{};
  std::string node_cluster{};
};

Outcome load(std::string_view text, const Settings& settings = {});

// Bootstraps that are complete but for one part. Parts are flow-style YAML, put in one place each.
std::string with_cluster(std::string_view fields);
std::string with_listener(std::string_view fields);
std::string with_hcm(std::string_view fields);
std::string with_http_filters(std::string_view filters);
std::string with_virtual_host(std::string_view fields);
std::string with_route(std::string_view fields);
std::string with_route_action(std::string_view fields);

// A file of that content, removed with the process's temporary folder.
std::string temporary_file(std::string_view name, std::string_view content);

// What the filter of filter_table() made of its messages: max_request_bytes of Buffer and
// BufferPerRoute.
uint32_t bytes_of(const filter::Factory& factory);
uint32_t bytes_of(const filter::RouteConfig& config);
filter::FilterTable filter_table();

}  // namespace pillion::xds::test
