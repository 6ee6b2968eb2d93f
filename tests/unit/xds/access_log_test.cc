// Access loggers and their filters.

#include <gtest/gtest.h>

#include "tests/unit/xds/load.h"

namespace pillion::xds::test {
namespace {

using config::AccessLog;
using config::LogFilter;

constexpr const char* kLog =
    "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.access_log[0]";

std::string logger(const std::string& type, const std::string& fields) {
  return "typed_config: {'@type': type.googleapis.com/envoy.extensions.access_loggers." + type +
         (fields.empty() ? "" : ", " + fields) + "}";
}

Outcome with_log(const std::string& fields) {
  return load(with_hcm("access_log: [{name: log, " + fields + "}]"));
}

const std::string& file_logger() {
  static const auto& text = *new std::string(logger("file.v3.FileAccessLog", "path: /tmp/x"));
  return text;
}

LogFilter filter_of(const std::string& fields) {
  Outcome outcome = with_log(file_logger() + ", filter: {" + fields + "}");
  EXPECT_EQ(outcome.problem(), "");
  if (!outcome.problems.empty()) return {};
  return *outcome.hcm().access_logs.at(0).filter;
}

TEST(AccessLog, TakesFileStdoutAndStderr) {
  const Outcome file = with_log(file_logger());
  ASSERT_EQ(file.problem(), "");
  EXPECT_EQ(file.hcm().access_logs.at(0).sink, AccessLog::Sink::kFile);
  EXPECT_EQ(file.hcm().access_logs.at(0).path, "/tmp/x");
  EXPECT_EQ(file.hcm().access_logs.at(0).text, "");
  const Outcome out = with_log(logger("stream.v3.StdoutAccessLog", ""));
  ASSERT_EQ(out.problem(), "");
  EXPECT_EQ(out.hcm().access_logs.at(0).sink, AccessLog::Sink::kStdout);
  const Outcome err = with_log(logger("stream.v3.StderrAccessLog", ""));
  ASSERT_EQ(err.problem(), "");
  EXPECT_EQ(err.hcm().access_logs.at(0).sink, AccessLog::Sink::kStderr);
}

TEST(AccessLog, TakesEveryFormat) {
  const std::string path = "path: /tmp/x, ";
  for (const char* format : {"format: '%PROTOCOL%'", "log_format: {text_format: '%PROTOCOL%'}",
                             "log_format: {text_format_source: {inline_string: '%PROTOCOL%'}}"}) {
    const Outcome outcome = with_log(logger("file.v3.FileAccessLog", path + format));
    ASSERT_EQ(outcome.problem(), "") << format;
    EXPECT_EQ(outcome.hcm().access_logs.at(0).text, "%PROTOCOL%");
  }
  for (const char* format :
       {"json_format: {p: '%PROTOCOL%'}", "typed_json_format: {p: '%PROTOCOL%'}",
        "log_format: {json_format: {p: '%PROTOCOL%'}}"}) {
    const Outcome outcome = with_log(logger("file.v3.FileAccessLog", path + format));
    ASSERT_EQ(outcome.problem(), "") << format;
    EXPECT_NE(outcome.hcm().access_logs.at(0).json, nullptr);
  }
}

TEST(AccessLog, ReportsBadFormatsAndLoggers) {
  const std::string typed = std::string(kLog) + ".typed_config";
  EXPECT_EQ(with_log(logger("file.v3.FileAccessLog", "path: ''")).problem(),
            typed + ".path: must not be empty");
  EXPECT_EQ(
      with_log(logger("file.v3.FileAccessLog", "path: x, log_format: {text_format: '%BAD(%'}"))
          .problem()
          .rfind(typed + ".log_format.text_format: ", 0),
      0u);
  EXPECT_EQ(with_log("typed_config: {'@type': type.googleapis.com/no.Such}").problem(),
            typed +
                ": \"@type\" type.googleapis.com/no.Such is not known to this version; remove "
                "it or correct it");
  EXPECT_EQ(with_log("filter: {not_health_check_filter: {}}").problem(),
            typed + ": is required: an object with \"@type\"");
  EXPECT_EQ(
      with_log("typed_config: {'@type': type.googleapis.com/envoy.config.core.v3.Node}").problem(),
      typed +
          ": envoy.config.core.v3.Node is not supported by this version; log with "
          "FileAccessLog, StdoutAccessLog or StderrAccessLog");
}

TEST(LogFilter, TakesComparisons) {
  const LogFilter status = filter_of(
      "status_code_filter: {comparison: {op: GE, value: {default_value: 500, runtime_key: k}}}");
  EXPECT_EQ(status.kind, LogFilter::Kind::kStatusCode);
  EXPECT_EQ(status.comparison, LogFilter::Comparison::kGreaterOrEqual);
  EXPECT_EQ(status.number, 500u);
  const LogFilter duration = filter_of(
      "duration_filter: {comparison: {op: LE, value: {default_value: 9, runtime_key: k}}}");
  EXPECT_EQ(duration.kind, LogFilter::Kind::kDuration);
  EXPECT_EQ(duration.comparison, LogFilter::Comparison::kLessOrEqual);
}

TEST(LogFilter, TakesEveryOtherKind) {
  EXPECT_EQ(filter_of("not_health_check_filter: {}").kind, LogFilter::Kind::kNotHealthCheck);
  EXPECT_EQ(filter_of("traceable_filter: {}").kind, LogFilter::Kind::kTraceable);
  EXPECT_EQ(filter_of("runtime_filter: {runtime_key: k, percent_sampled: {numerator: 4}}")
                .fraction.numerator,
            4u);
  EXPECT_EQ(filter_of("header_filter: {header: {name: X}}").header.name, "x");
  EXPECT_EQ(filter_of("response_flag_filter: {flags: [UF, NR]}").flags,
            (std::vector<std::string>{"UF", "NR"}));
  const LogFilter grpc = filter_of("grpc_status_filter: {statuses: [UNAVAILABLE], exclude: true}");
  EXPECT_EQ(grpc.grpc_statuses, std::vector<uint32_t>{14});
  EXPECT_TRUE(grpc.exclude);
}

TEST(LogFilter, TakesConjunctionsAndDisjunctions) {
  const LogFilter filter = filter_of(
      "or_filter: {filters: [{traceable_filter: {}}, {and_filter: {filters: "
      "[{not_health_check_filter: {}}, {header_filter: {header: {name: x}}}]}}]}");
  EXPECT_EQ(filter.kind, LogFilter::Kind::kOr);
  ASSERT_EQ(filter.parts.size(), 2u);
  EXPECT_EQ(filter.parts[1].kind, LogFilter::Kind::kAnd);
  EXPECT_EQ(filter.parts[1].parts.size(), 2u);
}

TEST(LogFilter, DecidesLogTypesAtOnce) {
  const LogFilter always = filter_of("log_type_filter: {types: [DownstreamEnd]}");
  EXPECT_EQ(always.kind, LogFilter::Kind::kAnd);
  EXPECT_TRUE(always.parts.empty());
  EXPECT_EQ(filter_of("log_type_filter: {types: [DownstreamStart]}").kind, LogFilter::Kind::kOr);
}

TEST(LogFilter, IsChecked) {
  const std::string where = std::string(kLog) + ".filter";
  EXPECT_EQ(with_log(file_logger() + ", filter: {response_flag_filter: {flags: [XX]}}")
                .problem()
                .rfind(where + ".response_flag_filter.flags[0]: must be one of LH, ", 0),
            0u);
  EXPECT_EQ(with_log(file_logger() + ", filter: {and_filter: {filters: [{traceable_filter: {}}]}}")
                .problem(),
            where + ".and_filter.filters: must have at least 2 entries, has 1");
  EXPECT_EQ(with_log(file_logger() + ", filter: {extension_filter: {name: x}}").problem(),
            where +
                ".extension_filter: is not supported by this version; use one of Envoy's "
                "built-in filters");
}

}  // namespace
}  // namespace pillion::xds::test
