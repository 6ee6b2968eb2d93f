#include "sidecar/proxy/access_log.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace pillion::proxy {

namespace {

using Kind = config::LogFilter::Kind;

bool compare(uint64_t value, const config::LogFilter& filter) {
  switch (filter.comparison) {
    case config::LogFilter::Comparison::kEqual:
      return value == filter.number;
    case config::LogFilter::Comparison::kGreaterOrEqual:
      return value >= filter.number;
    case config::LogFilter::Comparison::kLessOrEqual:
      return value <= filter.number;
    case config::LogFilter::Comparison::kNotEqual:
      return value != filter.number;
  }
  return false;
}

uint64_t duration_ms(const StreamInfo& info) {
  auto elapsed = info.times.end - info.times.start;
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count());
}

}  // namespace

Result<LogCondition, Problem> LogCondition::compile(const config::LogFilter& filter) {
  LogCondition condition(filter);
  for (const config::LogFilter& part : filter.parts) {
    TRY(LogCondition compiled, LogCondition::compile(part));
    condition.parts_.push_back(std::move(compiled));
  }
  if (filter.kind == Kind::kHeader) {
    TRY(http::HeaderMatcher matcher, http::HeaderMatcher::compile(filter.header));
    condition.header_.push_back(std::move(matcher));
  }
  for (const std::string& name : filter.flags) {
    std::optional<ResponseFlag> flag = format::response_flag_of(name);
    if (!flag) return problem("'" + name + "' is no response flag");
    condition.flags_.set(*flag);
  }
  return condition;
}

bool LogCondition::matches(const format::Context& context, uint64_t random) const {
  const StreamInfo& info = *context.info;
  auto part_matches = [&](const LogCondition& part) { return part.matches(context, random); };
  switch (filter_->kind) {
    case Kind::kStatusCode:
      return compare(static_cast<uint64_t>(info.response_code), *filter_);
    case Kind::kDuration:
      return compare(duration_ms(info), *filter_);
    case Kind::kNotHealthCheck:
      return !info.health_check;
    case Kind::kTraceable:
      return info.trace_reason == TraceReason::kForced;
    case Kind::kRuntime:
      return random % filter_->fraction.denominator < filter_->fraction.numerator;
    case Kind::kAnd:
      return std::all_of(parts_.begin(), parts_.end(), part_matches);
    case Kind::kOr:
      return std::any_of(parts_.begin(), parts_.end(), part_matches);
    case Kind::kHeader:
      return context.request != nullptr && header_.front().matches(*context.request);
    case Kind::kResponseFlag:
      return flags_.empty() ? !info.flags.empty() : info.flags.has_any(flags_);
    case Kind::kGrpcStatus: {
      uint32_t status = format::grpc_status_of_response(context).value_or(2);  // UNKNOWN
      const auto& wanted = filter_->grpc_statuses;
      bool listed = std::find(wanted.begin(), wanted.end(), status) != wanted.end();
      return listed != filter_->exclude;
    }
  }
  return true;
}

Result<std::unique_ptr<AccessLogger>, Problem> AccessLogger::compile(const config::AccessLog& log,
                                                                     AccessLogSinks& sinks) {
  std::unique_ptr<AccessLogger> logger(new AccessLogger);
  if (log.filter != nullptr) {
    TRY(LogCondition condition, LogCondition::compile(*log.filter));
    logger->condition_.emplace(std::move(condition));
  }
  if (log.json != nullptr) {
    TRY(format::JsonFormatter json,
        format::JsonFormatter::parse(*log.json, log.omit_empty_values, log.sort_properties));
    logger->json_.emplace(std::move(json));
  } else {
    std::string_view layout = log.text.empty() ? format::default_access_log_format() : log.text;
    TRY(format::Formatter text, format::Formatter::parse(layout, log.omit_empty_values));
    logger->text_.emplace(std::move(text));
  }
  switch (log.sink) {
    case config::AccessLog::Sink::kFile: {
      TRY(logger->file_, sinks.file(log.path));
      break;
    }
    case config::AccessLog::Sink::kStdout:
      logger->file_ = sinks.standard(STDOUT_FILENO);
      break;
    case config::AccessLog::Sink::kStderr:
      logger->file_ = sinks.standard(STDERR_FILENO);
      break;
  }
  return logger;
}

void AccessLogger::log(const format::Context& context, uint64_t random) const {
  if (condition_ && !condition_->matches(context, random)) return;
  thread_local std::string line;  // keeps its room from line to line
  line.clear();
  if (json_)
    json_->append_to(line, context);
  else
    text_->append_to(line, context);
  file_->append(line);
}

}  // namespace pillion::proxy
