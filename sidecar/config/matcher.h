#pragma once
// What to compare strings, headers and query parameters with (envoy.type.matcher.v3,
// envoy.config.route.v3.HeaderMatcher), as written. Compiled by sidecar/http/matcher.

#include <cstdint>
#include <optional>
#include <string>

namespace pillion::config {

struct StringMatcher {
  enum class Kind : uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };
  Kind kind = Kind::kExact;
  bool ignore_case = false;  // not for kRegex
  std::string text;          // for kRegex an RE2 pattern that must match the whole string
};

struct HeaderMatcher {
  enum class Kind : uint8_t { kPresent, kString, kRange };
  std::string name;  // lower case; pseudo-headers as ":path"
  Kind kind = Kind::kPresent;
  bool present = true;  // kPresent: false asks for absence
  bool invert = false;
  bool treat_missing_as_empty = false;
  StringMatcher string;
  int64_t range_start = 0;  // kRange: start <= value < end
  int64_t range_end = 0;
};

struct QueryMatcher {
  std::string name;
  std::optional<StringMatcher> value;  // none: only presence counts
  bool present = true;                 // without a value: false asks for absence
};

// numerator of denominator (100, 10 000 or 1 000 000); runtime keys are resolved when translated.
struct Fraction {
  uint32_t numerator = 0;
  uint32_t denominator = 100;
};

}  // namespace pillion::config
