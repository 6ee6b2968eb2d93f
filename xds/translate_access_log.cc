// Access loggers and their filters (translate.h).

#include <envoy/config/accesslog/v3/accesslog.pb.h>
#include <envoy/extensions/access_loggers/file/v3/file.pb.h>
#include <envoy/extensions/access_loggers/stream/v3/stream.pb.h>
#include <google/protobuf/any.pb.h>

#include <algorithm>

#include "sidecar/format/formatter.h"
#include "xds/any.h"
#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::config::accesslog::v3;
using config::AccessLog;
using config::LogFilter;
using envoy::extensions::access_loggers::file::v3::FileAccessLog;
using envoy::extensions::access_loggers::stream::v3::StderrAccessLog;
using envoy::extensions::access_loggers::stream::v3::StdoutAccessLog;

// The deprecated forms of FileAccessLog.
void take_json(const google::protobuf::Struct& layout, const FieldPath& at, AccessLog& to) {
  to.json = std::make_unique<config::Value>();
  to.json->data = object_of(layout);
  auto parsed = format::JsonFormatter::parse(*to.json, false, false);
  if (!parsed) at.problem(parsed.error().message);
}

AccessLog file_log(const FileAccessLog& message, const FieldPath& at) {
  AccessLog log;
  switch (message.access_log_format_case()) {
    case FileAccessLog::kFormat:
      log.text = message.format();
      check_format(log.text, at.field("format"));
      break;
    case FileAccessLog::kJsonFormat:
      take_json(message.json_format(), at.field("json_format"), log);
      break;
    case FileAccessLog::kTypedJsonFormat:
      take_json(message.typed_json_format(), at.field("typed_json_format"), log);
      break;
    case FileAccessLog::kLogFormat:
      log = substitution_format(message.log_format(), at.field("log_format"));
      break;
    default:
      break;
  }
  log.sink = AccessLog::Sink::kFile;
  log.path = message.path();
  return log;
}

template <class Message>
AccessLog stream_log(const Message& message, AccessLog::Sink sink, const FieldPath& at) {
  AccessLog log;
  if (message.has_log_format())
    log = substitution_format(message.log_format(), at.field("log_format"));
  log.sink = sink;
  return log;
}

AccessLog typed_log(const google::protobuf::Any& any, const FieldPath& at) {
  const auto message = unpack(any, at);
  if (message == nullptr) return {};
  const auto* type = message->GetDescriptor();
  if (type == FileAccessLog::descriptor()) return file_log(as<FileAccessLog>(*message), at);
  if (type == StdoutAccessLog::descriptor())
    return stream_log(as<StdoutAccessLog>(*message), AccessLog::Sink::kStdout, at);
  if (type == StderrAccessLog::descriptor())
    return stream_log(as<StderrAccessLog>(*message), AccessLog::Sink::kStderr, at);
  at.problem(type->full_name() +
             " is not supported by this version; log with FileAccessLog, StdoutAccessLog or "
             "StderrAccessLog");
  return {};
}

void take_comparison(const v3::ComparisonFilter& message, const FieldPath& at, LogFilter& to) {
  switch (message.op()) {
    case v3::ComparisonFilter::GE:
      to.comparison = LogFilter::Comparison::kGreaterOrEqual;
      break;
    case v3::ComparisonFilter::LE:
      to.comparison = LogFilter::Comparison::kLessOrEqual;
      break;
    default:
      to.comparison = LogFilter::Comparison::kEqual;
  }
  to.number = runtime_number(message.value(), at.field("value"));
}

void take_runtime(const v3::RuntimeFilter& message, const FieldPath& at, LogFilter& to) {
  to.kind = LogFilter::Kind::kRuntime;
  auto value = at.runtime().fraction(message.runtime_key());
  to.fraction = value ? *value : fraction(message.percent_sampled(), at.field("percent_sampled"));
}

void take_grpc_status(const v3::GrpcStatusFilter& message, LogFilter& to) {
  to.kind = LogFilter::Kind::kGrpcStatus;
  to.exclude = message.exclude();
  for (int status : message.statuses()) to.grpc_statuses.push_back(static_cast<uint32_t>(status));
}

