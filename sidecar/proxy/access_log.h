#pragma once
// Access logs: one line per finished stream that passes the filter. Compiled once from
// config::AccessLog; shared by all workers.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/access_log.h"
#include "sidecar/format/formatter.h"
#include "sidecar/http/matcher.h"
#include "sidecar/proxy/access_log_file.h"

namespace pillion::proxy {

// A compiled config::LogFilter: also chooses the mapper of a local reply.
class LogCondition {
 public:
  static Result<LogCondition, Problem> compile(const config::LogFilter& filter);
  // `random` decides runtime fractions.
  [[nodiscard]] bool matches(const format::Context& context, uint64_t random) const;

 private:
  explicit LogCondition(const config::LogFilter& filter) : filter_(&filter) {}
  const config::LogFilter* filter_;  // part of the snapshot's configuration, which outlives this
  ResponseFlags flags_;
  std::vector<http::HeaderMatcher> header_;  // none or one
  std::vector<LogCondition> parts_;
};

class AccessLogger {
 public:
  // `log` outlives the logger. Problem names the operator or file at fault.
  static Result<std::unique_ptr<AccessLogger>, Problem> compile(const config::AccessLog& log,
                                                                AccessLogSinks& sinks);
  void log(const format::Context& context, uint64_t random) const;

 private:
  AccessLogger() = default;
  std::optional<LogCondition> condition_;
  std::optional<format::Formatter> text_;
  std::optional<format::JsonFormatter> json_;
  std::shared_ptr<AccessLogFile> file_;
};

}  // namespace pillion::proxy
