// pillion-proxy: binds the command line, the filters and the configuration's reader to the server.

#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "filters/builtin.h"
#include "sidecar/base/log.h"
#include "sidecar/server/listen_sockets.h"
#include "sidecar/server/options.h"
#include "sidecar/server/server.h"
#include "xds/bootstrap.h"

namespace {

using namespace pillion;  // NOLINT(google-build-using-namespace): this file joins all parts

Result<config::Bootstrap, std::vector<std::string>> load(const server::Options& options,
                                                         metrics::Registry& registry) {
  xds::LoadOptions from;
  from.file = options.config_path;
  from.yaml_overlay = options.config_yaml;
  from.allow_unknown_static_fields = options.allow_unknown_static_fields;
  from.filters = filters::builtin();
  from.metrics = &registry;
  from.node_id = options.service_node;
  from.node_cluster = options.service_cluster;
  TRY(xds::Loaded loaded, xds::load_bootstrap(from));
  for (const std::string& warning : loaded.warnings) log::warning("config", "{}", warning);
  return std::move(loaded.bootstrap);
}

Result<Unit, Problem> set_up_log(const server::Options& options) {
  if (!options.log_format.empty()) log::set_format(options.log_format);
  log::set_level(options.log_level);
  TRY([[maybe_unused]] Unit opened, log::set_destination(options.log_path));
  for (const auto& [component, level] : options.component_log_levels)
    if (!log::set_component_level(component, level))
      log::warning("main", "--component-log-level: there is no component '{}' here", component);
  return Unit{};
}

int complain(const std::string& message) {
  (void)std::fprintf(stderr, "pillion-proxy: %s\n", message.c_str());
  return 1;
}

int run(const std::vector<std::string>& arguments) {
  auto options = server::parse_options(arguments);
  if (!options) return complain(options.error().message);
  if (!options->print_and_exit.empty()) {
    (void)std::fputs(options->print_and_exit.c_str(), stdout);
    return 0;
  }
  auto log_ready = set_up_log(*options);
  if (!log_ready) return complain(log_ready.error().message);
  // Before anything that cannot do without a descriptor is made.
  auto descriptors = server::provide_descriptors(0, options->concurrency);
  if (!descriptors) return complain(descriptors.error().message);
  return server::Server(*std::move(options), {load, xds::dump_json}).run();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    return complain(std::string("internal error: ") + error.what());
  }
}