// Every line is written at the end of a stream, so the answer is known here: an empty "and" always
// passes, an empty "or" never.
void take_log_type(const v3::LogTypeFilter& message, LogFilter& to) {
  const bool listed = std::find(message.types().begin(), message.types().end(),
                                envoy::data::accesslog::v3::DownstreamEnd) != message.types().end();
  to.kind = listed != message.exclude() ? LogFilter::Kind::kAnd : LogFilter::Kind::kOr;
}

template <class Messages>
void take_parts(const Messages& messages, LogFilter::Kind kind, const FieldPath& at,
                LogFilter& to) {
  to.kind = kind;
  for (const auto& message : messages)
    to.parts.push_back(translate_log_filter(message, at.index(to.parts.size())));
}

}  // namespace

LogFilter translate_log_filter(const v3::AccessLogFilter& message, const FieldPath& at) {
  LogFilter filter;
  switch (message.filter_specifier_case()) {
    case v3::AccessLogFilter::kStatusCodeFilter:
      filter.kind = LogFilter::Kind::kStatusCode;
      take_comparison(message.status_code_filter().comparison(),
                      at.field("status_code_filter.comparison"), filter);
      break;
    case v3::AccessLogFilter::kDurationFilter:
      filter.kind = LogFilter::Kind::kDuration;
      take_comparison(message.duration_filter().comparison(),
                      at.field("duration_filter.comparison"), filter);
      break;
    case v3::AccessLogFilter::kNotHealthCheckFilter:
      filter.kind = LogFilter::Kind::kNotHealthCheck;
      break;
    case v3::AccessLogFilter::kTraceableFilter:
      filter.kind = LogFilter::Kind::kTraceable;
      break;
    case v3::AccessLogFilter::kRuntimeFilter:
      take_runtime(message.runtime_filter(), at.field("runtime_filter"), filter);
      break;
    case v3::AccessLogFilter::kAndFilter:
      take_parts(message.and_filter().filters(), LogFilter::Kind::kAnd,
                 at.field("and_filter.filters"), filter);
      break;
    case v3::AccessLogFilter::kOrFilter:
      take_parts(message.or_filter().filters(), LogFilter::Kind::kOr, at.field("or_filter.filters"),
                 filter);
      break;
    case v3::AccessLogFilter::kHeaderFilter:
      filter.kind = LogFilter::Kind::kHeader;
      filter.header =
          header_matcher(message.header_filter().header(), at.field("header_filter.header"));
      break;
    case v3::AccessLogFilter::kResponseFlagFilter:
      filter.kind = LogFilter::Kind::kResponseFlag;
      filter.flags.assign(message.response_flag_filter().flags().begin(),
                          message.response_flag_filter().flags().end());
      break;
    case v3::AccessLogFilter::kGrpcStatusFilter:
      take_grpc_status(message.grpc_status_filter(), filter);
      break;
    case v3::AccessLogFilter::kLogTypeFilter:
      take_log_type(message.log_type_filter(), filter);
      break;
    case v3::AccessLogFilter::kExtensionFilter:
      not_supported(at.field("extension_filter"), "use one of Envoy's built-in filters");
      break;
    case v3::AccessLogFilter::kMetadataFilter:
      not_supported(at.field("metadata_filter"), "remove it, or filter by header_filter");
      break;
    default:
      break;
  }
  return filter;
}

AccessLog translate_access_log(const v3::AccessLog& message, const FieldPath& at) {
  check_fields(message, at, {"filter", "typed_config"}, {"name"});
  AccessLog log = typed_log(message.typed_config(), at.field("typed_config"));
  if (message.has_filter())
    log.filter =
        std::make_unique<LogFilter>(translate_log_filter(message.filter(), at.field("filter")));
  return log;
}

std::vector<AccessLog> translate_access_logs(
    const google::protobuf::RepeatedPtrField<v3::AccessLog>& messages, const FieldPath& at) {
  std::vector<AccessLog> logs;
  for (const v3::AccessLog& message : messages)
    logs.push_back(translate_access_log(message, at.index(logs.size())));
  return logs;
}

}  // namespace pillion::xds
