#pragma once
// The process's own log (not access logs). Levels, format and destination are set at start-up and
// may be changed while running; any thread may write. Messages are formatted only when their level
// is enabled. Never pass secrets.

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sidecar/base/error.h"

namespace pillion::log {

enum class Level : uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kCritical, kOff };

// "trace", "debug", "info", "warning" or "warn", "error", "critical", "off".
std::optional<Level> level_of(std::string_view name);
std::string_view level_name(Level level);

// Envoy's pattern without its source location, which our messages do not carry.
inline constexpr std::string_view kDefaultFormat = "[%Y-%m-%d %T.%e][%t][%l][%n] %v";
// The pattern that "json" stands for: one object a line.
inline constexpr std::string_view kJsonFormat =
    R"({"time":"%Y-%m-%dT%T.%e%z","level":"%l","component":"%n","thread":%t,"message":"%j"})";

// Where log lines go and what they look like. `format` is a spdlog pattern, in which, as in Envoy,
// "%_" is the message with its line breaks escaped and "%j" the message escaped for JSON. An empty
// path means standard error. Problem: the file cannot be opened; the log then stays as it was.
Result<Unit, Problem> set_destination(std::string_view path);
void set_format(std::string_view format);
// Opens the file anew, after it has been renamed by log rotation. On a problem the old file stays
// in use.
Result<Unit, Problem> reopen();

// Components are the third word of a line ("upstream"). Messages of a name not in this list are
// written under that name, and have the level of "misc".
std::span<const std::string_view> components();
// Sets the level of every component.
void set_level(Level level);
// False if there is no such component.
bool set_component_level(std::string_view component, Level level);
// That of "misc" for an unknown name.
Level component_level(std::string_view component);

// The most verbose level of any component, so that a disabled message costs one load.
inline std::atomic<Level> lowest_level{Level::kInfo};
inline bool enabled(Level level) {
  return level >= lowest_level.load(std::memory_order_relaxed);
}
bool enabled(Level level, std::string_view component);
// Writes one line, whatever the levels.
void write(Level level, std::string_view component, std::string_view message);

template <class... Args>
void at(Level level, std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(level) && enabled(level, component))
    write(level, component, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void trace(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  at(Level::kTrace, component, text, std::forward<Args>(args)...);
}
template <class... Args>
void debug(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  at(Level::kDebug, component, text, std::forward<Args>(args)...);
}
template <class... Args>
void info(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  at(Level::kInfo, component, text, std::forward<Args>(args)...);
}
template <class... Args>
void warning(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  at(Level::kWarning, component, text, std::forward<Args>(args)...);
}
template <class... Args>
void error(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  at(Level::kError, component, text, std::forward<Args>(args)...);
}
template <class... Args>
void critical(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  at(Level::kCritical, component, text, std::forward<Args>(args)...);
}

}  // namespace pillion::log
