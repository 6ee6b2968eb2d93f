// /logging: shows and changes the levels of the process log.

#include <optional>

#include "sidecar/base/log.h"
#include "sidecar/base/text.h"
#include "sidecar/server/admin_context.h"

namespace pillion::server {

namespace {

constexpr std::string_view kUsage =
    "usage: /logging?<name>=<level> (change single level)\n"
    "usage: /logging?paths=name1:level1,name2:level2,... (change multiple levels)\n"
    "usage: /logging?level=<level> (change all levels)\n"
    "levels: trace debug info warning error critical off \n";

using Changes = std::vector<std::pair<std::string_view, log::Level>>;

std::optional<std::string_view> add_change(std::string_view name, std::string_view level_text,
                                           Changes& changes) {
  bool known = false;
  for (std::string_view component : log::components()) known = known || component == name;
  if (!known) return "unknown logger name";
  auto level = log::level_of(level_text);
  if (!level) return "unknown logger level";
  changes.emplace_back(name, *level);
  return {};
}

std::optional<std::string_view> add_paths(std::string_view paths, Changes& changes) {
  for (std::string_view pair : split(paths, ',')) {
    std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) return "unknown logger level";
    if (auto error = add_change(pair.substr(0, colon), pair.substr(colon + 1), changes))
      return error;
  }
  return {};
}

// Changes all or nothing; returns what is wrong with the request.
std::optional<std::string_view> change_levels(const AdminRequest& request) {
  if (request.parameters.empty()) return {};
  if (request.parameters.size() > 1) return "invalid number of parameters";
  const auto& [name, value] = request.parameters.front();
  if (name == "level") {
    auto level = log::level_of(value);
    if (!level) return "unknown logger level";
    log::set_level(*level);
    return {};
  }
  Changes changes;
  auto error = name == "paths" ? add_paths(value, changes) : add_change(name, value, changes);
  if (error) return error;
  for (const auto& [component, level] : changes) log::set_component_level(component, level);
  return {};
}

AdminResponse run(const AdminRequest& request) {
  AdminResponse response;
  if (auto error = change_levels(request)) {
    response.status = 400;
    response.body.append("error: ").append(*error).append("\n\n").append(kUsage);
  }
  response.body += "active loggers:\n";
  for (std::string_view component : log::components())
    response.body.append("  ")
        .append(component)
        .append(": ")
        .append(log::level_name(log::component_level(component)))
        .append("\n");
  response.body += "\n";
  return response;
}

}  // namespace

void add_logging_command(Admin& admin) {
  admin.add({.path = "/logging",
             .help = "query/change logging levels",
             .mutates = true,
             .run = run,
             .parameters = {{"paths",
                             "Change multiple logging levels, as "
                             "<logger_name1>:<level1>,<logger_name2>:<level2>"},
                            {"level",
                             "desired logging level, for all loggers; one of trace, debug, "
                             "info, warning, error, critical, off"}}});
}

}  // namespace pillion::server
