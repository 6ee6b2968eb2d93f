// The commands about the process as a whole: readiness, health, drain and end, what it is and what
// it uses.

#include <fmt/format.h>

#include "sidecar/server/admin_context.h"
#include "sidecar/server/admin_json.h"
#include "sidecar/server/process_memory.h"

namespace pillion::server {

namespace {

std::string seconds_text(Duration duration) {
  return fmt::format("{}s", std::chrono::duration_cast<std::chrono::seconds>(duration).count());
}

Json json_options(const Options& options) {
  std::string components;
  for (const auto& [name, level] : options.component_log_levels)
    components +=
        (components.empty() ? "" : ",") + name + ":" + std::string(log::level_name(level));
  return {{"base_id", "0"},
          {"concurrency", options.concurrency},
          {"config_path", options.config_path},
          {"config_yaml", options.config_yaml},
          {"allow_unknown_static_fields", options.allow_unknown_static_fields},
          {"admin_address_path", options.admin_address_path},
          {"local_address_ip_version",
           options.local_address_ip_version == Options::IpVersion::kV4 ? "v4" : "v6"},
          {"log_level", log::level_name(options.log_level)},
          {"component_log_level", components},
          {"log_format", options.log_format.empty() ? log::kDefaultFormat : options.log_format},
          {"log_path", options.log_path},
          {"service_cluster", options.service_cluster},
          {"service_node", options.service_node},
          {"service_zone", options.service_zone},
          {"file_flush_interval",
           fmt::format("{}s", static_cast<double>(options.file_flush_interval.count()) / 1000)},
          {"drain_time", seconds_text(options.drain_time)},
          {"mode", mode_name(options.mode)},
          {"disable_hot_restart", true},
          {"restart_epoch", 0},
          {"reject_unknown_dynamic_fields", options.reject_unknown_dynamic_fields},
          {"ignore_unknown_dynamic_fields", options.ignore_unknown_dynamic_fields},
          {"drain_strategy", drain_strategy_name(options.drain_strategy)}};
}

AdminResponse server_info(const AdminContext& context) {
  const config::Node& node = context.bootstrap.node;
  std::string uptime = seconds_text(context.now() - context.started);
  Json answer = {{"version", version_text()},
                 {"state", state_name(context.life.shown())},
                 {"uptime_current_epoch", uptime},
                 {"uptime_all_epochs", uptime},
                 {"hot_restart_version", "disabled"},
                 {"command_line_options", json_options(context.options)},
                 {"node",
                  {{"id", node.id},
                   {"cluster", node.cluster},
                   {"locality",
                    {{"region", node.locality.region},
                     {"zone", node.locality.zone},
                     {"sub_zone", node.locality.sub_zone}}},
                   {"user_agent_name", "pillion"},
                   {"user_agent_version", version_number()}}}};
  return json_response(answer);
}

AdminResponse memory() {
  ProcessMemory use = process_memory();
  // 64-bit numbers are strings in protobuf's JSON.
  return json_response({{"allocated", std::to_string(use.allocated)},
                        {"heap_size", std::to_string(use.heap)},
                        {"pageheap_unmapped", "0"},
                        {"pageheap_free", std::to_string(use.free)},
                        {"total_thread_cache", "0"},
                        {"total_physical_bytes", std::to_string(use.resident)}});
}

// The layers of the bootstrap are merged when it is read, so they are shown as one.
AdminResponse runtime(const AdminContext& context) {
  Json entries = Json::object();
  for (const auto& [key, value] : context.bootstrap.runtime)
    entries[key] = {{"final_value", value}, {"layer_values", Json::array({value})}};
  Json layers = Json::array();
  if (!entries.empty()) layers.push_back("static");
  return json_response({{"entries", std::move(entries)}, {"layers", std::move(layers)}});
}

AdminResponse ready(const AdminContext& context) {
  State state = context.life.shown();
  return text_response(std::string(state_name(state)) + "\n", state == State::kLive ? 200 : 503);
}

void add_queries(Admin& admin, AdminContext& context) {
  admin.add({.path = "/ready",
             .help = "print server state, return 200 if LIVE, otherwise return 503",
             .run = [&context](const AdminRequest&) { return ready(context); }});
  admin.add({.path = "/server_info",
             .help = "print server version/status information",
             .run = [&context](const AdminRequest&) { return server_info(context); }});
  admin.add({.path = "/memory",
             .help = "print current allocation/heap usage",
             .run = [](const AdminRequest&) { return memory(); }});
  admin.add({.path = "/runtime",
             .help = "print runtime values",
             .run = [&context](const AdminRequest&) { return runtime(context); }});
  admin.add({.path = "/certs", .help = "print certs on machine", .run = [](const AdminRequest&) {
               return json_response({{"certificates", Json::array()}});
             }});
  admin.add({.path = "/hot_restart_version",
             .help = "print the hot restart compatibility version",
             .run = [](const AdminRequest&) { return text_response("disabled"); }});
}

}  // namespace

void add_state_commands(Admin& admin, AdminContext& context) {
  add_queries(admin, context);
  admin.add({.path = "/healthcheck/fail",
             .help = "cause the server to fail health checks",
             .mutates = true,
             .run = [&context](const AdminRequest&) {
               context.life.fail_health_checks(true, context.now());
               return text_response("OK\n");
             }});
  admin.add({.path = "/healthcheck/ok",
             .help = "cause the server to pass health checks",
             .mutates = true,
             .run = [&context](const AdminRequest&) {
               context.life.fail_health_checks(false, context.now());
               return text_response("OK\n");
             }});
  admin.add({.path = "/quitquitquit",
             .help = "exit the server",
             .mutates = true,
             .run = [&context](const AdminRequest&) {
               context.quit();
               return text_response("OK\n");
             }});
  admin.add({.path = "/reopen_logs",
             .help = "reopen access logs",
             .mutates = true,
             .run = [&context](const AdminRequest&) {
               context.reopen_logs();
               return text_response("OK\n");
             }});
  admin.add({.path = "/drain_listeners",
             .help = "drain listeners",
             .mutates = true,
             .run =
                 [&context](const AdminRequest& request) {
                   context.drain_listeners({.graceful = request.has("graceful"),
                                            .skip_exit = request.has("skip_exit"),
                                            .inbound_only = request.has("inboundonly")});
                   return text_response("OK\n");
                 },
             .parameters = {{"graceful",
                             "Close connections over the drain time before the "
                             "listeners are closed"},
                            {"skip_exit", "Drain the connections but never stop the listeners"},
                            {"inboundonly",
                             "Drain only listeners whose traffic_direction is "
                             "INBOUND"}}});
}

}  // namespace pillion::server
