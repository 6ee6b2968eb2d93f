#pragma once
// Where and how to write one line per request (envoy.config.accesslog.v3 with the file, stdout
// and stderr loggers).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/config/matcher.h"
#include "sidecar/config/value.h"

namespace pillion::config {

// A condition on the finished stream (AccessLogFilter).
struct LogFilter {
  enum class Kind : uint8_t {
    kStatusCode,
    kDuration,  // milliseconds
    kNotHealthCheck,
    kTraceable,
    kRuntime,
    kAnd,
    kOr,
    kHeader,
    kResponseFlag,
    kGrpcStatus
  };
  enum class Comparison : uint8_t { kEqual, kGreaterOrEqual, kLessOrEqual, kNotEqual };
  Kind kind = Kind::kNotHealthCheck;
  Comparison comparison = Comparison::kEqual;
  uint32_t number = 0;
  Fraction fraction;
  HeaderMatcher header;
  std::vector<std::string> flags;  // empty: any flag
  std::vector<uint32_t> grpc_statuses;
  bool exclude = false;          // kGrpcStatus
  std::vector<LogFilter> parts;  // kAnd, kOr
};

struct AccessLog {
  enum class Sink : uint8_t { kFile, kStdout, kStderr };
  Sink sink = Sink::kFile;
  std::string path;
  // Text when `json` is null. Both hold %...% command operators.
  std::string text;  // empty: Envoy's default format
  std::unique_ptr<Value> json;
  bool omit_empty_values = false;
  bool sort_properties = false;
  std::unique_ptr<LogFilter> filter;
};

}  // namespace pillion::config
