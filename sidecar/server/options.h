#pragma once
// The command line of pillion-proxy: Envoy's own flags where they mean something here, so that it
// can stand in for Envoy in a script. Parsed once by main(), constant afterwards.

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/base/log.h"

namespace pillion::server {

struct Options {
  enum class Mode : uint8_t { kServe, kValidate, kInitOnly };
  enum class DrainStrategy : uint8_t { kGradual, kImmediate };
  enum class IpVersion : uint8_t { kV4, kV6 };

  std::string config_path;
  std::string config_yaml;  // merged over the file's content
  Mode mode = Mode::kServe;
  unsigned concurrency = 1;  // worker threads

  log::Level log_level = log::Level::kInfo;
  std::vector<std::pair<std::string, log::Level>> component_log_levels;
  std::string log_format;  // a spdlog pattern; empty: not given
  std::string log_path;    // empty: standard error

  std::string service_node;
  std::string service_cluster;
  std::string service_zone;

  std::chrono::seconds drain_time{600};
  DrainStrategy drain_strategy = DrainStrategy::kGradual;
  std::string admin_address_path;
  IpVersion local_address_ip_version = IpVersion::kV4;
  std::chrono::milliseconds file_flush_interval{10000};

  bool allow_unknown_static_fields = false;
  bool reject_unknown_dynamic_fields = false;
  bool ignore_unknown_dynamic_fields = false;

  // Set by --help, --version and --hot-restart-version: print it and exit 0.
  std::string print_and_exit;
};

// `arguments` without the program's name. Problem: one message for people, naming the flag.
Result<Options, Problem> parse_options(const std::vector<std::string>& arguments);

std::string_view mode_name(Options::Mode mode);
std::string_view drain_strategy_name(Options::DrainStrategy strategy);

// What --version prints and /server_info shows: a revision, the version and how it was built, in
// the five parts that readers of Envoy's version expect.
std::string version_text();
// "0.1.0"
std::string_view version_number();

}  // namespace pillion::server
