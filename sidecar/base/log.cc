#include "sidecar/base/log.h"

#include <fcntl.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>

#include "sidecar/base/text.h"

namespace pillion::log {

namespace {

constexpr std::array<std::string_view, 7> kLevelNames = {"trace", "debug",    "info", "warning",
                                                         "error", "critical", "off"};

// Envoy's names where the component is the same. In order, for binary search.
constexpr std::array<std::string_view, 17> kComponents = {
    "access_log", "admin",   "config",   "connection", "dns",   "filter",
    "http",       "io",      "listener", "main",       "misc",  "pool",
    "router",     "runtime", "stats",    "upstream",   "worker"};
static_assert(std::is_sorted(kComponents.begin(), kComponents.end()));
constexpr std::size_t kMisc = 10;
static_assert(kComponents[kMisc] == "misc");

struct ComponentLevel {
  std::atomic<Level> value{Level::kInfo};
};
constinit std::array<ComponentLevel, kComponents.size()> levels{};

std::optional<std::size_t> index_of(std::string_view component) {
  const auto* at = std::lower_bound(kComponents.begin(), kComponents.end(), component);
  if (at == kComponents.end() || *at != component) return {};
  return static_cast<std::size_t>(at - kComponents.begin());
}

void update_lowest() {
  Level lowest = Level::kOff;
  for (auto& each : levels) lowest = std::min(lowest, each.value.load(std::memory_order_relaxed));
  lowest_level.store(lowest, std::memory_order_relaxed);
}

// "%_": a message of several lines stays one line of the log.
class OneLine final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& to) override {
    for (char c : message.payload) {
      if (c == '\n') {
        to.push_back('\\');
        to.push_back('n');
      } else {
        to.push_back(c);
      }
    }
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<OneLine>();
  }
};

class JsonText final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& to) override {
    std::string escaped;
    append_json_escaped(escaped, {message.payload.data(), message.payload.size()});
    to.append(escaped.data(), escaped.data() + escaped.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonText>();
  }
};

std::unique_ptr<spdlog::formatter> make_formatter(std::string_view format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<OneLine>('_').add_flag<JsonText>('j').set_pattern(std::string(format));
  return formatter;
}

// One write(2) a line, so that lines of several threads or processes do not mix in a file.
class Destination final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  Destination() : base_sink(make_formatter(kDefaultFormat)) {}
  ~Destination() override { close_file(); }

  Result<Unit, Problem> open(std::string_view path) {
    std::string name(path);
    int fd = STDERR_FILENO;
    if (!name.empty()) {
      fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
      if (fd < 0)
        return problem(
            fmt::format("cannot open the log file '{}': {}", name, std::strerror(errno)));
    }
    std::lock_guard lock(mutex_);
    close_file();
    fd_ = fd;
    path_ = std::move(name);
    return Unit{};
  }
  Result<Unit, Problem> reopen() {
    std::string path;
    {
      std::lock_guard lock(mutex_);
      path = path_;
    }
    return open(path);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const char* data = line.data();
    std::size_t left = line.size();
    while (left > 0) {
      ssize_t written = ::write(fd_, data, left);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;  // a full disk must not stop the proxy
      data += written;
      left -= static_cast<std::size_t>(written);
    }
  }
  void flush_() override {}

 private:
  void close_file() {
    if (fd_ != STDERR_FILENO) ::close(fd_);
  }
  int fd_ = STDERR_FILENO;
  std::string path_;
};

// Never destroyed, since threads and static destructors may log until the process ends.
Destination& destination() {
  static auto* only = new Destination();
  return *only;
}

}  // namespace

std::optional<Level> level_of(std::string_view name) {
  if (name == "warn") return Level::kWarning;
  for (std::size_t i = 0; i < kLevelNames.size(); ++i)
    if (kLevelNames[i] == name) return static_cast<Level>(i);
  return {};
}

std::string_view level_name(Level level) {
  return kLevelNames[static_cast<std::size_t>(level)];
}

Result<Unit, Problem> set_destination(std::string_view path) {
  return destination().open(path);
}

void set_format(std::string_view format) {
  destination().set_formatter(make_formatter(format));
}

Result<Unit, Problem> reopen() {
  return destination().reopen();
}

std::span<const std::string_view> components() {
  return kComponents;
}

void set_level(Level level) {
  for (auto& each : levels) each.value.store(level, std::memory_order_relaxed);
  update_lowest();
}

bool set_component_level(std::string_view component, Level level) {
  auto index = index_of(component);
  if (!index) return false;
  levels[*index].value.store(level, std::memory_order_relaxed);
  update_lowest();
  return true;
}

Level component_level(std::string_view component) {
  return levels[index_of(component).value_or(kMisc)].value.load(std::memory_order_relaxed);
}

bool enabled(Level level, std::string_view component) {
  return level >= component_level(component);
}

void write(Level level, std::string_view component, std::string_view message) {
  // spdlog's levels are in the same order, from the same start.
  destination().log(
      spdlog::details::log_msg(spdlog::string_view_t(component.data(), component.size()),
                               static_cast<spdlog::level::level_enum>(level),
                               spdlog::string_view_t(message.data(), message.size())));
}

}  // namespace pillion::log
