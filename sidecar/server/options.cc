#include "sidecar/server/options.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>

#include "sidecar/base/text.h"
#include "sidecar/metrics/metrics.h"
#include "sidecar/server/cpu_count.h"

namespace pillion::server {

namespace {

constexpr std::string_view kVersion = "0.1.0";
// The first slot of the per-worker cells belongs to the control thread, the last one to the writer
// of access logs.
constexpr unsigned kMaxConcurrency = metrics::kMaxWorkers - 2;

// Flags of Envoy that mean nothing here. Each with how many values it takes.
struct Ignored {
  const char* name;
  int values;
};
constexpr Ignored kIgnored[] = {{"--base-id", 1},
                                {"--base-id-path", 1},
                                {"--use-dynamic-base-id", 0},
                                {"--disable-hot-restart", 0},
                                {"--restart-epoch", 1},
                                {"--parent-shutdown-time-s", 1},
                                {"--skip-hot-restart-on-no-parent", 0},
                                {"--skip-hot-restart-parent-stats", 0},
                                {"--socket-path", 1},
                                {"--socket-mode", 1},
                                {"--enable-fine-grain-logging", 0},
                                {"--enable-mutex-tracing", 0},
                                {"--enable-core-dump", 0},
                                {"--cpuset-threads", 0},
                                {"--disable-extensions", 1},
                                {"--skip-deprecated-logs", 0},
                                {"--log-stacktrace-single-entry", 0},
                                {"--file-flush-min-size-kb", 1},
                                {"--stats-tag", 1}};

const std::string kTakenAndIgnored = "Taken for Envoy's sake and ignored";

// Texts as given, before they are checked.
struct Given {
  std::string mode = "serve";
  std::string log_level = "info";
  std::string component_log_level;
  std::string drain_strategy = "gradual";
  std::string ip_version = "v4";
  uint32_t concurrency = 0;
  uint32_t drain_time_s = 600;
  uint32_t flush_ms = 10000;
  bool version = false;
  bool hot_restart_version = false;
  std::string ignored;
};

void declare_config(CLI::App& app, Options& options, Given& given) {
  app.add_option("-c,--config-path", options.config_path,
                 "Bootstrap file (envoy.config.bootstrap.v3.Bootstrap) in YAML or JSON");
  app.add_option("--config-yaml", options.config_yaml,
                 "Bootstrap as YAML text, merged over the content of --config-path");
  app.add_option("--mode", given.mode,
                 "serve; validate: check the configuration and exit; init_only: start, then exit");
  app.add_flag("--allow-unknown-static-fields", options.allow_unknown_static_fields,
               "Accept fields in the bootstrap that the API does not have");
  app.add_flag("--allow-unknown-fields", options.allow_unknown_static_fields,
               "The old name of --allow-unknown-static-fields");
  app.add_flag("--reject-unknown-dynamic-fields", options.reject_unknown_dynamic_fields,
               "Refuse such fields in dynamic configuration too");
  app.add_flag("--ignore-unknown-dynamic-fields", options.ignore_unknown_dynamic_fields,
               "Do not count or log such fields in dynamic configuration");
  app.add_option("--service-node", options.service_node, "Node id, over the bootstrap's");
  app.add_option("--service-cluster", options.service_cluster,
                 "Node cluster, over the bootstrap's");
  app.add_option("--service-zone", options.service_zone, "Node zone, over the bootstrap's");
}

void declare_process(CLI::App& app, Options& options, Given& given) {
  app.add_option("--concurrency", given.concurrency,
                 "Worker threads (default: what the CPU set and the cgroup allow)");
  app.add_option("-l,--log-level", given.log_level,
                 "trace, debug, info, warning (or warn), error, critical or off");
  app.add_option("--component-log-level", given.component_log_level,
                 "Levels of single components, as upstream:debug,config:trace");
  app.add_option("--log-format", options.log_format,
                 "spdlog pattern of log lines (default: \"" + std::string(log::kDefaultFormat) +
                     "\"), or json");
  app.add_option("--log-path", options.log_path, "Log file (default: standard error)");
  app.add_option("--file-flush-interval-msec", given.flush_ms,
                 "How long access-log lines may wait in memory (default: 10000)");
  app.add_option("--drain-time-s", given.drain_time_s,
                 "How long a drain may take, in seconds (default: 600)");
  app.add_option("--drain-strategy", given.drain_strategy,
                 "gradual: responses close their connections ever more often; immediate: all do");
  app.add_option("--admin-address-path", options.admin_address_path,
                 "File to which the admin server's address is written");
  app.add_option("--local-address-ip-version", given.ip_version,
                 "v4 or v6: the version of the local address");
  app.add_flag("--version", given.version, "Print the version and exit");
  app.add_flag("--hot-restart-version", given.hot_restart_version,
               "Print \"disabled\" and exit: there is no hot restart");
}

Result<Unit, Problem> take_component_levels(std::string_view text, Options& options) {
  if (text.empty()) return Unit{};
  for (std::string_view pair : split(text, ',')) {
    std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos || pair.find(':', colon + 1) != std::string_view::npos)
      return problem(fmt::format(
          "--component-log-level: '{}' is not <component>:<level>, as in upstream:debug", pair));
    auto level = log::level_of(pair.substr(colon + 1));
    if (!level)
      return problem(
          fmt::format("--component-log-level: '{}' is no log level", pair.substr(colon + 1)));
    options.component_log_levels.emplace_back(pair.substr(0, colon), *level);
  }
  return Unit{};
}

template <class T>
Result<Unit, Problem> take_choice(const char* flag, const std::string& text,
                                  std::initializer_list<std::pair<std::string_view, T>> choices,
                                  T& to) {
  std::string names;
  for (const auto& [name, value] : choices) {
    if (name == text) {
      to = value;
      return Unit{};
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return problem(fmt::format("{}: '{}' is none of {}", flag, text, names));
}

Result<Unit, Problem> take(const Given& given, Options& options) {
  TRY(auto mode, take_choice("--mode", given.mode,
                             {{"serve", Options::Mode::kServe},
                              {"validate", Options::Mode::kValidate},
                              {"init_only", Options::Mode::kInitOnly}},
                             options.mode));
  TRY(auto strategy, take_choice("--drain-strategy", given.drain_strategy,
                                 {{"gradual", Options::DrainStrategy::kGradual},
                                  {"immediate", Options::DrainStrategy::kImmediate}},
                                 options.drain_strategy));
  TRY(auto version, take_choice("--local-address-ip-version", given.ip_version,
                                {{"v4", Options::IpVersion::kV4}, {"v6", Options::IpVersion::kV6}},
                                options.local_address_ip_version));
  (void)mode, (void)strategy, (void)version;
  auto level = log::level_of(given.log_level);
  if (!level) return problem(fmt::format("--log-level: '{}' is no log level", given.log_level));
  options.log_level = *level;
  TRY(auto components, take_component_levels(given.component_log_level, options));
  (void)components;
  if (options.log_format == "json") options.log_format = log::kJsonFormat;
  options.drain_time = std::chrono::seconds(given.drain_time_s);
  options.file_flush_interval = std::chrono::milliseconds(given.flush_ms);
  if (given.concurrency > kMaxConcurrency)
    return problem(fmt::format("--concurrency: {} is above the maximum of {}", given.concurrency,
                               kMaxConcurrency));
  options.concurrency =
      given.concurrency != 0 ? given.concurrency : std::min(usable_cpus(), kMaxConcurrency);
  return Unit{};
}

}  // namespace

Result<Options, Problem> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  Given given;
  CLI::App app("A service-mesh sidecar proxy that takes Envoy's configuration.", "pillion-proxy");
  // The last of several wins, so that a wrapper's defaults can be overridden.
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  declare_config(app, options, given);
  declare_process(app, options, given);
  for (const Ignored& flag : kIgnored) {
    if (flag.values == 0)
      app.add_flag(flag.name, kTakenAndIgnored)->take_last();
    else
      app.add_option(flag.name, given.ignored, kTakenAndIgnored);
  }
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    options.print_and_exit = app.help();
    return options;
  } catch (const CLI::ParseError& error) {
    return problem(std::string(error.what()) + " (--help lists the flags)");
  }
  if (given.version)
    options.print_and_exit =
        "\npillion-proxy " + std::string(kVersion) + "  version: " + version_text() + "\n\n";
  else if (given.hot_restart_version)
    options.print_and_exit = "disabled\n";
  if (!options.print_and_exit.empty()) return options;
  TRY(auto taken, take(given, options));
  (void)taken;
  if (options.config_path.empty() && options.config_yaml.empty())
    return problem(
        "no configuration: give --config-path or --config-yaml (--help lists the flags)");
  return options;
}

std::string_view mode_name(Options::Mode mode) {
  constexpr std::array<std::string_view, 3> kNames = {"Serve", "Validate", "InitOnly"};
  return kNames[static_cast<std::size_t>(mode)];
}

std::string_view drain_strategy_name(Options::DrainStrategy strategy) {
  return strategy == Options::DrainStrategy::kGradual ? "Gradual" : "Immediate";
}

std::string_view version_number() {
  return kVersion;
}

std::string version_text() {
#ifdef NDEBUG
  constexpr std::string_view kBuild = "RELEASE";
#else
  constexpr std::string_view kBuild = "DEBUG";
#endif
  return fmt::format("pillion/{}/Clean/{}/BoringSSL", kVersion, kBuild);
}

}  // namespace pillion::server
