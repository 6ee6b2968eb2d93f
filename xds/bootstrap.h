#pragma once
// From a bootstrap file in YAML or JSON (and --config-yaml merged over it) to a validated
// config::Bootstrap. All that is wrong is reported at once. Control thread only, at start-up.

#include <string>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/bootstrap.h"
#include "sidecar/filter/registry.h"

namespace pillion::xds {

struct LoadOptions {
  // JSON when its name ends with .json, else YAML. May be empty when there is an overlay.
  std::string file;
  std::string yaml_overlay;  // --config-yaml: merged over the file as protobuf merges messages
  bool allow_unknown_static_fields = false;
  filter::FilterTable filters;
  metrics::Registry* metrics = nullptr;  // required; filters keep references to it
  std::string node_id;                   // --service-node, overrides node.id
  std::string node_cluster;              // --service-cluster, overrides node.cluster
};

struct Loaded {
  config::Bootstrap bootstrap;
  std::vector<std::string> warnings;  // ready to print
};

// The error is every problem, ready to print: "envoy.yaml: admin.address: what and what to do".
Result<Loaded, std::vector<std::string>> load_bootstrap(const LoadOptions& options);

// The bootstrap message as JSON with the names of its proto fields, for the admin's /config_dump.
std::string dump_json(const config::Bootstrap& bootstrap);

}  // namespace pillion::xds
