#pragma once
// The process's own log (not access logs). Levels, format and destination are set at start-up; any thread may
// write. Messages are formatted with fmt only when their level is enabled. Never pass secrets.

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pillion::log {

enum class Level : uint8_t { kTrace, kDebug, kInfo, kWarning, kError, kCritical, kOff };

// "trace", "debug", "info", "warning" or "warn", "error", "critical", "off".
std::optional<Level> level_of(std::string_view name);
std::string_view level_name(Level level);
bool enabled(Level level);
void set_level(Level level);
Level level();
void write(Level level, std::string_view component, std::string_view message);

template <class... Args>
void debug(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::kDebug))
    write(Level::kDebug, component, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::kInfo))
    write(Level::kInfo, component, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void warning(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::kWarning))
    write(Level::kWarning, component, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void error(std::string_view component, fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::kError))
    write(Level::kError, component, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace pillion::log
